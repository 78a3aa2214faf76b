//! What people ask of `alert`: to note that somebody takes care, and to try the channels out.

use futures_util::future::join_all;
use holdfast_domain::{Cause, ChannelName, Plan, Severity, Slot};
use holdfast_ledger::{
    Acknowledgement, CauseRecord, Held, Incident, IncidentId, IncidentState, LedgerError, cause_key, incident_key,
};
use holdfast_ports::{Clock, Entropy, FallbackTopic, Mail, Metrics, Objects, ReadSecrets, Webhooks};
use holdfast_wire::{Acknowledge, AlertTest};
use jiff::Timestamp;

use crate::channels::Letter;
use crate::desk::Desk;
use crate::outcome::{Failure, Outcome, Told, word};
use crate::story::{Event, Story};

/// How often an acknowledgement is written anew because another invocation wrote in between.
const CONFLICTS_MAX: usize = 64;

impl<O: Objects, Y: Clock + Entropy + Metrics, S: ReadSecrets, W: Webhooks, M: Mail, F: FallbackTopic>
    Desk<'_, O, Y, S, W, M, F>
{
    /// Notes who takes care of an incident, and tells those who know of it. The first who does so stays, unless it got
    /// worse since.
    pub(crate) async fn acknowledge(&self, request: &Acknowledge) -> Result<Told, Failure> {
        let plan = self.plan().await?;
        for _ in 0..CONFLICTS_MAX {
            let held = self.find(&request.incident).await?.ok_or(Failure::NoSuchIncident)?;
            let id = held.body.id.clone();
            if held.body.state == IncidentState::Resolved {
                return Ok(Told::new(id, "it is over already"));
            }
            let Some(next) = acknowledged(&held.body, request, self.now()) else {
                return self.bring_up_to_date(&plan, &id, "it was acknowledged already", &mut Default::default()).await;
            };
            if self.write(&incident_key(&id), Some(held), next).await?.is_some() {
                return self.bring_up_to_date(&plan, &id, "acknowledged", &mut Default::default()).await;
            }
        }
        Err(LedgerError::Conflict { key: request.incident.clone() }.into())
    }

    /// The incident of that id, or that in which a cause stands.
    async fn find(&self, name: &str) -> Result<Option<Held<Incident>>, LedgerError> {
        let ledger = self.ledger();
        if let Ok(id) = name.parse::<IncidentId>()
            && let Some(incident) = ledger.read(&incident_key(&id)).await?
        {
            return Ok(Some(incident));
        }
        let Ok(cause) = name.parse::<Cause>() else { return Ok(None) };
        let cause = ledger.read::<CauseRecord>(&cause_key(&cause)).await?;
        match cause.and_then(|held| held.body.incident) {
            Some(id) => ledger.read(&incident_key(&id)).await,
            None => Ok(None),
        }
    }

    /// Sends a marked message through every channel of the plan, or the one that was asked for, and notes what each came
    /// to. Nothing is recorded and nothing is tried again: whoever tries out is looking.
    pub(crate) async fn try_out(&self, request: &AlertTest, outcome: &mut Outcome) {
        let plan = match self.plan().await {
            Ok(plan) => plan,
            Err(error) => return outcome.note("the plan", Err(error.into())),
        };
        let (means, now) = (self.means(), self.now());
        let story = test_story(&plan, request, now);
        let wanted = |name: &ChannelName| request.channel.as_deref().is_none_or(|only| only == name.as_str());
        let attempts = plan.alerts.channels.iter().filter(|(name, _)| wanted(name)).map(|(name, channel)| {
            let (means, story) = (&means, &story);
            async move {
                let letter = Letter { channel: name, story, thread: None, attempt: 1, now };
                let delivery = means.tell(Some(channel), &letter).await;
                let error = delivery.error.map(|error| format!(": {error}")).unwrap_or_default();
                (name.to_string(), format!("{}{error}", word(delivery.state)))
            }
        });
        outcome.test = join_all(attempts).await.into_iter().collect();
        if let Some(missing) = request.channel.as_ref().filter(|_| outcome.test.is_empty()) {
            outcome.note(missing, Err(Failure::NoSuchChannel));
        }
    }
}

/// The incident with who takes care of it, unless somebody does already.
fn acknowledged(incident: &Incident, request: &Acknowledge, now: Timestamp) -> Option<Incident> {
    let severity = incident.severity;
    if incident.acknowledged.as_ref().is_some_and(|ack| ack.severity >= severity) {
        return None;
    }
    let mut next = incident.clone();
    next.acknowledged = Some(Acknowledgement { by: request.by.clone(), at: now, note: request.note.clone(), severity });
    // Whoever heard of an earlier one, of something milder, hears of this one too.
    next.acknowledged_to.clear();
    Some(next)
}

fn test_story(plan: &Plan, request: &AlertTest, now: Timestamp) -> Story {
    let group = format!("{}/{}", plan.name, plan.environment);
    Story {
        reference: format!("{group}/alert-test/{}", Slot::at(now)),
        event: Event::Test,
        severity: Severity::Info,
        place: format!("Holdfast in {group}"),
        group,
        title: format!("{} tries out the channels of this plan", request.by),
        since: now,
        until: None,
        threatens: String::new(),
        next_step: "nothing: that you read this is all that was wanted".into(),
        lines: Vec::new(),
        notes: Vec::new(),
        facts: Vec::new(),
        owners: Vec::new(),
        links: Vec::new(),
        possibly_repeated: false,
    }
}
