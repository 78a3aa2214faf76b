//! Tells people: findings from SNS to Slack and PagerDuty.
//!
//! A finding opens, worsens, repeats or ends the incident of its cause ([`decide`]); the incident in the ledger says
//! who was told. Every channel is tried by itself: a dead one holds no other back. Whatever concerns `alert` itself
//! goes to the fallback topic alone.
//!
//! What can go wrong on the way, and what then:
//!
//! | when | then |
//! |---|---|
//! | the same notification comes twice | the record shows who was told; nobody is told again |
//! | two invocations work on one cause | the record's precondition lets one through, the other decides anew and finds the channels taken |
//! | a channel fails, or asks to wait (429) | the others are told; the invocation fails, and Lambda's retry tells that one alone |
//! | a channel refuses for good (4xx, no secret) | recorded and not repeated; the fallback topic hears of it |
//! | nobody takes a high or critical incident | the fallback topic gets it at once, and the channels are tried again all the same |
//! | an answer is lost, or the process is killed | told again after [`decide::LEASE`]: PagerDuty joins it by `dedup_key`, Slack may show it twice, and says so |
//! | the ledger or the plan cannot be read | the invocation fails; after Lambda's retries its failure destination, the fallback topic, gets the event |

pub mod channels;
pub mod decide;
mod fallback;
mod news;
mod outcome;
#[cfg(test)]
mod samples;
mod secrets;
mod steps;

use holdfast_domain::Finding;
use holdfast_ledger::PlanStore;
use holdfast_ports::{Clock, Entropy, FallbackTopic, Objects, ReadSecrets, Webhooks};
use holdfast_wire::{Notification, Trigger};

pub use crate::outcome::{Error, Outcome, Told};
pub use crate::secrets::KnownSecrets;

use crate::outcome::Failure;

/// The ports that this function needs, and no others.
#[derive(Debug)]
pub struct Ports<'a, O, Y, S, W, F> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// Time and chance.
    pub system: &'a Y,
    /// The channels' secrets.
    pub secrets: &'a S,
    /// The way to the channels.
    pub webhooks: &'a W,
    /// The last resort.
    pub fallback: &'a F,
}

/// What lasts from one invocation to the next. Losing it costs time, never a message.
#[derive(Debug)]
pub struct Memory {
    function: String,
    plans: PlanStore,
    secrets: KnownSecrets,
}

impl Memory {
    /// An empty memory. `function` is this function's own name, by which it knows its own failures.
    #[must_use]
    pub fn of(function: &str) -> Self {
        Self { function: function.into(), plans: PlanStore::default(), secrets: KnownSecrets::default() }
    }
}

/// Sees to every notification, and says what came of it.
///
/// # Errors
/// After everything that could be done was done: who does not know yet. Invoked again with the same trigger, it tells those alone.
pub async fn handle<O: Objects, Y: Clock + Entropy, S: ReadSecrets, W: Webhooks, F: FallbackTopic>(
    ports: &Ports<'_, O, Y, S, W, F>,
    memory: &Memory,
    trigger: &Trigger,
) -> Result<Outcome, Error> {
    let notifications = notifications(trigger)?;
    let mut outcome = Outcome::of(notifications.len());
    for notification in notifications {
        let finding = news::finding(notification, ports.system.now());
        let result = if news::is_about(&memory.function, &finding) {
            ports.tell_of_alert_itself(&finding).await
        } else {
            see_to(ports, memory, &finding).await
        };
        outcome.note(&finding.cause, result);
    }
    outcome.finish()
}

/// Observe, decide and record the intention; act; record what came of it. Nothing is announced: who had to know was
/// just told.
async fn see_to<O: Objects, Y: Clock + Entropy, S: ReadSecrets, W: Webhooks, F: FallbackTopic>(
    ports: &Ports<'_, O, Y, S, W, F>,
    memory: &Memory,
    finding: &Finding,
) -> Result<Told, Failure> {
    let plan = memory.plans.current(ports.objects).await?;
    let (held, decision) = ports.intend(finding, &plan).await?;
    let mut answers = ports.tell(&memory.secrets, &held.body, finding, &decision, &plan).await;
    ports.fall_back(&held.body, finding, &decision, &mut answers).await;
    ports.record(held, &answers).await?;
    Ok(steps::summary(finding, &decision, answers))
}

fn notifications(trigger: &Trigger) -> Result<&[Notification], Error> {
    match trigger {
        Trigger::Notifications(notifications) => Ok(notifications),
        Trigger::Sweep => Err(Error::Foreign("a sweep".into())),
        Trigger::Rds(_) => Err(Error::Foreign("an RDS event".into())),
        Trigger::Bus(message) => Err(Error::Foreign(format!("{} from the bus itself", message.detail_type()))),
        Trigger::RestoreTestNow(_) => Err(Error::Foreign("restore-test-now".into())),
    }
}
