//! Somebody who follows a watch from within the same process.

use std::fs;
use std::sync::mpsc::Receiver;

use super::*;
use crate::cli::args::{self, Command};
use crate::event::Event;

const SPEC: &str = "id: coin\ngeneration: { type: image, provider: placeholder, size: 8x8 }\n";

/// Everything that is told until the watch waits.
fn until_idle(told: &Receiver<Event>) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let event = told.recv_timeout(Duration::from_secs(60)).expect("the watch goes on");
        if event == Event::Idle {
            return all;
        }
        all.push(event);
    }
}

/// Everything that is told until a change was seen to, whatever else is told meanwhile.
fn after_a_change(told: &Receiver<Event>, path: &str) -> Vec<Event> {
    loop {
        let all = until_idle(told);
        let is_it = |event: &Event| matches!(event, Event::Changed { paths } if paths.iter().any(|changed| changed == path));
        if all.iter().any(is_it) {
            return all;
        }
    }
}

fn built(told: &[Event]) -> Vec<&str> {
    let built = told.iter().filter_map(|event| match event {
        Event::AssetBuilt { asset, .. } => Some(asset.as_str()),
        _ => None,
    });
    built.collect()
}

#[test]
fn whoever_subscribes_is_told_what_happens_and_how_things_stand() {
    let project = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| fs::write(project.path().join(path), text).expect("room");
    fs::create_dir(project.path().join("specs")).expect("room");
    write("Assetfile.yaml", "version: \"1.0\"\n");
    write("specs/coin.yaml", SPEC);
    let argv = ["assetbuild", "-q", "-C", project.path().to_str().expect("text"), "--watch"];
    let cli = args::parse(argv.map(Into::into)).expect("a command");
    let Command::Watch(args) = cli.command else { panic!("it watches") };
    let context = Context::new(cli.global);
    let session = context.open().expect("a project").for_watch();
    let (watcher, waker) = Watcher::begin(session.root()).expect("a folder that can be watched");
    let (feed, stop) = (Arc::<Feed>::default(), StopSignal::default());
    let told = feed.subscribe();
    let attended =
        Attended { session, screen: None, keys: None, feed: feed.clone(), stop: stop.clone() };
    thread::scope(|scope| {
        let watch = scope.spawn(|| attended.keep(&context, &args, watcher, &waker));
        assert_eq!(built(&until_idle(&told)), ["coin"]);
        write("specs/coin.yaml", &SPEC.replace("8x8", "wide"));
        let events = after_a_change(&told, "specs/coin.yaml");
        let is_mistake = |event: &&Event| matches!(event, Event::Mistakes { diagnostics } if !diagnostics.is_empty());
        assert_eq!(events.iter().filter(is_mistake).count(), 1, "{events:#?}");
        let late = feed.subscribe();
        assert!(late.try_iter().any(|event| is_mistake(&&event)), "it stands");
        write("specs/coin.yaml", &SPEC.replace("8x8", "9x9"));
        let events = after_a_change(&told, "specs/coin.yaml");
        assert!(events.contains(&Event::Mistakes { diagnostics: Vec::new() }), "{events:#?}");
        assert_eq!(built(&events), ["coin"]);
        drop(late);
        stop.raise();
        waker.wake();
        let ended = watch.join().expect("it ends");
        assert!(matches!(ended, Ok(ExitCode::Interrupted)));
    });
    drop(feed);
    assert!(built(&told.iter().collect::<Vec<_>>()).is_empty(), "the channel ends with the watch");
}
