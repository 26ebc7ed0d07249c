//! Processes as families: a program and all that it starts are ended together.
//!
//! On Unix a program leads a process group of its own, which is killed as a whole. On Linux what
//! left the group is found as well: `HOME` in its environment is a folder that no other process
//! has. Elsewhere only the program itself is ended.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};

#[cfg(unix)]
pub(in crate::generate) use unix::{has_ended, is_executable, kill, lead_group, signal_of};

#[cfg(not(unix))]
pub(in crate::generate) use other::{has_ended, is_executable, kill, lead_group, signal_of};

#[cfg(target_os = "linux")]
pub(in crate::generate) use linux::kill_strays;

/// Ends what left the group of the program in `room`.
#[cfg(not(target_os = "linux"))]
pub(in crate::generate) fn kill_strays(_room: &Path) {}

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};

    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

    use super::{Child, Command, ExitStatus, Path};

    /// Makes the program the leader of a group of its own, which Ctrl-C at a terminal spares.
    pub(in crate::generate) fn lead_group(command: &mut Command) {
        command.process_group(0);
    }

    /// Whether the process has ended. It is not reaped, so that its id, which is its group's,
    /// belongs to nobody else until the group is ended too.
    pub(in crate::generate) fn has_ended(child: &mut Child) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some())
    }

    /// Ends the group that a process leads.
    pub(in crate::generate) fn kill(process: u32) {
        let id = i32::try_from(process).ok().and_then(Pid::from_raw);
        if let Some(id) = id {
            // Where there is no group any more there is nothing to do.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }

    /// The name of the signal that ended a process.
    pub(in crate::generate) fn signal_of(status: ExitStatus) -> Option<String> {
        const NAMES: [(Signal, &str); 15] = [
            (Signal::HUP, "SIGHUP"),
            (Signal::INT, "SIGINT"),
            (Signal::QUIT, "SIGQUIT"),
            (Signal::ILL, "SIGILL"),
            (Signal::TRAP, "SIGTRAP"),
            (Signal::ABORT, "SIGABRT"),
            (Signal::BUS, "SIGBUS"),
            (Signal::FPE, "SIGFPE"),
            (Signal::KILL, "SIGKILL, as the system does when memory runs out"),
            (Signal::SEGV, "SIGSEGV"),
            (Signal::PIPE, "SIGPIPE"),
            (Signal::ALARM, "SIGALRM"),
            (Signal::TERM, "SIGTERM"),
            (Signal::XCPU, "SIGXCPU"),
            (Signal::XFSZ, "SIGXFSZ"),
        ];
        let number = status.signal()?;
        let named = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
        Some(named.map_or(format!("signal {number}"), |(_, name)| (*name).to_owned()))
    }

    /// Whether the file can be run by somebody.
    pub(in crate::generate) fn is_executable(path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;

    use super::{Child, Command, ExitStatus, Path};

    pub(in crate::generate) fn lead_group(_: &mut Command) {}

    pub(in crate::generate) fn has_ended(child: &mut Child) -> io::Result<bool> {
        Ok(child.try_wait()?.is_some())
    }

    pub(in crate::generate) fn kill(_: u32) {}

    pub(in crate::generate) fn signal_of(_: ExitStatus) -> Option<String> {
        None
    }

    pub(in crate::generate) fn is_executable(path: &Path) -> bool {
        path.is_file()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use super::Path;

    /// Rounds after which who forks faster than we look is left alone.
    const ROUNDS: usize = 50;

    /// Ends what left the group of the program in `room`.
    pub(in crate::generate) fn kill_strays(room: &Path) {
        for _ in 0..ROUNDS {
            if kill_once(room) == 0 {
                return;
            }
        }
    }

    fn kill_once(room: &Path) -> usize {
        let home = room.join("home");
        let mark = [b"HOME=", home.as_os_str().as_bytes()].concat();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let mut killed = 0;
        for id in ids.filter_map(Pid::from_raw) {
            // Held while its environment is read: the id may go to another process meanwhile.
            let Ok(process) = pidfd_open(id, PidfdFlags::empty()) else { continue };
            let path = format!("/proc/{}/environ", id.as_raw_nonzero());
            let Ok(environment) = fs::read(path) else { continue };
            let is_ours = environment.split(|byte| *byte == 0).any(|variable| variable == mark);
            if is_ours && pidfd_send_signal(&process, Signal::KILL).is_ok() {
                killed += 1;
            }
        }
        killed
    }
}
