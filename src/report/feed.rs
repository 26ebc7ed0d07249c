//! The events of a watch for readers that come and go: a page that shows it, an editor.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Reporter};

/// Events that a reader may be behind. One that is further behind loses its channel, so that neither
/// the watch nor memory waits for it; it subscribes again and has what stands then.
const MOST_BEHIND: usize = 4096;

/// Hands events to every reader that subscribed, on a channel of its own.
#[derive(Debug, Default)]
pub struct Feed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    readers: Vec<SyncSender<Event>>,
    /// The last event of each kind that says how things stand.
    standing: Vec<Event>,
}

impl Feed {
    /// A channel with what stands now (mistakes, what is held, what waits, how the last run ended) and
    /// then with every event. It ends when the watch does, and for a reader that falls thousands of
    /// events behind.
    pub fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = sync_channel(MOST_BEHIND);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &state.standing {
            // There is room for so few.
            let _ = sender.try_send(event.clone());
        }
        state.readers.push(sender);
        receiver
    }
}

impl Reporter for Feed {
    fn report(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_standing(event) {
            let kind = mem::discriminant(event);
            state.standing.retain(|other| mem::discriminant(other) != kind);
            state.standing.push(event.clone());
        }
        state.readers.retain(|reader| match reader.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        });
    }
}

fn is_standing(event: &Event) -> bool {
    matches!(
        event,
        Event::Mistakes { .. }
            | Event::Held { .. }
            | Event::Waiting { .. }
            | Event::RunFinished { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::recording::{small_run, small_watch};

    #[test]
    fn a_reader_has_every_event_in_order() {
        let feed = Feed::default();
        let (first, second) = (feed.subscribe(), feed.subscribe());
        small_run().iter().for_each(|event| feed.report(event));
        assert_eq!(first.try_iter().collect::<Vec<_>>(), small_run());
        drop(first);
        small_watch().iter().for_each(|event| feed.report(event));
        drop(feed);
        let all: Vec<Event> = small_run().into_iter().chain(small_watch()).collect();
        assert_eq!(second.iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn who_comes_late_is_told_how_things_stand() {
        let feed = Feed::default();
        feed.report(&Event::Mistakes { diagnostics: vec!["old".into()] });
        small_watch().iter().for_each(|event| feed.report(event));
        small_run().iter().for_each(|event| feed.report(event));
        feed.report(&Event::Mistakes { diagnostics: Vec::new() });
        let late = feed.subscribe();
        feed.report(&Event::Idle);
        let told: Vec<Event> = late.try_iter().collect();
        let [Event::Held { .. }, Event::Waiting { .. }, Event::RunFinished { .. }, mistakes, idle] =
            &told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!(*mistakes, Event::Mistakes { diagnostics: Vec::new() });
        assert_eq!(*idle, Event::Idle);
    }

    #[test]
    fn a_reader_that_does_not_read_loses_its_channel_and_holds_nobody_up() {
        let feed = Feed::default();
        let slow = feed.subscribe();
        (0..MOST_BEHIND + 1).for_each(|_| feed.report(&Event::Idle));
        assert_eq!(slow.iter().count(), MOST_BEHIND, "it has what there was room for, and ends");
    }
}
