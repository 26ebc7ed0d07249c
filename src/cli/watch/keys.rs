//! Single keys from a terminal: each is read as it is pressed, and not shown.

use std::io::{IsTerminal as _, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcgetpgrp, tcsetattr};

use crate::cli::watch::Key;
use crate::watch::Waker;

impl Key {
    fn of(byte: u8) -> Option<Self> {
        match byte.to_ascii_lowercase() {
            b'y' => Some(Self::Yes),
            b'a' => Some(Self::All),
            b'n' => Some(Self::No),
            b'p' => Some(Self::Plan),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// A terminal that gives keys; it is as before when this is dropped.
pub(super) struct Keys {
    pressed: Arc<Mutex<Vec<Key>>>,
    before: Termios,
}

impl Keys {
    /// Begins to read keys, if stdin is a terminal in the foreground.
    pub(super) fn begin(waker: Waker) -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        // Who asks from the background is stopped.
        if tcgetpgrp(&stdin).is_ok_and(|group| group != rustix::process::getpgrp()) {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        set_single(&before).ok()?;
        let pressed = Arc::<Mutex<Vec<Key>>>::default();
        let keys = pressed.clone();
        thread::spawn(move || {
            let mut byte = [0];
            while let Ok(1) = std::io::stdin().lock().read(&mut byte) {
                if let Some(key) = Key::of(byte[0]) {
                    keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
                    waker.wake();
                }
            }
        });
        Some(Self { pressed, before })
    }

    /// The keys that were pressed since the last time.
    pub(super) fn take(&self) -> Vec<Key> {
        std::mem::take(&mut *self.pressed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets the keys that said something about a list that is another one now.
    pub(super) fn forget_words(&self) {
        let mut pressed = self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        pressed.retain(|key| matches!(key, Key::Plan | Key::Quit));
    }

    /// Has the terminal give keys again, after a shell had it meanwhile.
    pub(super) fn renewer(&self) -> impl Fn() + Send + 'static {
        let before = self.before.clone();
        move || {
            // A terminal that is gone gives none.
            let _ = set_single(&before);
        }
    }

    /// Makes the terminal as it was, for a process that ends without dropping anything.
    pub(super) fn restorer(&self) -> impl FnOnce() + Send + 'static {
        let before = self.before.clone();
        move || restore(&before)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore(&self.before);
    }
}

/// Each key as it is pressed, not shown; Ctrl-C stays a signal.
fn set_single(before: &Termios) -> rustix::io::Result<()> {
    let mut modes = before.clone();
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(std::io::stdin(), OptionalActions::Now, &modes)
}

fn restore(before: &Termios) {
    // A terminal that is gone needs nothing.
    let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
}
