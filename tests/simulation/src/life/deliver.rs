//! Deliveries: who is started with what, again or not at all.

use std::sync::Arc;

use holdfast_domain::Region;
use holdfast_wire::Message;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::chance::mix;
use crate::functions::{Failed, Function};
use crate::misfortune::Misfortune;
use crate::wiring::{DEFAULT_BUS, Destination, OUR_BUS};
use crate::world::Effect;

use super::rds::Later;
use super::{Event, Life, shared};

/// What can become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A schedule's: the next one makes it good.
    Sweep,
    /// A hint, which may be lost.
    Hint,
    /// What AWS keeps until it is taken: SNS's messages, and what Lambda repeats. It may come late and twice.
    Kept,
}

/// One start of a function to be.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) function: Function,
    pub(crate) payload: Arc<Value>,
    pub(crate) sort: Sort,
    pub(crate) attempt: u32,
    /// It would have been left out: the world's version when that was decided.
    pub(crate) audit: Option<u64>,
}

/// Lambda waits so long before it repeats (source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
/// invocation").
const RETRIES_AFTER: [i64; 2] = [60, 120];

impl Life<'_> {
    /// Delivers, with what may happen on the way.
    pub(super) fn deliver(&mut self, function: Function, payload: Value, sort: Sort) {
        let now = self.world.now();
        let delivery = Delivery { function, payload: shared(payload), sort, attempt: 0, audit: None };
        let (lost, doubled, late) = {
            let weather = &mut self.world.state().weather;
            let lost = sort == Sort::Hint
                && weather
                    .meet(now, |what| {
                        matches!(what, Misfortune::Lost { function: of } if *of == function).then_some(())
                    })
                    .is_some();
            let doubled = weather.meet(now, |what| {
                let Misfortune::Doubled { function: of, seconds, look } = what else { return None };
                (*of == function).then_some((i64::from(*seconds), *look))
            });
            let late = weather.meet(now, |what| {
                let Misfortune::Late { function: of, seconds } = what else { return None };
                (*of == function).then_some(i64::from(*seconds))
            });
            if let Some(late) = late {
                weather.felt(now + SignedDuration::from_secs(late));
            }
            (lost, doubled, late)
        };
        if lost {
            return;
        }
        let on_the_way = 200 + mix(self.world.seed, delivery.payload.to_string().as_bytes()) % 1_800;
        let after = SignedDuration::from_millis(i64::try_from(on_the_way).unwrap_or(0))
            + SignedDuration::from_secs(late.unwrap_or(0));
        if let Some((seconds, look)) = doubled {
            let again = after + SignedDuration::from_secs(seconds);
            if !look {
                self.after(again, Event::Deliver(delivery.clone()));
            } else if self.wiring.swept().any(|swept| swept == function) {
                self.sweep(function, again, None);
            }
        }
        self.after(after, Event::Deliver(delivery));
    }

    /// A delivery failed: Lambda repeats it, and then tells the failure destination.
    pub(super) fn again(&mut self, delivery: Delivery, failed: &Failed) {
        let settings = self.wiring.settings(delivery.function);
        let is_audit = delivery.audit.is_some() && delivery.attempt == 0;
        if settings.url || is_audit {
            return;
        }
        let attempt = delivery.attempt as usize;
        if delivery.attempt < settings.retries {
            let after = RETRIES_AFTER.get(attempt).copied().unwrap_or(120);
            // What Lambda repeats it keeps, whatever it was.
            let again = Delivery { attempt: delivery.attempt + 1, audit: None, ..delivery };
            self.after(SignedDuration::from_secs(after), Event::Deliver(again));
            return;
        }
        let function = delivery.function.name();
        let record = json!({
            "version": "1.0",
            "timestamp": self.world.now().to_string(),
            "requestContext": {
                "functionArn": format!("arn:aws:lambda:eu-west-1:000000000000:function:holdfast-{function}:$LATEST"),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempt + 1,
            },
            "requestPayload": &*delivery.payload,
            "responsePayload": { "errorType": failed.error_type, "errorMessage": failed.message },
        });
        self.publish(&settings.on_failure, &record);
    }

    fn publish(&mut self, topic: &str, message: &Value) {
        for end in self.wiring.of_topic(topic) {
            if let Destination::Notified(function) = end {
                let payload = self.notification(topic, message);
                self.deliver(function, payload, Sort::Kept);
            }
        }
    }

    fn notification(&mut self, topic: &str, message: &Value) -> Value {
        let now = self.world.now();
        let id = self.world.state().next();
        json!({ "Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": format!("arn:aws:sns:eu-west-1:000000000000:{topic}:0"),
            "Sns": {
                "Type": "Notification",
                "MessageId": format!("message-{id}"),
                "TopicArn": format!("arn:aws:sns:eu-west-1:000000000000:{topic}"),
                "Subject": null,
                "Message": message.to_string(),
                "Timestamp": now.to_string(),
                "SignatureVersion": "1",
                "Signature": "simulated",
                "SigningCertUrl": "https://sns.eu-west-1.amazonaws.com/simulated.pem",
                "UnsubscribeUrl": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
                "MessageAttributes": {},
            },
        }] })
    }

    /// An event on a bus goes to everybody whose rule it fits.
    fn event(&mut self, bus: &str, source: &str, kind: &str, region: &str, detail: Value) {
        let (now, id) = (self.world.now(), self.world.state().next());
        let event = json!({
            "version": "0",
            "id": format!("event-{id}"),
            "detail-type": kind,
            "source": source,
            "account": "000000000000",
            "time": now.to_string(),
            "region": region,
            "resources": [],
            "detail": detail,
        });
        for end in self.wiring.of_event(bus, &event) {
            match end {
                Destination::Function(function) => self.deliver(function, event.clone(), Sort::Hint),
                Destination::Notified(function) => {
                    let payload = self.notification("holdfast-findings", &event);
                    self.deliver(function, payload, Sort::Kept);
                }
                Destination::Queue(_) => {}
            }
        }
    }

    /// RDS says that something happened.
    pub(super) fn rds_event(&mut self, kind: &str, region: &Region, source_id: &str, event_id: &str) {
        let detail = json!({
            "EventCategories": ["creation"],
            "SourceIdentifier": source_id,
            "EventID": event_id,
            "Message": "simulated",
        });
        self.event(DEFAULT_BUS, "aws.rds", kind, region.as_str(), detail);
    }

    /// What invocations set going.
    pub(super) fn follow_effects(&mut self) {
        loop {
            let effects = std::mem::take(&mut self.world.state().effects);
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Announced(messages) => messages.iter().for_each(|message| self.announced(message)),
                    Effect::SnapshotBegun { region, id, kind, database } => {
                        self.snapshot_begun(region, id, kind, &database);
                    }
                    Effect::RestoreBegun { region, room, resource } => self.restore_begun(region, room, &resource),
                    Effect::DeletionBegun { region, room, resource } => self.deletion_begun(region, room, &resource),
                    Effect::OfCluster(what) => self.cluster_room(what),
                    Effect::Reset { region, room } => {
                        let done = Later::ResetDone { region, room };
                        self.after(SignedDuration::from_secs(60), Event::Later(Later::of_rooms()));
                        self.after(SignedDuration::from_secs(61), Event::Later(done));
                    }
                }
            }
        }
    }

    fn announced(&mut self, message: &Message) {
        self.event(OUR_BUS, holdfast_wire::SOURCE, message.detail_type(), "eu-west-1", message.detail());
    }

    // Sweeps.

    /// The minute is full: whoever may have something to do is swept.
    pub(super) fn tick(&mut self) {
        let now = self.world.now();
        if now != self.next_tick {
            return;
        }
        for function in self.wiring.swept().collect::<Vec<_>>() {
            let begins = self.sweep_of(function, now);
            let why = self.why_sweep(function, begins);
            let audit = why.is_none() && self.is_audited(function, now);
            if why.is_none() && !audit {
                self.counts.skipped += 1;
                continue;
            }
            self.counts.audited += u64::from(audit);
            if let Some(why) = why {
                *self.counts.sweeps.entry((function.name(), why)).or_default() += 1;
            }
            let audit = audit.then(|| self.world.state().version_for(function));
            self.sweep(function, begins.duration_since(now), audit);
        }
        self.next_tick = self.tick_after(now);
        self.push(self.next_tick, Event::Tick);
    }

    /// A schedule starts a function.
    pub(super) fn sweep(&mut self, function: Function, after: SignedDuration, audit: Option<u64>) {
        if self.world.state().weather.no_sweeps(self.world.now(), function) {
            return;
        }
        let payload = shared(json!({ "holdfast": "sweep" }));
        let delivery = Delivery { function, payload, sort: Sort::Sweep, attempt: 0, audit };
        self.after(after, Event::Deliver(delivery));
    }

    /// When the sweep of a minute begins: some seconds into it.
    fn sweep_of(&self, function: Function, minute: Timestamp) -> Timestamp {
        let offset = mix(self.world.seed ^ minute.as_second().unsigned_abs(), function.name().as_bytes()) % 10_000;
        minute + SignedDuration::from_millis(i64::try_from(offset).unwrap_or(0))
    }

    fn is_audited(&self, function: Function, minute: Timestamp) -> bool {
        mix(self.world.seed ^ minute.as_second().unsigned_abs(), function.name().as_bytes()).is_multiple_of(100)
    }

    /// A repetition of a sweep that failed: with nothing changed since the last sweep it sees the same and ends as that did, and is left out
    /// like any other. What is told of it in the end is told.
    pub(super) fn is_left_out(&mut self, delivery: &mut Delivery) -> bool {
        let (function, now) = (delivery.function, self.world.now());
        let is_repetition = delivery.sort == Sort::Sweep && delivery.attempt > 0;
        if !is_repetition || self.is_needed(function, now) {
            return false;
        }
        if self.is_audited(function, now) {
            self.counts.audited += 1;
            delivery.audit = Some(self.world.state().version_for(function));
            return false;
        }
        self.counts.skipped += 1;
        if let Some(failed) = self.swept.get(&function).and_then(|swept| swept.failed.clone()) {
            self.world.state().weather.felt(now);
            self.again(delivery.clone(), &failed);
        }
        true
    }

    fn is_needed(&mut self, function: Function, begins: Timestamp) -> bool {
        self.why_sweep(function, begins).is_some()
    }

    /// Why a sweep that begins then cannot be left out.
    fn why_sweep(&mut self, function: Function, begins: Timestamp) -> Option<&'static str> {
        let version = self.world.state().version_for(function);
        let swept = self.swept.entry(function).or_default();
        if swept.unsettled || swept.under_way > 0 {
            return Some("the one before did something, was killed, or is at it");
        }
        if swept.version != version {
            return Some(self.world.state().last_change_for(function));
        }
        let ends = begins + self.world.state().weather.takes(begins, function);
        (self.deadline(function) <= ends).then_some("its time comes")
    }

    /// When time alone may change what a function decides.
    fn deadline(&mut self, function: Function) -> Timestamp {
        let version = self.world.state().version_for(function);
        let known = self.swept.get(&function).and_then(|swept| swept.deadline);
        if let Some((_, at)) = known.filter(|(of, _)| *of == version) {
            return at;
        }
        let since = self.swept.get(&function).and_then(|swept| swept.at).unwrap_or(self.begins);
        let at = self.next_deadline(function, since);
        if let Some(swept) = self.swept.get_mut(&function) {
            swept.deadline = Some((version, at));
        }
        at
    }

    fn tick_after(&mut self, now: Timestamp) -> Timestamp {
        let functions: Vec<Function> = self.wiring.swept().collect();
        let mut at = full_minute_after(now);
        loop {
            let awake = functions.iter().any(|function| {
                self.is_needed(*function, self.sweep_of(*function, at)) || self.is_audited(*function, at)
            });
            if awake {
                return at;
            }
            self.counts.skipped += functions.len() as u64;
            at += SignedDuration::from_mins(1);
        }
    }

    /// Something changed: the next minute is looked at.
    pub(super) fn tick_soon(&mut self) {
        let soon = full_minute_after(self.world.now());
        if soon >= self.next_tick {
            return;
        }
        let state = self.world.state();
        let awake = |(function, swept): (&Function, &super::Swept)| {
            swept.unsettled || swept.version != state.version_for(*function)
        };
        let awake = self.swept.iter().any(awake);
        drop(state);
        if awake {
            self.next_tick = soon;
            self.push(soon, Event::Tick);
        }
    }

    /// A schedule of the plan fires: the same as a sweep, at another moment of the minute.
    pub(super) fn fire(&mut self, plan: usize, place: usize) {
        if plan != self.current {
            return;
        }
        let Some(schedule) = self.plans[plan].schedules().iter().nth(place).cloned() else { return };
        let now = self.world.now();
        if let Some(function) = Function::of(schedule.function.as_str()).filter(|f| self.wiring.is_scheduled(*f)) {
            // Scheduler is precise to the minute (source: EventBridge Scheduler User Guide, "What is Amazon EventBridge Scheduler").
            let offset = mix(self.world.seed ^ now.as_second().unsigned_abs(), schedule.expression.as_bytes()) % 59_000;
            self.sweep(function, SignedDuration::from_millis(i64::try_from(offset).unwrap_or(0)), None);
        }
        self.schedule(plan, place);
    }

    /// Looks for the next firing of a schedule.
    pub(super) fn schedule(&mut self, plan: usize, place: usize) {
        let Some(schedule) = self.plans[plan].schedules().iter().nth(place) else { return };
        let Ok(cron) = holdfast_domain::Schedule::parse(&schedule.expression, &schedule.time_zone) else { return };
        if let Some(next) = cron.next_after(self.world.now()) {
            self.push(next, Event::Schedule(plan, place));
        }
    }
}

pub(super) fn full_minute_after(now: Timestamp) -> Timestamp {
    let second = (now.as_second() / 60 + 1) * 60;
    Timestamp::from_second(second).unwrap_or(now)
}
