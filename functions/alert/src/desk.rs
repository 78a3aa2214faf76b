//! The steps of [`crate::handle`], each with the ports: to place news in its incident, and to bring an incident up to
//! date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_domain::{ChannelName, Finding, Plan};
use holdfast_ledger::{
    CauseRecord, Delivery, DeliveryState, Held, Incident, IncidentId, IncidentState, Ledger, LedgerError, RootRecord,
    Written, cause_key, incident_key, open_incident_key, root_key,
};
use holdfast_ports::{
    Clock, Entropy, FallbackTopic, Mail, Metrics, Objects, PortError, PortErrorKind, Precondition, ReadSecrets,
    Webhooks,
};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cause::{Heard, hear};
use crate::channels::{Letter, Means, state_after};
use crate::due::{Step, Telling, backoff, due};
use crate::fold::{fingerprint, joins, own_incident, returns, root_of};
use crate::lines::apply;
use crate::outcome::{Failure, Told};
use crate::settle::{Answers, FALLBACK, FallbackReason, fallback_due, settle};
use crate::story::Story;
use crate::{Memory, NOBODY_TOLD, Ports, departed, fallback, news};

/// How often a decision is made anew because another invocation wrote in between. Each time one of them got through, so
/// that a storm of as many invocations at once ends here; who loses more often is invoked again by Lambda.
const CONFLICTS_MAX: usize = 64;

/// How often an incident is looked at in one invocation: when a channel fails, the next of its route is told at once.
const ROUNDS_MAX: usize = 8;

/// Ports and memory, at hand for the steps.
#[derive(Debug)]
pub(crate) struct Desk<'a, O, Y, S, W, M, F> {
    pub(crate) ports: &'a Ports<'a, O, Y, S, W, M, F>,
    pub(crate) memory: &'a Memory,
}

impl<O: Objects, Y: Clock + Entropy + Metrics, S: ReadSecrets, W: Webhooks, M: Mail, F: FallbackTopic>
    Desk<'_, O, Y, S, W, M, F>
{
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.system.now()
    }

    pub(crate) fn ledger(&self) -> Ledger<'_, O, Y> {
        Ledger::new(self.ports.objects, self.ports.system)
    }

    pub(crate) fn means(&self) -> Means<'_, S, W, M> {
        let Ports { secrets, webhooks, mail, .. } = *self.ports;
        Means { secrets, known: &self.memory.secrets, webhooks, mail, button: self.memory.button }
    }

    pub(crate) async fn plan(&self) -> Result<Arc<Plan>, LedgerError> {
        self.memory.plans.current(self.ports.objects).await
    }

    /// Writes a record over what was read, or makes it. `None` if somebody else did meanwhile.
    pub(crate) async fn write<T: Serialize + DeserializeOwned + Clone + PartialEq>(
        &self,
        key: &str,
        before: Option<Held<T>>,
        body: T,
    ) -> Result<Option<Held<T>>, LedgerError> {
        let ledger = self.ledger();
        match before {
            Some(before) if before.body == body => Ok(Some(before)),
            Some(before) => match ledger.replace(&before, body).await {
                Ok(held) => Ok(Some(held)),
                Err(LedgerError::Conflict { .. }) => Ok(None),
                Err(error @ (LedgerError::Store(_) | LedgerError::Unreadable { .. })) => Err(error),
            },
            None => match ledger.create(key, body).await? {
                Written::Created(held) => Ok(Some(held)),
                Written::Existed(_) => Ok(None),
            },
        }
    }

    /// Records what a finding says of its cause, and brings the line of its incident to that. Two invocations with news
    /// of one cause may each overtake the other between the two records; so whoever has written the line looks at the
    /// cause once more, and whoever finds it changed does it again.
    pub(crate) async fn place(&self, finding: &Finding) -> Result<(Option<IncidentId>, Heard), Failure> {
        let key = cause_key(&finding.cause);
        let (mut first, mut refused) = (None, None);
        for _ in 0..CONFLICTS_MAX {
            let before = self.ledger().read::<CauseRecord>(&key).await?;
            let (mut cause, heard) = hear(before.as_ref().map(|held| &held.body), finding);
            let reason = *first.get_or_insert(heard);
            let stands = cause.state == IncidentState::Open;
            if stands && (matches!(heard, Heard::Opened | Heard::Reopened) || refused == cause.incident) {
                cause.incident = Some(self.choose(&cause, finding, refused.as_ref()).await?);
            }
            let Some(held) = self.write(&key, before, cause).await? else { continue };
            let Some(id) = held.body.incident.clone() else { return Ok((None, reason)) };
            let placed = self.put_line(&id, &held.body, finding, heard).await?;
            if !placed && stands {
                refused = Some(id);
                continue;
            }
            let now = self.ledger().read::<CauseRecord>(&key).await?;
            if now.is_some_and(|now| now.body == held.body) {
                return Ok((Some(id), reason));
            }
        }
        Err(LedgerError::Conflict { key }.into())
    }

    /// The incident of a new opening: the one it comes back into, the one that collects its root, or its own.
    async fn choose(
        &self,
        cause: &CauseRecord,
        finding: &Finding,
        refused: Option<&IncidentId>,
    ) -> Result<IncidentId, LedgerError> {
        let ledger = self.ledger();
        if let Some(last) = cause.incident.as_ref().filter(|last| Some(*last) != refused)
            && let Some(incident) = ledger.read::<Incident>(&incident_key(last)).await?
            && returns(&incident.body, &cause.cause)
        {
            return Ok(last.clone());
        }
        let root = root_of(finding);
        let key = root_key(&fingerprint(&root));
        for _ in 0..CONFLICTS_MAX {
            let chosen = ledger.read::<RootRecord>(&key).await?;
            if let Some(chosen) = chosen.as_ref().map(|held| &held.body).filter(|c| Some(&c.incident) != refused) {
                let incident = ledger.read::<Incident>(&incident_key(&chosen.incident)).await?;
                if joins(chosen, incident.as_ref().map(|held| &held.body), &cause.cause, finding.seen_at) {
                    return Ok(chosen.incident.clone());
                }
            }
            let own = own_incident(&cause.cause, cause.opening);
            let record = RootRecord { root: root.clone(), incident: own.clone(), chosen_at: finding.seen_at };
            if self.write(&key, chosen, record).await?.is_some() {
                return Ok(own);
            }
        }
        Err(LedgerError::Conflict { key })
    }

    /// Brings a line to what its cause says, and marks its incident for the sweep. False if the incident does not take it.
    async fn put_line(
        &self,
        id: &IncidentId,
        cause: &CauseRecord,
        finding: &Finding,
        heard: Heard,
    ) -> Result<bool, LedgerError> {
        let key = incident_key(id);
        for _ in 0..CONFLICTS_MAX {
            let before = self.ledger().read::<Incident>(&key).await?;
            let Some(next) = apply(before.as_ref().map(|held| &held.body), id, cause, finding, heard) else {
                return Ok(false);
            };
            if let Some(held) = self.write(&key, before, next).await? {
                if held.body.finished_at.is_none() {
                    self.mark(id).await?;
                }
                return Ok(true);
            }
        }
        Err(LedgerError::Conflict { key })
    }

    /// Puts the marker by which the sweep finds an incident. After the record, so that there is none without one; put
    /// anew by each piece of news, so that a crash between the two is made good.
    async fn mark(&self, id: &IncidentId) -> Result<(), PortError> {
        match self.ports.objects.put(&open_incident_key(id), Vec::new(), Precondition::Absent).await {
            Err(error) if error.kind != PortErrorKind::PreconditionFailed => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Tells whoever should know of an incident by now and does not, in as many rounds as it takes. Channels that give no
    /// answer become `silent`, and those that are so already are left alone.
    pub(crate) async fn bring_up_to_date(
        &self,
        plan: &Plan,
        id: &IncidentId,
        reason: &str,
        silent: &mut BTreeSet<ChannelName>,
    ) -> Result<Told, Failure> {
        let mut told = Told::new(id, reason);
        for _ in 0..ROUNDS_MAX {
            let Some((held, tellings)) = self.intend(plan, id, silent).await? else { break };
            if tellings.is_empty() {
                self.fall_back(plan, held, &mut told).await?;
                break;
            }
            let answers = self.tell(plan, &held.body, &tellings).await;
            silent.extend(
                tellings
                    .iter()
                    .zip(&answers.all)
                    .filter(|(_, answer)| went_silent(answer))
                    .map(|(t, _)| t.channel.clone()),
            );
            told.add(&answers);
            self.record(held, &answers).await?;
        }
        Ok(told)
    }

    /// Decides on the incident as it is now, and records what is about to be done before anybody does it. `None` if there
    /// is nothing left to do about it, ever.
    async fn intend(
        &self,
        plan: &Plan,
        id: &IncidentId,
        silent: &BTreeSet<ChannelName>,
    ) -> Result<Option<(Held<Incident>, Vec<Telling>)>, Failure> {
        let key = incident_key(id);
        let mut aged = false;
        for _ in 0..CONFLICTS_MAX {
            let before = self.ledger().read::<Incident>(&key).await?;
            let Some(before) = before.filter(|held| held.body.finished_at.is_none()) else {
                self.ports.objects.delete(&open_incident_key(id)).await?;
                return Ok(None);
            };
            if !std::mem::replace(&mut aged, true) && self.end(plan, &before.body).await? {
                continue;
            }
            let (next, tellings) = due(plan, &before.body, silent, self.now());
            if let Some(held) = self.write(&key, Some(before), next).await? {
                if held.body.finished_at.is_some() {
                    self.ports.objects.delete(&open_incident_key(id)).await?;
                }
                return Ok(Some((held, tellings)));
            }
        }
        Err(LedgerError::Conflict { key }.into())
    }

    /// Places the ends that no news tells: what time alone ends, and what left the plan. Whether there were any.
    async fn end(&self, plan: &Plan, incident: &Incident) -> Result<bool, Failure> {
        let now = self.now();
        let ends = news::of_time(incident, now).into_iter().chain(departed::of_incident(plan, incident, now));
        let mut any = false;
        for finding in ends {
            self.place(&finding).await?;
            any = true;
        }
        Ok(any)
    }

    /// Tells every channel at the same time, so that one that hangs holds no other back.
    async fn tell(&self, plan: &Plan, incident: &Incident, tellings: &[Telling]) -> Answers {
        let (means, now) = (self.means(), self.now());
        let attempts = tellings.iter().map(|telling| {
            let Telling { channel, step, attempt, possibly_repeated, thread } = telling;
            let mut story = Story::of(plan, &self.memory.archive, incident, *step, now);
            story.possibly_repeated = *possibly_repeated;
            let means = &means;
            async move {
                let letter = Letter { channel, story: &story, thread: thread.as_deref(), attempt: *attempt, now };
                let delivery = means.tell(plan.alerts.channels.get(channel), &letter).await;
                (*step, channel.to_string(), delivery)
            }
        });
        Answers { all: join_all(attempts).await }
    }

    /// Records what came of telling, on whatever the incident is by now.
    async fn record(&self, mut held: Held<Incident>, answers: &Answers) -> Result<Held<Incident>, LedgerError> {
        let key = held.key().to_owned();
        for _ in 0..CONFLICTS_MAX {
            let settled = settle(&held.body, answers);
            if let Some(written) = self.write(&key, Some(held), settled).await? {
                return Ok(written);
            }
            let Some(current) = self.ledger().read(&key).await? else { break };
            held = current;
        }
        Err(LedgerError::Conflict { key })
    }

    /// Tells the fallback topic if it has to hear of this, and records that.
    async fn fall_back(&self, plan: &Plan, held: Held<Incident>, told: &mut Told) -> Result<(), LedgerError> {
        let now = self.now();
        let Some((step, why)) = fallback_due(plan, &held.body, now) else { return Ok(()) };
        if why == FallbackReason::NobodyTold {
            self.ports.system.count(NOBODY_TOLD);
        }
        let story = Story::of(plan, &self.memory.archive, &held.body, step, now);
        let nothing = BTreeMap::new();
        let deliveries = step.deliveries(&held.body).unwrap_or(&nothing);
        let attempts = deliveries.get(FALLBACK).map_or(0, |delivery| delivery.attempts) + 1;
        let (subject, text) = fallback::of_incident(deliveries, &story, why);
        let (state, error) = match self.ports.fallback.publish(&subject, &text).await {
            Ok(()) => (DeliveryState::Delivered, None),
            Err(error) => (fallback_state_after(&error), Some(format!("the fallback topic did not take it: {error}"))),
        };
        let not_before = (state != DeliveryState::Delivered).then(|| now + backoff(attempts));
        let delivery =
            Delivery { state, attempts, at: now, not_before, possibly_repeated: false, reference: None, error };
        let answers = Answers { all: vec![(step, FALLBACK.into(), delivery)] };
        told.add(&answers);
        self.record(held, &answers).await.map(drop)
    }

    /// Tells of a finding about `alert` itself. No record is kept: the ledger may be what is broken.
    pub(crate) async fn tell_of_alert_itself(&self, finding: &Finding) -> Result<Told, Failure> {
        let (subject, text) = fallback::of_alert_itself(finding);
        self.ports.fallback.publish(&subject, &text).await.map_err(Failure::Fallback)?;
        Ok(Told::of_alert_itself(&finding.cause))
    }
}

fn went_silent((_, _, delivery): &(Step, String, Delivery)) -> bool {
    matches!(delivery.state, DeliveryState::Failed | DeliveryState::Unknown)
}

/// The last resort has nobody behind it, so that even a refusal is tried again: the role or the topic may be mended
/// meanwhile.
fn fallback_state_after(error: &PortError) -> DeliveryState {
    match state_after(error) {
        DeliveryState::Refused => DeliveryState::Failed,
        other @ (DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Unknown) => other,
    }
}
