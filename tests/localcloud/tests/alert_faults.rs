//! Every fault on every channel: `alert` with its real HTTPS and SES clients against the receivers, on virtual time. What
//! comes of it is the table in docs/alerts.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use alert::{Archive, Memory, NOBODY_TOLD, Ports, handle};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_rds::config::{Credentials, Region, SharedCredentialsProvider};
use holdfast_aws::{Https, Ses};
use holdfast_domain::{Finding, FindingState, Severity};
use holdfast_localcloud::receivers::{Fault, Received, Receivers};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Notification, NotificationBody, Trigger};
use jiff::SignedDuration;

/// How long a receiver may hang here.
const PATIENCE: Duration = Duration::from_millis(250);

const CHANNELS: [&str; 5] = ["PagerDuty", "Slack webhook", "Slack bot", "email (SES)", "signed webhook"];

/// What goes wrong, twice if it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    RetryAfter,
    ServerError,
    Hangs,
    LostAnswer,
    Tls,
    Rotated,
    WrongSecret,
}

const TROUBLES: [(Trouble, &str); 8] = [
    (Trouble::None, "nothing"),
    (Trouble::RetryAfter, "429, Retry-After: 90, once"),
    (Trouble::ServerError, "500, twice"),
    (Trouble::Hangs, "hangs, once"),
    (Trouble::LostAnswer, "takes it, answer lost, once"),
    (Trouble::Tls, "TLS fails, then mended"),
    (Trouble::Rotated, "secret rotated before"),
    (Trouble::WrongSecret, "wrong secret"),
];

struct Bench {
    receivers: Receivers,
    cloud: MemoryCloud,
    memory: Memory,
    https: Https,
    ses: Ses,
}

impl Bench {
    /// One channel under trouble, and a healthy witness beside it.
    async fn of(channel: &str) -> Self {
        let receivers = Receivers::start().await.expect("ports are free");
        let conversation = receivers.slack_api().conversation();
        let tried = match channel {
            "PagerDuty" => "{ pagerduty: \"secret:tried\" }".to_owned(),
            "Slack webhook" => "{ slack: \"secret:tried\" }".into(),
            "Slack bot" => format!("{{ slack: \"secret:tried\", conversation: {conversation} }}"),
            "email (SES)" => "{ email: [dba@example.com], from: holdfast@example.com }".into(),
            _ => "{ webhook: \"secret:tried\" }".into(),
        };
        let witness = if channel == "Slack webhook" { "pagerduty" } else { "slack" };
        let plan = format!(
            r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: {{ home: eu-west-1, primary: eu-central-1 }}
rooms_max: 2
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    region: eu-central-1
    objectives: {{ rpo: 24h, rto: 2h }}
    snapshots:
      daily: {{ at: "cron(0 2 * * ? *)", keep: 7d }}
alerts:
  channels:
    tried: {tried}
    witness: {{ {witness}: "secret:witness" }}
  routes: {{ high: [tried, witness] }}
"#
        );
        let plan = holdfast_plan::read_yaml("plan.yaml", &plan).unwrap_or_else(|problems| panic!("{problems}"));
        let cloud = MemoryCloud::at("2026-11-20T08:00:00Z".parse().expect("a time"));
        cloud.put_object("plan.json", plan.to_json());
        let ses = Ses::new(&config(&receivers.ses().url()));
        let archive = Archive { bucket: "holdfast-ledger".into(), region: "eu-west-1".into() };
        let https = Https::with_patience(PATIENCE).expect("TLS roots");
        let bench = Self { receivers, cloud, memory: Memory::of("alert", archive), https, ses };
        let secret = if channel == "Slack webhook" { bench.secret("PagerDuty") } else { bench.secret("Slack webhook") };
        bench.put("witness", &secret);
        bench.put("tried", &bench.secret(channel));
        bench
    }

    fn put(&self, name: &str, secret: &str) {
        self.cloud.put_secret(&name.parse().expect("legal"), secret);
    }

    fn secret(&self, channel: &str) -> String {
        match channel {
            "PagerDuty" => self.receivers.pagerduty_secret(),
            "Slack webhook" => self.receivers.slack_url(),
            "Slack bot" => self.receivers.slack_api().secret(),
            _ => self.receivers.webhook().secret(),
        }
    }

    fn received(&self, channel: &str) -> Vec<Received> {
        match channel {
            "PagerDuty" => self.receivers.pagerduty().received(),
            "Slack webhook" => self.receivers.slack().received(),
            "Slack bot" => self.receivers.slack_api().received(),
            "email (SES)" => self.receivers.ses().received(),
            _ => self.receivers.webhook().received(),
        }
    }

    fn fail(&self, channel: &str, times: usize, fault: Fault) {
        match channel {
            "PagerDuty" => self.receivers.pagerduty().fail_next(times, fault),
            "Slack webhook" => self.receivers.slack().fail_next(times, fault),
            "Slack bot" => self.receivers.slack_api().fail_next(times, fault),
            "email (SES)" => self.receivers.ses().fail_next(times, fault),
            _ => self.receivers.webhook().fail_next(times, fault),
        }
    }

    async fn invoke(&self, trigger: &Trigger) {
        let Self { cloud, https, ses, .. } = self;
        let ports =
            Ports { objects: cloud, system: cloud, secrets: cloud, webhooks: https, mail: ses, fallback: cloud };
        handle(&ports, &self.memory, trigger).await.expect("recorded");
    }

    fn finding(&self, resource: &str) -> Trigger {
        let finding = Finding {
            cause: format!("shop/prod/{resource}/restore-test").parse().expect("legal"),
            state: FindingState::Open,
            severity: Severity::High,
            resource: Some(resource.parse().expect("legal")),
            part: None,
            title: format!("the restore test of {resource} failed"),
            threatens: "a recovery would lose orders".into(),
            next_step: "look at the run".into(),
            facts: Vec::new(),
            seen_at: self.cloud.time(),
        };
        let body = NotificationBody::Finding(finding);
        Trigger::Notifications(vec![Notification { message_id: "message".into(), body }])
    }
}

fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "faults");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build())
        .endpoint_url(url)
        .build()
}

/// What came of one fault on one channel.
struct Outcome {
    /// The minute at which the channel first took it.
    taken: Option<usize>,
    /// How often it took it; what it joined by its own key is counted apart.
    times: usize,
    joined: usize,
    marked: bool,
    /// The minute at which the witness took it.
    witness: Option<usize>,
    fallback: usize,
}

async fn try_out(channel: &'static str, trouble: Trouble) -> Option<Outcome> {
    let mut bench = Bench::of(channel).await;
    let email = channel == "email (SES)";
    let secret = bench.secret(channel);
    match trouble {
        Trouble::None => {}
        Trouble::RetryAfter => bench.fail(channel, 1, Fault::RetryAfter(90)),
        Trouble::ServerError => bench.fail(channel, 2, Fault::Status(500)),
        Trouble::Hangs => bench.fail(channel, 1, Fault::Hang),
        Trouble::LostAnswer => bench.fail(channel, 1, Fault::LostAnswer),
        // A receiver that speaks no TLS: the handshake fails before anything is said.
        Trouble::Tls if email => bench.ses = Ses::new(&config(&bench.receivers.ses().url().replace("http:", "https:"))),
        Trouble::Tls if channel == "PagerDuty" || channel == "Slack bot" || channel == "signed webhook" => {
            bench.put("tried", &secret.replace("http:", "https:"));
        }
        Trouble::Tls => bench.put("tried", &secret.replace("http:", "https:")),
        // SES has no secret of ours: its role is its key.
        Trouble::Rotated if email => return None,
        Trouble::Rotated => {
            // The old one is known to the process, and refused since.
            bench.put("tried", &wrong(channel, &secret));
            let test = holdfast_wire::AlertTest { by: "dba".into(), channel: Some("tried".into()) };
            bench.invoke(&Trigger::ForAlert(holdfast_wire::AlertRequest::Test(test))).await;
            bench.put("tried", &secret);
        }
        Trouble::WrongSecret if email => bench.fail(channel, 100, Fault::Status(403)),
        Trouble::WrongSecret => bench.put("tried", &wrong(channel, &secret)),
    }
    bench.invoke(&bench.finding("orders-db")).await;
    let witness = if channel == "Slack webhook" { "PagerDuty" } else { "Slack webhook" };
    let mut outcome = Outcome { taken: None, times: 0, joined: 0, marked: false, witness: None, fallback: 0 };
    for minute in 0..=10 {
        if minute > 0 {
            bench.cloud.pass(SignedDuration::from_mins(1));
            bench.invoke(&Trigger::Sweep).await;
        }
        if minute == 1 && trouble == Trouble::Tls {
            bench.put("tried", &secret);
            bench.ses = Ses::new(&config(&bench.receivers.ses().url()));
        }
        if outcome.taken.is_none() && !bench.received(channel).is_empty() {
            outcome.taken = Some(minute);
        }
        if outcome.witness.is_none() && !bench.received(witness).is_empty() {
            outcome.witness = Some(minute);
        }
    }
    let received = bench.received(channel);
    let joins = channel == "PagerDuty" || channel == "signed webhook";
    outcome.joined = if joins { received.len().saturating_sub(1) } else { 0 };
    outcome.times = received.len() - outcome.joined;
    outcome.marked = received.last().is_some_and(|last| last.body.to_string().contains("possibly repeated"));
    outcome.fallback = bench.cloud.published().len();
    assert!(!bench.cloud.counted().contains(&NOBODY_TOLD), "the witness was told");
    bench.receivers.shutdown().await.expect("a clean end");
    Some(outcome)
}

/// A secret of the same sort that the receiver does not take.
fn wrong(channel: &str, secret: &str) -> String {
    match channel {
        "PagerDuty" => secret.replace("R0HOLDFAST", "R0"),
        "Slack webhook" => secret.replace("XXXX", "YYYY"),
        "Slack bot" => secret.replace("xoxb-", "xoxb-another-"),
        _ => secret.replace("0123456789abcdef", "fedcba9876543210"),
    }
}

fn cell(outcome: Option<&Outcome>) -> String {
    let Some(outcome) = outcome else { return "has no secret".into() };
    let mut cell = match outcome.taken {
        None => "refused; the fallback topic hears".to_owned(),
        Some(minute) => format!("+{minute} min"),
    };
    if outcome.taken.is_some() && outcome.fallback > 0 {
        cell.push_str(", the fallback topic hears");
    }
    match (outcome.times, outcome.marked) {
        (0 | 1, false) => {}
        (0 | 1, true) => cell.push_str(", marked *possibly repeated*"),
        (times, true) => {
            // A string takes everything.
            let _ = write!(cell, ", {times} times, the last marked *possibly repeated*");
        }
        (times, false) => {
            let _ = write!(cell, ", {times} times");
        }
    }
    if outcome.joined > 0 {
        cell.push_str(", the repetition joined by its key");
    }
    cell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_told_twice_only_where_a_channel_cannot_tell_and_then_marked() {
    let mut table = format!("| fault | {} |\n|---|---|---|---|---|---|\n", CHANNELS.join(" | "));
    let mut lasting: BTreeMap<&str, usize> = BTreeMap::new();
    for (trouble, words) in TROUBLES {
        let mut row = Vec::new();
        for channel in CHANNELS {
            let outcome = try_out(channel, trouble).await;
            if let Some(outcome) = &outcome {
                let place = format!("{words} on {channel}");
                assert_eq!(outcome.witness, Some(0), "{place}: no channel is held back by another");
                assert!(outcome.taken.is_some() || outcome.fallback == 1, "{place}: nothing is lost");
                let may_repeat = trouble == Trouble::LostAnswer;
                assert!(outcome.times <= 1 || (may_repeat && outcome.marked), "{place}: {} times", outcome.times);
                *lasting.entry(words).or_default() += usize::from(outcome.taken.is_none());
            }
            row.push(cell(outcome.as_ref()));
        }
        let _ = writeln!(table, "| {words} | {} |", row.join(" | "));
    }
    assert_eq!(lasting.iter().filter(|(_, count)| **count > 0).count(), 1, "only a wrong secret lasts: {lasting:?}");
    insta::assert_snapshot!("faults", table);
    let docs =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.md")).expect("docs/alerts.md");
    assert!(docs.contains(table.trim_end()), "docs/alerts.md does not hold this table:\n{table}");
}
