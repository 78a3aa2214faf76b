//! What a notification says, as a finding.

use holdfast_domain::{Cause, Finding, FindingState, Severity};
use holdfast_wire::{FunctionFailure, Notification, NotificationBody};
use jiff::Timestamp;

use crate::channels::text::cut;

/// The longest title made of a function's error; the whole message stands among the facts.
const TITLE_MAX: usize = 300;

/// What a notification says. `now` dates the failures, which carry no time of their own.
pub(crate) fn finding(notification: &Notification, now: Timestamp) -> Finding {
    match &notification.body {
        NotificationBody::Finding(finding) => finding.clone(),
        NotificationBody::FunctionFailure(failure) => of_failure(failure, now),
    }
}

/// Whether it is about `alert` itself. Its own channels are then the last that it may rely on.
pub(crate) fn is_about(function: &str, finding: &Finding) -> bool {
    finding.cause.as_str().starts_with(Cause::of_function(&part_of_cause(function), "").as_str())
}

/// A name from outside may hold what a cause may not: printable ASCII without spaces alone is legal in one.
fn part_of_cause(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() && c != '/' { c } else { '-' }).collect()
}

fn of_failure(failure: &FunctionFailure, now: Timestamp) -> Finding {
    let FunctionFailure { function, error_type, error_message } = failure;
    Finding {
        cause: Cause::of_function(&part_of_cause(function), "failure"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: None,
        title: cut(&format!("the function {function} failed on an event: {error_message}"), TITLE_MAX),
        threatens:
            "what the event asked for was not done: a recovery point, a restore test or its proof may be missing".into(),
        next_step: format!(
            "the event is kept in the queue holdfast-dead-letters: read it there and the log group /aws/lambda/{function}, \
             remove the cause, then send the event again; the next sweep makes good what it can"
        ),
        facts: vec![
            ("Function".into(), function.clone()),
            ("Error type".into(), error_type.clone()),
            ("Error".into(), error_message.clone()),
        ],
        seen_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure_of(function: &str) -> Finding {
        let failure = FunctionFailure {
            function: function.into(),
            error_type: "permanent".into(),
            error_message: "no such plan".into(),
        };
        of_failure(&failure, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_failure_names_its_function_and_its_error_and_where_the_event_lies() {
        let finding = failure_of("verify");
        assert_eq!(finding.cause.as_str(), "holdfast/verify/failure");
        assert_eq!(finding.title, "the function verify failed on an event: no such plan");
        assert!(finding.next_step.contains("holdfast-dead-letters"));
    }

    #[test]
    fn the_cause_of_a_nameless_function_can_be_read_back() {
        let cause = failure_of("unknown function").cause;
        assert_eq!(cause.to_string().parse::<Cause>().as_ref(), Ok(&cause));
    }

    #[test]
    fn alert_knows_its_own_failures_and_nobody_elses() {
        assert!(is_about("alert", &failure_of("alert")));
        assert!(!is_about("alert", &failure_of("alert-two")));
        assert!(!is_about("alert", &failure_of("verify")));
    }
}
