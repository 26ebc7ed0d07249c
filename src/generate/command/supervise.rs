//! Runs one program to its end, or ends it when it takes too long or writes too much.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::generate::command::capture::{Capture, Text};
use crate::generate::command::error::CommandError;
use crate::generate::command::redact::Secrets;
use crate::generate::command::room::Room;
use crate::generate::command::{Programs, Variable, group};

/// How often the process is looked at: often at first, since most programs are quick.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How often its folder is measured.
const MEASURE_EVERY: Duration = Duration::from_millis(100);

/// What to run, and how long and how much it may.
pub(super) struct Launch<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [String],
    pub(super) variables: Vec<Variable>,
    pub(super) timeout: Duration,
    pub(super) max_output: u64,
}

/// A program that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Text,
    pub(super) stderr: Text,
}

impl Ended {
    /// What it says about its failure: stderr, or stdout of programs that use only that.
    pub(super) fn talk(&self) -> Text {
        if self.stderr.is_empty() { self.stdout.clone() } else { self.stderr.clone() }
    }
}

/// A program that did not start or was ended.
#[derive(Debug)]
pub(super) struct Stopped {
    why: Why,
    talk: Option<Text>,
}

#[derive(Debug)]
enum Why {
    NotStarted(io::Error),
    TimedOut,
    TooMuch,
    Closed,
    Lost(io::Error),
}

impl Stopped {
    /// The error for people; `name` is the program's.
    pub(super) fn into_error(
        self,
        name: &str,
        launch: &Launch<'_>,
        secrets: &Secrets,
    ) -> CommandError {
        let program = name.to_owned();
        let talk = self.talk.map_or_else(String::new, |talk| secrets.hide(&talk));
        match self.why {
            Why::NotStarted(source) if source.kind() == io::ErrorKind::NotFound => {
                CommandError::NoProgram { program }
            }
            Why::NotStarted(source) => CommandError::Start { program, source: Arc::new(source) },
            Why::Lost(source) => CommandError::room(source),
            Why::TimedOut => CommandError::TimedOut { program, timeout: launch.timeout, talk },
            Why::TooMuch => CommandError::TooMuch { program, max_output: launch.max_output, talk },
            Why::Closed => CommandError::Interrupted { program },
        }
    }
}

/// Runs a program in its folder until it ends, and then ends all that it started.
pub(super) fn supervise(
    programs: &Programs,
    room: &Room,
    launch: &Launch<'_>,
) -> Result<Ended, Stopped> {
    let stopped = |why| Stopped { why, talk: None };
    let before = room.size();
    let mut command = Command::new(launch.program);
    command
        .args(launch.arguments)
        .current_dir(room.work())
        .env_clear()
        .envs(launch.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    group::lead_group(&mut command);
    let started = programs.start(room, || spawn(&mut command), Child::id);
    let mut child = match started.map_err(|error| stopped(Why::NotStarted(error)))? {
        Some(child) => child,
        None => return Err(stopped(Why::Closed)),
    };
    let stdout = Capture::start(child.stdout.take().expect("it is piped"));
    let stderr = Capture::start(child.stderr.take().expect("it is piped"));

    let may_write = || room.size().saturating_sub(before) <= launch.max_output;
    let watched = watch(&mut child, programs, launch.timeout, may_write);
    let id = child.id();
    group::kill(id);
    // Where there are no groups.
    let _ = child.kill();
    group::kill_strays(room.path());
    let status = child.wait();
    programs.forget(id);

    let stdout = stdout.finish().without(room.path());
    let stderr = stderr.finish().without(room.path());
    let ended = status.map(|status| Ended { status, stdout, stderr });
    let ended = ended.map_err(|error| stopped(Why::Lost(error)))?;
    // What was written between the last look and the end counts as well.
    let watched = watched.and_then(|()| if may_write() { Ok(()) } else { Err(Why::TooMuch) });
    match watched {
        Ok(()) => Ok(ended),
        Err(why) => Err(Stopped { why, talk: Some(ended.talk()) }),
    }
}

/// Starts a program. A file that another thread's child still holds open for writing is tried
/// again: that child is about to become another program, and the file is closed then.
fn spawn(command: &mut Command) -> io::Result<Child> {
    const ATTEMPTS: u32 = 20;
    for attempt in 1.. {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && attempt < ATTEMPTS =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
    unreachable!("the last attempt returns")
}

/// Waits for the end of a process, or for a reason to end it.
fn watch(
    child: &mut Child,
    programs: &Programs,
    timeout: Duration,
    may_write: impl Fn() -> bool,
) -> Result<(), Why> {
    let start = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    let mut measured = start;
    loop {
        if group::has_ended(child).map_err(Why::Lost)? {
            return Ok(());
        }
        if programs.is_closed() {
            return Err(Why::Closed);
        }
        if start.elapsed() >= timeout {
            return Err(Why::TimedOut);
        }
        if measured.elapsed() >= MEASURE_EVERY {
            if !may_write() {
                return Err(Why::TooMuch);
            }
            // A folder that takes long to measure is not measured all the time.
            measured = Instant::now();
        }
        thread::sleep(pause.min(timeout.saturating_sub(start.elapsed())).max(SHORTEST_PAUSE));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
