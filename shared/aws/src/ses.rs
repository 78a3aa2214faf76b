//! Email by Amazon SES, version 2 of its API.

use aws_config::SdkConfig;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use holdfast_ports::{Email, Mail, PortError, PortErrorKind};

use crate::error;

const OPERATION: &str = "ses:SendEmail";
/// The most recipients of one message (source: SES Developer Guide, "Service quotas in Amazon SES").
const RECIPIENTS_MAX: usize = 50;

/// SES in the function's own region.
#[derive(Debug, Clone)]
pub struct Ses {
    client: Client,
}

impl Ses {
    /// A client. It tries once: SES knows no key against repetition, so an attempt whose answer was lost must not be
    /// repeated by anybody who cannot say so in the message.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let once = aws_config::retry::RetryConfig::disabled();
        let config = aws_sdk_sesv2::config::Builder::from(config).retry_config(once).build();
        Self { client: Client::from_conf(config) }
    }
}

impl Mail for Ses {
    async fn send(&self, email: &Email) -> Result<(), PortError> {
        let subject = email.reference.as_str();
        let invalid = |words: String| PortError::new(PortErrorKind::Invalid, OPERATION, subject, words);
        if email.to.is_empty() || email.to.len() > RECIPIENTS_MAX {
            return Err(invalid(format!("{} recipients, allowed 1 to {RECIPIENTS_MAX}", email.to.len())));
        }
        let content = content(email).map_err(|error| invalid(error.to_string()))?;
        let to = email.to.iter().map(ToString::to_string).collect();
        let request = self
            .client
            .send_email()
            .from_email_address(email.from.as_str())
            .destination(Destination::builder().set_to_addresses(Some(to)).build())
            .content(content);
        request.send().await.map(drop).map_err(|failed| {
            let mut failed = error::read(OPERATION, subject, failed);
            // SES's own codes of a request that will be refused the next time too (source: SES API v2 Reference,
            // `SendEmail`, section "Errors").
            let refused = ["MessageRejected", "MailFromDomainNotVerified", "AccountSuspended", "SendingPaused"];
            if refused.iter().any(|code| failed.message.starts_with(code)) {
                failed.kind = PortErrorKind::Invalid;
            }
            failed
        })
    }
}

fn content(email: &Email) -> Result<EmailContent, BuildError> {
    let utf8 = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let reference = MessageHeader::builder().name("X-Holdfast-Reference").value(&email.reference).build()?;
    let body = Body::builder().text(utf8(&email.text)?).html(utf8(&email.html)?).build();
    let message = Message::builder().subject(utf8(&email.subject)?).body(body).headers(reference).build();
    Ok(EmailContent::builder().simple(message).build())
}

#[cfg(test)]
mod tests;
