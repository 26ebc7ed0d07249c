//! `provider: command`: runs a program in a folder of its own and takes the file that it writes.
//!
//! The program sees its declared inputs, a small environment and nothing else that we hand out; it
//! is no prisoner, since without the help of the operating system it can still read and write what
//! its user can. Whatever it starts is ended with it. Design note: docs/design/command.md.

pub(super) mod capture;
mod error;
pub(super) mod group;
mod programs;
mod redact;
pub(super) mod room;
mod supervise;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::base::{Encoding, RelPath};
use crate::generate::file::encoding_of;
use crate::generate::{GenerateError, Inputs, read};
use crate::spec::op::CommandRun;

pub use error::{CommandError, Crash};
pub use programs::Programs;
pub use redact::SecretNames;
pub(super) use redact::Secrets;

use room::Room;
use supervise::{Launch, supervise};

/// How long a program may take to print its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(60);

/// Mebibytes that a program may write while it prints its version.
const VERSION_MAX_OUTPUT: u64 = 64 << 20;

/// Variable that tells a program which of several variations it makes, from 0.
const VARIATION: &str = "ASSETBUILD_VARIATION";

/// The programs of one run of assetbuild: where they work, and the versions that they told.
#[derive(Debug)]
pub struct Commands {
    programs: Programs,
    folder: PathBuf,
    run: String,
    secret_names: SecretNames,
    secrets: OnceLock<Secrets>,
    next: AtomicU64,
    versions: Mutex<BTreeMap<Probe, Answer>>,
}

/// What a version depends on within a run: the words, and the inputs if one of them is the program.
type Probe = (Vec<String>, Vec<RelPath>);

/// Filled once; who comes second waits for the first.
type Answer = Arc<OnceLock<Result<Version, CommandError>>>;

/// What a program says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Everything that it printed to stdout, or to stderr if stdout is empty.
    pub text: String,
}

impl Version {
    /// The line that people read, at most 120 characters.
    pub fn line(&self) -> String {
        let line = self.text.lines().map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or_default().chars().take(120).collect()
    }
}

impl Commands {
    /// Programs that work in folders below `folder`, named after the run.
    ///
    /// `secret_names`: variables whose values are not shown, whatever prints them.
    pub fn new(programs: Programs, folder: PathBuf, run: &str, secret_names: SecretNames) -> Self {
        let (run, next) = (run.to_owned(), AtomicU64::new(0));
        let (secrets, versions) = (OnceLock::new(), Mutex::default());
        Self { programs, folder, run, secret_names, secrets, next, versions }
    }

    /// Runs the program and gives the file that it wrote, with its encoding.
    ///
    /// `variation`: which of several results it makes, told to it, if it may make others each time.
    ///
    /// # Errors
    /// `GenerateError` for inputs that cannot be read, `CommandError` inside of it for all that
    /// goes wrong with the program and its output.
    pub fn run(
        &self,
        command: &CommandRun,
        variation: Option<u32>,
        inputs: &dyn Inputs,
    ) -> Result<(Arc<[u8]>, Encoding), GenerateError> {
        let room = self.room(command, inputs)?;
        let mut variables = self.programs.variables(&room, &command.env);
        if let Some(variation) = variation {
            variables.push((VARIATION.into(), variation.to_string().into()));
        }
        let launch = Launch {
            program: &self.locate(&command.run[0], &room)?,
            arguments: &command.run[1..],
            variables,
            timeout: command.timeout,
            max_output: command.max_output,
        };
        let name = command.program();
        let ended = supervise(&self.programs, &room, &launch)
            .map_err(|stopped| stopped.into_error(name, &launch, &self.secrets_of(command)))?;
        if !ended.status.success() {
            let talk = self.secrets_of(command).hide(&ended.talk());
            return Err(Crash::of(name, ended.status, talk))?;
        }
        Ok(take_output(command, &room)?)
    }

    /// What the program says about its version; asked once in a run, none if the spec does not say
    /// how.
    ///
    /// # Errors
    /// As `run`.
    pub fn version(
        &self,
        command: &CommandRun,
        inputs: &dyn Inputs,
    ) -> Result<Option<Version>, GenerateError> {
        let Some(program) = command.version.first() else { return Ok(None) };
        let needed =
            if program_input(program).is_some() { command.inputs.clone() } else { Vec::new() };
        let probe = (command.version.clone(), needed);
        let answer = {
            let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
            versions.entry(probe).or_default().clone()
        };
        if answer.get().is_none() {
            // Not inside of the cell: an input that cannot be read is this asset's trouble alone.
            let room = self.room(command, inputs)?;
            let _ = answer.get_or_init(|| self.ask_version(command, &room));
        }
        let version = answer.get().expect("it was just filled").clone()?;
        Ok(Some(version))
    }

    fn ask_version(&self, command: &CommandRun, room: &Room) -> Result<Version, CommandError> {
        let words = &command.version;
        let launch = Launch {
            program: &self.locate(&words[0], room)?,
            arguments: &words[1..],
            variables: self.programs.variables(room, &command.env),
            timeout: VERSION_TIMEOUT,
            max_output: VERSION_MAX_OUTPUT,
        };
        let name = base_name(&words[0]);
        let secrets = self.secrets_of(command);
        let ended = supervise(&self.programs, room, &launch)
            .map_err(|stopped| stopped.into_error(name, &launch, &secrets))?;
        if !ended.status.success() {
            return Err(Crash::of(name, ended.status, secrets.hide(&ended.talk())));
        }
        let said = if ended.stdout.is_empty() { &ended.stderr } else { &ended.stdout };
        Ok(Version { text: secrets.hide(said) })
    }

    /// A folder with the command's inputs.
    fn room(&self, command: &CommandRun, inputs: &dyn Inputs) -> Result<Room, GenerateError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let room = Room::create(&self.folder, &format!("{}-{number}", self.run))?;
        for path in &command.inputs {
            let bytes = read(path, inputs)?;
            let is_program = [command.run.first(), command.version.first()]
                .into_iter()
                .flatten()
                .any(|word| program_input(word).as_ref() == Some(path));
            room.put(path, &bytes, is_program)?;
        }
        Ok(room)
    }

    /// Where the program is: among the inputs if its name has a folder, else where `PATH` says.
    fn locate(&self, word: &str, room: &Room) -> Result<PathBuf, CommandError> {
        let found = match program_input(word) {
            Some(path) => Some(path.under(&room.work())),
            None => self.programs.find(word),
        };
        found.ok_or_else(|| CommandError::NoProgram { program: word.to_owned() })
    }

    fn secrets_of(&self, command: &CommandRun) -> Secrets {
        let secrets = || Secrets::of(self.programs.texts(), self.secret_names.all());
        self.secrets.get_or_init(secrets).with(&self.programs, &command.env)
    }
}

/// The input that a program's name such as `./tools/draw.sh` means.
pub fn program_input(word: &str) -> Option<RelPath> {
    let has_folder = word.contains('/') && !Path::new(word).is_absolute();
    has_folder.then(|| RelPath::new(word.strip_prefix("./").unwrap_or(word)).ok())?
}

fn base_name(word: &str) -> &str {
    word.rsplit(['/', '\\']).next().unwrap_or(word)
}

/// Reads what the program wrote.
fn take_output(command: &CommandRun, room: &Room) -> Result<(Arc<[u8]>, Encoding), CommandError> {
    let (program, path) = (command.program().to_owned(), command.output.clone());
    let bytes = room.take(&path, &command.inputs, &program)?;
    if bytes.is_empty() {
        return Err(CommandError::EmptyOutput { program, path });
    }
    let Some(encoding) = encoding_of(&path, &bytes) else {
        return Err(CommandError::UnknownOutput { program, path });
    };
    if encoding.media() != command.media {
        let (found, wanted) = (encoding, command.media);
        return Err(CommandError::WrongMedia { program, path, found, wanted });
    }
    Ok((Arc::from(bytes), encoding))
}

/// Ends and removes what runs that are no longer alive left behind.
///
/// `folder`: that of `Commands::new`; `live` gives the ids of live runs. It is called after the
/// folders were listed, so no run that begins meanwhile is taken for dead. What cannot be removed
/// stays for the next time.
///
/// # Errors
/// That of `live`; nothing is touched then.
pub fn sweep<E>(
    folder: &Path,
    live: impl FnOnce() -> Result<BTreeSet<String>, E>,
) -> Result<(), E> {
    let rooms = room::list(folder);
    if rooms.is_empty() {
        return Ok(());
    }
    let live = live()?;
    for (path, _) in rooms.iter().filter(|(_, run)| !live.contains(run)) {
        group::kill_strays(path);
        room::remove(path);
    }
    Ok(())
}

/// A variable of the environment: name and value.
type Variable = (OsString, OsString);
