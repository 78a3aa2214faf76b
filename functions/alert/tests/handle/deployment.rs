//! One deployment: the in-memory cloud, and a process that stays warm.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alert::channels::pagerduty::ENQUEUE_URL;
use alert::{Archive, Error, Memory, Outcome, Ports, handle};
use holdfast_domain::{Cause, Finding, FindingState, Severity};
use holdfast_ledger::{CauseRecord, Incident, Ledger, OPEN_INCIDENTS_PREFIX, cause_key, incident_key};
use holdfast_ports::{Answer, Email};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Acknowledge, AlertRequest, Notification, NotificationBody, Trigger};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) const SLACK_URL: &str = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";
pub(crate) const SIEM_URL: &str = "https://siem.example.com/in";
pub(crate) const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
pub(crate) const ROUTING_KEY: &str = "R0123456789ABCDEF0123456789ABCDE";
pub(crate) const TOKEN: &str = "xoxb-000000000000-000000000000-secretsecretsecret";
pub(crate) const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef";

const HEAD: &str = "
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
owners: { database: dba@example.com }
rooms_max: 2
quotas: { db_instances: 100, db_snapshots: 500 }
resources:
";

/// The resource that most tests are about.
pub(crate) const ORDERS: &str = r#"
  orders-db:
    kind: rds-instance
    id: shop-orders
    region: eu-central-1
    owner: database
    runbook: "https://wiki.example.com/runbooks/orders-db"
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 4h }
    checks:
      integrity: full
"#;

const CHANNELS: &str = r#"
alerts:
  channels:
    oncall: { pagerduty: "secret:holdfast/pagerduty" }
    ops: { slack: "secret:holdfast/slack" }
    war-room: { slack: "secret:holdfast/slack-bot", conversation: C024BE91L }
    team: { email: [dba@example.com], from: holdfast@example.com }
    siem: { webhook: "secret:holdfast/siem" }
"#;

/// The compiled plan. Hundreds of deployments share a handful of plans, and one takes longer to check than to live with.
fn compiled(text: String) -> Vec<u8> {
    static KNOWN: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let compile = |text: &String| {
        holdfast_plan::read_yaml("plan.yaml", text).unwrap_or_else(|problems| panic!("{problems}")).to_json()
    };
    KNOWN.lock().expect("nobody panicked").entry(text).or_insert_with_key(compile).clone()
}

/// One of the many that storms are about; nothing restores it.
fn one_of_many(name: &str) -> String {
    format!(
        "  {name}:\n    kind: rds-instance\n    id: shop-{name}\n    region: eu-central-1\n    objectives: {{ rpo: 24h, rto: 2h }}\n    \
         snapshots:\n      daily: {{ at: \"cron(0 2 * * ? *)\", keep: 7d }}\n"
    )
}

/// Everybody at once.
pub(crate) const AT_ONCE: &str = "  routes: { critical: [oncall, ops], high: [oncall, ops], info: [ops] }\n";

/// One after the other, with all that a plan can ask for.
pub(crate) const IN_ORDER: &str = r#"
  routes: { critical: [oncall, war-room, team, siem], high: [oncall, war-room, team], info: [ops] }
  escalate_after: 15m
  update_every: 15m
  report_within: 24h
"#;

pub(crate) struct Deployment {
    pub(crate) cloud: MemoryCloud,
    pub(crate) memory: Memory,
    pub(crate) alerts: String,
}

impl Deployment {
    /// With these alerts beside the channels.
    pub(crate) fn new(alerts: &str) -> Self {
        let cloud = MemoryCloud::at("2026-11-20T08:00:00Z".parse().expect("a time"));
        let siem = serde_json::json!({ "url": SIEM_URL, "signing_key": SIGNING_KEY }).to_string();
        for (name, secret) in [
            ("holdfast/pagerduty", ROUTING_KEY),
            ("holdfast/slack", SLACK_URL),
            ("holdfast/slack-bot", TOKEN),
            ("holdfast/siem", &siem),
        ] {
            cloud.put_secret(&name.parse().expect("legal"), secret);
        }
        let shop = Self { cloud, memory: memory(), alerts: alerts.into() };
        shop.deploy(ORDERS);
        shop
    }

    /// Another plan comes into force: these resources beside those that storms are about.
    pub(crate) fn deploy(&self, resources: &str) {
        let many: String =
            (0..40).map(|n| format!("db-{n}")).chain(["users-db".into()]).map(|name| one_of_many(&name)).collect();
        self.cloud.put_object("plan.json", compiled(format!("{HEAD}{resources}{many}{CHANNELS}{}", self.alerts)));
    }

    pub(crate) async fn invoke(&self, trigger: &Trigger) -> Result<Outcome, Error> {
        let cloud = &self.cloud;
        let ports =
            Ports { objects: cloud, system: cloud, secrets: cloud, webhooks: cloud, mail: cloud, fallback: cloud };
        handle(&ports, &self.memory, trigger).await
    }

    pub(crate) async fn notify(&self, bodies: impl IntoIterator<Item = NotificationBody>) -> Result<Outcome, Error> {
        self.invoke(&notifications(bodies)).await
    }

    pub(crate) async fn see(&self, finding: &Finding) -> Result<Outcome, Error> {
        self.notify([NotificationBody::Finding(finding.clone())]).await
    }

    pub(crate) async fn sweep(&self) -> Result<Outcome, Error> {
        self.invoke(&Trigger::Sweep).await
    }

    pub(crate) async fn acknowledge(&self, incident: &str) -> Result<Outcome, Error> {
        self.invoke(&acknowledge(incident)).await
    }

    /// A minute passes, and ends with a sweep.
    pub(crate) async fn minutes(&self, minutes: usize) {
        for _ in 0..minutes {
            self.cloud.pass(SignedDuration::from_mins(1));
            self.sweep().await.expect("a sweep");
        }
    }

    pub(crate) fn finding(&self, state: FindingState, severity: Severity) -> Finding {
        self.of("orders-db", state, severity)
    }

    pub(crate) fn of(&self, resource: &str, state: FindingState, severity: Severity) -> Finding {
        Finding {
            cause: format!("shop/prod/{resource}/restore-test").parse().expect("legal"),
            state,
            severity,
            resource: Some(resource.parse().expect("legal")),
            part: None,
            title: match state {
                FindingState::Open => format!("the restore test of {resource} failed"),
                FindingState::Resolved => format!("the restore test of {resource} passed"),
            },
            threatens: "a recovery would lose orders".into(),
            next_step: "look at the run".into(),
            facts: Vec::new(),
            seen_at: self.cloud.time(),
        }
    }

    /// Everything that went out: to whom, and what.
    pub(crate) fn sent(&self) -> Vec<String> {
        let posted = self.cloud.posted();
        let mut sent: Vec<String> = posted.iter().map(|(url, body)| line(url, body)).collect();
        sent.extend(self.cloud.mailed().iter().map(mail_line));
        sent
    }

    /// The same in the order of time.
    pub(crate) fn chronicle(&self) -> Vec<String> {
        let (mut posts, mut mails) = (self.cloud.posted().into_iter(), self.cloud.mailed().into_iter());
        let calls = self.cloud.calls();
        let ways = calls.iter().filter_map(|call| match call.operation {
            "webhook" => posts.next().map(|(url, body)| line(&url, &body)),
            "ses:SendEmail" => mails.next().map(|email| mail_line(&email)),
            _ => None,
        });
        ways.collect()
    }

    /// How often something went out that contains these words.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.sent().iter().filter(|line| line.contains(words)).count()
    }

    pub(crate) fn answers(&self, url: &str, times: usize, status: u16, retry_after: Option<SignedDuration>) {
        for _ in 0..times {
            self.cloud.answer(url, Ok(Answer { status, retry_after, body: String::new() }));
        }
    }

    pub(crate) async fn incident_of(&self, cause: &Cause) -> Incident {
        let ledger = Ledger::new(&self.cloud, &self.cloud);
        let record = ledger.read::<CauseRecord>(&cause_key(cause)).await.expect("readable").expect("a cause");
        let id = record.body.incident.expect("it was open once");
        ledger.read(&incident_key(&id)).await.expect("readable").expect("an incident").body
    }

    pub(crate) async fn incident(&self) -> Incident {
        self.incident_of(&cause()).await
    }

    /// Every incident there is.
    pub(crate) fn incidents(&self) -> Vec<String> {
        self.keys("incidents/records/")
    }

    /// The incidents that the sweep would look at.
    pub(crate) fn markers(&self) -> Vec<String> {
        self.keys(OPEN_INCIDENTS_PREFIX)
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.cloud.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }
}

pub(crate) fn memory() -> Memory {
    Memory::of("alert", Archive { bucket: "holdfast-ledger".into(), region: "eu-west-1".into() })
}

pub(crate) fn notifications(bodies: impl IntoIterator<Item = NotificationBody>) -> Trigger {
    let notification = |body| Notification { message_id: "message".into(), body };
    Trigger::Notifications(bodies.into_iter().map(notification).collect())
}

pub(crate) fn acknowledge(incident: &str) -> Trigger {
    let (by, note) = ("dba@example.com".to_owned(), Some("I am on it".to_owned()));
    Trigger::ForAlert(AlertRequest::Acknowledge(Acknowledge { incident: incident.into(), by, note }))
}

pub(crate) fn cause() -> Cause {
    "shop/prod/orders-db/restore-test".parse().expect("legal")
}

/// A post in a few words.
fn line(url: &str, body: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match url {
        ENQUEUE_URL => format!("PagerDuty: {} {}", text(&body["event_action"]), text(&body["payload"]["summary"])),
        SLACK_URL => format!("Slack: {}", text(&body["text"])),
        SIEM_URL => format!("webhook: {} {}", text(&body["event"]), text(&body["title"])),
        api => {
            let method = api.rsplit('/').next().unwrap_or_default();
            let thread = if body["thread_ts"].is_string() { " in the thread" } else { "" };
            format!("Slack bot, {method}{thread}: {}", text(&body["text"]))
        }
    }
}

fn mail_line(email: &Email) -> String {
    match email.subject.strip_prefix("[possibly repeated] ") {
        Some(subject) => format!("email: {subject} [possibly repeated]"),
        None => format!("email: {}", email.subject),
    }
}

/// `+15 min`, `+1 h 5 min`.
pub(crate) fn after(start: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(start).as_mins();
    if minutes < 60 { format!("+{minutes:>2} min") } else { format!("+{} h {} min", minutes / 60, minutes % 60) }
}
