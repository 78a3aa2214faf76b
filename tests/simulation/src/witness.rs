//! The witness: what was done, made, told and written, and whether that may be. It goes by the plan, the cloud and what people were told, never
//! by what a function thinks of itself.

pub(crate) mod ends;
pub(crate) mod people;
pub(crate) mod slots;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_domain::inventory::{DbSnapshot, DbSnapshotStatus};
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbInstanceId, DbSnapshotId, FindingState, SecretName, Slot};
use holdfast_ports::{CreateDbSnapshot, RestoreDbInstance};
use holdfast_wire::Message;
use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::witness::people::{Read, Said};

/// What must hold. The first six are numbered in docs/architecture.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1: nothing deletes recovery points.
    LastCopy,
    /// 2: every slot ends in a recovery point or an incident.
    Slots,
    /// 3: no room outlives its deadline.
    Rooms,
    /// 4: nothing that a run did not create is changed.
    Others,
    /// 5: one incident per cause, opened, told in order, resolved.
    Incidents,
    /// 6: twice is once.
    Twice,
    /// No alert storm.
    Storms,
    /// A bounded ledger, each prefix written by its function, no record moved back.
    Ledger,
    /// A bounded number of calls.
    Rate,
    /// Rooms cost no more than was forecast.
    Cost,
    /// What the scheduler leaves out changes nothing.
    FastForward,
    /// No function panics.
    Panics,
}

impl Invariant {
    /// In words, for tables and findings.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LastCopy => "1 no recovery point is deleted",
            Self::Slots => "2 no slot is silently missed",
            Self::Rooms => "3 no room outlives its deadline",
            Self::Others => "4 nothing of others is touched",
            Self::Incidents => "5 one incident per cause",
            Self::Twice => "6 twice is once",
            Self::Storms => "no alert storm",
            Self::Ledger => "a bounded ledger, moved forward alone",
            Self::Rate => "a bounded number of calls",
            Self::Cost => "rooms cost what was forecast",
            Self::FastForward => "what is skipped changes nothing",
            Self::Panics => "nothing panics",
        }
    }
}

/// What did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What should have.
    pub invariant: Invariant,
    /// When it was seen.
    pub at: Timestamp,
    /// In words.
    pub words: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broke \"{}\": {}", self.at, self.invariant.words(), self.words)
    }
}

/// A message that somebody got.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    pub(crate) channel: String,
    pub(crate) read: Read,
}

/// A finding on the bus.
#[derive(Debug, Clone)]
pub(crate) struct OnBus {
    pub(crate) at: Timestamp,
    pub(crate) cause: String,
    pub(crate) resource: Option<String>,
    pub(crate) state: FindingState,
}

/// A recovery point that a function asked for.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) resource: String,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) slot: Option<Slot>,
    /// When it could first be restored from.
    pub(crate) available_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) violations: Vec<Violation>,
    pub(crate) checks: BTreeMap<Invariant, u64>,
    pub(crate) calls: u64,
    pub(crate) told: Vec<Told>,
    pub(crate) bus: Vec<OnBus>,
    pub(crate) points: BTreeMap<DbSnapshotId, Point>,
    rooms: BTreeSet<DbInstanceId>,
    pub(crate) secrets: BTreeMap<SecretName, Option<Timestamp>>,
    /// How many calls RDS got in this hour, and which hour it is.
    hour: (i64, u64),
    pub(crate) busiest_hour: u64,
    phases: BTreeMap<String, String>,
}

impl Witness {
    pub(crate) fn must(&mut self, at: Timestamp, invariant: Invariant, holds: bool, words: impl FnOnce() -> String) {
        *self.checks.entry(invariant).or_default() += 1;
        if !holds {
            self.violations.push(Violation { invariant, at, words: words() });
        }
    }

    pub(crate) fn called(&mut self, now: Timestamp, _: Function, operation: &'static str) {
        self.calls += 1;
        if operation.starts_with("rds:") {
            let hour = now.as_second() / 3_600;
            self.hour = if self.hour.0 == hour { (hour, self.hour.1 + 1) } else { (hour, 1) };
            self.busiest_hour = self.busiest_hour.max(self.hour.1);
        }
    }

    /// An object was written. Each prefix has one writer; evidence is never written over.
    pub(crate) fn wrote(&mut self, now: Timestamp, function: Function, key: &str, absent: bool) {
        let writer = [
            ("recovery-points/", Function::Snapshot),
            ("restore-tests/", Function::RestoreTest),
            ("evidence/", Function::RestoreTest),
            ("verifications/", Function::Verify),
            ("proved/", Function::Verify),
            ("incidents/", Function::Alert),
            ("acknowledgements/", Function::Acknowledge),
        ];
        let owner = writer.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, owner)| *owner);
        self.must(now, Invariant::Ledger, owner == Some(function), || format!("{} wrote {key}", function.name()));
        let over = key.starts_with("evidence/") && !absent;
        self.must(now, Invariant::Ledger, !over, || format!("{} wrote over {key}", function.name()));
    }

    /// A record of a run was written: it never goes back.
    pub(crate) fn run_is(&mut self, now: Timestamp, run: &str, phase: &str) {
        const ORDER: [&str; 6] = ["requested", "restoring", "preparing", "verifying", "destroying", "closed"];
        let place = |phase: &str| ORDER.iter().position(|name| *name == phase);
        let before = self.phases.insert(run.to_owned(), phase.to_owned());
        let forward = before.as_ref().is_none_or(|before| place(before) <= place(phase));
        self.must(now, Invariant::Ledger, forward, || format!("{run} went from {before:?} back to {phase}"));
    }

    /// An object was deleted: markers alone may be.
    pub(crate) fn removed(&mut self, now: Timestamp, function: Function, key: &str) {
        let allowed = match function {
            Function::RestoreTest => key.starts_with("restore-tests/open/"),
            Function::Alert => key.starts_with("incidents/open/"),
            Function::Snapshot | Function::Verify | Function::Acknowledge => false,
        };
        self.must(now, Invariant::Ledger, allowed, || format!("{} deleted {key}", function.name()));
    }

    pub(crate) fn begun(&mut self, now: Timestamp, request: &CreateDbSnapshot) {
        let tags = &request.tags;
        let named = request.id.as_str().starts_with("hf-") && tags.contains_key(tags::PLAN);
        self.must(now, Invariant::Others, named, || format!("{} is not named and tagged as ours", request.id));
        let point = Point {
            resource: tags.get(tags::RESOURCE).cloned().unwrap_or_default(),
            rules: tags::rules(tags).map(|rule| rule.to_string()).collect(),
            slot: tags::slot(tags),
            available_at: None,
        };
        self.points.insert(request.id.clone(), point);
    }

    pub(crate) fn tagged(&mut self, now: Timestamp, snapshot: &DbSnapshot, tags: &Tags) {
        let point = self.points.get_mut(&snapshot.id);
        if let Some(point) = point {
            point.rules.extend(tags::rules(tags).map(|rule| rule.to_string()));
            self.must(now, Invariant::Others, true, String::new);
        } else {
            self.must(now, Invariant::Others, false, || format!("{} was tagged, and is not ours", snapshot.id));
        }
    }

    /// A snapshot of ours came to its end in RDS.
    pub(crate) fn point_is(&mut self, now: Timestamp, id: &DbSnapshotId, status: &DbSnapshotStatus) {
        if let Some(point) = self.points.get_mut(id).filter(|_| *status == DbSnapshotStatus::Available) {
            point.available_at.get_or_insert(now);
        }
    }

    pub(crate) fn room_made(&mut self, now: Timestamp, request: &RestoreDbInstance) {
        self.rooms.insert(request.id.clone());
        let sealed = !request.security_groups.is_empty() && request.tags.contains_key(tags::RUN);
        self.must(now, Invariant::Rooms, sealed, || format!("the room {} is not sealed, or bears no run", request.id));
    }

    pub(crate) fn room_deleted(&mut self, now: Timestamp, id: &DbInstanceId) {
        let ours = self.rooms.contains(id);
        self.must(now, Invariant::Others, ours, || format!("{id} was deleted, and no run made it"));
    }

    pub(crate) fn room_reset(&mut self, now: Timestamp, id: &DbInstanceId) {
        let ours = self.rooms.contains(id);
        self.must(now, Invariant::Others, ours, || format!("{id} was given a password, and no run made it"));
    }

    pub(crate) fn secret_kept(&mut self, now: Timestamp, name: &SecretName, tags: &Tags) {
        let deadline = tags.get(tags::DEADLINE).and_then(|at| at.parse().ok());
        self.secrets.insert(name.clone(), deadline);
        self.must(now, Invariant::Rooms, deadline.is_some(), || format!("the secret {name} bears no deadline"));
    }

    pub(crate) fn secret_forgotten(&mut self, now: Timestamp, name: &SecretName) {
        let ours = name.as_str().starts_with("hf-rt-");
        self.must(now, Invariant::Others, ours, || format!("the secret {name} was deleted"));
        self.secrets.remove(name);
    }

    pub(crate) fn announced(&mut self, now: Timestamp, messages: &[Message]) {
        for message in messages {
            if let Message::Finding(finding) = message {
                self.bus.push(OnBus {
                    at: now,
                    cause: finding.cause.to_string(),
                    resource: finding.resource.as_ref().map(ToString::to_string),
                    state: finding.state,
                });
            }
        }
    }

    /// Somebody got a message. Whoever heard that an incident is over never hears again that it stands.
    pub(crate) fn told(&mut self, now: Timestamp, channel: &str, read: Read) {
        if let (Some(incident), Said::Stands) = (&read.incident, read.said) {
            let over = self.told.iter().rev().take(500).find(|told| {
                told.channel == channel && told.read.said == Said::Over && told.read.incident.as_ref() == Some(incident)
            });
            let (over, incident) = (over.map(|over| over.at), incident.clone());
            self.must(now, Invariant::Incidents, over.is_none(), || {
                format!("{channel} heard at {over:?} that {incident} is over, and now that it stands")
            });
        }
        self.told.push(Told { at: now, channel: channel.to_owned(), read });
    }

    /// How long the room's time was over when it was last undisturbed.
    pub(crate) fn rooms_in_time(
        &mut self,
        now: Timestamp,
        calm_since: Option<Timestamp>,
        rooms: &BTreeMap<DbInstanceId, crate::world::RoomFacts>,
    ) {
        for (id, facts) in rooms {
            let Some(deadline) = facts.deadline else { continue };
            let due = (deadline + ASKED_WITHIN).max(calm_since.map_or(deadline, |calm| calm + REAPED_WITHIN));
            let late = facts.asked_to_go_at.is_none() && now > due;
            self.must(now, Invariant::Rooms, !late, || {
                format!("the room {id} stands since {}, its deadline was {deadline}", facts.made_at)
            });
        }
    }
}

/// A room is asked to go within two sweeps of its deadline, and the time that an invocation takes.
const ASKED_WITHIN: SignedDuration = SignedDuration::from_mins(3);
/// After a disturbance the reaper takes it: it gives an open run half an hour past the deadline.
const REAPED_WITHIN: SignedDuration = SignedDuration::from_mins(35);
