//! Channels that fail, one by one and all together.

use alert::NOBODY_TOLD;
use alert::channels::pagerduty::ENQUEUE_URL;
use alert::channels::webhook::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use holdfast_domain::{FindingState, Severity};
use holdfast_ledger::{Delivery, DeliveryState, IncidentState};
use holdfast_ports::{Answer, Class, Classified, PortErrorKind};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{Alarm, AlarmState, AlertRequest, AlertTest, FunctionFailure, NotificationBody, Trigger};
use jiff::SignedDuration;

use crate::deployment::{
    AT_ONCE, Deployment, IN_ORDER, POST_MESSAGE, ROUTING_KEY, SIEM_URL, SIGNING_KEY, SLACK_URL, TOKEN, memory,
};

use FindingState::{Open, Resolved};
use Severity::{Critical, High, Info, Low};

const ROTATED_SLACK_URL: &str = "https://hooks.slack.com/services/T00000000/B00000000/YYYYYYYYYYYYYYYYYYYYYYYY";

impl Deployment {
    async fn opened_to(&self, channel: &str) -> Delivery {
        self.incident().await.opened_to[channel].clone()
    }
}

#[tokio::test]
async fn every_channel_of_the_route_is_told_once_however_often_the_notification_comes() {
    let shop = Deployment::new(AT_ONCE);
    let finding = shop.finding(Open, High);
    let first = shop.see(&finding).await.expect("told");
    assert_eq!((first.told, first.fell_back, first.incidents[0].reason.as_str()), (2, 0, "opened"));
    let again = [NotificationBody::Finding(finding.clone()), NotificationBody::Finding(finding)];
    assert_eq!(shop.notify(again).await.expect("seen").told, 0);
    shop.minutes(3).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: "), shop.sent().len()), (1, 1, 2));
    let log = serde_json::to_string(&first).expect("serializable");
    assert!(!log.contains(ROUTING_KEY) && !log.contains("hooks.slack.com"), "{log}");
}

#[tokio::test]
async fn a_dead_channel_holds_no_other_back_and_is_told_by_a_later_sweep() {
    let shop = Deployment::new(AT_ONCE);
    shop.answers(ENQUEUE_URL, 1, 503, None);
    let outcome = shop.see(&shop.finding(Open, High)).await.expect("the sweep has the rest");
    assert_eq!((outcome.told, shop.count("Slack: "), shop.cloud.published().len()), (1, 1, 0));
    let failed = shop.opened_to("oncall").await;
    assert_eq!(failed.state, DeliveryState::Failed);
    assert!(failed.error.is_some_and(|error| error.contains("oncall at events.pagerduty.com answered 503")));
    shop.minutes(1).await;
    assert_eq!((shop.opened_to("oncall").await.attempts, shop.count("Slack: ")), (2, 1));
    assert_eq!(shop.opened_to("oncall").await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn when_every_channel_is_dead_the_fallback_topic_hears_once_and_the_channels_are_still_tried() {
    let shop = Deployment::new(AT_ONCE);
    shop.answers(ENQUEUE_URL, 3, 500, None);
    shop.answers(SLACK_URL, 3, 500, None);
    let outcome = shop.see(&shop.finding(Open, Critical)).await.expect("recorded");
    assert_eq!((outcome.told, outcome.fell_back), (0, 1));
    shop.minutes(10).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: ")), (4, 4));
    assert_eq!(shop.cloud.counted(), [NOBODY_TOLD]);
    let published = shop.cloud.published();
    assert_eq!((published.len(), published[0].0.as_str()), (1, "holdfast alert: nobody could be told"));
    assert!(published[0].1.contains("the restore test of orders-db failed"), "{}", published[0].1);
}

#[tokio::test]
async fn a_fallback_topic_that_fails_is_tried_again_too() {
    let shop = Deployment::new(AT_ONCE);
    shop.answers(ENQUEUE_URL, 1, 400, None);
    shop.answers(SLACK_URL, 1, 400, None);
    shop.cloud.fail("sns:Publish", 2, Fault::Refused(PortErrorKind::AccessDenied));
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(5).await;
    assert_eq!(shop.cloud.published().len(), 1);
}

#[tokio::test]
async fn a_severity_without_a_route_is_recorded_and_tells_nobody() {
    let shop = Deployment::new(AT_ONCE);
    shop.see(&shop.finding(Open, Low)).await.expect("for the record");
    assert_eq!((shop.sent().len(), shop.cloud.published().len()), (0, 0));
    assert_eq!(shop.incident().await.state, IncidentState::Open);
}

#[tokio::test]
async fn a_lost_answer_is_told_again_marked_where_the_channel_cannot_tell() {
    let shop = Deployment::new("  routes: { high: [oncall, ops, war-room, siem] }\n");
    for url in [ENQUEUE_URL, SLACK_URL, POST_MESSAGE, SIEM_URL] {
        shop.cloud.answer(url, Err(PortErrorKind::Unavailable));
    }
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    assert_eq!(shop.opened_to("ops").await.state, DeliveryState::Unknown);
    shop.minutes(2).await;
    assert_eq!(shop.sent().len(), 8, "each of four twice: {:#?}", shop.sent());
    let second =
        |url: &str| shop.cloud.posted().into_iter().filter(|(u, _)| u == url).nth(1).expect("twice").1.to_string();
    for (url, marked) in [(ENQUEUE_URL, false), (SLACK_URL, true), (POST_MESSAGE, true), (SIEM_URL, false)] {
        assert_eq!(second(url).contains("possibly repeated"), marked, "{url}");
    }
    for (channel, marked) in [("oncall", false), ("ops", true), ("war-room", true), ("siem", false)] {
        let told = shop.opened_to(channel).await;
        assert_eq!((told.state, told.possibly_repeated), (DeliveryState::Delivered, marked), "{channel}");
    }
}

#[tokio::test]
async fn an_email_whose_answer_is_lost_is_sent_again_and_says_so() {
    let shop = Deployment::new("  routes: { high: [team] }\n");
    shop.cloud.fail("ses:SendEmail", 1, Fault::AnswerLost);
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(2).await;
    let subjects: Vec<String> = shop.cloud.mailed().into_iter().map(|email| email.subject).collect();
    let told = "High: orders-db in shop/prod: the restore test of orders-db failed";
    assert_eq!(subjects, [told.to_owned(), format!("[possibly repeated] {told}")]);
}

#[tokio::test]
async fn an_email_that_ses_refuses_goes_to_the_fallback_topic_as_plain_text() {
    let shop = Deployment::new("  routes: { high: [oncall, team] }\n");
    shop.cloud.fail("ses:SendEmail", 1, Fault::Refused(PortErrorKind::Invalid));
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(2).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.cloud.mailed().len()), (1, 0));
    let published = shop.cloud.published();
    assert_eq!((published.len(), published[0].0.as_str()), (1, "holdfast alert: a channel refuses"));
}

#[tokio::test]
async fn a_channel_without_a_secret_refuses_and_somebody_hears_of_it() {
    let shop = Deployment::new(AT_ONCE);
    let cloud = MemoryCloud::at(shop.cloud.time());
    cloud.put_object("plan.json", shop.cloud.object("plan.json").expect("put before"));
    cloud.put_secret(&"holdfast/pagerduty".parse().expect("legal"), ROUTING_KEY);
    let shop = Deployment { cloud, ..shop };
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(5).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.sent().len()), (1, 1));
    let refused = shop.opened_to("ops").await;
    assert_eq!((refused.state, refused.attempts), (DeliveryState::Refused, 1));
    assert_eq!(refused.error.as_deref(), Some("ops has no secret: there is no holdfast/slack"));
    assert_eq!((shop.cloud.published().len(), shop.cloud.counted().len()), (1, 0));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_now_is_read_later() {
    let shop = Deployment::new(AT_ONCE);
    shop.cloud.fail("secretsmanager:GetSecretValue", 2, Fault::Refused(PortErrorKind::Throttled));
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    assert_eq!(shop.sent().len(), 0);
    shop.minutes(1).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: ")), (1, 1));
}

#[tokio::test]
async fn a_rotated_secret_is_read_anew_and_used_at_once() {
    for status in [401, 403, 404] {
        let shop = Deployment::new(AT_ONCE);
        shop.see(&shop.finding(Open, Info)).await.expect("the secret is known now");
        shop.cloud.put_secret(&"holdfast/slack".parse().expect("legal"), ROTATED_SLACK_URL);
        shop.answers(SLACK_URL, 1, status, None);
        shop.cloud.pass(SignedDuration::from_mins(1));
        shop.see(&shop.finding(Resolved, Info)).await.expect("told through the new one");
        let urls: Vec<String> = shop.cloud.posted().into_iter().map(|(url, _)| url).collect();
        assert_eq!(urls, [SLACK_URL, SLACK_URL, ROTATED_SLACK_URL], "{status}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_read_once_more_and_not_asked_for_ever() {
    let shop = Deployment::new("  routes: { high: [war-room] }\n");
    for _ in 0..2 {
        let body = r#"{"ok":false,"error":"invalid_auth"}"#.into();
        shop.cloud.answer(POST_MESSAGE, Ok(Answer { status: 200, retry_after: None, body }));
    }
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(3).await;
    assert_eq!((shop.sent().len(), shop.cloud.published().len()), (1, 1));
    let reads = shop.cloud.calls().iter().filter(|call| call.operation == "secretsmanager:GetSecretValue").count();
    assert_eq!(reads, 1, "it was read for this attempt, and is still the same");
}

#[tokio::test]
async fn a_channel_that_asks_to_wait_is_not_tried_before() {
    let shop = Deployment::new(AT_ONCE);
    shop.answers(SLACK_URL, 1, 429, Some(SignedDuration::from_secs(90)));
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(1).await;
    assert_eq!(shop.count("Slack: "), 1);
    shop.minutes(1).await;
    assert_eq!(shop.count("Slack: "), 2);
    shop.minutes(5).await;
    assert_eq!((shop.count("Slack: "), shop.count("PagerDuty: trigger")), (2, 1));
}

#[tokio::test]
async fn a_webhook_is_signed_over_time_and_body_and_keeps_its_id() {
    let shop = Deployment::new("  routes: { high: [siem] }\n");
    shop.answers(SIEM_URL, 1, 500, None);
    shop.see(&shop.finding(Open, High)).await.expect("recorded");
    shop.minutes(1).await;
    let posts = shop.cloud.posts();
    let header = |n: usize, name: &str| {
        posts[n].headers.iter().find(|(key, _)| *key == name).expect("there").1.expose().to_owned()
    };
    assert_eq!(header(0, ID_HEADER), "shop/prod/orders-db/restore-test/1#opened");
    assert_eq!(header(0, ID_HEADER), header(1, ID_HEADER), "by which the receiver knows the repetition");
    for (n, post) in posts.iter().enumerate() {
        let timestamp: i64 = header(n, TIMESTAMP_HEADER).parse().expect("seconds");
        assert_eq!(header(n, SIGNATURE_HEADER), sign(SIGNING_KEY, timestamp, &post.body));
    }
    assert_ne!(header(0, TIMESTAMP_HEADER), header(1, TIMESTAMP_HEADER));
}

#[tokio::test]
async fn a_function_that_failed_is_an_incident_and_alert_itself_is_none() {
    let shop = Deployment::new(AT_ONCE);
    let failure = |function: &str| {
        NotificationBody::FunctionFailure(FunctionFailure {
            function: function.into(),
            error_type: "permanent".into(),
            error_message: "no such plan".into(),
        })
    };
    shop.notify([failure("verify"), failure("alert")]).await.expect("told");
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: ")), (1, 1), "only verify's goes to the channels");
    assert_eq!(shop.cloud.published().len(), 1, "only alert's goes to the fallback topic");
    assert_eq!(shop.incidents(), ["incidents/records/holdfast/verify/failure/1.json"]);

    // Nobody says that a function is well again: it is when it has not failed for an hour.
    shop.minutes(40).await;
    shop.notify([failure("verify")]).await.expect("told");
    shop.minutes(59).await;
    assert_eq!(
        (shop.count("PagerDuty: trigger"), shop.count("PagerDuty: resolve")),
        (1, 0),
        "it failed again meanwhile"
    );
    shop.minutes(2).await;
    assert_eq!(
        (shop.count("PagerDuty: resolve"), shop.count("the function verify has not failed for an hour")),
        (1, 1)
    );
    shop.notify([failure("verify")]).await.expect("told");
    assert_eq!(shop.count("PagerDuty: trigger"), 2, "another one is told again");
}

#[tokio::test]
async fn an_alarm_opens_and_resolves_an_incident_and_one_about_alert_goes_to_the_fallback_topic() {
    let shop = Deployment::new(AT_ONCE);
    let alarm = |state, function: &str| {
        NotificationBody::Alarm(Alarm {
            name: format!("holdfast-{function}-errors"),
            state,
            severity: High,
            description: String::new(),
            reason: "Threshold Crossed".into(),
            function: Some(function.into()),
            region: None,
            changed_at: Some(shop.cloud.time()),
        })
    };
    shop.notify([alarm(AlarmState::Alarm, "snapshot"), alarm(AlarmState::Alarm, "alert")]).await.expect("told");
    shop.cloud.pass(SignedDuration::from_mins(5));
    let alarm_over = alarm(AlarmState::Ok, "snapshot");
    shop.notify([alarm_over]).await.expect("told");
    assert_eq!(
        (shop.count("PagerDuty: trigger"), shop.count("PagerDuty: resolve"), shop.cloud.published().len()),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_test_goes_through_every_channel_marked_and_says_what_came_of_each() {
    let shop = Deployment::new(AT_ONCE);
    shop.answers(SLACK_URL, 1, 403, None);
    let test = |channel: Option<&str>| {
        let channel = channel.map(Into::into);
        Trigger::ForAlert(AlertRequest::Test(AlertTest { by: "dba@example.com".into(), channel }))
    };
    let outcome = shop.invoke(&test(None)).await.expect("tried");
    let results: Vec<(String, String)> = outcome.test.into_iter().collect();
    let delivered = |name: &str| (name.to_owned(), "delivered".to_owned());
    let refused = ("ops".to_owned(), "refused: ops at hooks.slack.com answered 403: ".to_owned());
    assert_eq!(results, [delivered("oncall"), refused, delivered("siem"), delivered("team"), delivered("war-room")]);
    assert_eq!((shop.count("TEST, nothing is wrong"), shop.count("PagerDuty: resolve")), (4, 1), "{:#?}", shop.sent());
    assert_eq!((shop.incidents().len(), shop.cloud.published().len()), (0, 0));
    assert_eq!(shop.invoke(&test(Some("team"))).await.expect("tried").test.len(), 1);
    assert_eq!(shop.invoke(&test(Some("nobody"))).await.expect_err("no such channel").class(), Class::Permanent);
    let all = shop.sent().join("\n");
    assert!(!all.contains(TOKEN) && !all.contains(SIGNING_KEY));
}

#[tokio::test]
async fn without_a_plan_the_invocation_fails_and_its_failure_destination_gets_the_event() {
    let shop = Deployment::new(IN_ORDER);
    let shop = Deployment { cloud: MemoryCloud::at(shop.cloud.time()), memory: memory(), ..shop };
    let error = shop.see(&shop.finding(Open, High)).await.expect_err("nobody is known");
    assert_eq!(error.class(), Class::Permanent);
    assert_eq!(shop.sweep().await.expect_err("nobody is known").class(), Class::Permanent);
}

#[tokio::test]
async fn other_triggers_are_refused_with_what_is_allowed() {
    let rds = Trigger::Rds(holdfast_wire::RdsHint::default());
    let error = Deployment::new(AT_ONCE).invoke(&rds).await.expect_err("not alert's");
    assert!(
        error.to_string().starts_with("alert is not started by this: an RDS event; allowed: SNS records"),
        "{error}"
    );
}
