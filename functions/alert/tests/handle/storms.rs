//! Many at once: storms of findings, and invocations that run beside each other.

use alert::{Ports, handle};
use futures_util::future::join_all;
use holdfast_domain::{FindingState, Severity};
use holdfast_ledger::{IncidentState, LineState};
use holdfast_ports::{Answer, Fetched, Objects, PortError, Post, Precondition, Webhooks};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{NotificationBody, Trigger};
use jiff::SignedDuration;

use crate::deployment::{AT_ONCE, Deployment, memory, notifications};

use FindingState::{Open, Resolved};
use Severity::High;

/// The outside world takes its time, and meanwhile others are at work.
struct Slow<'a>(&'a MemoryCloud);

impl Webhooks for Slow<'_> {
    async fn post(&self, post: &Post) -> Result<Answer, PortError> {
        tokio::task::yield_now().await;
        self.0.post(post).await
    }
}

impl Objects for Slow<'_> {
    async fn get(&self, key: &str, known: Option<&str>) -> Result<Fetched, PortError> {
        tokio::task::yield_now().await;
        self.0.get(key, known).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, when: Precondition) -> Result<String, PortError> {
        tokio::task::yield_now().await;
        self.0.put(key, bytes, when).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PortError> {
        tokio::task::yield_now().await;
        self.0.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.0.delete(key).await
    }
}

/// Every trigger in an invocation and a process of its own, all at the same time.
async fn at_once(shop: &Deployment, triggers: Vec<Trigger>) {
    let slow = Slow(&shop.cloud);
    let one = |trigger: Trigger| {
        let (slow, cloud) = (&slow, &shop.cloud);
        async move {
            let ports =
                Ports { objects: slow, system: cloud, secrets: cloud, webhooks: slow, mail: cloud, fallback: cloud };
            handle(&ports, &memory(), &trigger).await.expect("seen to")
        }
    };
    join_all(triggers.into_iter().map(one)).await;
}

fn storm(shop: &Deployment, state: FindingState, resources: impl Iterator<Item = usize>) -> Vec<Trigger> {
    resources
        .map(|n| {
            let mut finding = shop.of(&format!("db-{n}"), state, High);
            if state == Open {
                finding.title = format!("the snapshot of db-{n} failed: KMSKeyNotAccessibleFault: the key expired");
            }
            notifications([NotificationBody::Finding(finding)])
        })
        .collect()
}

#[tokio::test]
async fn forty_databases_that_fail_for_one_key_at_the_same_time_are_one_incident_with_forty_lines() {
    let shop = Deployment::new(AT_ONCE);
    at_once(&shop, storm(&shop, Open, 0..40)).await;
    assert_eq!(shop.incidents().len(), 1, "{:#?}", shop.incidents());
    let incident = shop.incident_of(&"shop/prod/db-7/restore-test".parse().expect("legal")).await;
    assert_eq!(incident.lines.len(), 40);
    assert!(incident.lines.values().all(|line| line.state == LineState::Standing));
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: ")), (1, 1), "{:#?}", shop.sent());
    shop.minutes(2).await;
    assert_eq!(shop.count("Slack: Update 1, High: 40 resources in shop/prod"), 1, "{:#?}", shop.sent());
    shop.minutes(30).await;
    assert_eq!(shop.count("Slack: "), 2, "and not one by one");

    at_once(&shop, storm(&shop, Resolved, 0..39)).await;
    assert_eq!((shop.count("Slack: Resolved"), shop.count("PagerDuty: resolve")), (0, 0), "one is left");
    at_once(&shop, storm(&shop, Resolved, 39..40)).await;
    assert_eq!((shop.count("Slack: Resolved"), shop.count("PagerDuty: resolve")), (1, 1));
    let over = shop.incident_of(&"shop/prod/db-7/restore-test".parse().expect("legal")).await;
    assert_eq!((over.state, over.finished_at.is_some(), shop.markers().len()), (IncidentState::Resolved, true, 0));
}

#[tokio::test]
async fn what_fails_for_another_reason_or_much_later_is_an_incident_of_its_own() {
    let shop = Deployment::new(AT_ONCE);
    let see = async |n: usize, reason: &str| {
        let mut finding = shop.of(&format!("db-{n}"), Open, High);
        finding.title = format!("the snapshot of db-{n} failed: {reason}");
        shop.see(&finding).await.expect("told");
    };
    see(1, "the key expired").await;
    see(2, "no storage").await;
    see(3, "the key expired").await;
    assert_eq!(shop.incidents().len(), 2);
    shop.cloud.pass(SignedDuration::from_mins(20));
    see(4, "the key expired").await;
    assert_eq!(shop.incidents().len(), 3);
}

#[tokio::test]
async fn a_line_that_comes_back_while_others_stand_is_the_same_line() {
    let shop = Deployment::new(AT_ONCE);
    at_once(&shop, storm(&shop, Open, 0..3)).await;
    shop.minutes(30).await;
    at_once(&shop, storm(&shop, Resolved, 1..2)).await;
    shop.minutes(1).await;
    at_once(&shop, storm(&shop, Open, 1..2)).await;
    assert_eq!(shop.incidents().len(), 1);
}

#[tokio::test]
async fn the_beginning_and_the_end_at_the_same_time_end_well_whichever_is_quicker() {
    for _ in 0..5 {
        let shop = Deployment::new(AT_ONCE);
        let opened = storm(&shop, Open, 0..10);
        shop.cloud.pass(SignedDuration::from_secs(1));
        let resolved = storm(&shop, Resolved, 0..10);
        at_once(&shop, opened.into_iter().chain(resolved).collect()).await;
        shop.minutes(5).await;
        assert_eq!(shop.markers(), Vec::<String>::new(), "nothing stands");
        assert_eq!(shop.count("PagerDuty: trigger"), shop.count("PagerDuty: resolve"), "{:#?}", shop.sent());
    }
}

#[tokio::test]
async fn of_many_invocations_about_one_cause_one_tells() {
    let shop = Deployment::new(AT_ONCE);
    let finding = shop.finding(Open, High);
    let news = || notifications([NotificationBody::Finding(finding.clone())]);
    let mut triggers: Vec<Trigger> = (0..8).map(|_| news()).collect();
    triggers.extend((0..4).map(|_| Trigger::Sweep));
    at_once(&shop, triggers).await;
    assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: "), shop.cloud.published().len()), (1, 1, 0));
}
