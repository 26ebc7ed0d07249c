//! Work of other people's code on files from anywhere, whose panics are no error of this program.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IN_GUARDED_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside [`guarded`]: a panic hook has nothing to say about a panic there.
pub fn in_guarded_work() -> bool {
    IN_GUARDED_WORK.get()
}

/// Runs `work`; a panic in it comes back as a value, for the caller to tell as what it means.
///
/// # Errors
/// What `work` panicked with.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    let outer = IN_GUARDED_WORK.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IN_GUARDED_WORK.set(outer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_and_the_thread_is_as_before() {
        assert_eq!(guarded(|| guarded(in_guarded_work).ok()).ok(), Some(Some(true)));
        assert!(guarded(|| panic!("on purpose")).is_err());
        assert!(!in_guarded_work());
    }
}
