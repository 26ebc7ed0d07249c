//! Step 6: events become text, JSON and traces.

pub mod plan;
