//! `watch`: builds, and builds again whenever something changes.
//!
//! Every change goes through the same functions as a build; what the watch knows of changes only
//! spares it a look at all other files. Design note: docs/design/watch.md.

mod buying;
mod desk;
mod failures;
#[cfg(unix)]
mod keys;
#[cfg(not(unix))]
#[path = "no_keys.rs"]
mod keys;
mod look;
mod orders;
mod telling;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::args::WatchArgs;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::interrupt;
use crate::cli::watch::buying::{Delivered, Order};
use crate::cli::watch::desk::{Desk, Seen};
use crate::cli::watch::keys::Keys;
use crate::execute::StopSignal;
use crate::pipeline::{Session, Touched};
use crate::report::screen::Screen;
use crate::report::{Fanout, Feed, Format};
use crate::watch::{Change, Waker, Watcher, recorded_folders};

/// How often everything is looked at, in case the system did not tell of a change.
const RESCAN: Duration = Duration::from_secs(60);

/// The same while something cannot be watched.
const ANXIOUS: Duration = Duration::from_secs(1);

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "nobody can press them there"))]
enum Key {
    /// Buy the first that waits.
    Yes,
    /// Buy all that waits.
    All,
    /// Not the first that waits.
    No,
    /// Show the plan.
    Plan,
    /// End.
    Quit,
}

/// Watches the project until somebody ends it.
pub(super) fn watch(context: &Context, args: &WatchArgs) -> Result<ExitCode, CliError> {
    let chosen = &args.selection;
    if chosen.since.is_some() || !chosen.steps.is_empty() {
        let why = "a watch builds what changes from now on: leave out --since and --steps";
        return Err(CliError::Usage(why.to_owned()));
    }
    let session = context.open()?.for_watch();
    let (watcher, waker) = Watcher::begin(session.root()).map_err(unwatchable)?;
    let stop = StopSignal::default();
    let has_screen = context.terminal.is_terminal
        && context.format() == Format::Human
        && !context.global.quiet
        && is_in_foreground()
        && args.execution.log_format.is_none();
    let keys = has_screen.then(|| Keys::begin(waker.clone())).flatten();
    let screen = has_screen.then(|| Arc::new(screen(context, keys.is_some())));
    if let Some(screen) = &screen {
        redraw_when_needed(screen.clone(), keys.as_ref().map(Keys::renewer));
    }
    let programs = session.programs().clone();
    let restore = keys.as_ref().map(Keys::restorer);
    let last = move || {
        programs.close();
        restore.into_iter().for_each(|restore| restore());
    };
    let to_stop = waker.clone();
    interrupt::watch(stop.clone(), move || to_stop.wake(), last);
    let attended = Attended { session, screen, keys, feed: Arc::default(), stop };
    attended.keep(context, args, watcher, &waker)
}

/// A watch with its listeners and the hands on it.
struct Attended {
    session: Session,
    screen: Option<Arc<Screen>>,
    keys: Option<Keys>,
    /// Hears of everything; whoever subscribes to it follows the watch.
    feed: Arc<Feed>,
    stop: StopSignal,
}

impl Attended {
    /// Keeps the project built until it is stopped.
    fn keep(
        self,
        context: &Context,
        args: &WatchArgs,
        mut watcher: Watcher,
        waker: &Waker,
    ) -> Result<ExitCode, CliError> {
        let Self { session, screen, keys, feed, stop } = self;
        let record = session.record();
        let folders = record.as_deref().map(|record| recorded_folders(session.root(), record));
        let folders = folders.unwrap_or_default();
        // What cannot be watched is told when the project has been looked at.
        let _ = watcher.follow(&folders);
        watcher.ignore(own_outputs());
        let shown = screen.clone();
        let known = (record, folders);
        let desk = Desk::new(context, args, &session, screen, keys.is_some(), feed, known)?;
        let (sender, delivered) = channel();
        let ended = thread::scope(|scope| {
            let spawn = |order: Order, reporter: Arc<Fanout>| {
                let (sender, waker, now) = (sender.clone(), waker.clone(), context.renewed());
                let (session, stop) = (&session, &stop);
                scope.spawn(move || {
                    let delivered = order.carry_out(&now, args, session, reporter, stop);
                    // The watch may be over.
                    let _ = sender.send(delivered);
                    waker.wake();
                });
            };
            let buyers: Buyers<'_> = (&spawn, &delivered);
            let ended = keep_watch(context, desk, &mut watcher, keys.as_ref(), buyers, &stop);
            // What is on its way to a provider is finished.
            stop.raise();
            ended
        });
        shown.iter().for_each(|screen| screen.close());
        ended
    }
}

/// Who carries out orders, and what became of them.
type Buyers<'a> = (&'a dyn Fn(Order, Arc<Fanout>), &'a Receiver<Delivered>);

fn keep_watch(
    context: &Context,
    mut desk: Desk<'_>,
    watcher: &mut Watcher,
    keys: Option<&Keys>,
    (spawn, delivered): Buyers<'_>,
    stop: &StopSignal,
) -> Result<ExitCode, CliError> {
    let mut unseen = None;
    let mut rescanned = Instant::now();
    // Whether it looks again only since it could not look before.
    let mut is_retry = false;
    loop {
        let now = context.renewed();
        let (seen, is_news) = match desk.keep_up(&now, unseen.as_ref(), stop) {
            Ok(seen) => {
                if seen.is_done {
                    desk.telling().recovered(context);
                }
                (seen, true)
            }
            // A lock with a conflict, a folder that cannot be read: somebody will mend it.
            Err(error) => {
                let is_news = desk.fail(context, &error);
                (Seen { folders: None, unsettled: None, is_done: true }, is_news)
            }
        };
        if let Some(order) = desk.take_order() {
            spawn(order, desk.reporter());
        }
        if stop.is_raised() {
            return Ok(ExitCode::Interrupted);
        }
        if seen.unsettled.is_some() {
            unseen = seen.unsettled;
        }
        let (added, failed) = match &seen.folders {
            Some(folders) => watcher.follow(folders),
            None => (Touched::default(), None),
        };
        if let Some(error) = &failed {
            desk.telling().unwatched(error);
        }
        if !seen.is_done || !added.is_empty() {
            note(&mut unseen, &added);
            continue;
        }
        if desk.has_new_list() {
            // They were pressed for what was shown before.
            keys.into_iter().for_each(Keys::forget_words);
        }
        if is_news || !is_retry {
            desk.telling().ready(context);
        }
        desk.session().read_ahead();
        // Of a project that could not be read nobody knows the folders.
        let pause = if seen.folders.is_some() && failed.is_none() { RESCAN } else { ANXIOUS };
        is_retry = false;
        match watcher.next(pause.saturating_sub(rescanned.elapsed())) {
            Change::Paths(touched) => {
                desk.note(&touched);
                note(&mut unseen, &touched);
            }
            Change::Anything if seen.folders.is_none() => {
                is_retry = true;
                unseen = None;
            }
            Change::Anything => {
                desk.note(&Touched::default());
                unseen = None;
            }
            Change::Woken => {}
        }
        if unseen.is_none() || rescanned.elapsed() >= pause {
            unseen = None;
            rescanned = Instant::now();
        }
        if stop.is_raised() {
            desk.tell_end();
            return Ok(ExitCode::Interrupted);
        }
        for delivered in delivered.try_iter() {
            desk.receive(delivered);
        }
        for key in keys.into_iter().flat_map(Keys::take) {
            if key == Key::Quit {
                desk.tell_end();
                return Ok(ExitCode::Success);
            }
            desk.press(key);
        }
    }
}

/// Adds what was touched; nothing has to be added where everything is looked at.
fn note(unseen: &mut Option<Touched>, touched: &Touched) {
    if let Some(unseen) = unseen {
        unseen.extend(touched);
    }
}

fn unwatchable(error: notify::Error) -> CliError {
    let help = "on Linux fs.inotify.max_user_watches says how many folders can be watched";
    CliError::Usage(format!("the project's folders cannot be watched: {error}; {help}"))
}

/// The files that stdout and stderr go to, if they are files.
#[cfg(unix)]
fn own_outputs() -> Vec<crate::watch::Identity> {
    let identity = |stat: rustix::fs::Stat| {
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        is_file.then_some((stat.st_dev, stat.st_ino))
    };
    let stats = [rustix::fs::fstat(std::io::stdout()), rustix::fs::fstat(std::io::stderr())];
    stats.into_iter().flatten().filter_map(identity).collect()
}

#[cfg(not(unix))]
fn own_outputs() -> Vec<crate::watch::Identity> {
    Vec::new()
}

fn screen(context: &Context, has_keys: bool) -> Screen {
    const USUAL: (usize, usize) = (80, 24);
    let size = || {
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let size = size.map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        is_in_foreground().then_some(size.unwrap_or(USUAL))
    };
    Screen::new(Box::new(std::io::stderr()), context.terminal.palette(), size, has_keys)
}

/// Whether the terminal is ours and not that of another job of the shell.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    let owner = rustix::termios::tcgetpgrp(std::io::stderr());
    // Of a terminal that is not the one of this session nobody knows.
    owner.map_or(true, |owner| owner == rustix::process::getpgrp())
}

#[cfg(not(unix))]
fn is_in_foreground() -> bool {
    true
}

/// Draws the screen anew whenever the terminal gets another size, or comes back from a shell.
#[cfg(unix)]
fn redraw_when_needed(screen: Arc<Screen>, renew: Option<impl Fn() + Send + 'static>) {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};
    // Without it the screen has its new size with the next change.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let Ok(runtime) = runtime else { return };
    thread::spawn(move || {
        runtime.block_on(async move {
            let resized = signal(SignalKind::window_change());
            let continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()));
            let (Ok(mut resized), Ok(mut continued)) = (resized, continued) else { return };
            loop {
                tokio::select! {
                    _ = resized.recv() => {}
                    _ = continued.recv() => renew.iter().for_each(|renew| renew()),
                }
                screen.redraw();
            }
        });
    });
}

#[cfg(not(unix))]
fn redraw_when_needed(_: Arc<Screen>, _: Option<impl Fn() + Send + 'static>) {}

#[cfg(test)]
mod tests;
