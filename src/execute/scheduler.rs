//! Decides when an action runs: a ready queue over the graph, on a bounded pool of workers.
//!
//! Ready actions of chains that have begun come first, so at most one raw picture per worker is in
//! memory however many assets there are. Knows nothing of caches, files or what an action does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use petgraph::Direction;
use petgraph::visit::EdgeRef as _;

use crate::event::{Event, Outcome, Reporter};
use crate::execute::stop::StopSignal;
use crate::graph::action::{ActionKind, Edge};
use crate::graph::{Action, ActionGraph, ActionId};

/// Does one action; called from worker threads.
pub trait Executor: Sync {
    /// Runs the action or finds its result.
    fn execute(&self, action: &Action) -> Outcome;

    /// The asset's id, for events.
    fn asset_id(&self, action: &Action) -> &str;

    /// Provider or steps, for events.
    fn detail(&self, action: &Action) -> String;

    /// Where the action runs.
    fn lane(&self, _action: &Action) -> Lane {
        Lane::Worker
    }

    /// The place of the action's asset in the order of work: lower ones start first.
    fn rank(&self, action: &Action) -> u64;
}

/// Where an action runs: what computes shares the workers, what waits for a provider has threads of
/// its own, so that neither keeps the other waiting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// On a worker.
    Worker,
    /// On one of the threads that wait for this provider, of which there are so many.
    Provider(String, u32),
}

/// What an execution may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Actions that run at once, at least 1.
    pub workers: usize,
    /// Whether the first failure stops the run.
    pub fail_fast: bool,
}

/// Where an action is on its way.
///
/// Waiting → Ready → Running → Done; Waiting and Ready also go straight to Done when the action is
/// skipped or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// This many actions before it are not done.
    Waiting(u32),
    /// In the queue.
    Ready,
    /// On a worker.
    Running,
    /// Over.
    Done(Outcome),
}

/// What became of every action.
#[derive(Debug)]
pub struct Execution {
    statuses: Vec<Status>,
}

impl Execution {
    /// How an action of the graph ended.
    pub fn outcome(&self, id: ActionId) -> &Outcome {
        match &self.statuses[id.index()] {
            Status::Done(outcome) => outcome,
            Status::Waiting(_) | Status::Ready | Status::Running => {
                unreachable!("run returns when every action is done")
            }
        }
    }
}

/// Runs every action of the graph whose predecessors succeeded.
///
/// A failed action skips its dependents only. When `stop` is raised, or after the first failure if
/// `limits` say so, no further chain begins; those that have begun are finished, since what was made
/// is to be published, and the rest is cancelled.
pub fn run(
    graph: &ActionGraph,
    executor: &dyn Executor,
    reporter: &dyn Reporter,
    stop: &StopSignal,
    limits: Limits,
    clock: Instant,
) -> Execution {
    let mut queue = Queue::new(graph, executor);
    if graph.nodes.node_count() == 0 {
        return Execution { statuses: queue.statuses };
    }
    if graph.chains.len() == 1 && queue.ready.keys().all(|lane| *lane == Lane::Worker) {
        run_here(&mut queue, graph, executor, reporter, stop, clock);
        queue.cancel_rest();
        return Execution { statuses: queue.statuses };
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(limits.workers.max(1))
        .thread_name(|index| format!("worker-{index}"))
        .build()
        .expect("a thread pool of a few threads can be built");
    let (sender, receiver) = mpsc::channel();
    let mut has_failed = false;
    let mut busy = Busy::new(limits.workers.max(1));
    thread::scope(|threads| {
        pool.in_place_scope(|scope| {
            loop {
                let is_over = stop.is_raised() || has_failed;
                while let Some((id, lane)) = queue.pop(is_over, |lane| busy.has_room(lane)) {
                    let (place, sender) = (busy.enter(&lane), sender.clone());
                    let is_worker = lane == Lane::Worker;
                    let mut report = Report { sender, ended: Some((id, lane, place, lost())) };
                    let mut work = move |place: usize| {
                        let outcome = execute_one(graph, id, executor, reporter, clock, place);
                        report.tell(outcome);
                    };
                    if is_worker {
                        scope.spawn(move |_| {
                            work(rayon::current_thread_index().unwrap_or(0));
                        });
                    } else {
                        threads.spawn(move || work(place));
                    }
                }
                if busy.is_idle() {
                    break;
                }
                let (id, lane, place, outcome) =
                    receiver.recv().expect("a sender is alive in this scope");
                busy.leave(&lane, place);
                has_failed |= limits.fail_fast && matches!(outcome, Outcome::Failed(_));
                queue.finish(id, outcome);
            }
        });
    });
    queue.cancel_rest();
    Execution { statuses: queue.statuses }
}

/// What became of an action: its number, lane and thread, and the outcome.
type Ended = (ActionId, Lane, usize, Outcome);

/// Tells the end of an action, also if its body panicked: whoever waits for it would wait for ever.
struct Report {
    sender: mpsc::Sender<Ended>,
    ended: Option<Ended>,
}

impl Report {
    fn tell(&mut self, outcome: Outcome) {
        if let Some((.., told)) = &mut self.ended {
            *told = outcome;
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            // The receiver lives until every running action has reported.
            let _ = self.sender.send(ended);
        }
    }
}

/// The outcome of a body that panicked; the scope hands the panic on when all others have ended.
fn lost() -> Outcome {
    Outcome::Failed("a fault of this program ended it".to_owned())
}

/// Runs one chain on the calling thread: a pool would cost more than most actions do.
fn run_here(
    queue: &mut Queue<'_>,
    graph: &ActionGraph,
    executor: &dyn Executor,
    reporter: &dyn Reporter,
    stop: &StopSignal,
    clock: Instant,
) {
    while let Some((id, _)) = queue.pop(stop.is_raised(), |_| true) {
        let outcome = execute_one(graph, id, executor, reporter, clock, 0);
        queue.finish(id, outcome);
    }
}

fn execute_one(
    graph: &ActionGraph,
    id: ActionId,
    executor: &dyn Executor,
    reporter: &dyn Reporter,
    clock: Instant,
    worker: usize,
) -> Outcome {
    let action = &graph.nodes[id];
    let started: Duration = clock.elapsed();
    let asset = executor.asset_id(action).to_owned();
    let detail = executor.detail(action);
    reporter.report(&Event::ActionStarted {
        asset: asset.clone(),
        kind: action.kind,
        detail: detail.clone(),
        worker,
        at: started,
    });
    let outcome = executor.execute(action);
    reporter.report(&Event::ActionFinished {
        asset,
        kind: action.kind,
        detail,
        worker,
        outcome: outcome.clone(),
        started,
        took: clock.elapsed().saturating_sub(started),
    });
    outcome
}

/// How many actions run in each lane, and which numbers their threads have.
struct Busy {
    workers: usize,
    running: BTreeMap<Lane, usize>,
    /// Threads beside the workers, by number; true while it is taken.
    places: Vec<bool>,
}

impl Busy {
    fn new(workers: usize) -> Self {
        Self { workers, running: BTreeMap::new(), places: Vec::new() }
    }

    fn has_room(&self, lane: &Lane) -> bool {
        let running = self.running.get(lane).copied().unwrap_or(0);
        match lane {
            Lane::Worker => running < self.workers,
            Lane::Provider(_, width) => running < (*width).max(1) as usize,
        }
    }

    /// Counts an action; the number of its thread, unless it is a worker, which knows its own.
    fn enter(&mut self, lane: &Lane) -> usize {
        *self.running.entry(lane.clone()).or_default() += 1;
        if *lane == Lane::Worker {
            return 0;
        }
        let free = self.places.iter().position(|taken| !taken);
        let place = free.unwrap_or(self.places.len());
        match free {
            Some(free) => self.places[free] = true,
            None => self.places.push(true),
        }
        self.workers + place
    }

    fn leave(&mut self, lane: &Lane, place: usize) {
        let running = self.running.get_mut(lane).expect("it was entered");
        *running -= 1;
        if *lane != Lane::Worker {
            self.places[place - self.workers] = false;
        }
    }

    fn is_idle(&self) -> bool {
        self.running.values().all(|running| *running == 0)
    }
}

/// The ready queue and the status of every action.
struct Queue<'a> {
    graph: &'a ActionGraph,
    executor: &'a dyn Executor,
    statuses: Vec<Status>,
    ready: BTreeMap<Lane, BinaryHeap<Entry>>,
}

/// Chains that have begun before others, then rank, then the action's own index.
type Entry = (bool, Reverse<u64>, Reverse<usize>);

impl<'a> Queue<'a> {
    fn new(graph: &'a ActionGraph, executor: &'a dyn Executor) -> Self {
        let mut queue = Self { graph, executor, statuses: Vec::new(), ready: BTreeMap::new() };
        for id in graph.nodes.node_indices() {
            let before = graph.nodes.neighbors_directed(id, Direction::Incoming).count();
            queue.statuses.push(Status::Waiting(u32::try_from(before).expect("few edges")));
            if before == 0 {
                queue.make_ready(id, false);
            }
        }
        queue
    }

    fn set_status(&mut self, id: ActionId, status: Status) {
        self.statuses[id.index()] = status;
    }

    fn make_ready(&mut self, id: ActionId, begun: bool) {
        self.set_status(id, Status::Ready);
        let action = &self.graph.nodes[id];
        let (lane, rank) = (self.executor.lane(action), self.executor.rank(action));
        let lane = self.ready.entry(lane).or_default();
        lane.push((begun, Reverse(rank), Reverse(id.index())));
    }

    /// The next action of a lane that has room; with `only_begun` none that begins a chain.
    fn pop(
        &mut self,
        only_begun: bool,
        has_room: impl Fn(&Lane) -> bool,
    ) -> Option<(ActionId, Lane)> {
        let is_next =
            |heap: &BinaryHeap<Entry>| heap.peek().is_some_and(|&(begun, ..)| begun || !only_begun);
        let mut lanes = self.ready.iter_mut();
        let (lane, heap) = lanes.find(|(lane, heap)| is_next(heap) && has_room(lane))?;
        let (_, _, Reverse(index)) = heap.pop()?;
        let (id, lane) = (ActionId::new(index), lane.clone());
        self.set_status(id, Status::Running);
        Some((id, lane))
    }

    fn finish(&mut self, id: ActionId, outcome: Outcome) {
        let succeeded = matches!(outcome, Outcome::Ran | Outcome::Cached);
        let culprit = self.executor.asset_id(&self.graph.nodes[id]);
        self.set_status(id, Status::Done(outcome));
        let mut over = vec![(id, succeeded)];
        while let Some((id, succeeded)) = over.pop() {
            for edge in self.graph.nodes.edges(id) {
                let next = edge.target();
                let Status::Waiting(count) = &mut self.statuses[next.index()] else { continue };
                if succeeded || *edge.weight() == Edge::OutputIfAny {
                    *count -= 1;
                    if *count == 0 {
                        let begun = self.graph.nodes[next].kind != ActionKind::Generate;
                        self.make_ready(next, begun);
                    }
                } else {
                    self.set_status(next, Status::Done(Outcome::Skipped(culprit.to_owned())));
                    over.push((next, false));
                }
            }
        }
    }

    fn cancel_rest(&mut self) {
        for status in &mut self.statuses {
            if !matches!(status, Status::Done(_)) {
                *status = Status::Done(Outcome::Cancelled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;
    use crate::graph::AssetIndex;
    use crate::graph::action::ActionKind;

    /// Fails the assets in `broken` at their first action and records the order of all others.
    #[derive(Default)]
    struct Recorder {
        broken: BTreeSet<u32>,
        order: Mutex<Vec<(u32, ActionKind)>>,
        stop_after: Option<(usize, StopSignal)>,
    }

    impl Executor for Recorder {
        fn execute(&self, action: &Action) -> Outcome {
            let mut order = self.order.lock().expect("no test panics while it holds the lock");
            order.push((action.asset.0, action.kind));
            if let Some((count, stop)) = &self.stop_after
                && order.len() == *count
            {
                stop.raise();
            }
            if self.broken.contains(&action.asset.0) {
                Outcome::Failed("broken".to_owned())
            } else {
                Outcome::Ran
            }
        }
        fn asset_id(&self, action: &Action) -> &str {
            ["a", "b", "c", "d"][action.asset.0 as usize]
        }
        fn detail(&self, _: &Action) -> String {
            String::new()
        }
        fn rank(&self, action: &Action) -> u64 {
            u64::from(action.asset.0)
        }
    }

    struct Silent;

    impl Reporter for Silent {
        fn report(&self, _: &Event) {}
    }

    fn chains(count: u32) -> ActionGraph {
        let mut graph = ActionGraph::default();
        for asset in (0..count).map(AssetIndex) {
            let kinds = [ActionKind::Generate, ActionKind::Process, ActionKind::Integrate];
            let ids: Vec<_> = kinds
                .into_iter()
                .map(|kind| graph.nodes.add_node(Action { asset, kind, variation: 0 }))
                .collect();
            for pair in ids.windows(2) {
                graph.nodes.add_edge(pair[0], pair[1], Edge::Output);
            }
            graph.chains.insert(asset, ids);
        }
        graph
    }

    fn run_with(graph: &ActionGraph, executor: &Recorder, fail_fast: bool) -> Execution {
        let stop = executor.stop_after.as_ref().map(|(_, stop)| stop.clone()).unwrap_or_default();
        let limits = Limits { workers: 1, fail_fast };
        run(graph, executor, &Silent, &stop, limits, Instant::now())
    }

    #[test]
    fn a_chain_that_has_begun_is_finished_before_the_next_begins() {
        let executor = Recorder::default();
        run_with(&chains(3), &executor, false);
        let order: Vec<u32> =
            executor.order.into_inner().expect("unpoisoned").iter().map(|o| o.0).collect();
        assert_eq!(order, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_failure_skips_its_dependents_only() {
        let mut graph = chains(3);
        let from = graph.chains[&AssetIndex(0)][1];
        let to = graph.chains[&AssetIndex(2)][0];
        graph.nodes.add_edge(from, to, Edge::Output);
        let executor = Recorder { broken: [0].into(), ..Recorder::default() };
        let execution = run_with(&graph, &executor, false);
        let outcome =
            |asset, step: usize| execution.outcome(graph.chains[&AssetIndex(asset)][step]);
        assert_eq!(outcome(0, 0), &Outcome::Failed("broken".to_owned()));
        assert_eq!(outcome(0, 2), &Outcome::Skipped("a".to_owned()));
        assert_eq!(outcome(1, 2), &Outcome::Ran);
        assert_eq!(outcome(2, 2), &Outcome::Skipped("a".to_owned()));
    }

    #[test]
    fn who_can_do_without_waits_and_goes_on() {
        let mut graph = chains(3);
        for from in [0, 1] {
            let from = graph.chains[&AssetIndex(from)][0];
            let to = graph.chains[&AssetIndex(2)][1];
            graph.nodes.add_edge(from, to, Edge::OutputIfAny);
        }
        let executor = Recorder { broken: [0].into(), ..Recorder::default() };
        let execution = run_with(&graph, &executor, false);
        for &id in &graph.chains[&AssetIndex(2)] {
            assert_eq!(execution.outcome(id), &Outcome::Ran);
        }
        let order = executor.order.into_inner().expect("unpoisoned");
        let place = |entry| order.iter().position(|found| *found == entry).expect("it ran");
        let process = place((2, ActionKind::Process));
        assert!(process > place((0, ActionKind::Generate)));
        assert!(process > place((1, ActionKind::Generate)));
    }

    #[test]
    fn fail_fast_starts_nothing_after_the_first_failure() {
        let graph = chains(3);
        let executor = Recorder { broken: [0].into(), ..Recorder::default() };
        let execution = run_with(&graph, &executor, true);
        assert_eq!(execution.outcome(graph.chains[&AssetIndex(1)][0]), &Outcome::Cancelled);
    }

    #[test]
    fn a_raised_stop_finishes_chains_that_have_begun_and_cancels_the_rest() {
        let graph = chains(2);
        let executor =
            Recorder { stop_after: Some((1, StopSignal::default())), ..Recorder::default() };
        let execution = run_with(&graph, &executor, false);
        for (asset, expected) in [(0, Outcome::Ran), (1, Outcome::Cancelled)] {
            for &id in &graph.chains[&AssetIndex(asset)] {
                assert_eq!(execution.outcome(id), &expected);
            }
        }
    }

    #[test]
    fn several_workers_run_every_action_once() {
        let graph = chains(4);
        let executor = Recorder::default();
        let limits = Limits { workers: 4, fail_fast: false };
        run(&graph, &executor, &Silent, &StopSignal::default(), limits, Instant::now());
        let mut order = executor.order.into_inner().expect("unpoisoned");
        order.sort();
        order.dedup();
        assert_eq!(order.len(), 12);
    }
}
