//! What left the plan: nobody would ever tell that it is over, so `alert` does.

use holdfast_domain::plan::{PlanPart, RestoreFrom};
use holdfast_domain::{Finding, FindingState, Severity};
use holdfast_ledger::{IncidentState, LineState};
use holdfast_wire::Trigger;
use jiff::SignedDuration;

use crate::deployment::{AT_ONCE, Deployment, ORDERS, cause};

use FindingState::{Open, Resolved};
use Severity::High;

const LEFT: &str = "it is over because the plan has no resource orders-db any more";

/// A failed restore test by a rule of the plan.
fn by_rule(shop: &Deployment, from: RestoreFrom) -> Finding {
    let region = "eu-central-1".parse().expect("legal");
    Finding { part: Some(PlanPart::RestoreTests { from, region }), ..shop.finding(Open, High) }
}

async fn state(shop: &Deployment) -> IncidentState {
    shop.incident().await.state
}

#[tokio::test]
async fn a_resource_that_left_the_plan_ends_its_incident_once_and_in_words_that_say_why() {
    for acknowledged in [false, true] {
        let shop = Deployment::new(AT_ONCE);
        shop.see(&shop.finding(Open, High)).await.expect("told");
        if acknowledged {
            shop.acknowledge(cause().as_str()).await.expect("known");
        }
        shop.minutes(5).await;
        assert_eq!(state(&shop).await, IncidentState::Open);
        shop.deploy("");
        shop.minutes(1).await;
        let told = format!("Slack: Resolved: orders-db in shop/prod: {LEFT}");
        assert_eq!((shop.count(&told), shop.count("PagerDuty: resolve")), (1, 1), "{:#?}", shop.sent());
        let sent = shop.sent().len();
        shop.minutes(24 * 60).await;
        assert_eq!((shop.sent().len(), shop.markers().len()), (sent, 0), "and nobody hears of it again");
    }
}

#[tokio::test]
async fn a_sort_of_restore_test_that_left_the_plan_ends_what_it_found_and_no_other() {
    let renamed = ORDERS.replace("every:", "nightly:");
    let proves_the_oldest = ORDERS.replace("from: latest", "from: oldest");
    let elsewhere = ORDERS.replace("region: eu-central-1", "region: eu-west-1");
    let latest = "the plan has no restore test from latest in eu-central-1 of orders-db any more";
    for (plan, by_hand, why) in [
        (&renamed, false, None),
        (&proves_the_oldest, false, Some(latest)),
        (&elsewhere, false, Some(latest)),
        // Whoever asked by hand can ask again, whatever the plan says.
        (&proves_the_oldest, true, None),
    ] {
        let shop = Deployment::new(AT_ONCE);
        let finding = by_rule(&shop, RestoreFrom::Latest);
        shop.see(&Finding { part: finding.part.clone().filter(|_| !by_hand), ..finding }).await.expect("told");
        shop.deploy(plan);
        shop.minutes(2).await;
        let told =
            shop.count(&format!("Slack: Resolved: orders-db in shop/prod: it is over because {}", why.unwrap_or("")));
        assert_eq!(told, usize::from(why.is_some()), "{plan}: {:#?}", shop.sent());
        let wanted = if why.is_some() { IncidentState::Resolved } else { IncidentState::Open };
        assert_eq!(state(&shop).await, wanted, "{plan}");
    }
}

#[tokio::test]
async fn a_plan_that_cannot_be_read_ends_nothing() {
    let shop = Deployment::new(AT_ONCE);
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.cloud.put_object("plan.json", b"{ \"version\": 1 }".to_vec());
    shop.sweep().await.expect_err("nobody knows what the plan has");
    shop.deploy(ORDERS);
    shop.minutes(5).await;
    assert_eq!((state(&shop).await, shop.count("Resolved")), (IncidentState::Open, 0));
}

#[tokio::test]
async fn what_no_plan_of_this_name_can_end_stands() {
    for cause in [
        "other/prod/orders-db/restore-test",
        "shop/staging/orders-db/restore-test",
        "shop/prod/orders-db-two/restore-test",
        "holdfast/restore-test/shop/prod/room/hf-rt-orders-db-1f0c22ab",
    ] {
        let shop = Deployment::new(AT_ONCE);
        let cause = cause.parse().expect("legal");
        shop.see(&Finding { cause, ..shop.finding(Open, High) }).await.expect("told");
        shop.deploy("");
        shop.minutes(5).await;
        assert_eq!((shop.count("Slack: High"), shop.count("Resolved")), (1, 0), "{:#?}", shop.sent());
    }
}

#[tokio::test]
async fn late_news_of_what_left_is_told_to_nobody_and_ends_what_stands() {
    for known in [false, true] {
        let shop = Deployment::new(AT_ONCE);
        if known {
            shop.see(&by_rule(&shop, RestoreFrom::Latest)).await.expect("told");
        }
        shop.deploy("");
        shop.cloud.pass(SignedDuration::from_secs(10));
        // A run that began under the plan before is judged now.
        shop.see(&by_rule(&shop, RestoreFrom::Latest)).await.expect("heard");
        assert_eq!(shop.count("Slack: High"), usize::from(known), "{:#?}", shop.sent());
        assert_eq!(shop.count(LEFT), usize::from(known), "{:#?}", shop.sent());
        assert_eq!(shop.markers(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_resource_that_comes_back_has_incidents_of_its_own_again() {
    let shop = Deployment::new(AT_ONCE);
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.deploy("");
    shop.minutes(2).await;
    shop.deploy(ORDERS);
    shop.minutes(2).await;
    assert_eq!(state(&shop).await, IncidentState::Resolved, "what is over stays so");
    shop.see(&shop.finding(Open, High)).await.expect("told");
    shop.minutes(2).await;
    assert_eq!(shop.incident().await.id.as_str(), "shop/prod/orders-db/restore-test/2");
    assert_eq!((state(&shop).await, shop.count("Slack: High")), (IncidentState::Open, 2));
}

#[tokio::test]
async fn what_its_owner_ends_too_is_told_once() {
    for owner_first in [false, true] {
        let shop = Deployment::new(AT_ONCE);
        shop.see(&shop.finding(Open, High)).await.expect("told");
        shop.deploy("");
        shop.cloud.pass(SignedDuration::from_secs(10));
        let own = shop.finding(Resolved, High);
        if owner_first {
            shop.see(&own).await.expect("told");
        }
        shop.minutes(1).await;
        shop.see(&own).await.expect("heard");
        shop.minutes(5).await;
        assert_eq!((shop.count("Slack: Resolved"), shop.count("PagerDuty: resolve")), (1, 1), "{:#?}", shop.sent());
    }
}

#[tokio::test]
async fn of_a_storm_only_what_left_is_over() {
    let shop = Deployment::new(AT_ONCE);
    for resource in ["orders-db", "db-1", "db-2"] {
        shop.see(&shop.of(resource, Open, High)).await.expect("told");
    }
    assert_eq!(shop.incidents().len(), 1);
    shop.deploy("");
    shop.minutes(30).await;
    let incident = shop.incident().await;
    let over = incident.lines.values().filter(|line| line.state == LineState::Over).count();
    assert_eq!((incident.state, over, shop.count("Resolved")), (IncidentState::Open, 1, 0));
}

#[tokio::test]
async fn killed_anywhere_it_still_ends_what_left() {
    for calls in 0..60 {
        let shop = Deployment::new(AT_ONCE);
        shop.see(&shop.finding(Open, High)).await.expect("told");
        shop.deploy("");
        shop.cloud.pass(SignedDuration::from_mins(1));
        let before = shop.cloud.calls().len();
        shop.cloud.crash_after(Some(calls));
        let _ = shop.invoke(&Trigger::Sweep).await;
        shop.cloud.crash_after(None);
        let crashed = shop.cloud.calls().len() - before > calls;
        shop.minutes(5).await;
        assert_eq!((state(&shop).await, shop.markers().len()), (IncidentState::Resolved, 0), "after {calls} calls");
        let told = (shop.count("Slack: Resolved"), shop.count("PagerDuty: resolve"));
        assert!((1..=2).contains(&told.0) && (1..=2).contains(&told.1), "after {calls} calls: {:#?}", shop.sent());
        if !crashed {
            assert_eq!(told, (1, 1));
            return;
        }
    }
    panic!("a sweep has no end");
}
