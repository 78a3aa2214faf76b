//! What people should know of a database, topic by topic. Each topic is a cause of its own, so that what is healed of one does not close
//! the other; each is judged anew by every sweep, so that a lost message costs a sweep.

use holdfast_domain::inventory::{DatabaseKind, DbSnapshotStatus};
use holdfast_domain::{Cause, Finding, FindingState, Plan, ResourceName, Severity};
use holdfast_plan::write_duration;
use holdfast_ports::{Class, PortError, PortErrorKind};
use jiff::{SignedDuration, Timestamp};

use super::points::Flaw;
use super::slots::{Reason, RuleState};
use super::{Case, Take};

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A slot has no recovery point.
    Missing,
    /// A recovery point failed in RDS.
    Failed,
    /// A recovery point is smaller than the plan allows, or nobody can tell.
    Size,
    /// A recovery point is not encrypted with a key.
    Encryption,
    /// A recovery point is gone before its retention ended.
    Gone,
    /// A recovery point is stuck, or took longer than the plan allows.
    Duration,
    /// What others take is missing or old.
    External,
    /// Continuous backup reaches less far back than the plan says.
    PitrWindow,
    /// Continuous backup lags behind.
    PitrLag,
    /// Continuous backup is not replicated as the plan says.
    PitrReplication,
    /// Automated backups are made when a rule is due.
    BackupWindow,
}

impl Topic {
    /// The word for it in the cause.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "snapshot",
            Self::Failed => "snapshot-failed",
            Self::Size => "snapshot-size",
            Self::Encryption => "snapshot-encryption",
            Self::Gone => "snapshot-gone",
            Self::Duration => "snapshot-duration",
            Self::External => "external",
            Self::PitrWindow => "pitr-window",
            Self::PitrLag => "pitr-lag",
            Self::PitrReplication => "pitr-replication",
            Self::BackupWindow => "backup-window",
        }
    }

    /// The cause for a resource.
    #[must_use]
    pub fn cause(self, plan: &Plan, resource: &ResourceName) -> Cause {
        Cause::of_resource(&plan.name, &plan.environment, resource, self.word())
    }
}

/// How a topic stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The topic.
    pub topic: Topic,
    /// How it stands.
    pub state: State,
}

/// How a topic stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// People should know this.
    Stands(Words),
    /// It cannot be said yet: what people were told stays as it is.
    Unclear,
    /// There is nothing, in the words that end what people were told.
    Clear(String),
}

/// What people are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// How much it matters.
    pub severity: Severity,
    /// What happened, one sentence. It stays the same as long as nothing new happens.
    pub title: String,
    /// What it threatens.
    pub threatens: String,
    /// What to do next.
    pub next_step: String,
    /// Particulars.
    pub facts: Vec<(String, String)>,
}

impl Words {
    /// The finding, seen now.
    #[must_use]
    pub fn finding(&self, cause: Cause, resource: &ResourceName, now: Timestamp) -> Finding {
        Finding {
            cause,
            state: FindingState::Open,
            severity: self.severity,
            resource: Some(resource.clone()),
            part: None,
            title: self.title.clone(),
            threatens: self.threatens.clone(),
            next_step: self.next_step.clone(),
            facts: self.facts.clone(),
            seen_at: now,
        }
    }
}

/// The topics that slots and their recovery points decide.
pub(super) fn of_slots(case: &Case<'_>, states: &[RuleState<'_>]) -> Vec<Condition> {
    vec![
        missing(case, states),
        flawed(case, states, Topic::Failed),
        size(case, states),
        flawed(case, states, Topic::Encryption),
        gone(case, states),
        duration(case),
    ]
}

fn missing(case: &Case<'_>, states: &[RuleState<'_>]) -> Condition {
    let topic = Topic::Missing;
    let late = |state: &RuleState<'_>| case.now >= case.told_from(state.slot);
    let stands = |state: &&RuleState<'_>| match &state.reason {
        Reason::NameTaken(_) | Reason::NoDatabase => true,
        Reason::Busy(_) | Reason::Blocked(_) | Reason::AwaitsPromotion(_) => late(state) || state.missed > 0,
        // Other topics tell these, but not of the slots that were missed before.
        Reason::Take(_)
        | Reason::BeingTaken(_)
        | Reason::Promoted(_)
        | Reason::Flawed(..)
        | Reason::Gone(_)
        | Reason::TooOld
        | Reason::Due
        | Reason::Taken(_)
        | Reason::Expired => state.missed > 0,
    };
    let standing: Vec<&RuleState<'_>> = states.iter().filter(stands).collect();
    if let Some(newest) = standing.iter().max_by_key(|state| state.slot) {
        let mut words = not_there(case, newest);
        let rules: Vec<&str> = standing.iter().map(|state| state.rule.as_str()).collect();
        words.facts.push(("rules".into(), rules.join(", ")));
        return Condition { topic, state: State::Stands(words) };
    }
    if states.iter().all(|state| state.reason.is_settled()) {
        let newest = states.iter().map(|state| state.slot).max();
        let there = newest.map_or_else(
            || format!("{} has no snapshot rule any more", case.name),
            |slot| format!("the snapshot of {} due at {} is there", case.name, slot.instant()),
        );
        return Condition { topic, state: State::Clear(there) };
    }
    Condition { topic, state: State::Unclear }
}

fn not_there(case: &Case<'_>, state: &RuleState<'_>) -> Words {
    let reason = match &state.reason {
        Reason::NameTaken(_)
        | Reason::NoDatabase
        | Reason::Busy(_)
        | Reason::Blocked(_)
        | Reason::AwaitsPromotion(_) => state.reason.in_general(),
        // The slot itself is being made good: what people must know is that there are others, and it stays the same until it is.
        Reason::Taken(_)
        | Reason::BeingTaken(_)
        | Reason::Promoted(_)
        | Reason::Flawed(..)
        | Reason::Gone(_)
        | Reason::Expired
        | Reason::TooOld
        | Reason::Due
        | Reason::Take(_) => "slots before it were missed".into(),
    };
    let mut words = without_recovery_point(case, state.slot.instant(), &reason);
    words.next_step = match &state.reason {
        Reason::NameTaken(id) => format!("see who made {id} in {}, and rename or delete it", case.resource.region),
        Reason::NoDatabase => {
            format!("create {} in {}, or correct `id` and `region` in the plan", case.database, case.resource.region)
        }
        Reason::Busy(_) => "bring the database back to available; the slot is taken late as soon as it is".into(),
        Reason::Blocked(_) | Reason::AwaitsPromotion(_) => {
            "wait for the other snapshot, or see why it takes so long; the slot is taken late as soon as it is done"
                .into()
        }
        Reason::Take(_) | Reason::BeingTaken(_) | Reason::Promoted(_) => {
            "see in the logs of snapshot why it did not run; the newest slot is being made good now".into()
        }
        Reason::Flawed(..) | Reason::Gone(_) | Reason::TooOld | Reason::Due | Reason::Taken(_) | Reason::Expired => {
            "see in the logs of snapshot why it did not run".into()
        }
    };
    if state.missed > 0 {
        words.facts.push(("slots before it without a recovery point".into(), state.missed.to_string()));
    }
    words
}

fn without_recovery_point(case: &Case<'_>, due: Timestamp, reason: &str) -> Words {
    Words {
        severity: Severity::High,
        title: format!("the snapshot of {} due at {due} is not there as it must be: {reason}", case.name),
        threatens: format!("what changed in {} since its last good recovery point cannot be recovered", case.name),
        next_step: String::new(),
        facts: vec![("database".into(), format!("{} in {}", case.database, case.resource.region))],
    }
}

/// What people are told when RDS did not take a snapshot that was asked for, or there was no time left to ask. Nothing, as long as it may
/// yet be on time; at once, where somebody has to change something first.
#[must_use]
pub fn refused(resource: &ResourceName, take: &Take, why: &Refusal<'_>, now: Timestamp) -> Option<Condition> {
    let is_late = now >= take.told_from;
    let (words, next_step, at_once) = match why {
        Refusal::Error(error) => match error.kind {
            PortErrorKind::QuotaExceeded => (
                "the quota of manual snapshots is used up".to_owned(),
                "delete manual snapshots that nobody needs, or have AWS raise the quota; the slot is taken late as soon as there is room",
                true,
            ),
            PortErrorKind::Throttled => {
                ("RDS throttles the calls".to_owned(), "see who else calls RDS in this account so often", false)
            }
            PortErrorKind::AccessDenied => (
                "RDS refuses it".to_owned(),
                "see the role of snapshot and the key of the database: RDS's words stand below",
                true,
            ),
            PortErrorKind::NotFound
            | PortErrorKind::AlreadyExists
            | PortErrorKind::PreconditionFailed
            | PortErrorKind::InvalidState
            | PortErrorKind::Unavailable
            | PortErrorKind::Invalid
            | PortErrorKind::TooMany => (
                "RDS did not take it".to_owned(),
                "see RDS's words below; it is tried again with every sweep",
                error.class() == Class::Permanent && error.kind != PortErrorKind::AlreadyExists,
            ),
        },
        Refusal::NoTime => (
            "there are more databases than one sweep reaches".to_owned(),
            "give snapshot more time or RDS calls a second, or spread the rules over more than one hour",
            false,
        ),
    };
    if !is_late && !at_once {
        return None;
    }
    let mut facts = vec![
        ("database".into(), format!("{} in {}", take.request.database, take.request.region)),
        ("rules".into(), take.rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    ];
    if let Refusal::Error(error) = why {
        facts.push(("in RDS's words".into(), error.to_string()));
    }
    let due = take.slot.instant();
    let words = Words {
        severity: Severity::High,
        title: format!("the snapshot of {resource} due at {due} is not there as it must be: {words}"),
        threatens: format!("what changed in {resource} since its last good recovery point cannot be recovered"),
        next_step: next_step.into(),
        facts,
    };
    Some(Condition { topic: Topic::Missing, state: State::Stands(words) })
}

/// Why a snapshot was not begun.
#[derive(Debug)]
pub enum Refusal<'a> {
    /// RDS said so.
    Error(&'a PortError),
    /// The invocation's time was over.
    NoTime,
}

fn flawed(case: &Case<'_>, states: &[RuleState<'_>], topic: Topic) -> Condition {
    let is_it = |flaw: &Flaw| match flaw {
        Flaw::Failed => topic == Topic::Failed,
        Flaw::TooSmall { .. } => topic == Topic::Size,
        Flaw::Unencrypted => topic == Topic::Encryption,
    };
    for state in states {
        if let Reason::Flawed(id, flaw) = &state.reason
            && is_it(flaw)
        {
            let of = format!("due at {}", state.slot.instant());
            return Condition { topic, state: State::Stands(no_good(case, id.as_str(), &of, flaw)) };
        }
    }
    if let Some(point) = case.newest_requested()
        && let Some(flaw) = case.flaw(point, point.rules().first()).filter(is_it)
    {
        let words = no_good(case, point.seen.id.as_str(), "asked for by hand", &flaw);
        return Condition { topic, state: State::Stands(words) };
    }
    settled(case, states, topic)
}

/// Over, once every rule has a good recovery point again.
fn settled(case: &Case<'_>, states: &[RuleState<'_>], topic: Topic) -> Condition {
    let state = if states.iter().all(|state| state.reason.is_settled()) {
        State::Clear(format!("every rule of {} has a good recovery point", case.name))
    } else {
        State::Unclear
    };
    Condition { topic, state }
}

fn no_good(case: &Case<'_>, id: &str, of: &str, flaw: &Flaw) -> Words {
    let next_step = match flaw {
        Flaw::Failed => {
            "read RDS's events of the snapshot, then delete it: the slot is taken anew, or the next one serves it"
        }
        Flaw::TooSmall { .. } => "see whether data is missing in the source, or correct `size_min` in the plan",
        Flaw::Unencrypted => {
            "restore the database into an encrypted one: RDS cannot encrypt an existing one, nor its snapshots but by copy"
        }
    };
    Words {
        severity: Severity::High,
        title: format!("the snapshot of {} {of} is not there as it must be: {flaw}", case.name),
        threatens: match flaw {
            Flaw::Failed | Flaw::TooSmall { .. } => {
                format!("what changed in {} since its last good recovery point cannot be recovered", case.name)
            }
            Flaw::Unencrypted => format!("whoever gets the recovery points of {} can read them", case.name),
        },
        next_step: next_step.into(),
        facts: vec![
            ("database".into(), format!("{} in {}", case.database, case.resource.region)),
            ("snapshot".into(), id.into()),
        ],
    }
}

/// Too small, or of a size that nobody knows. Unknown is not healthy.
fn size(case: &Case<'_>, states: &[RuleState<'_>]) -> Condition {
    let too_small = flawed(case, states, Topic::Size);
    let demanded = case.resource.snapshots.values().any(|rule| rule.size_min_bytes.is_some());
    let unknown = states.iter().filter_map(|state| state.point).find(|point| {
        point.seen.status == DbSnapshotStatus::Available
            && point.seen.size_bytes.is_none()
            && case.database.kind() == DatabaseKind::Cluster
    });
    match (&too_small.state, unknown) {
        (State::Clear(_), Some(point)) if demanded && case.watched.size_bytes.is_none() => {
            let words = Words {
                severity: Severity::Low,
                title: format!("nobody can tell the size of {}'s snapshots, which `size_min` is about", case.name),
                threatens: "an empty recovery point would not be noticed before it is restored".into(),
                next_step: "have a restore test look at it: RDS tells no size of a DB cluster snapshot".into(),
                facts: vec![("snapshot".into(), point.seen.id.to_string())],
            };
            Condition { topic: Topic::Size, state: State::Stands(words) }
        }
        (State::Stands(_) | State::Unclear | State::Clear(_), _) => too_small,
    }
}

fn gone(case: &Case<'_>, states: &[RuleState<'_>]) -> Condition {
    let gone =
        states.iter().find_map(|state| if let Reason::Gone(id) = &state.reason { Some((state, id)) } else { None });
    let Some((state, id)) = gone else { return settled(case, states, Topic::Gone) };
    let words = Words {
        severity: Severity::High,
        title: format!(
            "the snapshot of {} due at {} is gone before its retention ended",
            case.name,
            state.slot.instant()
        ),
        threatens: format!("somebody deletes recovery points of {}, by mistake or not", case.name),
        next_step: "ask CloudTrail who called DeleteDBSnapshot or DeleteDBClusterSnapshot".into(),
        facts: vec![
            ("snapshot".into(), format!("{id} in {}", case.resource.region)),
            ("rule".into(), state.rule.to_string()),
        ],
    };
    Condition { topic: Topic::Gone, state: State::Stands(words) }
}

/// Stuck in the making, or complete after longer than the plan allows. Over, once one is made in time.
fn duration(case: &Case<'_>) -> Condition {
    let topic = Topic::Duration;
    let open = case.ours.iter().filter(|point| point.is_open());
    let stuck = open.into_iter().find_map(|point| {
        let (time, allowed) = (case.running_for(point.seen)?, case.allowed(point.seen));
        (time >= allowed).then_some((point, allowed))
    });
    let words = |title: String, id: &str, allowed: SignedDuration| Words {
        severity: Severity::High,
        title,
        threatens: format!("recovery points of {} come later than the plan counts on", case.name),
        next_step: "read RDS's events of the snapshot; raise `takes_max` in the plan if the database has grown".into(),
        facts: vec![("snapshot".into(), id.into()), ("allowed".into(), write_duration(allowed))],
    };
    if let Some((point, allowed)) = stuck {
        let title =
            format!("a snapshot of {} has been in the making for longer than {}", case.name, write_duration(allowed));
        return Condition { topic, state: State::Stands(words(title, point.seen.id.as_str(), allowed)) };
    }
    let awaited = |id| case.watched.pending.contains_key(id);
    if case.ours.iter().any(|point| !point.is_open() && awaited(&point.seen.id)) {
        // It has just come to an end; how long it took is written down with that.
        return Condition { topic, state: State::Unclear };
    }
    let last = case.watched.last.as_ref();
    match last.and_then(|last| Some((last, last.allowed.filter(|allowed| last.took > *allowed)?))) {
        Some((last, allowed)) => {
            let title = format!("the last snapshot of {} took longer than {}", case.name, write_duration(allowed));
            let mut words = words(title, last.snapshot.as_str(), allowed);
            words.facts.push(("took".into(), write_duration(last.took)));
            Condition { topic, state: State::Stands(words) }
        }
        None => Condition { topic, state: State::Clear(format!("snapshots of {} are made in time", case.name)) },
    }
}
