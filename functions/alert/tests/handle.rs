//! `alert` as a whole, on the in-memory cloud: who was told what, after whatever went wrong on the way.

use alert::channels::pagerduty::ENQUEUE_URL;
use alert::{Error, Memory, Outcome, Ports, handle};
use holdfast_domain::{Cause, Finding, FindingState, Severity};
use holdfast_ledger::{Delivery, DeliveryState, Incident, IncidentState, Ledger, incident_key};
use holdfast_ports::{Answer, Class, Classified, Password, PortError, PortErrorKind, Webhooks};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{FunctionFailure, Notification, NotificationBody, Trigger};
use jiff::{SignedDuration, Timestamp};

const SLACK_URL: &str = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";
const ROTATED_SLACK_URL: &str = "https://hooks.slack.com/services/T00000000/B00000000/YYYYYYYYYYYYYYYYYYYYYYYY";
const ROUTING_KEY: &str = "R0123456789ABCDEF0123456789ABCDE";
const PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 2
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    region: eu-central-1
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 4h }
    checks:
      integrity: full
alerts:
  channels:
    oncall: { pagerduty: "secret:holdfast/pagerduty" }
    ops: { slack: "secret:holdfast/slack" }
  routes:
    critical: [oncall, ops]
    high: [oncall, ops]
    info: [ops]
"#;

/// One deployment: the cloud, and a process that stays warm.
struct Deployment {
    cloud: MemoryCloud,
    memory: Memory,
}

impl Deployment {
    fn new() -> Self {
        let cloud = MemoryCloud::at(Timestamp::from_second(1_795_154_400).expect("within range"));
        let plan = holdfast_plan::read_yaml("plan.yaml", PLAN).unwrap_or_else(|problems| panic!("{problems}"));
        cloud.put_object("plan.json", plan.to_json());
        cloud.put_secret(&"holdfast/pagerduty".parse().expect("legal"), ROUTING_KEY);
        cloud.put_secret(&"holdfast/slack".parse().expect("legal"), SLACK_URL);
        Self { cloud, memory: Memory::of("alert") }
    }

    async fn notify(&self, bodies: impl IntoIterator<Item = NotificationBody>) -> Result<Outcome, Error> {
        let notification = |body| Notification { message_id: "message".into(), body };
        let trigger = Trigger::Notifications(bodies.into_iter().map(notification).collect());
        self.invoke(&trigger).await
    }

    async fn invoke(&self, trigger: &Trigger) -> Result<Outcome, Error> {
        let cloud = &self.cloud;
        let ports = Ports { objects: cloud, system: cloud, secrets: cloud, webhooks: cloud, fallback: cloud };
        handle(&ports, &self.memory, trigger).await
    }

    async fn see(&self, finding: &Finding) -> Result<Outcome, Error> {
        self.notify([NotificationBody::Finding(finding.clone())]).await
    }

    fn finding(&self, state: FindingState, severity: Severity) -> Finding {
        Finding {
            cause: cause(),
            state,
            severity,
            resource: Some("orders-db".parse().expect("legal")),
            title: "the restore test of orders-db failed".into(),
            threatens: "a recovery would lose orders".into(),
            next_step: "look at the run".into(),
            facts: Vec::new(),
            seen_at: self.cloud.time(),
        }
    }

    fn pass_a_minute(&self) {
        self.cloud.pass(SignedDuration::from_mins(1));
    }

    /// How often each service was called: PagerDuty with triggers, with resolves, Slack.
    fn posted(&self) -> (usize, usize, usize) {
        let posted = self.cloud.posted();
        let action = |action: &str| posted.iter().filter(|(_, body)| body["event_action"] == action).count();
        (action("trigger"), action("resolve"), posted.iter().filter(|(_, body)| body["blocks"].is_array()).count())
    }

    fn answers(&self, url: &str, times: usize, status: u16, retry_after: Option<SignedDuration>) {
        for _ in 0..times {
            self.cloud.answer(url, Ok(Answer { status, retry_after, body: String::new() }));
        }
    }

    async fn incident(&self) -> Incident {
        let ledger = Ledger::new(&self.cloud, &self.cloud);
        let held = ledger.read(&incident_key(&cause())).await.expect("readable").expect("there is an incident");
        held.body
    }

    async fn opened_to(&self, channel: &str) -> Delivery {
        self.incident().await.opened_to[channel].clone()
    }
}

fn cause() -> Cause {
    "shop/prod/orders-db/restore-test".parse().expect("legal")
}

#[tokio::test]
async fn every_channel_of_the_route_is_told_once_however_often_the_notification_comes() {
    let shop = Deployment::new();
    let finding = shop.finding(FindingState::Open, Severity::High);
    let first = shop.see(&finding).await.expect("told");
    assert_eq!((first.told, first.fell_back, first.incidents[0].reason.as_str()), (2, 0, "opened"));
    let again = shop
        .notify([NotificationBody::Finding(finding.clone()), NotificationBody::Finding(finding)])
        .await
        .expect("seen");
    assert_eq!((again.told, again.notifications), (0, 2));
    assert_eq!(shop.posted(), (1, 0, 1));
    let log = serde_json::to_string(&first).expect("serializable");
    assert!(!log.contains(ROUTING_KEY) && !log.contains("hooks.slack.com"), "{log}");
}

#[tokio::test]
async fn a_dead_channel_holds_no_other_back_and_is_told_alone_later() {
    let shop = Deployment::new();
    shop.answers(ENQUEUE_URL, 1, 503, None);
    let finding = shop.finding(FindingState::Open, Severity::High);
    let error = shop.see(&finding).await.expect_err("oncall is not told");
    assert_eq!((error.class(), shop.posted(), shop.cloud.published().len()), (Class::Transient, (1, 0, 1), 0));
    assert!(error.to_string().contains("oncall at events.pagerduty.com answered 503"), "{error}");
    shop.pass_a_minute();
    shop.see(&finding).await.expect("now it is");
    assert_eq!(shop.posted(), (2, 0, 1));
    assert_eq!(shop.opened_to("oncall").await.attempts, 2);
}

#[tokio::test]
async fn when_every_channel_is_dead_the_fallback_topic_hears_once_and_the_channels_are_still_tried() {
    let shop = Deployment::new();
    shop.answers(ENQUEUE_URL, 2, 500, None);
    shop.answers(SLACK_URL, 2, 500, None);
    let finding = shop.finding(FindingState::Open, Severity::Critical);
    for _ in 0..2 {
        shop.see(&finding).await.expect_err("nobody is told");
        shop.pass_a_minute();
    }
    shop.see(&finding).await.expect("the channels are back");
    assert_eq!(shop.posted(), (3, 0, 3));
    let published = shop.cloud.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].0, "holdfast alert: nobody could be told");
    assert!(published[0].1.contains("the restore test of orders-db failed"), "{}", published[0].1);
}

#[tokio::test]
async fn a_severity_without_a_route_is_recorded_and_tells_nobody() {
    let shop = Deployment::new();
    shop.see(&shop.finding(FindingState::Open, Severity::Low)).await.expect("for the record");
    assert_eq!((shop.posted(), shop.cloud.published().len()), ((0, 0, 0), 0));
    assert_eq!(shop.incident().await.state, IncidentState::Open);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_told_again_as_a_repetition() {
    let shop = Deployment::new();
    shop.cloud.answer(SLACK_URL, Err(PortErrorKind::Unavailable));
    let finding = shop.finding(FindingState::Open, Severity::Info);
    shop.see(&finding).await.expect_err("nobody knows whether it arrived");
    assert_eq!(shop.opened_to("ops").await.state, DeliveryState::Unknown);
    shop.pass_a_minute();
    shop.see(&finding).await.expect("now it did");
    assert_eq!(shop.posted(), (0, 0, 2));
    let (_, second) = shop.cloud.posted().remove(1);
    assert!(second.to_string().contains("may stand here twice"), "{second}");
}

#[tokio::test]
async fn a_channel_without_a_secret_refuses_and_somebody_hears_of_it() {
    let shop = Deployment::new();
    let cloud = MemoryCloud::at(shop.cloud.time());
    cloud.put_object("plan.json", shop.cloud.object("plan.json").expect("put before"));
    cloud.put_secret(&"holdfast/pagerduty".parse().expect("legal"), ROUTING_KEY);
    let shop = Deployment { cloud, ..shop };
    let finding = shop.finding(FindingState::Open, Severity::High);
    for _ in 0..2 {
        shop.see(&finding).await.expect("trying again cannot help");
    }
    assert_eq!(shop.posted(), (1, 0, 0));
    let refused = shop.opened_to("ops").await;
    assert_eq!((refused.state, refused.attempts), (DeliveryState::Refused, 1));
    assert_eq!(refused.error.as_deref(), Some("ops has no secret: there is no holdfast/slack"));
    assert_eq!(shop.cloud.published().len(), 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_now_is_read_later() {
    let shop = Deployment::new();
    shop.cloud.fail("secretsmanager:GetSecretValue", 2, Fault::Refused(PortErrorKind::Throttled));
    let finding = shop.finding(FindingState::Open, Severity::High);
    shop.see(&finding).await.expect_err("no secret, nobody told");
    shop.pass_a_minute();
    shop.see(&finding).await.expect("told");
    assert_eq!(shop.posted(), (1, 0, 1));
}

#[tokio::test]
async fn a_rotated_secret_is_read_anew_and_used_at_once() {
    let shop = Deployment::new();
    shop.see(&shop.finding(FindingState::Open, Severity::Info)).await.expect("the secret is known now");
    shop.cloud.put_secret(&"holdfast/slack".parse().expect("legal"), ROTATED_SLACK_URL);
    shop.answers(SLACK_URL, 1, 403, None);
    shop.pass_a_minute();
    shop.see(&shop.finding(FindingState::Resolved, Severity::Info)).await.expect("told through the new one");
    let urls: Vec<String> = shop.cloud.posted().into_iter().map(|(url, _)| url).collect();
    assert_eq!(urls, [SLACK_URL, SLACK_URL, ROTATED_SLACK_URL]);
}

#[tokio::test]
async fn a_channel_that_asks_to_wait_is_not_tried_before() {
    let shop = Deployment::new();
    shop.answers(SLACK_URL, 1, 429, Some(SignedDuration::from_secs(90)));
    let finding = shop.finding(FindingState::Open, Severity::High);
    shop.see(&finding).await.expect_err("ops asked to wait");
    shop.pass_a_minute();
    let early = shop.see(&finding).await.expect_err("and still does");
    assert!(early.to_string().contains("ops must not be tried again yet"), "{early}");
    assert_eq!(shop.posted(), (1, 0, 1));
    shop.pass_a_minute();
    shop.see(&finding).await.expect("now it may");
    assert_eq!(shop.posted(), (1, 0, 2));
}

#[tokio::test]
async fn a_resolution_goes_to_those_who_were_told_and_the_next_opening_to_all_again() {
    let shop = Deployment::new();
    shop.see(&shop.finding(FindingState::Open, Severity::High)).await.expect("told");
    shop.pass_a_minute();
    let resolved = shop.finding(FindingState::Resolved, Severity::High);
    for _ in 0..2 {
        shop.see(&resolved).await.expect("told");
    }
    assert_eq!(shop.posted(), (1, 1, 2));
    assert_eq!(shop.incident().await.state, IncidentState::Resolved);
    shop.pass_a_minute();
    shop.see(&shop.finding(FindingState::Open, Severity::High)).await.expect("told again");
    assert_eq!((shop.posted(), shop.incident().await.opening), ((2, 1, 3), 2));
}

#[tokio::test]
async fn news_that_something_is_well_that_never_was_ill_tells_nobody() {
    let shop = Deployment::new();
    let outcome = shop.see(&shop.finding(FindingState::Resolved, Severity::High)).await.expect("fine");
    assert_eq!(
        (outcome.incidents[0].reason.as_str(), shop.posted(), shop.cloud.published().len()),
        ("nothing was open", (0, 0, 0), 0)
    );
}

#[tokio::test]
async fn a_function_that_failed_is_an_incident_and_alert_itself_is_none() {
    let shop = Deployment::new();
    let failure = |function: &str| {
        NotificationBody::FunctionFailure(FunctionFailure {
            function: function.into(),
            error_type: "permanent".into(),
            error_message: "no such plan".into(),
        })
    };
    shop.notify([failure("verify"), failure("alert")]).await.expect("told");
    assert_eq!(shop.posted(), (1, 0, 1), "only verify's goes to the channels");
    assert_eq!(shop.cloud.published().len(), 1, "only alert's goes to the fallback topic");
    assert!(shop.cloud.keys().contains(&"incidents/holdfast/verify/failure.json".into()));
    assert!(!shop.cloud.keys().contains(&"incidents/holdfast/alert/failure.json".into()));
}

#[tokio::test]
async fn without_a_plan_the_invocation_fails_and_its_failure_destination_gets_the_event() {
    let shop = Deployment::new();
    let cloud = MemoryCloud::at(shop.cloud.time());
    let shop = Deployment { cloud, ..shop };
    let error = shop.see(&shop.finding(FindingState::Open, Severity::High)).await.expect_err("nobody is known");
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn other_triggers_are_refused_with_what_is_allowed() {
    let error = Deployment::new().invoke(&Trigger::Sweep).await.expect_err("not alert's");
    assert_eq!(
        error.to_string(),
        "alert is not started by this: a sweep; allowed: SNS records that hold findings or failed invocations"
    );
}

/// The outside world takes its time, and meanwhile somebody else is at work.
struct Slow<'a>(&'a MemoryCloud);

impl Webhooks for Slow<'_> {
    async fn post(&self, url: &Password, body: &serde_json::Value) -> Result<Answer, PortError> {
        tokio::task::yield_now().await;
        self.0.post(url, body).await
    }
}

#[tokio::test]
async fn of_two_invocations_at_the_same_time_one_tells_and_the_other_looks_again() {
    let shop = Deployment::new();
    let (cloud, slow) = (&shop.cloud, Slow(&shop.cloud));
    let ports = Ports { objects: cloud, system: cloud, secrets: cloud, webhooks: &slow, fallback: cloud };
    let body = NotificationBody::Finding(shop.finding(FindingState::Open, Severity::High));
    let trigger = Trigger::Notifications(vec![Notification { message_id: "message".into(), body }]);
    let elsewhere = Memory::of("alert");
    let (one, other) = tokio::join!(handle(&ports, &shop.memory, &trigger), handle(&ports, &elsewhere, &trigger));
    assert_eq!(one.expect("told").told, 2);
    assert_eq!(other.expect_err("nobody knows yet whether it arrives").class(), Class::Transient);
    shop.pass_a_minute();
    assert_eq!(handle(&ports, &elsewhere, &trigger).await.expect("it did").told, 0);
    assert_eq!((shop.posted(), shop.cloud.published().len()), ((1, 0, 1), 0));
}

/// Wherever an invocation is killed, the next ones tell everybody, and PagerDuty ends with the alert of the incident.
#[tokio::test]
async fn a_crash_anywhere_delays_and_loses_nothing() {
    for calls in 0..30 {
        let shop = Deployment::new();
        let opened = shop.finding(FindingState::Open, Severity::High);
        shop.cloud.crash_after(Some(calls));
        let first = shop.see(&opened).await;
        shop.cloud.crash_after(None);
        shop.pass_a_minute();
        shop.see(&opened).await.unwrap_or_else(|error| panic!("crash after {calls} calls: {error}"));
        let (triggers, _, messages) = shop.posted();
        assert!(
            (1..=2).contains(&triggers) && (1..=2).contains(&messages),
            "crash after {calls} calls: {triggers}, {messages}"
        );
        for channel in ["oncall", "ops"] {
            assert_eq!(shop.opened_to(channel).await.state, DeliveryState::Delivered, "crash after {calls} calls");
        }
        if first.is_ok() {
            assert_eq!((triggers, messages), (1, 1), "crash after {calls} calls");
        }
    }
}

/// A record whose write was answered by silence is read back, not written twice.
#[tokio::test]
async fn a_lost_answer_of_the_ledger_tells_nobody_twice() {
    for write in 0..2 {
        let shop = Deployment::new();
        let finding = shop.finding(FindingState::Open, Severity::High);
        if write == 0 {
            shop.cloud.fail("s3:PutObject", 1, Fault::AnswerLost);
        } else {
            shop.cloud.fail("s3:PutObject", 2, Fault::AnswerLost);
        }
        shop.see(&finding).await.expect("the ledger reads back");
        shop.see(&finding).await.expect("nothing to do");
        assert_eq!(shop.posted(), (1, 0, 1));
    }
}
