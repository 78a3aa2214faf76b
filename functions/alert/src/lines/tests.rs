use holdfast_domain::Severity;
use jiff::SignedDuration;

use super::*;
use crate::cause::hear;
use crate::fold::own_incident;
use crate::samples::{finding, incident, minute};

use FindingState::{Open, Resolved};
use Severity::{Critical, High, Low};

fn of(resource: &str, state: FindingState, severity: Severity, at: i64) -> Finding {
    Finding {
        cause: format!("shop/prod/{resource}/snapshot").parse().expect("legal"),
        resource: Some(resource.parse().expect("legal")),
        title: format!("{resource} at {at}"),
        ..finding(state, severity, at)
    }
}

/// A storm: all of it in the incident of the first.
#[derive(Default)]
struct Storm {
    causes: BTreeMap<String, CauseRecord>,
    incident: Option<Incident>,
}

impl Storm {
    fn see(&mut self, finding: &Finding) -> Option<&Incident> {
        let (cause, heard) = hear(self.causes.get(finding.cause.as_str()), finding);
        let first: Cause = "shop/prod/a/snapshot".parse().expect("legal");
        let next = apply(self.incident.as_ref(), &own_incident(&first, 1), &cause, finding, heard);
        self.causes.insert(finding.cause.to_string(), cause);
        let taken = next.is_some();
        self.incident = next.or(self.incident.take());
        self.incident.as_ref().filter(|_| taken)
    }
}

#[test]
fn forty_causes_are_forty_lines_and_the_incident_ends_with_the_last_of_them() {
    let mut storm = Storm::default();
    for n in 0..40 {
        storm.see(&of(&format!("db-{n}"), Open, High, 0)).expect("it takes them");
    }
    assert_eq!(storm.incident.as_ref().map(standing), Some(40));
    for n in 0..40 {
        let left = storm.see(&of(&format!("db-{n}"), Resolved, High, n + 1)).expect("known");
        let over = n == 39;
        assert_eq!(
            (left.state == IncidentState::Resolved, standing(left)),
            (over, 39 - usize::try_from(n).expect("small"))
        );
        assert_eq!(left.resolved_at, over.then(|| minute(40)));
    }
}

#[test]
fn what_is_over_takes_no_new_cause_and_no_old_one_back() {
    let mut storm = Storm::default();
    storm.see(&of("a", Open, High, 0));
    storm.see(&of("a", Resolved, High, 1));
    assert_eq!(storm.see(&of("b", Open, High, 2)), None);
    assert_eq!(storm.see(&of("a", Open, High, 3)), None);
}

#[test]
fn a_full_incident_takes_no_further_cause_but_news_of_its_own() {
    let mut storm = Storm::default();
    for n in 0..LINES_MAX {
        storm.see(&of(&format!("db-{n}"), Open, High, 0)).expect("room");
    }
    assert_eq!(storm.see(&of("one-more", Open, High, 0)), None);
    assert!(storm.see(&of("db-7", Resolved, High, 1)).is_some());
}

#[test]
fn an_incident_speaks_in_the_words_of_its_first_cause_until_one_is_worse() {
    let mut storm = Storm::default();
    let title = |incident: &Incident| (incident.words.title.clone(), incident.severity);
    assert_eq!(storm.see(&of("a", Open, Low, 0)).map(title), Some(("a at 0".into(), Low)));
    assert_eq!(storm.see(&of("b", Open, Low, 1)).map(title), Some(("a at 0".into(), Low)));
    assert_eq!(storm.see(&of("a", Open, Low, 2)).map(title), Some(("a at 2".into(), Low)));
    assert_eq!(storm.see(&of("a", Open, Low, 1)).map(title), Some(("a at 2".into(), Low)), "late words change nothing");
    assert_eq!(storm.see(&of("b", Open, Critical, 3)).map(title), Some(("b at 3".into(), Critical)));
}

#[test]
fn the_same_news_twice_changes_nothing() {
    for state in [Open, Resolved] {
        let mut storm = Storm::default();
        storm.see(&of("a", Open, High, 0));
        storm.see(&of("a", state, High, 1));
        let once = storm.incident.clone();
        storm.see(&of("a", state, High, 1));
        assert_eq!(storm.incident, once, "{state:?}");
    }
}

#[test]
fn what_flaps_stays_one_incident_until_it_is_calm() {
    let mut storm = Storm::default();
    // Three of its own, which end at once; the fourth flaps.
    for round in 0..4 {
        storm.incident = None;
        storm.see(&of("a", Open, High, round * 4));
        storm.see(&of("a", Resolved, High, round * 4 + 1));
    }
    let flapping = storm.incident.clone().expect("an incident");
    assert_eq!((flapping.state, flaps(&flapping)), (IncidentState::Open, true));
    let back = storm.see(&of("a", Open, High, 14)).cloned().expect("it comes back into the same");
    assert_eq!((standing(&back), back.lines.len()), (1, 1));
    storm.see(&of("a", Resolved, High, 15));
    let flapping = storm.incident.expect("an incident");
    assert_eq!(calm(&flapping, minute(15) + FLAP_CALM - SignedDuration::from_secs(1)), flapping);
    let over = calm(&flapping, minute(15) + FLAP_CALM);
    assert_eq!((over.state, over.resolved_at), (IncidentState::Resolved, Some(minute(15) + FLAP_CALM)));
}

#[test]
fn a_finding_of_any_length_makes_a_record_of_bounded_length() {
    let mut huge = finding(Open, High, 0);
    let long = "<\"…🦀\u{1}".repeat(20_000);
    for text in [&mut huge.title, &mut huge.threatens, &mut huge.next_step] {
        text.clone_from(&long);
    }
    huge.facts = (0..1_000).map(|_| (long.clone(), long.clone())).collect();
    let bytes = serde_json::to_vec(&incident(&[huge])).expect("serializable").len();
    assert!(bytes < 256 * 1_024, "{bytes}");
}
