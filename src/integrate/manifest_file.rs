//! The manifest as a file that others write too: an editor that saves in place empties it first, and
//! what is read at that moment is not what it holds.

use std::thread;
use std::time::Duration;

use crate::integrate::manifest::ManifestError;

/// How often an empty file is read again, and how long to wait between.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The text that `read` finds; none if there is no file. `had_entries`: whether entries were written
/// into it before, so that it cannot be empty for long.
///
/// # Errors
/// Those of `read`; `ManifestError::Emptied` for a file that stays empty, since whoever emptied it may
/// be about to write what people have in it.
pub fn read_manifest<E>(
    had_entries: bool,
    mut read: impl FnMut() -> Result<Option<String>, E>,
) -> Result<Result<Option<String>, ManifestError>, E> {
    for _ in 0..TRIES {
        match read()? {
            Some(text) if text.is_empty() && had_entries => thread::sleep(PAUSE),
            found => return Ok(Ok(found)),
        }
    }
    Ok(Err(ManifestError::Emptied))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn read(had_entries: bool, texts: &[Option<&str>]) -> Result<Option<String>, ManifestError> {
        let mut texts = texts.iter();
        let mut last = None;
        let read = || {
            last = texts.next().copied().unwrap_or(last);
            Ok::<_, Infallible>(last.map(str::to_owned))
        };
        let Ok(found) = read_manifest(had_entries, read);
        found
    }

    #[test]
    fn a_file_that_is_being_saved_is_waited_for() {
        let text = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(read(true, &[Some(""), Some(""), Some("{}")]), text("{}"));
        assert_eq!(read(true, &[Some("{}")]), text("{}"));
        assert_eq!(read(true, &[None]), Ok(None), "who deletes it wants a new one");
        assert_eq!(read(true, &[Some("")]), Err(ManifestError::Emptied));
        assert_eq!(read(false, &[Some("")]), text(""), "the one to begin with");
    }
}
