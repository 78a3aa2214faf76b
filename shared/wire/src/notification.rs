//! What SNS brings to `alert`: findings from the bus, CloudWatch alarms, and functions that failed.

use holdfast_domain::Finding;
use serde_json::Value;

use crate::alarm::{DETAIL_TYPE as ALARM_CHANGED, STATES};
use crate::{Alarm, Message, SOURCE, WireError};

/// One SNS record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// SNS's message id; a retry keeps it.
    pub message_id: String,
    /// What it says.
    pub body: NotificationBody,
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationBody {
    /// A finding.
    Finding(Finding),
    /// An asynchronous invocation that failed for good (source: Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations").
    FunctionFailure(FunctionFailure),
    /// A CloudWatch alarm that changed its state, sent by its own action or by a rule.
    Alarm(Alarm),
}

/// A function that failed on an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionFailure {
    /// The function's name.
    pub function: String,
    /// The error's type, as the function reported it.
    pub error_type: String,
    /// The error's message, as the function reported it.
    pub error_message: String,
}

impl NotificationBody {
    /// Reads the text of an SNS message.
    pub(crate) fn read(place: &str, text: &str) -> Result<Self, WireError> {
        let refuse = |problem: String| {
            let allowed = "an EventBridge event of source holdfast with detail-type Finding, a CloudWatch alarm as its action or EventBridge \
                           sends it, or the record of a failed Lambda invocation";
            WireError::new(place, problem, allowed)
        };
        let value: Value = serde_json::from_str(text).map_err(|error| refuse(format!("not JSON: {error}")))?;
        if value["source"].as_str() == Some(SOURCE) {
            let detail_type = value["detail-type"].as_str().unwrap_or_default();
            return match Message::read(detail_type, &value["detail"])? {
                Message::Finding(finding) => Ok(Self::Finding(finding)),
                other @ (Message::RestoreTestReady(_)
                | Message::VerificationContinues(_)
                | Message::VerificationRecorded(_)
                | Message::RestoreTestClosed(_)
                | Message::IncidentAcknowledged(_)) => {
                    Err(refuse(format!("{:?} is not for people", other.detail_type())))
                }
            };
        }
        let no_alarm = |problem: String| WireError::new(place, problem, format!("the states {STATES}"));
        if value["source"].as_str() == Some("aws.cloudwatch") && value["detail-type"].as_str() == Some(ALARM_CHANGED) {
            return Alarm::of_event(&value).map(Self::Alarm).map_err(no_alarm);
        }
        if let Some(alarm) = Alarm::of_message(&value) {
            return alarm.map(Self::Alarm).map_err(no_alarm);
        }
        if let Some(arn) = value["requestContext"]["functionArn"].as_str() {
            return Ok(Self::FunctionFailure(FunctionFailure::read(arn, &value["responsePayload"])));
        }
        Err(refuse("neither a finding nor an alarm nor a failed invocation".into()))
    }
}

impl FunctionFailure {
    fn read(arn: &str, response: &Value) -> Self {
        let text = |key: &str| response[key].as_str().map(str::to_owned);
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
        let name = arn.split(':').nth(6).filter(|name| !name.is_empty()).unwrap_or("unknown function");
        Self {
            function: name.to_owned(),
            error_type: text("errorType").unwrap_or_else(|| "unknown".into()),
            error_message: text("errorMessage").unwrap_or_else(|| "the function reported no message".into()),
        }
    }
}
