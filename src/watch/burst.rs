//! Events of one moment, taken together: an editor that saves a file makes several of them, and a
//! change of branch thousands.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind, RenameMode};

use crate::pipeline::Touched;
use crate::watch::Change;

/// How long it has to be quiet.
const QUIET: Duration = Duration::from_millis(12);
/// How long a burst lasts at most, however many events come.
const LONGEST: Duration = Duration::from_millis(200);

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Something at these paths; `lost` are those that are gone or were moved away. `is_born`: whether
    /// nothing was there before.
    At { paths: Vec<String>, lost: Vec<String>, is_born: bool },
    /// Events were lost.
    Overflow,
    /// Somebody wants attention.
    Wake,
}

impl Seen {
    /// What an event says, if it says anything about the project.
    pub(super) fn of(event: notify::Result<notify::Event>, root: &Path) -> Option<Self> {
        let Ok(event) = event else { return Some(Self::Overflow) };
        if event.need_rescan() {
            return Some(Self::Overflow);
        }
        // Reading a file changes nothing; only who closes one after writing has done something.
        let is_reading = matches!(event.kind, EventKind::Access(kind)
            if kind != AccessKind::Close(AccessMode::Write));
        if is_reading {
            return None;
        }
        let found = event.paths.iter().filter_map(|path| relative(path, root));
        let paths: Vec<String> = found.filter(|path| !is_our_own(path)).collect();
        if paths.is_empty() {
            return None;
        }
        let is_loss = matches!(
            event.kind,
            EventKind::Remove(RemoveKind::Folder | RemoveKind::Any | RemoveKind::Other)
                | EventKind::Modify(ModifyKind::Name(
                    RenameMode::From | RenameMode::Both | RenameMode::Any
                ))
        );
        let lost = if is_loss { paths.clone() } else { Vec::new() };
        // Elsewhere the system takes several events for one, and not by their order.
        let is_born = cfg!(target_os = "linux") && event.kind.is_create();
        Some(Self::At { paths, lost, is_born })
    }
}

/// A path relative to the root, with `/` between names.
fn relative(path: &Path, root: &Path) -> Option<String> {
    let path = path.strip_prefix(root).ok()?;
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    Some(names.join("/"))
}

/// What no spec can be about: the cache, git's own files, and files that a build is about to rename.
fn is_our_own(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    matches!(first, ".assetcache" | ".git")
        || (name.starts_with('.') && name.ends_with(".assetbuild"))
}

/// Events that belong together.
#[derive(Debug, Default)]
pub(super) struct Burst {
    touched: Touched,
    /// Paths where there was nothing before.
    born: BTreeSet<String>,
    lost: Vec<String>,
    overflow: bool,
    is_woken: bool,
    /// When its first and its last event came.
    times: Option<(Instant, Instant)>,
}

impl Burst {
    pub(super) fn add(&mut self, seen: Seen, now: Instant) {
        match seen {
            Seen::At { paths, lost, is_born } => {
                for path in paths {
                    let is_first = !self.touched.names(&path);
                    self.touched.add(&path);
                    if is_born && is_first {
                        self.born.insert(path);
                    }
                }
                self.lost.extend(lost);
            }
            Seen::Overflow => self.overflow = true,
            Seen::Wake => self.is_woken = true,
        }
        let (first, _) = self.times.unwrap_or((now, now));
        self.times = Some((first, now));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.times.is_none()
    }

    /// How long it is until it is over, if it has begun.
    pub(super) fn ends(&self, now: Instant) -> Option<Duration> {
        let (first, last) = self.times?;
        if self.is_woken {
            return Some(Duration::ZERO);
        }
        Some((last + QUIET).min(first + LONGEST).saturating_duration_since(now))
    }

    /// Whether somebody wants attention.
    pub(super) fn is_woken(&self) -> bool {
        self.is_woken
    }

    /// Folders and files that are gone or were moved away.
    pub(super) fn lost(&self) -> impl Iterator<Item = &str> {
        self.lost.iter().map(String::as_str)
    }

    /// What happened, if it is anything. `is_there` tells whether there is something at a path: what came and went, as
    /// files do that editors write before they rename them, is no change.
    pub(super) fn finish(self, is_there: impl Fn(&str) -> bool) -> Option<Change> {
        let mut touched = Touched::default();
        let stays = |path: &&str| !self.born.contains(*path) || is_there(path);
        self.touched.paths().filter(stays).for_each(|path| touched.add(path));
        match (self.overflow, touched.is_empty()) {
            (true, _) => Some(Change::Anything),
            (false, false) => Some(Change::Paths(touched)),
            (false, true) => self.is_woken.then_some(Change::Woken),
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, DataChange, Flag};

    use super::*;

    fn seen(kind: EventKind, path: &str) -> Option<Seen> {
        Seen::of(Ok(Event::new(kind).add_path(Path::new("/game").join(path))), Path::new("/game"))
    }

    fn at(path: &str) -> Option<Seen> {
        let paths = vec![path.to_owned()];
        Some(Seen::At { paths, lost: Vec::new(), is_born: false })
    }

    fn made(path: &str) -> Seen {
        let made = seen(EventKind::Create(CreateKind::File), path).expect("an event");
        let Seen::At { paths, lost, .. } = made else { panic!("at a path") };
        Seen::At { paths, lost, is_born: true }
    }

    #[test]
    fn writing_counts_and_reading_does_not() {
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(seen(written, "specs/a.yaml"), at("specs/a.yaml"));
        let closed = |mode| EventKind::Access(AccessKind::Close(mode));
        assert_eq!(seen(closed(AccessMode::Write), "specs/a.yaml"), at("specs/a.yaml"));
        assert_eq!(seen(closed(AccessMode::Read), "specs/a.yaml"), None);
        assert_eq!(seen(EventKind::Access(AccessKind::Open(AccessMode::Any)), "specs"), None);
    }

    #[test]
    fn our_own_files_and_gits_do_not_count() {
        let made = EventKind::Create(CreateKind::File);
        for path in [".assetcache/snapshot", ".git/index", "assets/.coin.png.0f.assetbuild"] {
            assert_eq!(seen(made, path), None, "{path}");
        }
        for path in ["assets/coin.png", ".env"] {
            assert!(matches!(seen(made, path), Some(Seen::At { .. })), "{path}");
        }
    }

    #[test]
    fn what_went_is_told_apart_and_lost_events_are_told() {
        let gone = seen(EventKind::Remove(RemoveKind::Folder), "specs/old");
        let paths = vec!["specs/old".to_owned()];
        assert_eq!(gone, Some(Seen::At { paths: paths.clone(), lost: paths, is_born: false }));
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(Seen::of(Ok(lost), Path::new("/game")), Some(Seen::Overflow));
        let failed = Err(notify::Error::generic("too many"));
        assert_eq!(Seen::of(failed, Path::new("/game")), Some(Seen::Overflow));
    }

    #[test]
    fn a_burst_ends_when_it_is_quiet_or_has_gone_on_for_long() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        let mut burst = Burst::default();
        assert_eq!(burst.ends(begin), None);
        burst.add(at("a").expect("an event"), begin);
        assert_eq!(burst.ends(after(5)), Some(Duration::from_millis(7)));
        burst.add(at("b").expect("an event"), after(10));
        assert_eq!(burst.ends(after(10)), Some(QUIET));
        assert_eq!(burst.ends(after(22)), Some(Duration::ZERO));
        for millis in (20..200).step_by(10) {
            burst.add(at("c").expect("an event"), after(millis));
        }
        assert_eq!(burst.ends(after(195)), Some(Duration::from_millis(5)));
        burst.add(at("d").expect("an event"), after(199));
        assert_eq!(burst.ends(after(200)), Some(Duration::ZERO));
        let Some(Change::Paths(touched)) = burst.finish(|_| true) else { panic!("it has paths") };
        assert_eq!(touched.paths().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_wake_ends_the_wait_and_an_overflow_is_a_look_at_everything() {
        let now = Instant::now();
        let mut burst = Burst::default();
        burst.add(Seen::Wake, now);
        assert_eq!(burst.ends(now), Some(Duration::ZERO));
        assert_eq!(burst.finish(|_| true), Some(Change::Woken));
        let mut burst = Burst::default();
        burst.add(at("a").expect("an event"), now);
        burst.add(Seen::Overflow, now);
        assert_eq!(burst.finish(|_| true), Some(Change::Anything));
    }

    #[test]
    fn what_came_and_went_is_no_change() {
        let now = Instant::now();
        let burst = |events: Vec<Seen>| {
            let mut burst = Burst::default();
            events.into_iter().for_each(|event| burst.add(event, now));
            burst.finish(|path| path == "specs/a.yaml")
        };
        let touched = |path: &str| {
            let mut touched = Touched::default();
            touched.add(path);
            Some(Change::Paths(touched))
        };
        let event = |path| at(path).expect("an event");
        assert_eq!(burst(vec![made("specs/sed1"), event("specs/sed1")]), None);
        let saved = vec![made("specs/sed1"), event("specs/sed1"), event("specs/a.yaml")];
        assert_eq!(burst(saved), touched("specs/a.yaml"));
        assert_eq!(burst(vec![made("specs/a.yaml")]), touched("specs/a.yaml"), "it is there");
        let replaced = vec![event("specs/b.yaml"), made("specs/b.yaml"), event("specs/b.yaml")];
        assert_eq!(burst(replaced), touched("specs/b.yaml"), "it was there before");
    }
}
