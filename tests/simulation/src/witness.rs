//! The witness: what was done, made, told and written, and whether that may be. It goes by the plan, the cloud and what people were told, never
//! by what a function thinks of itself.

pub(crate) mod acts;
pub(crate) mod costs;
pub(crate) mod ends;
pub(crate) mod escalation;
pub(crate) mod people;
pub(crate) mod rate;
pub(crate) mod slots;
pub(crate) mod storms;
#[cfg(test)]
mod tests;
pub(crate) mod twice;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_domain::plan::Plan;
use holdfast_domain::{DbSnapshotId, FindingState, SecretName, Severity};
use holdfast_wire::Message;
use jiff::Timestamp;

use crate::functions::Function;
use crate::witness::acts::{Made, Point};
use crate::witness::costs::Rooms;
use crate::witness::people::{Read, Said};
use crate::witness::rate::{Services, Size};
use crate::witness::storms::Troubles;

/// What must hold. The first six are numbered in docs/architecture.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1: nothing deletes recovery points, nor their evidence.
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
    /// What is damaged is never proved, and what is sound never said to be damaged.
    Proof,
    /// Whoever is to be told is told, in time and not before.
    Escalation,
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
            Self::Proof => "no verdict is false",
            Self::Escalation => "people are told in time",
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
    pub(crate) severity: Severity,
    pub(crate) state: FindingState,
}

#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) violations: Vec<Violation>,
    pub(crate) checks: BTreeMap<Invariant, u64>,
    pub(crate) calls: u64,
    pub(crate) told: Vec<Told>,
    pub(crate) bus: Vec<OnBus>,
    pub(crate) points: BTreeMap<DbSnapshotId, Point>,
    pub(crate) secrets: BTreeMap<SecretName, Option<Timestamp>>,
    pub(crate) costs: Rooms,
    made: Made,
    troubles: Troubles,
    /// Who heard when that an incident is over: channel and incident.
    over: BTreeMap<(String, String), Timestamp>,
    phases: BTreeMap<String, String>,
    /// How large the plan is that holds, and the one before it.
    sizes: [Size; 2],
}

impl Witness {
    pub(crate) fn must(&mut self, at: Timestamp, invariant: Invariant, holds: bool, words: impl FnOnce() -> String) {
        *self.checks.entry(invariant).or_default() += 1;
        if !holds {
            self.violations.push(Violation { invariant, at, words: words() });
        }
    }

    /// Another plan holds from now on.
    pub(crate) fn deployed(&mut self, now: Timestamp, plan: &Plan) {
        self.sizes = [Size::of(plan), self.sizes[0]];
        self.costs.deployed(now, plan);
    }

    pub(crate) fn called(&mut self) {
        self.calls += 1;
    }

    /// An invocation is over, with so many open runs and unfinished incidents: it made no more calls than they and the plan need.
    pub(crate) fn invoked(
        &mut self,
        now: Timestamp,
        function: Function,
        services: &Services,
        (runs, incidents): (usize, usize),
    ) {
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let size = Size { runs: count(runs), incidents: count(incidents), ..self.sizes[0].or(self.sizes[1]) };
        for (service, made) in services.all() {
            let most = rate::most(function, service, size);
            self.must(now, Invariant::Rate, u64::from(made) <= most, || {
                let name = function.name();
                format!("an invocation of {name} made {made} calls of {service}, {most} are enough with {size:?}")
            });
        }
    }

    pub(crate) fn announced(&mut self, now: Timestamp, messages: &[Message]) {
        for message in messages {
            if let Message::Finding(finding) = message {
                self.bus.push(OnBus {
                    at: now,
                    cause: finding.cause.to_string(),
                    resource: finding.resource.as_ref().map(ToString::to_string),
                    severity: finding.severity,
                    state: finding.state,
                });
            }
        }
    }

    /// Somebody got a message. Whoever heard that an incident is over never hears again that it stands.
    pub(crate) fn told(&mut self, now: Timestamp, channel: &str, read: Read) {
        if let Some(incident) = &read.incident {
            let key = (channel.to_owned(), incident.clone());
            match read.said {
                Said::Stands => {
                    let over = self.over.get(&key).copied();
                    self.must(now, Invariant::Incidents, over.is_none(), || {
                        format!("{channel} heard at {over:?} that {} is over, and now that it stands", key.1)
                    });
                }
                Said::Over => {
                    self.over.entry(key).or_insert(now);
                }
                Said::Acknowledged | Said::Report | Said::Heartbeat | Said::Other => {}
            }
        }
        self.told.push(Told { at: now, channel: channel.to_owned(), read });
    }

    /// The incident that somebody heard of first, and of whose end nobody has heard.
    pub(crate) fn oldest_standing(&self) -> Option<String> {
        let over: BTreeSet<&str> = self.over.keys().map(|(_, incident)| incident.as_str()).collect();
        let stands = self.told.iter().filter(|told| told.read.said == Said::Stands);
        stands.filter_map(|told| told.read.incident.clone()).find(|incident| !over.contains(incident.as_str()))
    }
}
