//! The plan as functions load it: the one in force, and the one that a run began with.

use std::sync::Arc;

use holdfast_domain::PlanSha;
use holdfast_ledger::{LedgerError, PLAN_KEY, PlanStore, plan_key};
use holdfast_plan::Compiled;
use holdfast_ports::{Class, Classified, PortErrorKind};
use holdfast_testkit::{Fault, MemoryCloud};

fn compiled(name: &str) -> Compiled {
    let text = format!(
        r#"
version: 1
name: {name}
environment: prod
time_zone: UTC
regions: {{ home: eu-west-1, primary: eu-central-1 }}
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    objectives: {{ rpo: 24h, rto: 2h }}
    snapshots:
      daily: {{ at: "cron(0 2 * * ? *)", keep: 7d }}
alerts:
  channels: {{ ops: {{ slack: "secret:holdfast/slack" }} }}
  routes: {{ high: [ops] }}
"#
    );
    holdfast_plan::read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A ledger with a current plan that is kept by its sha too.
fn cloud(plan: &Compiled) -> MemoryCloud {
    let cloud = MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"));
    cloud.put_object(PLAN_KEY, plan.to_json());
    cloud.put_object(&plan_key(plan.sha()), plan.to_json());
    cloud
}

fn reads(cloud: &MemoryCloud) -> usize {
    cloud.calls().iter().filter(|call| call.operation == "s3:GetObject").count()
}

#[tokio::test]
async fn an_unchanged_plan_is_asked_for_and_kept() {
    let plan = compiled("shop");
    let (cloud, plans) = (cloud(&plan), PlanStore::default());
    let first = plans.current(&cloud).await.expect("a plan");
    let second = plans.current(&cloud).await.expect("a plan");
    assert_eq!(first.sha, *plan.sha());
    assert!(Arc::ptr_eq(&first, &second), "it was read once");
    assert_eq!(reads(&cloud), 2, "and asked for twice");
}

#[tokio::test]
async fn a_changed_plan_is_in_force_at_once_and_the_old_one_lives_on_for_who_holds_it() {
    let (old, new) = (compiled("shop"), compiled("shop-two"));
    let (cloud, plans) = (cloud(&old), PlanStore::default());
    let held = plans.current(&cloud).await.expect("a plan");
    cloud.put_object(PLAN_KEY, new.to_json());
    assert_eq!(plans.current(&cloud).await.expect("a plan").sha, *new.sha());
    assert_eq!(held.sha, *old.sha());
}

/// Unknown is not healthy: what was in force a minute ago may be what somebody has just mended.
#[tokio::test]
async fn a_plan_that_cannot_be_read_or_reached_is_an_error_and_never_the_one_before() {
    let plan = compiled("shop");
    let (cloud, plans) = (cloud(&plan), PlanStore::default());
    plans.current(&cloud).await.expect("a plan");
    cloud.fail("s3:GetObject", 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = plans.current(&cloud).await.expect_err("not reached");
    assert_eq!(error.class(), Class::Transient);

    cloud.put_object(PLAN_KEY, b"{}".to_vec());
    let error = plans.current(&cloud).await.expect_err("no plan");
    assert!(matches!(&error, LedgerError::Unreadable { key, .. } if key == PLAN_KEY), "{error}");
    assert_eq!(error.class(), Class::Permanent);
    cloud.put_object(PLAN_KEY, plan.to_json());
    assert_eq!(plans.current(&cloud).await.expect("mended").sha, *plan.sha());
}

#[tokio::test]
async fn a_missing_plan_says_how_to_deploy_one() {
    let cloud = MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"));
    let plans = PlanStore::default();
    let error = plans.current(&cloud).await.expect_err("nothing there");
    assert_eq!(
        error.to_string(),
        "the record plan.json cannot be read: there is no such plan; deploy one with plan compile"
    );
    let sha: PlanSha = "0".repeat(64).parse().expect("legal");
    let error = plans.pinned(&cloud, &sha).await.expect_err("nothing there");
    assert!(error.to_string().starts_with("the record plans/0000"), "{error}");
}

#[tokio::test]
async fn a_run_gets_the_plan_it_began_with_whatever_is_in_force() {
    let (old, new) = (compiled("shop"), compiled("shop-two"));
    let (cloud, plans) = (cloud(&old), PlanStore::default());
    cloud.put_object(PLAN_KEY, new.to_json());
    plans.current(&cloud).await.expect("a plan");
    assert_eq!(plans.pinned(&cloud, old.sha()).await.expect("the old one").sha, *old.sha());
    let asked = reads(&cloud);
    assert_eq!(plans.pinned(&cloud, new.sha()).await.expect("the new one").sha, *new.sha());
    assert_eq!(reads(&cloud), asked, "the one in force is at hand");
}

/// An invocation of `verify` knows its run's plan alone, and a run has many invocations.
#[tokio::test]
async fn the_plan_that_a_run_began_with_is_read_once() {
    let (old, new) = (compiled("shop"), compiled("shop-two"));
    let (cloud, plans) = (cloud(&old), PlanStore::default());
    cloud.put_object(&plan_key(new.sha()), new.to_json());
    let first = plans.pinned(&cloud, old.sha()).await.expect("a plan");
    let second = plans.pinned(&cloud, old.sha()).await.expect("a plan");
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(reads(&cloud), 1);
    assert_eq!(plans.pinned(&cloud, new.sha()).await.expect("another run's").sha, *new.sha());
    assert_eq!(plans.pinned(&cloud, old.sha()).await.expect("the first one's").sha, *old.sha());
}

#[tokio::test]
async fn a_plan_under_another_plans_name_is_refused() {
    let (wanted, other) = (compiled("shop"), compiled("shop-two"));
    let cloud = cloud(&wanted);
    cloud.put_object(&plan_key(wanted.sha()), other.to_json());
    let error = PlanStore::default().pinned(&cloud, wanted.sha()).await.expect_err("another plan");
    assert_eq!(
        error.to_string(),
        format!("the record plans/{}.json cannot be read: it holds the plan {}", wanted.sha(), other.sha())
    );
}
