//! The build as a whole: reads the files and calls the six steps in order.

pub mod select;
