//! The heartbeat, with the ports: what the ledger says of proofs and incidents, and telling it once per slot.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use holdfast_domain::{ChannelName, Plan, ResourceName, Slot, Verdict};
use holdfast_ledger::{
    Delivery, HeartbeatRecord, Incident, IncidentState, LedgerError, OPEN_INCIDENTS_PREFIX, RunVerdict, heartbeat_key,
    incident_key, incident_of_open_key,
};
use holdfast_ports::{Clock, Entropy, FallbackTopic, Mail, Metrics, Objects, ReadSecrets, Webhooks};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::channels::Letter;
use crate::desk::Desk;
use crate::due::{attempt, begun, is_settled};
use crate::heartbeat::{self, Proof};
use crate::outcome::Failure;
use crate::settle::settle_one;

/// How many runs of a resource are read, newest first, in search of one that passed.
const RUNS_MAX: usize = 20;
/// How many open incidents are read.
const INCIDENTS_MAX: usize = 100;
/// How many records are read at the same time.
const AT_ONCE: usize = 16;
/// How often a record is written anew because another invocation wrote in between.
const CONFLICTS_MAX: usize = 8;

/// Where the runs of a resource lie: ids begin with its name and a dot, which no name holds.
fn runs_prefix(resource: &ResourceName) -> String {
    format!("restore-tests/runs/{resource}.")
}

/// What a heartbeat reads of a run's record: whether it was judged, and how. The rest is none of its business.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct JudgedRun {
    verdict: Option<RunVerdict>,
    times: JudgedTimes,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct JudgedTimes {
    judged_at: Option<Timestamp>,
}

impl<O: Objects, Y: Clock + Entropy + Metrics, S: ReadSecrets, W: Webhooks, M: Mail, F: FallbackTopic>
    Desk<'_, O, Y, S, W, M, F>
{
    /// Sends the heartbeat that is due to whoever does not have it, and says what it says if anybody was told now.
    pub(crate) async fn beat(&self, plan: &Plan) -> Result<Option<String>, Failure> {
        let Some(slot) = heartbeat::due(plan, self.now()) else { return Ok(None) };
        let key = heartbeat_key(&slot);
        for _ in 0..CONFLICTS_MAX {
            let before = self.ledger().read::<HeartbeatRecord>(&key).await?;
            let record = match &before {
                Some(held) => held.body.clone(),
                None => self.look(plan, slot).await?,
            };
            let (next, channels) = self.begin_beat(plan, record);
            if before.is_some() && channels.is_empty() {
                return Ok(None);
            }
            let Some(held) = self.write(&key, before, next).await? else { continue };
            let told = self.tell_beat(plan, &held.body, &channels).await;
            let mut settled = held.body.clone();
            for (channel, delivery) in told {
                settle_one(&mut settled.to, &channel, &delivery);
            }
            // Lost to somebody else, the answers are asked for again after the lease.
            self.write(&key, Some(held), settled.clone()).await?;
            return Ok(Some(settled.title));
        }
        Err(LedgerError::Conflict { key }.into())
    }

    /// Marks the attempts that are to be made now.
    fn begin_beat(&self, plan: &Plan, mut record: HeartbeatRecord) -> (HeartbeatRecord, Vec<(ChannelName, u32, bool)>) {
        let now = self.now();
        let mut channels = Vec::new();
        for channel in plan.alerts.heartbeat.iter().flat_map(|heartbeat| &heartbeat.to) {
            let before = record.to.get(channel.as_str());
            let free = |before: &Delivery| !is_settled(before) && before.not_before.is_none_or(|until| until <= now);
            if before.is_none_or(free) {
                let (number, repeated) = attempt(plan, channel, &record.to);
                record.to.insert(channel.to_string(), begun(number, repeated, now));
                channels.push((channel.clone(), number, repeated));
            }
        }
        (record, channels)
    }

    async fn tell_beat(
        &self,
        plan: &Plan,
        record: &HeartbeatRecord,
        channels: &[(ChannelName, u32, bool)],
    ) -> BTreeMap<String, Delivery> {
        let (means, now) = (self.means(), self.now());
        let attempts = channels.iter().map(|(channel, attempt, repeated)| {
            let mut story = heartbeat::story(plan, record);
            story.possibly_repeated = *repeated;
            let means = &means;
            async move {
                let letter = Letter { channel, story: &story, thread: None, attempt: *attempt, now };
                (channel.to_string(), means.tell(plan.alerts.channels.get(channel), &letter).await)
            }
        });
        join_all(attempts).await.into_iter().collect()
    }

    /// Reads what a heartbeat says.
    async fn look(&self, plan: &Plan, slot: Slot) -> Result<HeartbeatRecord, Failure> {
        let mut proofs = Vec::new();
        let resources: Vec<_> = plan.resources.iter().collect();
        for chunk in resources.chunks(AT_ONCE) {
            let read = chunk.iter().map(|(name, resource)| async move {
                if resource.restore_tests.is_empty() {
                    return ((*name).clone(), Proof::Untested);
                }
                let proof = self.proof(name).await.unwrap_or_else(|error| Proof::Unknown(error.to_string()));
                ((*name).clone(), proof)
            });
            proofs.extend(join_all(read).await);
        }
        let open = self.open_incidents().await.ok();
        Ok(heartbeat::heartbeat(slot, &proofs, open.as_deref(), self.now()))
    }

    /// What is known of a resource's proofs, from its newest runs.
    async fn proof(&self, resource: &ResourceName) -> Result<Proof, LedgerError> {
        let keys = newest_runs(self.ports.objects.list(&runs_prefix(resource)).await?);
        let mut judged = Vec::new();
        for chunk in keys.chunks(AT_ONCE) {
            let read = chunk.iter().map(|key| async move { self.ledger().read::<JudgedRun>(key).await });
            for held in join_all(read).await {
                let run = held?.map(|held| held.body);
                judged.extend(run.and_then(|run| Some((run.times.judged_at?, run.verdict?.verdict))));
            }
        }
        Ok(proof_of(judged))
    }

    /// The ids of the incidents that stand.
    async fn open_incidents(&self) -> Result<Vec<String>, LedgerError> {
        let keys = self.ports.objects.list(OPEN_INCIDENTS_PREFIX).await?;
        let ids: Vec<_> = keys.iter().filter_map(|key| incident_of_open_key(key)).take(INCIDENTS_MAX).collect();
        let mut open = Vec::new();
        for chunk in ids.chunks(AT_ONCE) {
            let read = chunk.iter().map(|id| async move { self.ledger().read::<Incident>(&incident_key(id)).await });
            for held in join_all(read).await {
                let incident = held?.map(|held| held.body);
                open.extend(incident.filter(|i| i.state == IncidentState::Open).map(|i| i.id.to_string()));
            }
        }
        Ok(open)
    }
}

/// The keys that are read of all that a resource has: the newest scheduled runs, whose ids end in their slot, and the last
/// ones by hand, which have a name of somebody's there.
fn newest_runs(keys: Vec<String>) -> Vec<String> {
    let (mut by_hand, mut scheduled): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.contains(".manual."));
    scheduled.sort_by(|one, other| slot_of(other).cmp(slot_of(one)));
    scheduled.truncate(RUNS_MAX);
    by_hand.truncate(RUNS_MAX);
    scheduled.append(&mut by_hand);
    scheduled
}

fn slot_of(key: &str) -> &str {
    key.rsplit('.').nth(1).unwrap_or_default()
}

/// What judged runs prove, in whatever order they come.
fn proof_of(mut judged: Vec<(Timestamp, Verdict)>) -> Proof {
    judged.sort_by_key(|(at, _)| *at);
    let passed = judged.iter().rev().find(|(_, verdict)| *verdict == Verdict::Passed).map(|(at, _)| *at);
    match judged.last() {
        None => Proof::Never,
        Some((at, Verdict::Passed)) => Proof::Proved { at: *at },
        Some((_, verdict @ (Verdict::Failed | Verdict::Inconclusive))) => {
            Proof::Disproved { verdict: verdict.as_str(), proved_at: passed }
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_domain::RunId;
    use holdfast_ledger::run_key;

    use super::*;
    use crate::samples::minute;

    #[test]
    fn the_runs_of_a_resource_lie_under_one_prefix() {
        let run: RunId = "orders-db.every.20261120t020000z".parse().expect("legal");
        assert!(run_key(&run).starts_with(&runs_prefix(&"orders-db".parse().expect("legal"))));
        assert!(!run_key(&run).starts_with(&runs_prefix(&"orders".parse().expect("legal"))));
    }

    #[test]
    fn the_newest_runs_are_read_whatever_their_rule_and_those_by_hand_too() {
        let key = |id: String| run_key(&id.parse().expect("legal"));
        let mut keys: Vec<String> = (1..=30).map(|day| key(format!("a.monday.202611{day:02}t020000z"))).collect();
        keys.extend([key("a.every.20261215t020000z".into()), key("a.manual.by-hand".into())]);
        let read = newest_runs(keys);
        assert_eq!(read.len(), RUNS_MAX + 1);
        assert_eq!((slot_of(&read[0]), slot_of(&read[1])), ("20261215t020000z", "20261130t020000z"));
        assert_eq!(slot_of(&read[RUNS_MAX]), "by-hand");
    }

    #[test]
    fn the_newest_verdict_decides_and_the_last_proof_is_remembered() {
        use Verdict::{Failed, Inconclusive, Passed};
        assert_eq!(proof_of(Vec::new()), Proof::Never);
        assert_eq!(proof_of(vec![(minute(2), Passed), (minute(1), Failed)]), Proof::Proved { at: minute(2) });
        let disproved = |verdict, proved_at| Proof::Disproved { verdict, proved_at };
        assert_eq!(
            proof_of(vec![(minute(3), Failed), (minute(2), Passed), (minute(1), Passed)]),
            disproved("failed", Some(minute(2)))
        );
        assert_eq!(proof_of(vec![(minute(1), Inconclusive)]), disproved("inconclusive", None));
    }
}
