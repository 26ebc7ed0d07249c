//! The store of what can be made again.
