//! The end of what a program prints, in bounded memory however much that is.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// Bytes of a stream that are kept.
const KEPT: usize = 16 * 1024;

/// How long a stream may stay open after everything that could write to it was ended. What fled
/// farther than we can reach may hold it for ever.
const PATIENCE: Duration = Duration::from_secs(1);

/// One stream of a program, read to its end by a thread.
#[derive(Debug)]
pub(in crate::generate) struct Capture {
    kept: Arc<Mutex<Tail>>,
    ended: mpsc::Receiver<()>,
}

#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    is_cut: bool,
}

impl Capture {
    /// Reads `stream` until it ends.
    pub(in crate::generate) fn start(mut stream: impl Read + Send + 'static) -> Self {
        let kept = Arc::<Mutex<Tail>>::default();
        let (sender, ended) = mpsc::channel();
        let tail = kept.clone();
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            // A stream that breaks has ended as well.
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                tail.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..count]);
            }
            // Nobody waits any more if the stream stayed open too long.
            let _ = sender.send(());
        });
        Self { kept, ended }
    }

    /// The end of what came, as text.
    pub(in crate::generate) fn finish(self) -> Text {
        // A stream that somebody holds open is taken as far as it came.
        let _ = self.ended.recv_timeout(PATIENCE);
        let mut tail = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = clean(&String::from_utf8_lossy(tail.bytes.make_contiguous()));
        Text { text, is_cut: tail.is_cut }
    }
}

/// What a program printed: all of it, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::generate) struct Text {
    pub(in crate::generate) text: String,
    pub(in crate::generate) is_cut: bool,
}

impl Text {
    /// The same with a folder's own files named as the program knows them.
    pub(in crate::generate) fn without(mut self, folder: &Path) -> Self {
        for folder in [&folder.join("work"), folder] {
            self.text = self.text.replace(&format!("{}/", folder.display()), "");
        }
        self
    }

    pub(in crate::generate) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl Tail {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk);
        let over = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..over);
        self.is_cut |= over > 0;
    }
}

/// Text that a terminal can show as it is: without escape sequences and other control characters.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                // A control sequence ends with its first letter or `@` to `~`.
                let _ = chars.by_ref().find(|c| ('@'..='~').contains(c));
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_stream_is_kept() {
        let text = Capture::start(std::io::Cursor::new(vec![b'x'; 3 * KEPT])).finish();
        assert_eq!((text.text.len(), text.is_cut), (KEPT, true));
        let text = Capture::start(&b"short"[..]).finish();
        assert_eq!(text, Text { text: "short".to_owned(), is_cut: false });
    }

    #[test]
    fn terminals_are_not_told_what_to_do() {
        assert_eq!(clean("a\u{1b}[31;1mred\u{1b}[0m\r\nb\u{7}\u{0}\tc"), "ared\nb\tc");
        let noise: Vec<u8> = (0..=255).collect();
        assert!(!clean(&String::from_utf8_lossy(&noise)).contains('\u{1b}'));
    }
}
