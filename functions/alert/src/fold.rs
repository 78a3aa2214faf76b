//! Which incident a finding belongs to: storms fold. Pure.
//!
//! One expired key fails forty databases, and forty alarms would hide the one thing there is to mend. So findings of the
//! same *root* that come within [`WINDOW`] of one another are lines of one incident. They have the same root if they
//! agree in plan and environment, in what they are about (the last part of the cause: `snapshot`, `restore-test`), and
//! in the words of their title, where the names, numbers and times that differ from one resource to the next are left
//! out. A finding carries no key for this: whoever tells of a failed snapshot does not know of the thirty-nine others,
//! but the reason that AWS gives stands in its title.

use holdfast_domain::{Cause, Finding};
use holdfast_ledger::{Incident, IncidentId, IncidentState, RootRecord};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long after the newest line of an incident another one of its root still belongs to it. A storm takes as long as
/// the rules of one plan are apart (mostly on the hour) and retries last, not longer.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// The most lines of one incident; the next one begins another. At 400 bytes each a record stays under 256 KB.
pub const LINES_MAX: usize = 500;

/// The longest root.
const ROOT_MAX: usize = 300;

/// What stands for a word that differs from one resource to the next.
const ANY: &str = "*";

/// What findings of one storm have in common.
#[must_use]
pub fn root_of(finding: &Finding) -> String {
    let parts: Vec<&str> = finding.cause.as_str().split('/').collect();
    let (subject, place) = match parts.as_slice() {
        [plan, environment, subject, what @ ..] if !what.is_empty() => {
            (Some(*subject), format!("{plan}/{environment}/{ANY}/{}", what.join("/")))
        }
        // An alarm says by its name what it is about, and is itself the root.
        ["holdfast", "alarm", ..] => (None, finding.cause.to_string()),
        [ours, subject, what] => (Some(*subject), format!("{ours}/{ANY}/{what}")),
        _ => (None, finding.cause.to_string()),
    };
    let title = finding.title.split_whitespace().map(|word| common(word, subject)).collect::<Vec<_>>().join(" ");
    format!("{place}: {title}").chars().take(ROOT_MAX).collect()
}

/// A word as it stands in the title of every finding of a storm.
fn common(word: &str, subject: Option<&str>) -> String {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let names_it = subject.is_some_and(|subject| bare.contains(subject));
    if names_it || bare.chars().any(|c| c.is_ascii_digit()) { ANY.into() } else { word.to_lowercase() }
}

/// Sixteen hex digits that stand for a text.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The incident of an opening that begins one.
#[must_use]
pub fn own_incident(cause: &Cause, opening: u32) -> IncidentId {
    IncidentId::of(cause, opening, &fingerprint(cause.as_str()))
}

/// Whether an opening belongs to the incident that its root has chosen. `incident` is that incident, if it is there
/// already: whoever chose it may not have come to make it, and then whoever comes next makes it.
#[must_use]
pub fn joins(chosen: &RootRecord, incident: Option<&Incident>, cause: &Cause, seen_at: Timestamp) -> bool {
    let near = |at: Timestamp| seen_at.duration_since(at).abs() <= WINDOW;
    match incident {
        None => near(chosen.chosen_at),
        Some(incident) => {
            let newest = incident.lines.values().map(|line| line.since).max().unwrap_or(incident.opened_at);
            incident.state == IncidentState::Open
                && has_room(incident, cause)
                && (near(newest) || near(incident.opened_at))
        }
    }
}

/// Whether a cause comes back into the incident that it was in last: one that still stands, for others of its root or
/// because the cause flaps.
#[must_use]
pub fn returns(incident: &Incident, cause: &Cause) -> bool {
    incident.state == IncidentState::Open && incident.lines.contains_key(cause.as_str())
}

fn has_room(incident: &Incident, cause: &Cause) -> bool {
    incident.lines.len() < LINES_MAX || incident.lines.contains_key(cause.as_str())
}

#[cfg(test)]
mod tests {
    use holdfast_domain::{FindingState, Severity};

    use super::*;
    use crate::samples::{finding, minute};

    fn of(cause: &str, title: &str) -> Finding {
        let sample = finding(FindingState::Open, Severity::High, 0);
        Finding { cause: cause.parse().expect("legal"), title: title.into(), ..sample }
    }

    #[test]
    fn forty_databases_that_fail_for_one_key_have_one_root() {
        let failed = |n: u32| {
            let title = format!(
                "the snapshot of db-{n} due at 2026-11-20T02:00:0{}Z is not there: KMSKeyNotAccessibleFault: key is disabled",
                n % 10
            );
            root_of(&of(&format!("shop/prod/db-{n}/snapshot"), &title))
        };
        assert_eq!(failed(1), failed(39));
        assert_eq!(
            failed(1),
            "shop/prod/*/snapshot: the snapshot of * due at * is not there: kmskeynotaccessiblefault: key is disabled"
        );
    }

    #[test]
    fn another_reason_another_plan_or_another_sort_of_failure_is_another_root() {
        let roots = [
            of("shop/prod/a/snapshot", "the snapshot of a failed: no key"),
            of("shop/prod/b/snapshot", "the snapshot of b failed: no storage"),
            of("shop/dev/b/snapshot", "the snapshot of b failed: no key"),
            of("shop/prod/b/restore-test", "the snapshot of b failed: no key"),
            of("holdfast/verify/failure", "the function verify failed: no key"),
            of("holdfast/alarm/snapshot-errors", "alarm"),
            of("holdfast/alarm/verify-errors", "alarm"),
            of("anything", "goes"),
        ]
        .map(|finding| root_of(&finding));
        let distinct: std::collections::BTreeSet<&String> = roots.iter().collect();
        assert_eq!(distinct.len(), roots.len(), "{roots:#?}");
    }

    #[test]
    fn a_title_of_any_length_makes_a_root_of_bounded_length() {
        assert!(root_of(&of("shop/prod/a/snapshot", &"x ".repeat(10_000))).chars().count() <= ROOT_MAX);
    }

    #[test]
    fn an_incident_collects_its_root_while_the_storm_lasts_and_not_later() {
        let cause: Cause = "shop/prod/a/snapshot".parse().expect("legal");
        let chosen = RootRecord { root: "root".into(), incident: own_incident(&cause, 1), chosen_at: minute(0) };
        let other: Cause = "shop/prod/b/snapshot".parse().expect("legal");
        assert!(joins(&chosen, None, &other, minute(15)) && !joins(&chosen, None, &other, minute(16)));
        crate::samples::with_incident(|incident| {
            let mut incident = incident.clone();
            incident.opened_at = minute(0);
            incident.lines.values_mut().for_each(|line| line.since = minute(10));
            assert!(joins(&chosen, Some(&incident), &other, minute(25)), "the newest line is near");
            assert!(!joins(&chosen, Some(&incident), &other, minute(26)));
            incident.state = IncidentState::Resolved;
            assert!(!joins(&chosen, Some(&incident), &other, minute(11)), "what is over never opens again");
        });
    }
}
