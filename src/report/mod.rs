//! Step 6: events become text, JSON and traces.
