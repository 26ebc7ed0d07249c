//! Step 5: dirty actions run.
