//! Tells people: findings and alarms, to PagerDuty, Slack, email and webhooks, in order, until it is over.
//!
//! Two things happen here, and they meet only in the ledger. *News* (a finding, an alarm, a failed function, somebody who
//! acknowledges) changes an incident: [`cause`], [`fold`], [`lines`]. *Telling* compares who should know by now with who
//! was told, and makes up the difference: [`due`]. It happens after every piece of news and once a minute in a sweep, by
//! the same code, so that an invocation that died costs a minute.
//!
//! Every channel is tried by itself: a dead one holds no other back. Whatever concerns `alert` itself goes to the
//! fallback topic alone.
//!
//! What can go wrong on the way, and what then:
//!
//! | when | then |
//! |---|---|
//! | the same notification comes twice | the records show what is known and who was told; nobody is told again |
//! | two invocations work on one incident | the record's precondition lets one through, the other decides anew and finds the channels taken |
//! | a channel fails, or asks to wait (429) | the others are told, the next of the route at once; a sweep tries again, each time later |
//! | a channel refuses for good (4xx, no secret) | recorded and not repeated; the fallback topic hears of it |
//! | nobody takes a high or critical incident | the fallback topic gets it at once and a metric counts it, and the channels are tried again all the same |
//! | an answer is lost, or the process is killed | told again after [`due::LEASE`]: PagerDuty and webhooks join it by its key, Slack and email may show it twice, and say so |
//! | the ledger or the plan cannot be read | the invocation fails; after Lambda's retries its failure destination, the fallback topic, gets the event |

pub mod cause;
pub mod channels;
mod departed;
mod desk;
pub mod due;
mod fallback;
pub mod fold;
pub mod heartbeat;
pub mod lines;
mod news;
mod outcome;
pub mod policy;
mod proofs;
mod report;
mod requests;
#[cfg(test)]
mod samples;
mod secrets;
pub mod settle;
pub mod story;
mod sweep;

use holdfast_ledger::PlanStore;
use holdfast_ports::{Clock, Entropy, FallbackTopic, Mail, Metrics, Objects, ReadSecrets, Webhooks};
use holdfast_wire::{AlertRequest, Message, Notification, Trigger};

pub use crate::fallback::NOBODY_TOLD;
pub use crate::outcome::{Error, Outcome, Told};
pub use crate::secrets::KnownSecrets;
pub use crate::story::Archive;

use crate::desk::Desk;
use crate::outcome::Failure;

/// The ports that this function needs, and no others.
#[derive(Debug)]
pub struct Ports<'a, O, Y, S, W, M, F> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// Time and chance, and a count of what nobody heard of.
    pub system: &'a Y,
    /// The channels' secrets.
    pub secrets: &'a S,
    /// The way to channels over HTTPS.
    pub webhooks: &'a W,
    /// The way to mailboxes.
    pub mail: &'a M,
    /// The last resort.
    pub fallback: &'a F,
}

/// What lasts from one invocation to the next. Losing it costs time, never a message.
#[derive(Debug)]
pub struct Memory {
    function: String,
    archive: Archive,
    button: bool,
    plans: PlanStore,
    secrets: KnownSecrets,
}

impl Memory {
    /// An empty memory. `function` is this function's own name, by which it knows its own failures; `archive` is where
    /// people can look at the ledger.
    #[must_use]
    pub fn of(function: &str, archive: Archive) -> Self {
        Self {
            function: function.into(),
            archive,
            button: false,
            plans: PlanStore::default(),
            secrets: KnownSecrets::default(),
        }
    }

    /// With a button in Slack that acknowledges, if the function `acknowledge` listens to it.
    #[must_use]
    pub fn with_button(self, button: bool) -> Self {
        Self { button, ..self }
    }
}

/// Sees to whatever started it, and says what came of it.
///
/// # Errors
/// After everything that could be done was done: what could not be recorded. Invoked again with the same trigger, it does
/// the rest.
pub async fn handle<
    O: Objects,
    Y: Clock + Entropy + Metrics,
    S: ReadSecrets,
    W: Webhooks,
    M: Mail,
    F: FallbackTopic,
>(
    ports: &Ports<'_, O, Y, S, W, M, F>,
    memory: &Memory,
    trigger: &Trigger,
) -> Result<Outcome, Error> {
    let desk = Desk { ports, memory };
    let mut outcome = Outcome::default();
    match trigger {
        Trigger::Notifications(notifications) => {
            for notification in notifications {
                outcome.note(&notification.message_id, hear(&desk, notification).await);
            }
        }
        Trigger::Sweep => desk.sweep(&mut outcome).await,
        Trigger::ForAlert(AlertRequest::Acknowledge(request))
        | Trigger::Bus(Message::IncidentAcknowledged(request)) => {
            outcome.note(&request.incident, desk.acknowledge(request).await);
        }
        Trigger::ForAlert(AlertRequest::Test(request)) => desk.try_out(request, &mut outcome).await,
        Trigger::Rds(_) => return Err(Error::Foreign("an RDS event".into())),
        Trigger::Bus(message) => return Err(Error::Foreign(format!("{} from the bus itself", message.detail_type()))),
        Trigger::RestoreTestNow(_) => return Err(Error::Foreign("restore-test-now".into())),
        Trigger::SnapshotNow(_) => return Err(Error::Foreign("snapshot-now".into())),
    }
    outcome.finish()
}

/// One piece of news: observe and decide what it is to its incident, and record that; then tell whoever should know.
async fn hear<O: Objects, Y: Clock + Entropy + Metrics, S: ReadSecrets, W: Webhooks, M: Mail, F: FallbackTopic>(
    desk: &Desk<'_, O, Y, S, W, M, F>,
    notification: &Notification,
) -> Result<Told, Failure> {
    let finding = news::finding(notification, desk.now());
    if news::is_about(&desk.memory.function, notification) {
        return desk.tell_of_alert_itself(&finding).await;
    }
    let plan = desk.plan().await?;
    let (incident, heard) = desk.place(&finding).await?;
    match incident {
        Some(id) => desk.bring_up_to_date(&plan, &id, &heard.to_string(), &mut Default::default()).await,
        None => Ok(Told::new(&finding.cause, heard)),
    }
}
