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
        // While anything is awaited or stands, it is judged by the minute.
        let watch: Value = self
            .world
            .cloud
            .object(WATCH_KEY)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let body = &watch["body"];
        let any = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
        if any(&body["told"]) {
            return Some(full_minute_after(now));
        }
        for watched in body["resources"].as_object().into_iter().flat_map(|resources| resources.values()) {
            if any(&watched["pending"]) {
                return Some(full_minute_after(now));
            }
            let since = watched["since"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            instants.extend(since.map(|since| since + mins(30)));
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
