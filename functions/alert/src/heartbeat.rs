//! The message that all is well, and what it may say. Pure.
//!
//! Its absence is a signal: whoever watches from outside (a dead-man switch) is alarmed when it does not come. So it is
//! never sent without having looked: what could not be read is said, and is not well.

use holdfast_domain::{Plan, ResourceName, Severity, Slot};
use holdfast_ledger::HeartbeatRecord;
use jiff::{SignedDuration, Timestamp};

use crate::story::{Event, Story, lasted};

/// How late a heartbeat may be. One of yesterday says nothing of today.
pub const LATE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// The most resources that are named one by one.
const NAMED_MAX: usize = 20;

/// What is known of one resource's proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Its newest judged restore test passed.
    Proved {
        /// When, UTC.
        at: Timestamp,
    },
    /// Its newest judged restore test did not pass.
    Disproved {
        /// `failed` or `inconclusive`.
        verdict: &'static str,
        /// When one last passed, UTC, as far as was looked.
        proved_at: Option<Timestamp>,
    },
    /// It was never judged.
    Never,
    /// The plan has no restore test of it.
    Untested,
    /// Nobody knows: the ledger could not be read.
    Unknown(String),
}

/// The slot whose heartbeat is due.
#[must_use]
pub fn due(plan: &Plan, now: Timestamp) -> Option<Slot> {
    plan.alerts.heartbeat.as_ref()?.at.latest_at_or_before(now, LATE_MAX).map(Slot::at)
}

/// What a heartbeat says. `open` are the incidents that stand, by id; `None` if that could not be read.
#[must_use]
pub fn heartbeat(
    slot: Slot,
    proofs: &[(ResourceName, Proof)],
    open: Option<&[String]>,
    now: Timestamp,
) -> HeartbeatRecord {
    let tested = proofs.iter().filter(|(_, proof)| *proof != Proof::Untested).count();
    let unproved: Vec<String> = proofs.iter().filter_map(|(name, proof)| unproved(name, proof, now)).collect();
    let oldest = proofs.iter().filter_map(|(_, proof)| proved_at(proof)).min();
    let oldest = oldest.map(|at| format!(", oldest proof {}", lasted(now.duration_since(at)))).unwrap_or_default();
    let proved = match (tested, unproved.len()) {
        (0, _) => "nothing is tested: the plan has no restore test".into(),
        (_, 0) => format!("everything proved{oldest}"),
        (all, not) => format!("{not} of {all} not proved{oldest}"),
    };
    let incidents = match open {
        None => "open incidents: unknown".into(),
        Some([]) => "open incidents: none".into(),
        Some(open) => format!("open incidents: {}", open.len()),
    };
    let untested = proofs.len() - tested;
    let mut facts: Vec<(String, String)> = Vec::new();
    if untested > 0 {
        facts.push(("Without restore tests".into(), format!("{untested} of {} resources", proofs.len())));
    }
    let open_facts = open.unwrap_or_default().iter().map(|id| ("Open incident".to_owned(), id.clone()));
    let unproved_facts = unproved.iter().map(|words| ("Not proved".to_owned(), words.clone()));
    facts.extend(unproved_facts.chain(open_facts).take(NAMED_MAX));
    HeartbeatRecord {
        slot,
        title: format!("{proved}, {incidents}"),
        well: tested > 0 && unproved.is_empty() && open.is_some_and(<[String]>::is_empty),
        facts,
        read_at: now,
        to: Default::default(),
    }
}

fn proved_at(proof: &Proof) -> Option<Timestamp> {
    match proof {
        Proof::Proved { at } => Some(*at),
        Proof::Disproved { .. } | Proof::Never | Proof::Untested | Proof::Unknown(_) => None,
    }
}

fn unproved(name: &ResourceName, proof: &Proof, now: Timestamp) -> Option<String> {
    let words = match proof {
        Proof::Proved { .. } | Proof::Untested => return None,
        Proof::Disproved { verdict, proved_at } => {
            let last = proved_at
                .map_or("no proof is known".into(), |at| format!("last proved {} ago", lasted(now.duration_since(at))));
            format!("the newest restore test was {verdict}, {last}")
        }
        Proof::Never => "no restore test was judged yet".into(),
        Proof::Unknown(words) => format!("its restore tests could not be read: {words}"),
    };
    Some(format!("{name}: {words}"))
}

/// The message of a heartbeat.
#[must_use]
pub fn story(plan: &Plan, record: &HeartbeatRecord) -> Story {
    let group = format!("{}/{}", plan.name, plan.environment);
    Story {
        reference: format!("{group}/heartbeat/{}", record.slot),
        event: Event::Heartbeat,
        severity: if record.well { Severity::Info } else { Severity::Low },
        place: group.clone(),
        group,
        title: record.title.clone(),
        since: record.read_at,
        until: None,
        threatens: String::new(),
        next_step: String::new(),
        lines: Vec::new(),
        notes: Vec::new(),
        facts: record.facts.clone(),
        owners: Vec::new(),
        links: Vec::new(),
        possibly_repeated: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{minute, name};

    fn says(proofs: &[Proof], open: Option<&[String]>) -> (String, bool) {
        let names = ["orders-db", "users-db", "logs-db"].map(name::<ResourceName>);
        let proofs: Vec<_> = names.into_iter().zip(proofs.iter().cloned()).collect();
        let record = heartbeat(Slot::at(minute(0)), &proofs, open, minute(0));
        (record.title, record.well)
    }

    fn days_ago(days: i64) -> Timestamp {
        minute(-days * 24 * 60)
    }

    #[test]
    fn all_is_well_only_if_everything_was_looked_at_and_is() {
        let proved = |days| Proof::Proved { at: days_ago(days) };
        let incident = ["shop/prod/orders-db/restore-test/1".to_owned()];
        let none: &[String] = &[];
        type Row<'a> = (&'a [Proof], Option<&'a [String]>, &'a str, bool);
        let table: [Row<'_>; 8] = [
            (
                &[proved(12), proved(2), Proof::Untested],
                Some(none),
                "everything proved, oldest proof 12 days 0 h, open incidents: none",
                true,
            ),
            (&[proved(12)], Some(&incident), "everything proved, oldest proof 12 days 0 h, open incidents: 1", false),
            (&[proved(12)], None, "everything proved, oldest proof 12 days 0 h, open incidents: unknown", false),
            (
                &[proved(3), Proof::Never],
                Some(none),
                "1 of 2 not proved, oldest proof 3 days 0 h, open incidents: none",
                false,
            ),
            (
                &[Proof::Disproved { verdict: "failed", proved_at: Some(days_ago(9)) }],
                Some(none),
                "1 of 1 not proved, open incidents: none",
                false,
            ),
            (
                &[Proof::Unknown("no".into()), proved(1)],
                Some(none),
                "1 of 2 not proved, oldest proof 1 day 0 h, open incidents: none",
                false,
            ),
            (
                &[Proof::Untested],
                Some(none),
                "nothing is tested: the plan has no restore test, open incidents: none",
                false,
            ),
            (&[], Some(none), "nothing is tested: the plan has no restore test, open incidents: none", false),
        ];
        for (row, (proofs, open, title, well)) in table.into_iter().enumerate() {
            assert_eq!(says(proofs, open), (title.to_owned(), well), "row {row}");
        }
    }

    #[test]
    fn what_is_not_proved_is_named_with_its_last_proof() {
        let proofs = [(name("orders-db"), Proof::Disproved { verdict: "failed", proved_at: Some(days_ago(9)) })];
        let record = heartbeat(Slot::at(minute(0)), &proofs, Some(&[]), minute(0));
        let fact = "orders-db: the newest restore test was failed, last proved 9 days 0 h ago";
        assert_eq!(record.facts, [("Not proved".to_owned(), fact.to_owned())]);
    }
}
