//! What holds for any input, however damaged: the body of each fuzz target.
//!
//! The tests of the main package include this file and run the same checks on `seeds/`, so it names
//! nothing but the public interface.

pub mod drawing;
pub mod lock;
pub mod picture;
pub mod quiet;
pub mod sound;
pub mod spec;

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An error that says why.
    Refused,
    /// Something that can be used.
    Read,
    /// Not for this target, or within the limits but too slow for one.
    Skipped,
}

/// Checks that an error says something, down to its first cause.
pub fn check_message(error: &dyn std::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(!error.to_string().trim().is_empty(), "an error without words: {error:?}");
        cause = error.source();
    }
}
