//! For tests with two processes: the test binary starts itself again, to run one test in a role.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

const ROLE: &str = "ASSETBUILD_TEST_ROLE";
const DIR: &str = "ASSETBUILD_TEST_DIR";
const READY: &str = "child is ready";

/// A process that runs one test of this binary; killed when dropped.
pub(super) struct Child(process::Child);

impl Child {
    /// Starts `test` (its full name) as `role` in the project `dir`, and waits until it is ready.
    pub(super) fn spawn(test: &str, role: &str, dir: &Path) -> Self {
        let binary = env::current_exe().expect("the test binary has a path");
        let mut child = Command::new(binary)
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test binary runs");
        let output = child.stdout.as_mut().expect("it is piped");
        let ready = BufReader::new(output)
            .lines()
            .any(|line| line.expect("the child writes text").contains(READY));
        assert!(ready, "the child ended before it was ready");
        Self(child)
    }

    /// Kills the process as `kill -9` does, and waits until the system has taken note.
    pub(super) fn kill(mut self) {
        self.0.kill().expect("it still runs");
        self.0.wait().expect("it was started here");
    }

    /// Lets a waiting process go on, and waits for its end.
    pub(super) fn finish(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it was started here").success());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The project folder, if this process was started in `role`.
pub(super) fn child_role(role: &str) -> Option<PathBuf> {
    (env::var_os(ROLE)? == *role).then(|| env::var_os(DIR).expect("set with the role").into())
}

/// Tells the parent that the child is where it shall be, and waits to be let go.
pub(super) fn say_ready_and_wait() {
    say_ready();
    let _ = std::io::stdin().read(&mut [0]);
}

/// Tells the parent that the child is where it shall be.
pub(super) fn say_ready() {
    writeln!(std::io::stdout(), "\n{READY}").expect("the parent listens");
}
