//! Files that somebody edits between the steps of one run.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::base::{Digest, RelPath};
use crate::cache::snapshot::Snapshot;
use crate::cache::{Cas as _, LocalCas, Run, Stat};
use crate::event::{Event, Reporter};
use crate::execute::{Limits, StopSignal};
use crate::integrate::record::{FileRedo, RedoRecord, Unit};
use crate::pipeline::record::SNAPSHOT_SCHEMA;
use crate::plan::{Policy, State};

mod left_over;
mod waking;

const PROGRAM: &[u8] = b"this program";
const TODAY: &str = "2026-11-23";
const RED: &str = "#ff0000";
const GREEN: &str = "#00ff00";

struct Silent;

impl Reporter for Silent {
    fn report(&self, _event: &Event) {}
}

struct Project(TempDir);

impl Project {
    /// `coin` and `gem`, drawn in red.
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a temp folder"));
        fs::create_dir(project.0.path().join("specs")).expect("writable");
        project.write("Assetfile.yaml", "version: \"1.0\"\n");
        for id in ["coin", "gem"] {
            let spec = format!(
                "id: {id}\ngeneration: {{ type: image, provider: svg, source: {id}.svg, size: 8x8 }}\n"
            );
            project.write(&format!("specs/{id}.yaml"), &spec);
            project.draw(id, RED);
        }
        project
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.path().join(path), text).expect("writable");
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.path().join(path)).expect("it is there");
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.0.path().join(path)).expect("readable")
    }

    fn draw(&self, id: &str, colour: &str) {
        let rect = format!("<rect width=\"8\" height=\"8\" fill=\"{colour}\"/>");
        let svg =
            format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\">{rect}</svg>");
        self.write(&format!("{id}.svg"), &svg);
    }

    fn open(&self) -> Session {
        Session::open(self.0.path(), None, None).expect("a project")
    }

    fn prepare(&self) -> Prepared {
        self.prepare_from(LastRun::compared(Digest::of(PROGRAM)))
    }

    fn prepare_from(&self, last_run: LastRun<'_>) -> Prepared {
        let selection = Selection::default();
        let request = Request {
            selection: &selection,
            policy: Policy::default(),
            uses_cache: true,
            last_run: Some(last_run),
            wakes_selected: false,
            today: TODAY,
            clock: Instant::now(),
            on_change: None,
        };
        prepare(&self.open(), &request).expect("a readable project")
    }

    /// Builds; `meanwhile` happens when everything is assessed and nothing has run.
    fn build(&self, meanwhile: impl FnOnce()) -> Built {
        let prepared = self.prepare();
        meanwhile();
        let request = BuildRequest {
            is_trial: false,
            allowance: None,
            bound_micros: None,
            buyer: None,
            limits: Limits { workers: 1, fail_fast: false },
            policy: Policy::default(),
            locked: false,
            steps: &[],
            now: 0,
            today: TODAY,
            clock: Instant::now(),
            environment: Some(Digest::of(PROGRAM)),
            ahead: None,
        };
        let stop = StopSignal::default();
        build(&self.open(), prepared, &request, &Silent, &stop).expect("a writable project")
    }

    /// The state of an asset; none if it sleeps.
    fn state(&self, id: &str) -> Option<State> {
        let prepared = self.prepare();
        let plan =
            prepared.plans.iter().find(|plan| plan.asset.of(&prepared.loaded.assets).id == id);
        plan.map(|plan| plan.state)
    }
}

#[test]
fn what_is_drawn_from_an_edited_source_is_not_recorded_as_of_the_old_one() {
    let project = Project::new();
    let built = project.build(|| project.draw("coin", GREEN));
    assert_eq!((built.summary.built, built.summary.failed), (1, 1));
    assert!(!project.build(|| {}).failed());
    let green = project.read("assets/coin.png");
    project.draw("coin", RED);
    assert!(!project.build(|| {}).failed());
    assert_ne!(project.read("assets/coin.png"), green);
    assert_eq!(project.read("assets/coin.png"), project.read("assets/gem.png"));
}

#[test]
fn an_entry_that_is_edited_during_a_run_is_not_recorded_as_ours() {
    let project = Project::new();
    project.build(|| {});
    project.build(|| {});
    project.draw("coin", GREEN);
    let built = project.build(|| {
        let manifest = String::from_utf8(project.read("assets/manifest.json")).expect("text");
        assert!(manifest.contains("gem.png"), "{manifest}");
        project.write("assets/manifest.json", &manifest.replace("gem.png", "other.png"));
    });
    assert_eq!(built.summary.built, 1);
    assert_eq!(project.state("gem"), Some(State::Drifted));
}

#[test]
fn the_stamp_of_the_record_is_older_than_what_the_run_wrote() {
    let project = Project::new();
    project.build(|| {});
    project.draw("coin", GREEN);
    project.build(|| {});
    let session = project.open();
    let snapshot = Snapshot::load(&session.cache().snapshot(), SNAPSHOT_SCHEMA).expect("a record");
    let written = fs::metadata(project.0.path().join("assets/coin.png")).expect("a picture");
    assert!(snapshot.summary().stamp.0 <= Stat::of(&written).mtime_ns);
    assert_eq!(project.state("gem"), None, "it sleeps");
}

#[test]
fn a_clean_up_keeps_what_a_cut_off_commit_needs() {
    let project = Project::new();
    project.build(|| {});
    let session = project.open();
    let path = |text| RelPath::new(text).expect("a plain path");
    let new = LocalCas::new(session.cache()).put(b"to be published").expect("writable");
    assert_eq!(maintain::plan_cleanup(&session, 0).expect("readable").remove.len(), 1);
    let file = FileRedo { path: path("assets/new.png"), old: None, new, after: None };
    let unit = Unit { id: "new".to_owned(), files: vec![file], ..Unit::default() };
    let record = RedoRecord {
        lock: path("assetbuild.lock"),
        manifest: path("assets/manifest.json"),
        floor: path("assets"),
        units: vec![unit],
    };
    record.write(&session.cache().redo_record()).expect("writable");
    assert_eq!(maintain::plan_cleanup(&session, 0).expect("readable").remove, []);
}

#[test]
fn a_clean_up_waits_for_other_runs_to_end() {
    let project = Project::new();
    project.build(|| {});
    let session = project.open();
    LocalCas::new(session.cache()).put(b"about to be published").expect("writable");
    let plan = maintain::plan_cleanup(&session, 0).expect("readable");
    let run = Run::begin(session.cache()).expect("locks");
    assert!(matches!(maintain::clean_up(&session, &plan), Err(MaintainError::Busy)));
    drop(run);
    assert_eq!(maintain::clean_up(&session, &plan).expect("alone").0, 21);
}

#[test]
fn the_record_stays_in_memory_until_another_run_writes_one() {
    let project = Project::new();
    let session = project.open();
    assert!(session.record().is_none());
    project.build(|| {});
    let first = session.record().expect("a record");
    assert!(Arc::ptr_eq(&first, &session.record().expect("the same")));
    project.draw("coin", GREEN);
    project.build(|| {});
    let second = session.record().expect("another one");
    assert!(!Arc::ptr_eq(&first, &second) && session.has_record(&second));
    assert!(!session.has_record(&first));
}
