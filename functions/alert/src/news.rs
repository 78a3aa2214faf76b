//! What a notification says, as a finding. Pure.

use holdfast_domain::{Cause, Finding, FindingState, Severity};
use holdfast_ledger::{Incident, LineState};
use holdfast_wire::{Alarm, AlarmState, FunctionFailure, Notification, NotificationBody};
use jiff::{SignedDuration, Timestamp};

use crate::channels::text::cut;

/// The longest title made of a function's error or an alarm's reason; the whole text stands among the facts.
const TITLE_MAX: usize = 300;

/// After so long without another failure a function has no failure any more. Lambda tells of an event that failed for good, and never that
/// the function is well again; what is still wrong fails again within minutes, for sweeps come every minute and `restore-test` calls a
/// silent `verify` again after 16.
pub(crate) const FAILURE_CALM: SignedDuration = SignedDuration::from_hours(1);

/// What a notification says. `now` dates what carries no time of its own.
pub(crate) fn finding(notification: &Notification, now: Timestamp) -> Finding {
    match &notification.body {
        NotificationBody::Finding(finding) => finding.clone(),
        NotificationBody::FunctionFailure(failure) => of_failure(failure, now),
        NotificationBody::Alarm(alarm) => of_alarm(alarm, now),
    }
}

/// Whether a notification is about `alert` itself. Its own channels are then the last that it may rely on.
pub(crate) fn is_about(function: &str, notification: &Notification) -> bool {
    match &notification.body {
        NotificationBody::Finding(finding) => {
            finding.cause.as_str().starts_with(Cause::of_function(&part_of_cause(function), "").as_str())
        }
        NotificationBody::FunctionFailure(failure) => failure.function == function,
        NotificationBody::Alarm(alarm) => alarm.function.as_deref() == Some(function),
    }
}

/// A name from outside may hold what a cause may not: printable ASCII without spaces alone is legal in one.
fn part_of_cause(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_graphic() && c != '/' { c } else { '-' }).collect()
}

/// What time alone says of an incident: which functions have not failed for [`FAILURE_CALM`].
pub(crate) fn of_time(incident: &Incident, now: Timestamp) -> Vec<Finding> {
    let over = |cause: &str, seen_at: Timestamp| {
        let function = cause.strip_prefix("holdfast/")?.strip_suffix("/failure")?;
        (now.duration_since(seen_at) >= FAILURE_CALM).then(|| Finding {
            cause: Cause::of_function(function, "failure"),
            state: FindingState::Resolved,
            severity: Severity::High,
            resource: None,
            part: None,
            title: format!("the function {function} has not failed for an hour"),
            threatens: String::new(),
            next_step: "see that the queue holdfast-dead-letters is empty: what failed is kept there".into(),
            facts: Vec::new(),
            seen_at: now,
        })
    };
    let stands =
        incident.lines.iter().filter(|(_, line)| matches!(line.state, LineState::Standing | LineState::Flapping));
    stands.filter_map(|(cause, line)| over(cause, line.seen_at)).collect()
}

fn of_failure(failure: &FunctionFailure, now: Timestamp) -> Finding {
    let FunctionFailure { function, error_type, error_message } = failure;
    Finding {
        cause: Cause::of_function(&part_of_cause(function), "failure"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: None,
        part: None,
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

/// An alarm that cannot tell is not well: it is told, as mildly as it can be, and what it said before stays standing.
fn of_alarm(alarm: &Alarm, now: Timestamp) -> Finding {
    let Alarm { name, state, severity, description, reason, function, region, changed_at } = alarm;
    let (state, severity, says) = match state {
        AlarmState::Alarm => (FindingState::Open, *severity, "is in alarm"),
        AlarmState::Ok => (FindingState::Resolved, *severity, "is well again"),
        AlarmState::InsufficientData => (FindingState::Open, Severity::Low, "has no data to tell by"),
    };
    let facts =
        [("Alarm", Some(name)), ("Function", function.as_ref()), ("Region", region.as_ref()), ("Reason", Some(reason))];
    Finding {
        cause: Cause::of_function("alarm", &part_of_cause(name)),
        state,
        severity,
        resource: None,
        part: None,
        title: cut(&format!("the CloudWatch alarm {name} {says}: {reason}"), TITLE_MAX),
        threatens: description.clone(),
        next_step: match state {
            FindingState::Resolved => "nothing".into(),
            FindingState::Open => match function {
                Some(function) => format!("read the log group /aws/lambda/{function} and remove the cause"),
                None => "look at the alarm's metric in CloudWatch and remove the cause".into(),
            },
        },
        facts: facts.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?.clone()))).collect(),
        seen_at: changed_at.unwrap_or(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: NotificationBody) -> Notification {
        Notification { message_id: "message".into(), body }
    }

    fn failure_of(function: &str) -> Notification {
        of(NotificationBody::FunctionFailure(FunctionFailure {
            function: function.into(),
            error_type: "permanent".into(),
            error_message: "no such plan".into(),
        }))
    }

    fn alarm(state: AlarmState, function: Option<&str>) -> Notification {
        of(NotificationBody::Alarm(Alarm {
            name: "snapshot errors".into(),
            state,
            severity: Severity::Critical,
            description: "no snapshot is taken".into(),
            reason: "Threshold Crossed".into(),
            function: function.map(Into::into),
            region: Some("eu-west-1".into()),
            changed_at: None,
        }))
    }

    #[test]
    fn a_failure_names_its_function_and_its_error_and_where_the_event_lies() {
        let finding = finding(&failure_of("verify"), Timestamp::UNIX_EPOCH);
        assert_eq!(finding.cause.as_str(), "holdfast/verify/failure");
        assert_eq!(finding.title, "the function verify failed on an event: no such plan");
        assert!(finding.next_step.contains("holdfast-dead-letters"));
    }

    #[test]
    fn an_alarm_opens_resolves_or_says_that_it_cannot_tell() {
        for (state, becomes, severity) in [
            (AlarmState::Alarm, FindingState::Open, Severity::Critical),
            (AlarmState::Ok, FindingState::Resolved, Severity::Critical),
            (AlarmState::InsufficientData, FindingState::Open, Severity::Low),
        ] {
            let finding = finding(&alarm(state, Some("snapshot")), Timestamp::UNIX_EPOCH);
            assert_eq!((finding.state, finding.severity), (becomes, severity), "{state:?}");
            assert_eq!(finding.cause.as_str(), "holdfast/alarm/snapshot-errors");
            assert_eq!(finding.threatens, "no snapshot is taken");
        }
    }

    #[test]
    fn the_cause_of_a_nameless_function_can_be_read_back() {
        let cause = finding(&failure_of("unknown function"), Timestamp::UNIX_EPOCH).cause;
        assert_eq!(cause.to_string().parse::<Cause>().as_ref(), Ok(&cause));
    }

    #[test]
    fn alert_knows_what_is_about_itself_and_nothing_else() {
        assert!(is_about("alert", &failure_of("alert")));
        assert!(is_about("alert", &alarm(AlarmState::Alarm, Some("alert"))));
        assert!(!is_about("alert", &failure_of("alert-two")));
        assert!(!is_about("alert", &failure_of("verify")));
        assert!(!is_about("alert", &alarm(AlarmState::Alarm, None)));
    }
}
