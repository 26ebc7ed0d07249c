//! Step 4: what is fresh, what would run, and why.
