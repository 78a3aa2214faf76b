//! The fallback topic.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use holdfast_ports::{FallbackTopic, PortError};

use crate::error;

/// The longest subject (source: SNS API Reference, `Publish`).
const SUBJECT_CHARACTERS_MAX: usize = 100;
/// The longest message (source: SNS API Reference, `Publish`).
const TEXT_BYTES_MAX: usize = 262_144;

/// One topic.
#[derive(Debug, Clone)]
pub struct Sns {
    client: Client,
    topic_arn: String,
}

impl Sns {
    /// A topic by ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, topic_arn: String) -> Self {
        Self { client: Client::new(config), topic_arn }
    }
}

impl FallbackTopic for Sns {
    async fn publish(&self, subject: &str, text: &str) -> Result<(), PortError> {
        let legal: String = subject
            .chars()
            .filter(char::is_ascii)
            .filter(|c| !c.is_ascii_control())
            .take(SUBJECT_CHARACTERS_MAX)
            .collect();
        // An empty subject is refused where none at all is not, and the last resort must not fail on its own heading.
        let subject = Some(legal.trim().to_owned()).filter(|legal| !legal.is_empty());
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
        let request = self.client.publish().topic_arn(&self.topic_arn).set_subject(subject).message(text);
        request.send().await.map(drop).map_err(|failed| error::read("sns:Publish", &self.topic_arn, failed))
    }
}

#[cfg(test)]
mod tests;
