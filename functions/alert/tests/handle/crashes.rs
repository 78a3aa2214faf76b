//! Killed after any call, at any point of an incident's life: nothing is lost, and nothing is told more often than the
//! crash made unavoidable.

use holdfast_domain::{FindingState, Severity};
use holdfast_ledger::{DeliveryState, IncidentState};
use holdfast_testkit::Fault;
use holdfast_wire::Trigger;

use crate::deployment::{Deployment, IN_ORDER, acknowledge, cause, notifications};

use FindingState::{Open, Resolved};
use Severity::{Critical, High};
use holdfast_wire::NotificationBody;

/// Part of a life: what happens, and how many minutes then pass.
type Act = (fn(&Deployment) -> Trigger, usize);

fn open(shop: &Deployment) -> Trigger {
    notifications([NotificationBody::Finding(shop.finding(Open, High))])
}

/// Another resource of the same root.
fn joins(shop: &Deployment) -> Trigger {
    notifications([NotificationBody::Finding(shop.of("users-db", Open, High))])
}

fn worse(shop: &Deployment) -> Trigger {
    notifications([NotificationBody::Finding(shop.finding(Open, Critical))])
}

fn somebody_takes_it(_: &Deployment) -> Trigger {
    acknowledge(cause().as_str())
}

fn over(shop: &Deployment) -> Trigger {
    let resolved = |name: &str| NotificationBody::Finding(shop.of(name, Resolved, High));
    notifications([resolved("orders-db"), resolved("users-db")])
}

fn sweep(_: &Deployment) -> Trigger {
    Trigger::Sweep
}

/// Everything that `alert` does with an incident, and a heartbeat beside it.
const LIFE: [Act; 9] = [
    (open, 3),
    (joins, 2),
    (sweep, 14),
    (sweep, 1),
    (worse, 14),
    (sweep, 4),
    (somebody_takes_it, 5),
    (over, 9),
    (sweep, 3),
];

const PLAN: &str = "  heartbeat: { at: \"cron(0 8 * * ? *)\", to: [ops] }\n";

/// Lives the life, killed in one act after so many calls; the trigger of that act comes again, as Lambda and the
/// scheduler see to it. True if the crash came.
async fn live(crash_in: usize, calls: usize) -> (Deployment, bool) {
    let shop = Deployment::new(&format!("{IN_ORDER}{PLAN}"));
    let mut crashed = false;
    for (act, (trigger, minutes)) in LIFE.into_iter().enumerate() {
        let trigger = trigger(&shop);
        if act == crash_in {
            let before = shop.cloud.calls().len();
            shop.cloud.crash_after(Some(calls));
            let _ = shop.invoke(&trigger).await;
            shop.cloud.crash_after(None);
            crashed = shop.cloud.calls().len() - before > calls;
            shop.minutes(1).await;
        }
        shop.invoke(&trigger).await.unwrap_or_else(|error| panic!("act {act}, {calls} calls: {error}"));
        shop.minutes(minutes).await;
    }
    shop.minutes(20).await;
    (shop, crashed)
}

/// What has to have been said at least once, and how often at most without a crash.
const SAID: [(&str, usize); 14] = [
    ("PagerDuty: trigger", 4),
    ("PagerDuty: acknowledge", 1),
    ("PagerDuty: resolve", 1),
    ("Slack bot, chat.postMessage: High", 1),
    ("in the thread: Update ", 2),
    ("in the thread: Acknowledged", 1),
    ("Slack bot, chat.update: Resolved", 1),
    ("in the thread: Resolved", 1),
    ("in the thread: Closing report", 1),
    ("email: Resolved", 1),
    ("email: Closing report", 1),
    ("webhook: opened", 1),
    ("webhook: resolved", 1),
    ("Slack: Heartbeat", 1),
];

#[tokio::test]
async fn a_life_without_a_crash_says_everything_once() {
    let (shop, _) = live(usize::MAX, 0).await;
    for (words, times) in SAID {
        assert_eq!(shop.count(words), times, "{words}: {:#?}", shop.chronicle());
    }
}

#[tokio::test]
async fn a_crash_anywhere_delays_and_loses_nothing() {
    for act in 0..LIFE.len() {
        for calls in 0..200 {
            let (shop, crashed) = live(act, calls).await;
            if !crashed {
                break;
            }
            let place = format!("act {act}, killed after {calls} calls");
            let incident = shop.incident().await;
            assert_eq!(incident.state, IncidentState::Resolved, "{place}");
            assert!(incident.finished_at.is_some() && shop.markers().is_empty(), "{place}: {incident:#?}");
            assert_eq!(shop.incidents().len(), 1, "{place}");
            for channel in ["oncall", "war-room", "team", "siem"] {
                for told in [&incident.opened_to, &incident.resolved_to] {
                    assert_eq!(told[channel].state, DeliveryState::Delivered, "{place}: {channel}");
                }
            }
            for (words, times) in SAID {
                let said = shop.count(words);
                // A message that was on its way when the process was killed may be said twice; an update may be said anew
                // with what it is about by then.
                assert!((1..=times + 2).contains(&said), "{place}: {words} {said} times: {:#?}", shop.chronicle());
            }
            assert_eq!(shop.cloud.published().len(), 0, "{place}");
        }
    }
}

/// A record whose write was answered by silence is read back, not written twice.
#[tokio::test]
async fn a_lost_answer_of_the_ledger_tells_nobody_twice() {
    for lost in 1..8 {
        let shop = Deployment::new(crate::deployment::AT_ONCE);
        shop.cloud.fail("s3:PutObject", lost, Fault::AnswerLost);
        let finding = shop.finding(Open, High);
        let _ = shop.see(&finding).await;
        shop.see(&finding).await.expect("nothing more is lost");
        shop.minutes(3).await;
        assert_eq!((shop.count("PagerDuty: trigger"), shop.count("Slack: ")), (1, 1), "{lost} answers lost");
    }
}
