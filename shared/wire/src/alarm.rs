//! A CloudWatch alarm that changed its state, in both shapes in which it arrives.
//!
//! Sources: CloudWatch User Guide, "Alarm events and EventBridge", for the event; "Notifying users on alarm changes" and
//! SNS's own samples for the message that an alarm's action sends to a topic. Both are AWS's, so every field but name and
//! state may be missing.

use holdfast_domain::Severity;
use jiff::Timestamp;
use serde_json::Value;

/// `detail-type` of the event.
pub(crate) const DETAIL_TYPE: &str = "CloudWatch Alarm State Change";

/// An alarm, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: AlarmState,
    /// How much it matters: a word in brackets at the beginning of its description, `[critical] …`; high without one.
    pub severity: Severity,
    /// Its description, without that word.
    pub description: String,
    /// CloudWatch's own words for the change.
    pub reason: String,
    /// The function that its metric is about, if one.
    pub function: Option<String>,
    /// Where it is: `eu-west-1`.
    pub region: Option<String>,
    /// When it changed, UTC.
    pub changed_at: Option<Timestamp>,
}

/// How an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmState {
    /// Its threshold is crossed.
    Alarm,
    /// All is well.
    Ok,
    /// CloudWatch cannot tell.
    InsufficientData,
}

impl AlarmState {
    fn read(word: &str) -> Option<Self> {
        match word {
            "ALARM" => Some(Self::Alarm),
            "OK" => Some(Self::Ok),
            "INSUFFICIENT_DATA" => Some(Self::InsufficientData),
            _ => None,
        }
    }
}

/// The states, for whoever has to be told what is allowed.
pub(crate) const STATES: &str = "ALARM, OK, INSUFFICIENT_DATA";

impl Alarm {
    /// The message that an alarm's action sends to a topic, if it is one.
    pub(crate) fn of_message(message: &Value) -> Option<Result<Self, String>> {
        let name = message["AlarmName"].as_str()?;
        let dimensions = message["Trigger"]["Dimensions"].as_array();
        // Written `Name` and `Value` in the documentation and `name` and `value` in what arrives.
        let of = |dimension: &Value, key: &str| {
            dimension[key].as_str().or_else(|| dimension[key.to_lowercase()].as_str()).map(str::to_owned)
        };
        let function = dimensions
            .and_then(|all| all.iter().find(|one| of(one, "Name").as_deref() == Some("FunctionName")))
            .and_then(|one| of(one, "Value"));
        let region = text(&message["AlarmArn"]).and_then(|arn| arn.split(':').nth(3).map(str::to_owned));
        Some(Self::new(
            name,
            &message["NewStateValue"],
            &message["AlarmDescription"],
            Told {
                reason: text(&message["NewStateReason"]),
                function,
                region: region.or_else(|| text(&message["Region"])),
                changed_at: text(&message["StateChangeTime"]),
            },
        ))
    }

    /// The event that CloudWatch puts on the default bus.
    pub(crate) fn of_event(event: &Value) -> Result<Self, String> {
        let detail = &event["detail"];
        let name = detail["alarmName"].as_str().ok_or("detail.alarmName is missing")?;
        let metrics = detail["configuration"]["metrics"].as_array();
        let function = metrics
            .into_iter()
            .flatten()
            .find_map(|metric| text(&metric["metricStat"]["metric"]["dimensions"]["FunctionName"]));
        let state = &detail["state"];
        Self::new(
            name,
            &state["value"],
            &detail["configuration"]["description"],
            Told {
                reason: text(&state["reason"]),
                function,
                region: text(&event["region"]),
                changed_at: text(&state["timestamp"]).or_else(|| text(&event["time"])),
            },
        )
    }

    fn new(name: &str, state: &Value, description: &Value, told: Told) -> Result<Self, String> {
        let word = state.as_str().unwrap_or_default();
        let state = AlarmState::read(word).ok_or_else(|| format!("{word:?} is no state of an alarm"))?;
        let (severity, description) = severity_of(description.as_str().unwrap_or_default());
        let Told { reason, function, region, changed_at } = told;
        let changed_at = changed_at.and_then(|at| at.parse().ok());
        let reason = reason.unwrap_or_else(|| "CloudWatch gave no reason".into());
        Ok(Self {
            name: name.into(),
            state,
            severity,
            description: description.into(),
            reason,
            function,
            region,
            changed_at,
        })
    }
}

/// What an alarm says beside its name, state and description.
struct Told {
    reason: Option<String>,
    function: Option<String>,
    region: Option<String>,
    changed_at: Option<String>,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An alarm knows no severity, so its description may begin with one.
fn severity_of(description: &str) -> (Severity, &str) {
    let bracketed = description.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match bracketed.and_then(|(word, rest)| Some((word.parse().ok()?, rest.trim_start()))) {
        Some((severity, rest)) => (severity, rest),
        None => (Severity::High, description),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_may_begin_with_a_severity() {
        assert_eq!(severity_of("[critical] it burns"), (Severity::Critical, "it burns"));
        assert_eq!(severity_of("[soon] it burns"), (Severity::High, "[soon] it burns"));
        assert_eq!(severity_of("[low"), (Severity::High, "[low"));
    }
}
