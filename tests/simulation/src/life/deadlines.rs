//! The instants at which time alone changes what a function decides: from the plan, the records and the tags.

use holdfast_domain::plan::{Due, Plan};
use holdfast_ledger::{OPEN_INCIDENTS_PREFIX, OPEN_PREFIX, WATCH_KEY};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::functions::Function;

use super::Life;
use super::deliver::full_minute_after;

/// However quiet it is, everything is looked at so often: continuous backup, others' snapshots and backup windows are judged by ages that
/// nothing names.
const AT_LEAST: SignedDuration = SignedDuration::from_mins(30);

impl Life<'_> {
    /// The first instant after the last sweep at which this function may decide otherwise, with nothing changed but the time.
    pub(super) fn next_deadline(&self, function: Function, now: Timestamp) -> Timestamp {
        let soon = full_minute_after(now);
        let quiet = now + AT_LEAST;
        let plan = self.plans[self.current].plan();
        let next = match function {
            Function::Snapshot => self.of_snapshot(plan, now),
            Function::RestoreTest => {
                let open = !self.world.cloud.keys_with(OPEN_PREFIX).is_empty() || !self.world.state().rooms.is_empty();
                let secrets = !self.world.state().witness.secrets.is_empty();
                if open || secrets { Some(soon) } else { of_restore_test(plan, now) }
            }
            Function::Alert => (!self.world.cloud.keys_with(OPEN_INCIDENTS_PREFIX).is_empty()).then_some(soon),
            Function::Verify | Function::Acknowledge => None,
        };
        let heartbeat = plan.alerts.heartbeat.as_ref().filter(|_| function == Function::Alert);
        let heartbeat = heartbeat.and_then(|heartbeat| heartbeat.at.next_after(now));
        [next, heartbeat].into_iter().flatten().fold(quiet, Timestamp::min).max(soon)
    }

    fn of_snapshot(&self, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
        let mut instants: Vec<Timestamp> = Vec::new();
        let mins = SignedDuration::from_mins;
        for resource in plan.resources.values() {
            for rule in resource.snapshots.values() {
                let Some(schedule) = rule.schedule() else { continue };
                instants.extend(schedule.next_after(now));
                if let Some(last) = schedule.latest_at_or_before(now, SignedDuration::MAX) {
                    let takes = rule.takes_max.unwrap_or(SignedDuration::ZERO);
                    instants.extend([last + mins(30), last + rule.keep.longest(), last + takes]);
                }
            }
        }
        // What is remembered: since when a database is looked at, what is awaited, when people were told last.
        let watch: Value = self
            .world
            .cloud
            .object(WATCH_KEY)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let at = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let body = &watch["body"];
        for told in body["told"].as_object().into_iter().flat_map(|told| told.values()) {
            instants.extend(at(&told["announced_at"]).map(|at| at + mins(15)));
        }
        for (name, watched) in body["resources"].as_object().into_iter().flatten() {
            instants.extend(at(&watched["since"]).map(|at| at + mins(30)));
            for pending in watched["pending"].as_object().into_iter().flat_map(|pending| pending.values()) {
                let Some(since) = at(&pending["since"]) else { continue };
                instants.extend([since + mins(15), since + mins(12 * 60)]);
                let resource = plan.resources.iter().find(|(of, _)| of.as_str() == name).map(|(_, resource)| resource);
                let rules = resource.into_iter().flat_map(|resource| resource.snapshots.values());
                instants.extend(rules.filter_map(|rule| Some(since + rule.takes_max?)));
            }
        }
        instants.into_iter().filter(|at| *at > now).min()
    }
}

fn of_restore_test(plan: &Plan, now: Timestamp) -> Option<Timestamp> {
    let rules = plan.resources.values().flat_map(|resource| resource.restore_tests.values());
    let next = |due: &Due| match due {
        Due::At(schedule) => schedule.next_after(now),
        Due::After(_) => None,
    };
    rules.filter_map(|rule| next(&rule.due)).min()
}
