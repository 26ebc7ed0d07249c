//! Step 3: assets become a graph of keyed actions.
