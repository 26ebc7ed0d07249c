//! The store of what cannot be made again, and the money.
