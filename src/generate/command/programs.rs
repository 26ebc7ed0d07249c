//! The programs of this machine: where they are, what they are told, and which of them run.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::generate::command::room::{self, Room};
use crate::generate::command::{Variable, group};

/// 1980-01-01, the first day that every archive format knows: tools that write dates take it.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// What the tool knows of programs: its own environment, and those that it has started.
///
/// Clones share what runs, so that all of it can be ended from anywhere.
#[derive(Clone, Default)]
pub struct Programs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    variables: BTreeMap<OsString, OsString>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// Process to the folder that it works in.
    rooms: BTreeMap<u32, PathBuf>,
    /// Set once nothing may start any more.
    is_closed: bool,
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment holds secrets.
        write!(f, "Programs({} running)", self.running().rooms.len())
    }
}

impl Programs {
    /// Programs as seen from an environment.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let variables = variables.into_iter().collect();
        Self(Arc::new(Shared { variables, running: Mutex::default() }))
    }

    /// The file of a program: a full path as it is, a name where `PATH` says.
    ///
    /// Relative folders in `PATH` are skipped: they would mean another program in every folder.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let is_program = |path: &PathBuf| group::is_executable(path);
        let path = Path::new(name);
        if path.is_absolute() {
            return Some(path.to_owned()).filter(is_program);
        }
        let folders = env::split_paths(self.variable("PATH")?).filter(|path| path.is_absolute());
        let endings = [env::consts::EXE_SUFFIX, ""];
        folders
            .flat_map(|folder| endings.map(|ending| folder.join(format!("{name}{ending}"))))
            .find(is_program)
    }

    /// Ends everything that runs, and lets nothing start any more.
    pub fn close(&self) {
        let mut running = self.running();
        running.is_closed = true;
        for (process, room) in &running.rooms {
            group::kill(*process);
            group::kill_strays(room);
            room::remove(room);
        }
    }

    /// Whether `close` was called.
    pub(in crate::generate) fn is_closed(&self) -> bool {
        self.running().is_closed
    }

    /// Starts a process that works in `room` unless nothing may start any more.
    pub(in crate::generate) fn start<T>(
        &self,
        room: &Room,
        start: impl FnOnce() -> std::io::Result<T>,
        id: impl FnOnce(&T) -> u32,
    ) -> std::io::Result<Option<T>> {
        // Held while it starts, so that `close` misses none.
        let mut running = self.running();
        if running.is_closed {
            return Ok(None);
        }
        let started = start()?;
        running.rooms.insert(id(&started), room.path().to_owned());
        Ok(Some(started))
    }

    /// Forgets a process that has ended.
    pub(in crate::generate) fn forget(&self, process: u32) {
        self.running().rooms.remove(&process);
    }

    /// The environment of a program in `room`: what it needs to run, the same on every machine as
    /// far as that goes, and the variables that the spec names.
    pub(super) fn variables(&self, room: &Room, names: &[String]) -> Vec<Variable> {
        let mut variables: Vec<Variable> = vec![
            ("HOME".into(), room.home().into()),
            ("TMPDIR".into(), room.temp().into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("TZ".into(), "UTC".into()),
            ("SOURCE_DATE_EPOCH".into(), SOURCE_DATE_EPOCH.into()),
        ];
        // Programs on Windows do not start without these.
        let windows: &[&str] = match cfg!(windows) {
            true => &["SystemRoot", "PATHEXT", "ComSpec", "SystemDrive"],
            false => &[],
        };
        if cfg!(windows) {
            variables.extend(["TEMP", "TMP"].map(|name| (name.into(), room.temp().into())));
            variables.push(("USERPROFILE".into(), room.home().into()));
        }
        let passed = ["PATH"].into_iter().chain(windows.iter().copied());
        let passed = passed.chain(names.iter().map(String::as_str));
        variables
            .extend(passed.filter_map(|name| Some((name.into(), self.variable(name)?.clone()))));
        variables
    }

    /// The whole environment but some variables: for programs that are the user's own tools.
    pub(in crate::generate) fn all_but(&self, hidden: &[String]) -> impl Iterator<Item = Variable> {
        let is_hidden = |name: &OsString| hidden.iter().any(|hidden| **name == **hidden);
        let shown = self.0.variables.iter().filter(move |(name, _)| !is_hidden(name));
        shown.map(|(name, value)| (name.clone(), value.clone()))
    }

    /// All variables that are text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.variables.iter();
        all.filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        self.0.variables.get(std::ffi::OsStr::new(name))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
