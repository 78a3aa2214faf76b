//! A life: one queue of events in virtual time. Whatever happens, happens here, one thing after the other, and the same every time.
//!
//! **Fast-forward.** A function's sweep decides from what it sees (cloud, ledger), what it remembers, and the time. As long as nothing changed
//! that it looks at since a sweep that carried nothing out, the next one sees the same, and is refused the same; only the time differs, and time matters only when it
//! passes an instant that the plan, a record or a tag names. Those instants are gathered in [`deadlines`], generously; between them sweeps are
//! left out. One in a hundred of those is carried out all the same, and if it writes or tells anything, that is a finding of its own: an
//! instant is missing from the list.

mod acknowledge;
mod cluster_rooms;
mod deadlines;
mod deliver;
mod elsewhere;
mod happen;
mod rds;
mod setup;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use holdfast_plan::Compiled;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::chance::mix;
use crate::functions::{Failed, Function, Running, Warm, invoke};
use crate::hands::Hands;
use crate::misfortune::Misfortune;
use crate::script::Script;
use crate::wiring::Wiring;
use crate::witness::twice::{self, End};
use crate::witness::{Invariant, Violation, ends};
use crate::world::{Calls, World};

use deadlines::Almanac;
use deliver::{Delivery, Sort};
use rds::Later;

/// What a life came to.
#[derive(Debug, Clone, Default)]
pub struct Lived {
    /// The first thing that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What was counted.
    pub counts: Counts,
    /// What it came to, if it was lived to its end.
    pub end: End,
}

/// What is counted, of one life or of many.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Virtual time.
    pub lived: SignedDuration,
    /// Resources times virtual days.
    pub resource_days: f64,
    /// Events of the queue.
    pub steps: u64,
    /// Invocations, by function.
    pub invocations: BTreeMap<&'static str, u64>,
    /// Calls at ports.
    pub calls: u64,
    /// Sweeps that were left out, and repetitions of sweeps that failed.
    pub skipped: u64,
    /// Sweeps that were not, by function and by why they could not be.
    pub sweeps: BTreeMap<(&'static str, &'static str), u64>,
    /// Sweeps that would have been left out and were carried out to see.
    pub audited: u64,
    /// Misfortunes, by sort.
    pub faults: BTreeMap<String, u64>,
    /// Checks made, by invariant.
    pub checks: BTreeMap<Invariant, u64>,
    /// Messages that reached people.
    pub told: u64,
    /// Invocations that failed, by function.
    pub failed: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Adds another life's.
    pub fn add(&mut self, other: &Self) {
        fn all<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            from.iter().for_each(|(key, count)| *into.entry(key.clone()).or_default() += count);
        }
        self.lived += other.lived;
        self.resource_days += other.resource_days;
        self.steps += other.steps;
        self.calls += other.calls;
        self.skipped += other.skipped;
        self.audited += other.audited;
        self.told += other.told;
        all(&mut self.invocations, &other.invocations);
        all(&mut self.failed, &other.failed);
        all(&mut self.sweeps, &other.sweeps);
        all(&mut self.faults, &other.faults);
        all(&mut self.checks, &other.checks);
    }
}

/// Something that happens.
enum Event {
    Misfortune(usize),
    Tick,
    Schedule(usize, usize),
    Deliver(Delivery),
    Go(u64),
    Timeout(u64),
    Later(Later),
}

/// An invocation under way.
struct Invocation {
    running: Running,
    warm: Arc<Warm>,
    delivery: Delivery,
    woken: Arc<Woken>,
}

/// Whether an invocation asks to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a function's sweeps stand.
#[derive(Default)]
struct Swept {
    /// The world's version that the last sweep began with.
    version: u64,
    /// When that began.
    at: Option<Timestamp>,
    /// How many are under way: repetitions of one that failed may meet the next.
    under_way: u32,
    /// One that ended since the last began carried something out, or was killed.
    unsettled: bool,
    /// What it failed with, if it did.
    failed: Option<Failed>,
    /// When time alone may change what it decides; reckoned for that version.
    deadline: Option<(u64, Timestamp)>,
}

/// What is seen of each step, for whoever replays a life.
pub type Watcher<'a> = &'a mut dyn FnMut(&Step);

/// One step of a life.
#[derive(Debug)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What happened, in words.
    pub words: String,
    /// What of the world it changed: a line each, `+` for what came, `-` for what went.
    pub changes: Vec<String>,
}

/// A life being lived.
pub(crate) struct Life<'a> {
    script: &'a Script,
    wiring: &'a Wiring,
    world: Arc<World>,
    plans: Vec<Compiled>,
    current: usize,
    /// Which plan held from when on.
    deployed: Vec<(Timestamp, usize)>,
    queue: BTreeMap<(Timestamp, u64), Event>,
    sequence: u64,
    invocations: BTreeMap<u64, Invocation>,
    idle: BTreeMap<Function, Vec<Arc<Warm>>>,
    swept: BTreeMap<Function, Swept>,
    almanac: Almanac,
    next_tick: Timestamp,
    counts: Counts,
    begins: Timestamp,
    /// The last version for which safety was looked at.
    looked: u64,
    /// Whether things go wrong still.
    stormy: bool,
    watcher: Option<Watcher<'a>>,
}

/// Lives a script. One that can be compared with its twin is lived once more, without its duplicates, and must come to the same. The twin is a
/// life like any other: it is watched, and counted.
///
/// # Errors
/// When one of its plans is refused: then it is no life.
pub fn live<'a>(script: &'a Script, wiring: &'a Wiring, watcher: Option<Watcher<'a>>) -> Result<Lived, String> {
    let mut lived = Life::begin(script, wiring, watcher)?.live();
    if let Some(twin) = twice::twin(script).filter(|_| lived.violation.is_none()) {
        let other = Life::begin(&twin, wiring, None)?.live();
        lived.counts.add(&other.counts);
        *lived.counts.checks.entry(Invariant::Twice).or_default() += 1;
        let (invariant, at) = (Invariant::Twice, script.begins + script.lasts + script.calm);
        let differs = || lived.end.difference(&other.end).map(|words| Violation { invariant, at, words });
        let in_twin = |broken: Violation| Violation { words: format!("in its twin: {}", broken.words), ..broken };
        lived.violation = other.violation.map(in_twin).or_else(differs);
    }
    Ok(lived)
}

impl<'a> Life<'a> {
    fn live(&mut self) -> Lived {
        let storm_ends = self.begins + self.script.lasts;
        let end = storm_ends + self.script.calm;
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if self.stormy && at >= storm_ends {
                self.pass_to(storm_ends);
                self.calm_down();
            }
            if at >= end {
                break;
            }
            self.pass_to(at);
            self.step(event);
            if let Some(violation) = self.look(at) {
                return self.lived(Some(violation), End::default());
            }
        }
        self.pass_to(end);
        let came_to = ends::look(&self.world, &self.plans, &self.deployed, (self.begins, storm_ends, end));
        let violation = self.world.state().witness.violations.first().cloned();
        self.lived(violation, came_to)
    }

    fn lived(&mut self, violation: Option<Violation>, end: End) -> Lived {
        let mut counts = std::mem::take(&mut self.counts);
        counts.lived = self.world.now().duration_since(self.begins);
        let plan = self.plans[self.current].plan();
        counts.resource_days = plan.resources.len() as f64 * counts.lived.as_secs_f64() / 86_400.0;
        let mut state = self.world.state();
        counts.calls = state.witness.calls;
        counts.told = state.witness.told.len() as u64;
        counts.checks = std::mem::take(&mut state.witness.checks);
        Lived { violation, counts, end }
    }

    fn pass_to(&mut self, at: Timestamp) {
        let now = self.world.now();
        if at > now {
            self.world.cloud.pass(at.duration_since(now));
            self.world.state().weather.pass(at);
        }
    }

    fn push(&mut self, at: Timestamp, event: Event) {
        self.sequence += 1;
        self.queue.insert((at.max(self.world.now()), self.sequence), event);
    }

    fn after(&mut self, time: SignedDuration, event: Event) {
        self.push(self.world.now() + time, event);
    }

    fn step(&mut self, event: Event) {
        self.counts.steps += 1;
        let before = self.watcher.is_some().then(|| self.picture());
        let words = self.watcher.is_some().then(|| self.words(&event));
        match event {
            Event::Misfortune(line) => self.misfortune(line),
            Event::Tick => self.tick(),
            Event::Schedule(plan, place) => self.fire(plan, place),
            Event::Deliver(delivery) => self.start(delivery),
            Event::Go(id) => self.go(id),
            Event::Timeout(id) => self.end(id, Err(killed("Sandbox.Timedout", "the task timed out"))),
            Event::Later(later) => self.later(later),
        }
        self.follow_effects();
        self.tick_soon();
        if let (Some(before), Some(words)) = (before, words) {
            self.show(&before, words);
        }
    }

    /// What must hold at every moment.
    fn look(&mut self, at: Timestamp) -> Option<Violation> {
        let mut state = self.world.state();
        if state.version != self.looked {
            self.looked = state.version;
            let calm_since = state.weather.calm_since();
            let rooms = std::mem::take(&mut state.rooms);
            state.witness.rooms_in_time(at, calm_since, &rooms);
            state.rooms = rooms;
        }
        state.witness.violations.first().cloned()
    }

    // Invocations.

    fn start(&mut self, mut delivery: Delivery) {
        let now = self.world.now();
        let function = delivery.function;
        let down = self.world.state().weather.home_down(now);
        if let Some(until) = down {
            if delivery.sort != Sort::Sweep {
                // Kept by EventBridge, SNS and Lambda until the region is back.
                let after =
                    i64::try_from(mix(self.world.seed, delivery.payload.to_string().as_bytes()) % 60).unwrap_or(0);
                self.push(until + SignedDuration::from_secs(after), Event::Deliver(delivery));
            }
            return;
        }
        if self.is_left_out(&mut delivery) {
            return;
        }
        let warm = self.idle.entry(function).or_default().pop().unwrap_or_else(|| Arc::new(Warm::cold(function)));
        self.sequence += 1;
        let id = self.sequence;
        let (version, skew) = {
            let mut state = self.world.state();
            let killed_before = state.weather.meet(now, |what| {
                let Misfortune::Crash { function: of, call } = what else { return None };
                (*of == function).then_some(*call)
            });
            let hangs_at = state.weather.meet(now, |what| {
                let Misfortune::Hang { function: of, call } = what else { return None };
                (*of == function).then_some(*call)
            });
            let calls = Calls { killed_before, hangs_at, ..Calls::default() };
            state.running.insert(id, calls);
            let version = state.version_for(function);
            if killed_before.is_some() || hangs_at.is_some() {
                state.changed_for(function.alone(), "a kill is over");
            }
            (version, state.weather.skew(now, function))
        };
        if delivery.sort == Sort::Sweep {
            let swept = self.swept.entry(function).or_default();
            // By the function's own clock, if that is behind.
            let at = now + skew.min(SignedDuration::ZERO);
            (swept.version, swept.at, swept.unsettled) = (version, Some(at), false);
            swept.under_way += 1;
        }
        *self.counts.invocations.entry(function.name()).or_default() += 1;
        let settings = self.wiring.settings(function);
        let left = Duration::from_secs(u64::from(settings.timeout_seconds));
        let hands = Hands { world: Arc::clone(&self.world), function, invocation: id };
        let running = invoke(Arc::clone(&warm), hands, Arc::clone(&delivery.payload), left);
        self.invocations.insert(id, Invocation { running, warm, delivery, woken: Arc::default() });
        self.after(SignedDuration::from_secs(settings.timeout_seconds.into()), Event::Timeout(id));
        self.poll(id);
    }

    /// Time has come for calls of an invocation.
    fn go(&mut self, id: u64) {
        let now = self.world.now();
        let wakers: Vec<Waker> = {
            let mut state = self.world.state();
            let Some(calls) = state.running.get_mut(&id) else { return };
            let due = calls.timers.extract_if(.., |(at, _)| *at <= now);
            due.map(|(_, waker)| waker).collect()
        };
        if wakers.is_empty() {
            return;
        }
        wakers.into_iter().for_each(Waker::wake);
        let killed = self
            .world
            .state()
            .running
            .get(&id)
            .is_some_and(|calls| calls.killed_before.is_some_and(|call| calls.made >= call));
        if killed {
            self.end(id, Err(killed_by_luck()));
            return;
        }
        self.poll(id);
    }

    fn poll(&mut self, id: u64) {
        let Some(invocation) = self.invocations.get_mut(&id) else { return };
        let waker = Waker::from(Arc::clone(&invocation.woken));
        loop {
            invocation.woken.0.store(false, Ordering::Relaxed);
            let running = &mut invocation.running;
            let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut Context::from_waker(&waker))));
            match polled {
                Ok(Poll::Ready(result)) => return self.end(id, result),
                Ok(Poll::Pending) if invocation.woken.0.load(Ordering::Relaxed) => {}
                Ok(Poll::Pending) => break,
                Err(_) => {
                    let function = invocation.delivery.function.name();
                    let now = self.world.now();
                    self.world.state().witness.must(now, Invariant::Panics, false, || format!("{function} panicked"));
                    return self.end(id, Err(killed("panic", "it panicked")));
                }
            }
        }
        let next = {
            let state = self.world.state();
            state.running.get(&id).and_then(|calls| calls.timers.iter().map(|(at, _)| *at).min())
        };
        if let Some(next) = next {
            self.push(next, Event::Go(id));
        }
    }

    /// An invocation is over, one way or the other.
    fn end(&mut self, id: u64, result: Result<(), Failed>) {
        let Some(invocation) = self.invocations.remove(&id) else { return };
        let now = self.world.now();
        let Invocation { running, warm, delivery, .. } = invocation;
        // Dropped before anything else is done: a connection of its own breaks with it.
        drop(running);
        let function = delivery.function;
        let (writes, done, changes) = {
            let mut state = self.world.state();
            let calls = state.running.remove(&id);
            let calls = calls.unwrap_or_default();
            let under_way =
                (self.world.cloud.count_with("restore-tests/open/"), self.world.cloud.count_with("incidents/open/"));
            state.witness.invoked(now, function, &calls.by_service, under_way);
            let (writes, done, changes) = (calls.writes, calls.done, calls.changes);
            (writes, done, changes)
        };
        let died = result.as_ref().is_err_and(Failed::of_the_container);
        if died && function == Function::Alert {
            self.world.state().witness.trouble(now);
        }
        if let Some(version) = delivery.audit.filter(|_| !died) {
            let mut state = self.world.state();
            // Only if nobody else changed anything meanwhile.
            if state.version_for(function) - version == changes {
                let words = || {
                    let name = function.name();
                    format!("a sweep of {name} that was to be left out made writing calls: {}", writes.join(", "))
                };
                state.witness.must(now, Invariant::FastForward, done == 0, words);
            }
        }
        if delivery.sort == Sort::Sweep
            && let Some(swept) = self.swept.get_mut(&function)
        {
            // What told somebody anything may do so again, though the world is as it was.
            swept.under_way = swept.under_way.saturating_sub(1);
            swept.unsettled |= died || done > 0;
            swept.failed = result.as_ref().err().cloned();
            swept.deadline = None;
        }
        match result {
            Ok(()) => self.idle.entry(function).or_default().push(warm),
            Err(failed) => {
                let died = matches!(failed.error_type, "Sandbox.Timedout" | "Runtime.ExitError" | "panic");
                if !died {
                    self.idle.entry(function).or_default().push(warm);
                }
                *self.counts.failed.entry(function.name()).or_default() += 1;
                self.world.state().weather.felt(now);
                self.again(delivery, &failed);
            }
        }
    }
}

fn killed(error_type: &'static str, words: &str) -> Failed {
    Failed { error_type, message: words.to_owned() }
}

fn killed_by_luck() -> Failed {
    killed("Runtime.ExitError", "the process was killed")
}

/// A payload that is shared by all its deliveries.
fn shared(payload: Value) -> Arc<Value> {
    Arc::new(payload)
}
