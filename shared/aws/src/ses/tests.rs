//! SES over the wire, as its API v2 Reference documents `SendEmail`.

use holdfast_ports::Class;
use serde_json::json;

use super::*;
use crate::replay::{Answer, Replay, answer, assert_may_have_happened};

fn email(recipients: usize) -> Email {
    Email {
        from: "holdfast@example.com".parse().expect("legal"),
        to: vec!["dba@example.com".parse().expect("legal"); recipients],
        subject: "High: orders-db – größer".into(),
        text: "text".into(),
        html: "<p>html</p>".into(),
        reference: "shop/prod/orders-db/restore-test/1".into(),
    }
}

async fn send(replay: &Replay) -> Result<(), PortError> {
    Ses::new(&replay.config()).send(&email(1)).await
}

#[tokio::test]
async fn a_message_goes_out_as_text_and_html_to_everybody_at_once() {
    let replay = Replay::of([answer(200, r#"{"MessageId":"1"}"#)]);
    Ses::new(&replay.config()).send(&email(2)).await.expect("sent");
    let request = replay.request();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v2/email/outbound-emails"));
    let utf8 = |data: &str| json!({ "Data": data, "Charset": "UTF-8" });
    assert_eq!(
        request.json(),
        json!({
            "FromEmailAddress": "holdfast@example.com",
            "Destination": { "ToAddresses": ["dba@example.com", "dba@example.com"] },
            "Content": { "Simple": {
                "Subject": utf8("High: orders-db – größer"),
                "Body": { "Text": utf8("text"), "Html": utf8("<p>html</p>") },
                "Headers": [{ "Name": "X-Holdfast-Reference", "Value": "shop/prod/orders-db/restore-test/1" }],
            } },
        })
    );
}

#[tokio::test]
async fn a_lost_answer_is_told_and_never_repeated_here() {
    for nothing in [Answer::Lost, Answer::Silent, answer(503, "")] {
        let replay = Replay::always(nothing);
        assert_may_have_happened(&send(&replay).await.expect_err("no answer"));
        assert_eq!(replay.requests().len(), 1, "SES knows no key against repetition");
    }
}

#[tokio::test]
async fn a_refusal_is_told_as_what_it_was() {
    let refusal = |status, code: &'static str| Answer::Http {
        status,
        headers: vec![("x-amzn-errortype", code)],
        body: json!({ "message": "no" }).to_string(),
    };
    for (status, code, class) in [
        (400, "MessageRejected", Class::Permanent),
        (400, "MailFromDomainNotVerifiedException", Class::Permanent),
        (400, "SendingPausedException", Class::Permanent),
        (403, "AccessDeniedException", Class::Permanent),
        (429, "TooManyRequestsException", Class::Transient),
    ] {
        let replay = Replay::of([refusal(status, code)]);
        assert_eq!(send(&replay).await.expect_err(code).class(), class, "{code}");
    }
}

#[tokio::test]
async fn more_recipients_than_ses_takes_are_refused_before_any_call() {
    let replay = Replay::of([]);
    for recipients in [0, 51] {
        let refused = Ses::new(&replay.config()).send(&email(recipients)).await.expect_err("refused");
        assert_eq!(refused.kind, PortErrorKind::Invalid);
    }
}
