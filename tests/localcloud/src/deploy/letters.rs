//! What ended in a queue because nobody could handle it, read without taking it away.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::Value;

use super::error::{DeployError, call};
use crate::endpoint::Endpoint;

/// SQS gives ten messages at a time; a queue with more than 1,000 dead letters has told its story.
const RECEIVES_MAX: usize = 100;
/// Long enough to read the whole queue, so that no message is seen twice in one reading.
const HIDDEN_SECONDS: i32 = 30;

/// A message in a queue of last resort.
#[derive(Debug, Clone)]
pub struct Letter {
    /// SQS's id of the message.
    pub id: String,
    /// The region of the queue.
    pub region: String,
    /// When it was sent, in milliseconds since 1970 (UTC).
    pub sent_at_ms: Option<i64>,
    /// The function that failed, when Lambda sent the letter.
    pub function: Option<String>,
    /// Why, in the function's words: `errorType: errorMessage`.
    pub reason: Option<String>,
    /// What it was about: the failed invocation's input, or the message itself. Text that is not JSON is a JSON string.
    pub content: Value,
}

pub(super) async fn read(endpoint: &Endpoint, region: &str, url: &str) -> Result<Vec<Letter>, DeployError> {
    let client = Client::new(&endpoint.config(region));
    let mut messages = Vec::new();
    for _ in 0..RECEIVES_MAX {
        let receive = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(HIDDEN_SECONDS)
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let received = receive.send().await.map_err(call("read queue", url))?.messages.unwrap_or_default();
        if received.is_empty() {
            break;
        }
        messages.extend(received);
    }
    put_back(&client, url, &messages).await?;
    Ok(messages.into_iter().map(|message| letter(message, region)).collect())
}

/// Makes the messages visible again, for the next reader.
async fn put_back(client: &Client, url: &str, messages: &[Message]) -> Result<(), DeployError> {
    for batch in messages.chunks(10) {
        let entries: Result<Vec<_>, _> = batch
            .iter()
            .enumerate()
            .map(|(index, message)| {
                let entry =
                    ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string()).visibility_timeout(0);
                entry.set_receipt_handle(message.receipt_handle.clone()).build()
            })
            .collect();
        let entries = entries.map_err(call("put letters back into", url))?;
        let change = client.change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
        change.send().await.map_err(call("put letters back into", url))?;
    }
    Ok(())
}

fn letter(message: Message, region: &str) -> Letter {
    let sent_at_ms = message
        .attributes()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok());
    let body = unwrapped(message.body.as_deref().unwrap_or_default());
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let function = text("/requestContext/functionArn").map(|arn| arn.split(':').nth(6).unwrap_or(&arn).to_owned());
    let reason = text("/responsePayload/errorMessage").map(|message| match text("/responsePayload/errorType") {
        Some(class) => format!("{class}: {message}"),
        None => message,
    });
    let content = body.get("requestPayload").cloned().unwrap_or(body);
    Letter {
        id: message.message_id.unwrap_or_default(),
        region: region.to_owned(),
        sent_at_ms,
        function,
        reason,
        content,
    }
}

/// The message itself, without the envelope that SNS puts around it.
fn unwrapped(body: &str) -> Value {
    let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    let outer: Value = parse(body);
    match (outer.get("Type").and_then(Value::as_str), outer.get("Message").and_then(Value::as_str)) {
        (Some("Notification"), Some(inner)) => parse(inner),
        _ => outer,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_letter_from_lambda_through_sns_tells_function_reason_and_input() {
        let record = json!({
            "requestContext": {"functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:holdfast-snapshot:$LATEST"},
            "requestPayload": {"holdfast": "sweep"},
            "responsePayload": {"errorType": "Permanent", "errorMessage": "no plan"},
        });
        let envelope = json!({"Type": "Notification", "Message": record.to_string()});
        let letter = letter(Message::builder().message_id("1").body(envelope.to_string()).build(), "eu-west-1");
        assert_eq!(letter.function.as_deref(), Some("holdfast-snapshot"));
        assert_eq!(letter.reason.as_deref(), Some("Permanent: no plan"));
        assert_eq!(letter.content, json!({"holdfast": "sweep"}));
    }

    #[test]
    fn anything_else_is_its_own_content() {
        let letter = letter(Message::builder().body("plain words").build(), "eu-west-1");
        assert_eq!((letter.function, letter.content), (None, json!("plain words")));
    }
}
