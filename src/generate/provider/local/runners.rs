//! The script at work: started when it is first needed, asked in JSON lines, ended with the run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::generate::command::capture::Capture;
use crate::generate::command::group;
use crate::generate::command::room::Room;
use crate::generate::provider::Failure;
use crate::generate::{Programs, SecretNames};

const SCRIPT: &str = include_str!("runner.py");

/// How long Python may take to load its libraries.
const START: Duration = Duration::from_secs(600);

/// How long a model may take to load; the first time it is fetched over the network.
const LOAD: Duration = Duration::from_secs(3600);

/// How often a wait looks whether everything is to end at once.
const LOOK: Duration = Duration::from_millis(50);

/// How long a script that says nothing any more may take to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Longest line that the script may say, in bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Set for the libraries, so that they are quiet and do not fork.
const SETTINGS: [(&str, &str); 4] = [
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONIOENCODING", "utf-8"),
    ("TRANSFORMERS_VERBOSITY", "error"),
    ("TOKENIZERS_PARALLELISM", "false"),
];

/// The variable with the key of models that want one to be fetched.
const HUB_TOKEN: &str = "HF_TOKEN";

/// The Pythons that one run keeps going, each with the script and one model.
#[derive(Debug)]
pub struct Runners {
    programs: Programs,
    root: PathBuf,
    folder: PathBuf,
    run: String,
    secret_names: SecretNames,
    next: AtomicU64,
    places: Mutex<BTreeMap<PathBuf, Arc<Mutex<Place>>>>,
}

/// What stands behind one program.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Empty,
    Running(Runner),
    /// It cannot work, whatever it is asked: not tried again in this run.
    Broken(String),
}

/// A script that waits for requests.
#[derive(Debug)]
struct Runner {
    child: Child,
    requests: ChildStdin,
    answers: mpsc::Receiver<io::Result<String>>,
    stderr: Option<Capture>,
    is_reaped: bool,
    programs: Programs,
    made: u64,
    /// Removed after the process.
    room: Room,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum Answer {
    Ready,
    Loaded,
    Written,
    Error { of: Part, words: String },
}

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Setup,
    Model,
    Request,
}

impl Runners {
    /// Pythons that work in folders below `folder`, named after the run, and know model folders by
    /// their paths in the project at `root`.
    ///
    /// `secret_names`: variables that they do not get.
    pub fn new(
        programs: Programs,
        root: &Path,
        folder: PathBuf,
        run: &str,
        secret_names: SecretNames,
    ) -> Self {
        let (next, places) = (AtomicU64::new(0), Mutex::default());
        let (root, run) = (root.to_owned(), run.to_owned());
        Self { programs, root, folder, run, secret_names, next, places }
    }

    /// The file of a program: a name as `PATH` says, a path as seen from the project's root.
    pub fn locate(&self, program: &str) -> Option<PathBuf> {
        match program.contains(['/', '\\']) {
            true => Some(self.root.join(program)).filter(|path| group::is_executable(path)),
            false => self.programs.find(program),
        }
    }

    /// The bytes of the sound that a model makes; `timeout` counts from when it is loaded.
    ///
    /// # Errors
    /// `Down` if there is no such Python, library or model, or it ends or takes too long, `Rejected`
    /// if the model does not take the request, `Stopped` if everything is to end.
    pub(super) fn make(
        &self,
        program: &str,
        request: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let path = self
            .locate(program)
            .ok_or_else(|| Failure::Down { words: format!("there is no program `{program}`") })?;
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.entry(path.clone()).or_default().clone()
        };
        // One sound at a time: a machine has no memory for more.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*place, Place::Empty) {
            *place = match self.start(&path) {
                Ok(runner) => Place::Running(runner),
                Err(Failure::Down { words }) => Place::Broken(words),
                Err(other) => return Err(other),
            };
        }
        let runner = match &mut *place {
            Place::Running(runner) => runner,
            Place::Broken(words) => return Err(Failure::Down { words: words.clone() }),
            Place::Empty => unreachable!("it was just filled"),
        };
        match runner.make(request, timeout) {
            Ok(bytes) => Ok(bytes),
            Err(Trouble::Answer(failure)) => Err(failure),
            Err(Trouble::Ended(failure)) => {
                // The next one is made by a new process.
                *place = Place::Empty;
                Err(failure)
            }
        }
    }

    fn start(&self, program: &Path) -> Result<Runner, Failure> {
        let down = |error: &dyn std::error::Error| Failure::Down {
            words: format!("`{}` cannot be started: {error}", program.display()),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let room = Room::create(&self.folder, &format!("{}-python{number}", self.run))
            .map_err(|error| down(&error))?;
        let script = room.work().join("runner.py");
        fs::write(&script, SCRIPT).map_err(|error| down(&error))?;
        let hidden: Vec<String> =
            self.secret_names.all().filter(|name| name != HUB_TOKEN).collect();
        let mut command = Command::new(program);
        command
            .arg(&script)
            .current_dir(&self.root)
            .env_clear()
            .envs(self.programs.all_but(&hidden))
            .envs(SETTINGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        group::lead_group(&mut command);
        let started = self.programs.start(&room, || command.spawn(), Child::id);
        let Some(mut child) = started.map_err(|error| down(&error))? else {
            return Err(Failure::Stopped);
        };
        let requests = child.stdin.take().expect("it is piped");
        let answers = lines(child.stdout.take().expect("it is piped"));
        let stderr = Some(Capture::start(child.stderr.take().expect("it is piped")));
        let programs = self.programs.clone();
        let mut runner =
            Runner { child, requests, answers, stderr, is_reaped: false, programs, made: 0, room };
        let missing = |error: &str| Failure::Down {
            words: format!(
                "{error}; install what it needs: {} -m pip install torch transformers",
                program.display()
            ),
        };
        match runner.wait(START) {
            Ok(Answer::Ready) => Ok(runner),
            Ok(Answer::Error { words, .. }) => Err(missing(&words)),
            Ok(other) => Err(runner.odd(&other).into_failure()),
            Err(trouble) => Err(trouble.into_failure()),
        }
    }
}

/// What became of a request.
enum Trouble {
    /// The script said it, and waits for the next one.
    Answer(Failure),
    /// The script is of no use any more.
    Ended(Failure),
}

impl Trouble {
    fn into_failure(self) -> Failure {
        match self {
            Self::Answer(failure) | Self::Ended(failure) => failure,
        }
    }
}

impl Runner {
    fn make(
        &mut self,
        request: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<Vec<u8>, Trouble> {
        self.made += 1;
        let output = self.room.work().join(format!("{}.wav", self.made));
        let mut request = request.clone();
        request.insert("output".to_owned(), json!(output.to_string_lossy()));
        let line = Value::Object(request).to_string();
        // A script that has ended says why when it is asked for an answer.
        let _ = writeln!(self.requests, "{line}").and_then(|()| self.requests.flush());
        match self.wait(LOAD)? {
            Answer::Loaded => {}
            other => return Err(self.odd(&other)),
        }
        match self.wait(timeout)? {
            Answer::Written => {}
            other => return Err(self.odd(&other)),
        }
        let bytes = fs::read(&output).map_err(|error| {
            Trouble::Answer(Failure::Down { words: format!("its sound cannot be read: {error}") })
        })?;
        // What stays is removed with the folder.
        let _ = fs::remove_file(&output);
        Ok(bytes)
    }

    /// The next answer of the script.
    fn wait(&mut self, timeout: Duration) -> Result<Answer, Trouble> {
        let begin = Instant::now();
        let line = loop {
            match self.answers.recv_timeout(LOOK) {
                Ok(Ok(line)) => break line,
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
                Err(RecvTimeoutError::Timeout) if self.programs.is_closed() => {
                    return Err(Trouble::Ended(Failure::Stopped));
                }
                Err(RecvTimeoutError::Timeout) if begin.elapsed() >= timeout => {
                    let seconds = timeout.as_secs();
                    let words = format!("no sound within {seconds} s; `timeout` allows more");
                    return Err(Trouble::Ended(Failure::Down { words }));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        match serde_json::from_str(&line) {
            Ok(Answer::Error { of: Part::Request, words }) => {
                Err(Trouble::Answer(Failure::Rejected { words }))
            }
            Ok(Answer::Error { of: Part::Model, words }) => {
                Err(Trouble::Answer(Failure::Down { words }))
            }
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.odd(&line)),
        }
    }

    fn odd(&self, said: &impl std::fmt::Debug) -> Trouble {
        let words = format!("the Python script answered with something else: {said:?}");
        Trouble::Ended(Failure::Down { words })
    }

    /// Why the script does not answer any more.
    fn ended(&mut self) -> Trouble {
        // It closed its answers and is about to end: how, it says itself if it may.
        let begin = Instant::now();
        while begin.elapsed() < LAST_WORDS && matches!(group::has_ended(&mut self.child), Ok(false))
        {
            thread::sleep(LOOK);
        }
        self.end();
        if self.programs.is_closed() {
            return Trouble::Ended(Failure::Stopped);
        }
        let how = match self.child.wait() {
            Ok(status) => match group::signal_of(status) {
                Some(signal) => format!("Python was ended by {signal}"),
                None => format!("Python ended with {status}"),
            },
            Err(error) => format!("Python ended: {error}"),
        };
        let said = self.stderr.take().map(|stderr| stderr.finish().without(self.room.path()));
        let last = said.and_then(|said| {
            said.text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned)
        });
        let words = match last {
            Some(last) => format!("{how}: {}", last.trim()),
            None => how,
        };
        Trouble::Ended(Failure::Down { words })
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.is_reaped, true) {
            // Its number may be another process's by now.
            return;
        }
        let id = self.child.id();
        group::kill(id);
        // Where there are no groups.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.programs.forget(id);
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end();
    }
}

/// The lines of a stream, read by a thread.
fn lines(stream: impl io::Read + Send + 'static) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let read = io::Read::take(&mut stream, LONGEST_LINE).read_until(b'\n', &mut line);
            let line = match read {
                Ok(0) => return,
                Ok(_) => String::from_utf8(line).map_err(io::Error::other),
                Err(error) => Err(error),
            };
            // Nobody listens once the script was given up.
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
