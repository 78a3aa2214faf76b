//! Incidents from their beginning to their end.

use holdfast_domain::{FindingState, RunId, Severity, Slot};
use holdfast_ledger::{IncidentState, run_key};
use holdfast_ports::{Class, Classified};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::deployment::{AT_ONCE, Deployment, IN_ORDER, after, cause};

use FindingState::{Open, Resolved};
use Severity::{Critical, High, Info};

/// Lets minutes pass and writes down what goes out when.
async fn watch(shop: &Deployment, start: Timestamp, minutes: usize, timeline: &mut Vec<String>) {
    for _ in 0..minutes {
        shop.minutes(1).await;
        note(shop, start, timeline);
    }
}

/// Adds what went out since it was last asked for.
fn note(shop: &Deployment, start: Timestamp, timeline: &mut Vec<String>) {
    let now = after(start, shop.cloud.time());
    let known = timeline.iter().filter(|line| !line.contains(" — ")).count();
    timeline.extend(shop.chronicle().into_iter().skip(known).map(|line| format!("{now}  {line}")));
}

#[tokio::test]
async fn an_unacknowledged_incident_from_its_beginning_to_its_report() {
    let shop = Deployment::new(IN_ORDER);
    let start = shop.cloud.time();
    let mut timeline = vec!["+ 0 min  — finding: the restore test of orders-db failed, high".to_owned()];
    shop.see(&shop.finding(Open, High)).await.expect("told");
    note(&shop, start, &mut timeline);
    watch(&shop, start, 95, &mut timeline).await;
    timeline.push(format!("{}  — finding: the restore test of orders-db passed", after(start, shop.cloud.time())));
    shop.see(&shop.finding(Resolved, High)).await.expect("told");
    note(&shop, start, &mut timeline);
    watch(&shop, start, 30, &mut timeline).await;
    insta::assert_snapshot!("timeline_unacknowledged", timeline.join("\n"));
    assert_eq!(shop.markers(), Vec::<String>::new(), "nothing is left to do");
}

#[tokio::test]
async fn a_recovery_with_news_every_quarter_of_an_hour() {
    let shop = Deployment::new(IN_ORDER);
    let start = shop.cloud.time();
    let mut timeline = vec!["+ 0 min  — finding: critical".to_owned()];
    shop.see(&shop.finding(Open, Critical)).await.expect("told");
    note(&shop, start, &mut timeline);
    watch(&shop, start, 20, &mut timeline).await;
    timeline.push(format!("{}  — dba@example.com acknowledges by hand", after(start, shop.cloud.time())));
    shop.acknowledge(cause().as_str()).await.expect("known");
    note(&shop, start, &mut timeline);
    watch(&shop, start, 15, &mut timeline).await;
    insta::assert_snapshot!("timeline_recovery", timeline.join("\n"));
}

#[tokio::test]
async fn an_acknowledgement_stops_the_escalation_and_is_told_to_those_who_know() {
    for named_by_id in [true, false] {
        let shop = Deployment::new(IN_ORDER);
        shop.see(&shop.finding(Open, High)).await.expect("told");
        shop.minutes(16).await;
        let id = shop.incident().await.id.to_string();
        let name = if named_by_id { id } else { cause().to_string() };
        for _ in 0..2 {
            shop.acknowledge(&name).await.expect("known");
        }
        shop.minutes(60).await;
        assert_eq!(shop.count("PagerDuty: acknowledge"), 1);
        assert_eq!(shop.count("in the thread: Acknowledged"), 1, "{:#?}", shop.sent());
        assert_eq!(shop.cloud.mailed().len(), 0, "the third of the route is not woken");
        let acknowledged = shop.incident().await.acknowledged.expect("noted");
        assert_eq!((acknowledged.by.as_str(), acknowledged.note.as_deref()), ("dba@example.com", Some("I am on it")));
    }
}

#[tokio::test]
async fn acknowledging_what_is_over_changes_nothing_and_what_never_was_is_an_error() {
    let shop = Deployment::new(IN_ORDER);
    let unknown = shop.acknowledge("shop/prod/nothing/restore-test").await.expect_err("unknown");
    assert_eq!(unknown.class(), Class::Permanent);
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.cloud.pass(SignedDuration::from_mins(1));
    shop.see(&shop.finding(Resolved, High)).await.expect("told");
    let late = shop.acknowledge(cause().as_str()).await.expect("known");
    assert_eq!(late.incidents[0].reason, "it is over already");
    assert_eq!(shop.incident().await.acknowledged, None);
}

#[tokio::test]
async fn a_resolution_goes_to_those_who_were_told_and_the_next_opening_to_all_again() {
    let shop = Deployment::new(AT_ONCE);
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.cloud.pass(SignedDuration::from_mins(1));
    let resolved = shop.finding(Resolved, High);
    for _ in 0..2 {
        shop.see(&resolved).await.expect("told");
    }
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("PagerDuty: resolve"), shop.count("Slack: ")), (1, 1, 2));
    let first = shop.incident().await;
    assert_eq!((first.state, first.finished_at.is_some()), (IncidentState::Resolved, true));
    assert_eq!(shop.markers(), Vec::<String>::new());
    shop.cloud.pass(SignedDuration::from_mins(1));
    shop.see(&shop.finding(Open, High)).await.expect("told again");
    let second = shop.incident().await;
    assert_eq!((shop.count("PagerDuty: trigger"), second.id.as_str()), (2, "shop/prod/orders-db/restore-test/2"));
    assert_eq!(shop.markers().len(), 1);
    let keys: Vec<String> =
        shop.cloud.posted().iter().filter_map(|(_, body)| body["dedup_key"].as_str().map(str::to_owned)).collect();
    assert_eq!(keys, [first.id.to_string(), first.id.to_string(), second.id.to_string()]);
}

#[tokio::test]
async fn news_that_something_is_well_that_never_was_ill_tells_nobody() {
    let shop = Deployment::new(AT_ONCE);
    let outcome = shop.see(&shop.finding(Resolved, High)).await.expect("fine");
    assert_eq!((outcome.incidents[0].reason.as_str(), shop.sent().len()), ("nothing was open", 0));
    assert_eq!((shop.incidents().len(), shop.cloud.published().len()), (0, 0));
}

#[tokio::test]
async fn what_comes_and_goes_is_told_once_and_is_over_when_it_is_calm() {
    let shop = Deployment::new(AT_ONCE);
    for _ in 0..10 {
        shop.see(&shop.finding(Open, High)).await.expect("seen");
        shop.minutes(2).await;
        shop.see(&shop.finding(Resolved, High)).await.expect("seen");
        shop.minutes(2).await;
    }
    assert_eq!(shop.incidents().len(), 4, "three of their own, then it flaps");
    assert_eq!((shop.count("PagerDuty: trigger High"), shop.count("Slack: Resolved")), (0, 3));
    let flapping = shop.incident().await;
    assert_eq!(flapping.state, IncidentState::Open);
    assert_eq!(shop.count("Slack: High"), 4);
    let said = shop.cloud.posted().iter().filter(|(_, body)| body.to_string().contains("comes and goes")).count();
    assert!(said >= 1, "it is said that it flaps");
    shop.minutes(35).await;
    assert_eq!(shop.incident().await.state, IncidentState::Resolved);
    assert_eq!((shop.count("Slack: Resolved"), shop.markers().len()), (4, 0));
}

/// Keeps the record of a judged run, as far as a heartbeat reads it.
fn keep(shop: &Deployment, judged_at: Timestamp, verdict: &str) {
    let id: RunId = format!("orders-db.every.{}", Slot::at(judged_at)).parse().expect("legal");
    let body =
        json!({ "verdict": { "verdict": verdict, "reasons": ["as it is"] }, "times": { "judged_at": judged_at } });
    let record = json!({ "generation": 1, "writer": "restore-test", "body": body });
    shop.cloud.put_object(&run_key(&id), record.to_string().into_bytes());
}

const WITH_HEARTBEAT: &str = "  routes: { high: [oncall] }\n  heartbeat: { at: \"cron(0 8 * * ? *)\", to: [ops] }\n";

#[tokio::test]
async fn a_heartbeat_comes_once_a_day_and_says_what_the_ledger_says() {
    let shop = Deployment::new(WITH_HEARTBEAT);
    let now = shop.cloud.time();
    keep(&shop, now - SignedDuration::from_hours(12 * 24), "passed");
    let first = shop.sweep().await.expect("swept");
    assert_eq!(first.heartbeat.as_deref(), Some("everything proved, oldest proof 12 days 0 h, open incidents: none"));
    shop.minutes(120).await;
    assert_eq!(shop.count("Slack: Heartbeat"), 1);
    keep(&shop, now - SignedDuration::from_hours(1), "failed");
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.cloud.pass(SignedDuration::from_hours(22));
    let second = shop.sweep().await.expect("swept");
    assert_eq!(second.heartbeat.as_deref(), Some("1 of 1 not proved, open incidents: 1"));
    assert_eq!(shop.count("Slack: Heartbeat"), 2);
}

#[tokio::test]
async fn a_heartbeat_that_fails_is_tried_again_and_one_of_yesterday_is_not_sent() {
    let shop = Deployment::new(WITH_HEARTBEAT);
    shop.answers(crate::deployment::SLACK_URL, 2, 500, None);
    shop.minutes(5).await;
    assert_eq!(shop.count("Slack: Heartbeat"), 3, "two that failed, one that arrived");
    let late = Deployment::new(WITH_HEARTBEAT);
    late.cloud.pass(SignedDuration::from_hours(13));
    late.sweep().await.expect("swept");
    assert_eq!(late.sent().len(), 0);
}

#[tokio::test]
async fn mild_and_grave_news_of_one_cause_reach_those_whom_they_concern() {
    let shop = Deployment::new(AT_ONCE);
    shop.see(&shop.finding(Open, Info)).await.expect("told");
    assert_eq!((shop.count("Slack: Info"), shop.count("PagerDuty")), (1, 0));
    shop.cloud.pass(SignedDuration::from_mins(1));
    shop.see(&shop.finding(Open, High)).await.expect("told");
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: Update 1, High")), (1, 1), "{:#?}", shop.sent());
}
