//! The steps of [`crate::handle`], each with the ports.

use futures_util::future::join_all;
use holdfast_domain::{Finding, Plan};
use holdfast_ledger::{Delivery, DeliveryState, Held, Incident, Ledger, LedgerError, Written, incident_key};
use holdfast_ports::{Clock, Entropy, FallbackTopic, Objects, PortError, ReadSecrets, Webhooks};

use crate::channels::{Means, Story, state_after};
use crate::decide::{Answers, Decision, FALLBACK, News, Reason, decide, fallback_due, settle};
use crate::outcome::{Failure, Told, word};
use crate::{KnownSecrets, Ports, fallback};

/// How often a decision is made anew because another invocation wrote in between. Each time one of them got through.
const CONFLICTS_MAX: usize = 5;

impl<O: Objects, Y: Clock + Entropy, S: ReadSecrets, W: Webhooks, F: FallbackTopic> Ports<'_, O, Y, S, W, F> {
    fn ledger(&self) -> Ledger<'_, O, Y> {
        Ledger::new(self.objects, self.system)
    }

    /// Decides on the incident as it is now, and records what is about to be done before anybody does it.
    pub(crate) async fn intend(
        &self,
        finding: &Finding,
        plan: &Plan,
    ) -> Result<(Held<Incident>, Decision), LedgerError> {
        let (ledger, key) = (self.ledger(), incident_key(&finding.cause));
        for _ in 0..CONFLICTS_MAX {
            let before = ledger.read::<Incident>(&key).await?;
            let decision = decide(before.as_ref().map(|held| &held.body), finding, &plan.alerts, self.system.now());
            let recorded = match (before, decision.incident.clone()) {
                (Some(before), None) => return Ok((before, decision)),
                (Some(before), Some(incident)) => ledger.replace(&before, incident).await,
                (None, Some(incident)) => match ledger.create(&key, incident).await? {
                    Written::Created(held) => Ok(held),
                    Written::Existed(_) => continue,
                },
                (None, None) => break,
            };
            match recorded {
                Ok(held) => return Ok((held, decision)),
                Err(LedgerError::Conflict { .. }) => {}
                Err(error @ (LedgerError::Store(_) | LedgerError::Unreadable { .. })) => return Err(error),
            }
        }
        Err(LedgerError::Conflict { key })
    }

    /// Tells every channel of the decision at the same time, so that one that hangs holds no other back.
    pub(crate) async fn tell(
        &self,
        known: &KnownSecrets,
        incident: &Incident,
        finding: &Finding,
        decision: &Decision,
        plan: &Plan,
    ) -> Answers {
        let means = Means { secrets: self.secrets, known, webhooks: self.webhooks };
        let story = Story { plan: &plan.name, environment: &plan.environment, incident, finding };
        let attempts = decision.tell.iter().map(|telling| {
            let channel = plan.alerts.channels.get(&telling.channel);
            let (means, story) = (&means, &story);
            async move { (telling.channel.to_string(), means.tell(channel, telling, story, self.system.now()).await) }
        });
        let by_channel = join_all(attempts).await.into_iter().collect();
        Answers { opening: incident.opening, news: News::of(incident), by_channel }
    }

    /// Tells the fallback topic if it has to hear of this, and adds what came of it to the answers.
    pub(crate) async fn fall_back(
        &self,
        incident: &Incident,
        finding: &Finding,
        decision: &Decision,
        answers: &mut Answers,
    ) {
        let now = self.system.now();
        let settled = settle(incident, answers);
        let Some(why) = fallback_due(&settled, now).filter(|_| decision.reason != Reason::Late) else { return };
        let attempts = answers.news.deliveries(incident).get(FALLBACK).map_or(0, |delivery| delivery.attempts) + 1;
        let (subject, text) = fallback::of_incident(&settled, finding, why);
        let (state, error) = match self.fallback.publish(&subject, &text).await {
            Ok(()) => (DeliveryState::Delivered, None),
            Err(error) => (fallback_state_after(&error), Some(format!("the fallback topic did not take it: {error}"))),
        };
        answers.by_channel.insert(FALLBACK.into(), Delivery { state, attempts, at: now, not_before: None, error });
    }

    /// Records what came of telling, on whatever the incident is by now.
    pub(crate) async fn record(&self, mut held: Held<Incident>, answers: &Answers) -> Result<(), LedgerError> {
        let (ledger, key) = (self.ledger(), held.key().to_owned());
        for _ in 0..CONFLICTS_MAX {
            let settled = settle(&held.body, answers);
            if settled == held.body {
                return Ok(());
            }
            match ledger.replace(&held, settled).await {
                Ok(_) => return Ok(()),
                Err(LedgerError::Conflict { .. }) => {}
                Err(error @ (LedgerError::Store(_) | LedgerError::Unreadable { .. })) => return Err(error),
            }
            let Some(current) = ledger.read(&key).await? else { break };
            held = current;
        }
        Err(LedgerError::Conflict { key })
    }

    /// Tells of a finding about `alert` itself. No record is kept: the ledger may be what is broken.
    pub(crate) async fn tell_of_alert_itself(&self, finding: &Finding) -> Result<Told, Failure> {
        let (subject, text) = fallback::of_alert_itself(finding);
        self.fallback.publish(&subject, &text).await.map_err(Failure::Fallback)?;
        Ok(Told::of_alert_itself(&finding.cause))
    }
}

/// What was done, and what is left to do.
pub(crate) fn summary(finding: &Finding, decision: &Decision, answers: Answers) -> Told {
    let mut told = Told::new(&finding.cause, decision.reason);
    let waiting = decision.waiting.iter().map(|channel| format!("{channel} must not be tried again yet"));
    told.unsettled.extend(waiting.map(Failure::NotTold));
    for (name, answer) in answers.by_channel {
        told.channels.insert(name.clone(), word(answer.state));
        match answer.state {
            DeliveryState::Failed | DeliveryState::Unknown => {
                told.unsettled.push(Failure::NotTold(answer.error.unwrap_or(name)))
            }
            DeliveryState::Delivered | DeliveryState::Refused => {}
        }
    }
    told
}

/// The last resort has nobody behind it, so that even a refusal is tried again: the role or the topic may be mended
/// meanwhile.
fn fallback_state_after(error: &PortError) -> DeliveryState {
    match state_after(error) {
        DeliveryState::Refused => DeliveryState::Failed,
        other @ (DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Unknown) => other,
    }
}
