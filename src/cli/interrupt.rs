//! Ctrl-C: the first asks the run to finish what it began, the second ends the process at once.

use std::process;
use std::thread;

use crate::cli::exit::ExitCode;
use crate::execute::StopSignal;

/// Raises `stop` at the first Ctrl-C and says so with `notice`; does `last` and leaves with 130 at
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
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            stop.raise();
            notice();
            if tokio::signal::ctrl_c().await.is_ok() {
                last();
                process::exit(i32::from(ExitCode::Interrupted.code()));
            }
        });
    });
}
