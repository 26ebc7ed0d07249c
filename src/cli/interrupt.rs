//! Ctrl-C, or SIGTERM from whoever supervises the process: the first asks the run to finish what it
//! began, the second ends the process at once.

use std::io;
use std::process;
use std::thread;

use crate::cli::exit::ExitCode;
use crate::execute::StopSignal;

/// Raises `stop` at the first Ctrl-C or SIGTERM and says so with `notice`; does `last` and leaves with 130 at
/// the second.
///
/// Ending at once is safe: every file on disk is written whole and renamed into place, and what was
/// begun is recorded before it begins.
pub fn watch(
    stop: StopSignal,
    notice: impl FnOnce() + Send + 'static,
    last: impl FnOnce() + Send + 'static,
) {
    // Without a runtime or a handler, Ctrl-C keeps its usual meaning, which is safe as well.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else {
        return;
    };
    thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(mut signals) = Signals::listen() else { return };
            if signals.next().await.is_err() {
                return;
            }
            stop.raise();
            notice();
            if signals.next().await.is_ok() {
                last();
                process::exit(i32::from(ExitCode::Interrupted.code()));
            }
        });
    });
}

/// What asks the process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> io::Result<()> {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = self.terminate.recv() => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}
