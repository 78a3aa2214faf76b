//! Once a minute: every incident that needs it, and the heartbeat.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_domain::ChannelName;
use holdfast_ledger::{IncidentId, OPEN_INCIDENTS_PREFIX, incident_of_open_key};
use holdfast_ports::{Clock, Entropy, FallbackTopic, Mail, Metrics, Objects, ReadSecrets, Webhooks};
use jiff::Timestamp;

use crate::desk::Desk;
use crate::outcome::Outcome;

/// The most incidents of one sweep. More take turns: a minute's delay for hundreds of incidents at once, which storms
/// fold into few.
const INCIDENTS_MAX: usize = 200;

/// How many are looked at at the same time. What one of them learns of a silent channel, the next ones know.
const AT_ONCE: usize = 16;

impl<O: Objects, Y: Clock + Entropy + Metrics, S: ReadSecrets, W: Webhooks, M: Mail, F: FallbackTopic>
    Desk<'_, O, Y, S, W, M, F>
{
    /// Brings every incident up to date that has a marker, and sends the heartbeat that is due.
    pub(crate) async fn sweep(&self, outcome: &mut Outcome) {
        let plan = match self.plan().await {
            Ok(plan) => plan,
            Err(error) => return outcome.note("the plan", Err(error.into())),
        };
        match self.beat(&plan).await {
            Ok(heartbeat) => outcome.heartbeat = heartbeat,
            Err(failure) => outcome.note("the heartbeat", Err(failure)),
        }
        let keys = match self.ports.objects.list(OPEN_INCIDENTS_PREFIX).await {
            Ok(keys) => keys,
            Err(error) => return outcome.note("the open incidents", Err(error.into())),
        };
        let ids = whose_turn(keys.iter().filter_map(|key| incident_of_open_key(key)).collect(), self.now());
        outcome.swept = Some(ids.len());
        let mut silent: BTreeSet<ChannelName> = BTreeSet::new();
        for chunk in ids.chunks(AT_ONCE) {
            let known = &silent;
            let one = |id| {
                let plan = &plan;
                async move {
                    let mut silent = known.clone();
                    (self.bring_up_to_date(plan, id, "swept", &mut silent).await, silent)
                }
            };
            let done = join_all(chunk.iter().map(one)).await;
            for (id, (told, heard_silent)) in chunk.iter().zip(done) {
                silent.extend(heard_silent);
                match told {
                    Ok(told) if told.channels.is_empty() => {}
                    Ok(_) | Err(_) => outcome.note(id, told),
                }
            }
        }
    }
}

/// Those whose turn it is: all, or as many as one sweep does, beginning further on each minute.
fn whose_turn(mut ids: Vec<IncidentId>, now: Timestamp) -> Vec<IncidentId> {
    if ids.len() <= INCIDENTS_MAX {
        return ids;
    }
    let minute = usize::try_from(now.as_second() / 60).unwrap_or_default();
    let start = minute.wrapping_mul(INCIDENTS_MAX) % ids.len();
    ids.rotate_left(start);
    ids.truncate(INCIDENTS_MAX);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::minute;

    #[test]
    fn when_there_are_too_many_everyone_has_a_turn_soon() {
        let ids: Vec<IncidentId> =
            (0..950).map(|n| format!("shop/prod/db-{n:03}/snapshot/1").parse().expect("legal")).collect();
        let mut seen = BTreeSet::new();
        for at in 0..10 {
            let turn = whose_turn(ids.clone(), minute(at));
            assert_eq!(turn.len(), INCIDENTS_MAX);
            seen.extend(turn);
        }
        assert_eq!(seen.len(), ids.len());
        assert_eq!(whose_turn(ids[..200].to_vec(), minute(3)), ids[..200]);
    }
}
