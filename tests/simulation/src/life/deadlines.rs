//! The instants at which time alone changes what a function decides: from the plan, the records and the tags.
//!
//! A record is not understood here but searched: every instant in it, and that instant with every span that the function reckons with added
//! to it, may be one. That names far too many, which costs a sweep each, and forgets none that a record and a span make.

use holdfast_domain::plan::{Due, Plan};
use holdfast_domain::{Schedule, Slot};
use holdfast_ledger::{OPEN_INCIDENTS_PREFIX, OPEN_PREFIX, WATCH_KEY, incident_key, incident_of_open_key};
use holdfast_ledger::{run_key, run_of_open_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::functions::{Function, PATIENCE};

use super::Life;
use super::deliver::full_minute_after;

/// However quiet it is, everything is looked at so often.
const AT_LEAST: SignedDuration = SignedDuration::from_mins(30);

/// Where the records of heartbeats lie; the last one sorts last.
const HEARTBEATS: &str = "incidents/heartbeats/";

/// More open incidents than this take turns, minute by minute.
const TURNS_ABOVE: usize = 200;

/// Instants to come, of which the first is wanted.
struct Instants {
    since: Timestamp,
    first: Option<Timestamp>,
}

impl Instants {
    fn add(&mut self, at: Timestamp) {
        if at > self.since && self.first.is_none_or(|first| at < first) {
            self.first = Some(at);
        }
    }

    fn add_all(&mut self, at: Timestamp, spans: &[SignedDuration]) {
        self.add(at);
        spans.iter().for_each(|span| self.add(at + *span));
    }

    /// Every instant and slot that stands anywhere in a record.
    fn search(&mut self, record: &Value, spans: &[SignedDuration]) {
        match record {
            Value::String(text) => {
                let slot = || text.parse::<Slot>().ok().map(Slot::instant);
                let starts_like_one = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
                if let Some(at) = starts_like_one.then(|| text.parse().ok().or_else(slot)).flatten() {
                    self.add_all(at, spans);
                }
            }
            Value::Array(all) => all.iter().for_each(|one| self.search(one, spans)),
            Value::Object(fields) => fields.values().for_each(|field| self.search(field, spans)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

const fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

impl Life<'_> {
    /// The first instant after the last sweep at which this function may decide otherwise, with nothing changed but the time.
    pub(super) fn next_deadline(&self, function: Function, since: Timestamp) -> Timestamp {
        let soon = full_minute_after(since);
        // What a listing does not show yet it shows in a moment, and nobody says so.
        if self.world.state().weather.lists_late(since) {
            return soon;
        }
        let mut instants = Instants { since, first: None };
        let plan = self.plans[self.current].plan();
        let told = match function {
            Function::Snapshot => self.of_snapshot(plan, &mut instants),
            Function::RestoreTest => self.of_restore_test(plan, &mut instants),
            Function::Alert => self.of_alert(plan, &mut instants),
            Function::Verify | Function::Acknowledge => false,
        };
        let next = instants.first.filter(|_| !told).map_or(if told { soon } else { since + AT_LEAST }, |at| at);
        next.min(since + AT_LEAST).max(soon)
    }

    fn record(&self, key: &str) -> Value {
        let bytes = self.world.cloud.object(key);
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// True if the next minute matters, whatever the time.
    fn of_snapshot(&self, plan: &Plan, instants: &mut Instants) -> bool {
        let since = instants.since;
        // Late, told again, listed at the latest, stuck.
        let mut spans = vec![mins(30), mins(15), mins(12 * 60)];
        for resource in plan.resources.values() {
            spans.extend(resource.external.and_then(|external| external.every));
            for rule in resource.snapshots.values() {
                spans.extend(rule.takes_max);
                spans.push(rule.keep.longest());
                let Some(schedule) = rule.schedule() else { continue };
                schedule.next_after(since).into_iter().for_each(|at| instants.add(at));
                if let Some(last) = schedule.latest_at_or_before(since, SignedDuration::MAX) {
                    instants.add_all(last, &[mins(30), rule.keep.longest(), rule.takes_max.unwrap_or_default()]);
                }
            }
        }
        spans.sort();
        spans.dedup();
        let lags = plan.resources.values().filter_map(|resource| {
            let pitr = resource.pitr.as_ref()?;
            Some(pitr.lag_max.unwrap_or(resource.objectives.rpo))
        });
        let lags: Vec<SignedDuration> = lags.collect();
        self.world.state().logs_stuck.values().for_each(|at| instants.add_all(*at, &lags));
        let watch = self.record(WATCH_KEY);
        instants.search(&watch["body"], &spans);
        let told = watch["body"]["told"].as_object();
        told.is_some_and(|told| told.values().any(|told| told["announced_at"].is_null()))
    }

    fn of_restore_test(&self, plan: &Plan, instants: &mut Instants) -> bool {
        let rules = plan.resources.values().flat_map(|resource| resource.restore_tests.values());
        for rule in rules {
            if let Due::At(schedule) = &rule.due {
                schedule.next_after(instants.since).into_iter().for_each(|at| instants.add(at));
            }
        }
        // Seen at the latest, late at the latest, verify silent too long.
        let spans = [mins(10), mins(30), PATIENCE];
        for key in self.world.cloud.keys_with(OPEN_PREFIX) {
            let Some(run) = run_of_open_key(&key) else { continue };
            instants.search(&self.record(&run_key(&run))["body"], &spans);
        }
        let state = self.world.state();
        let rooms = state.rooms.values().filter_map(|facts| facts.deadline);
        let secrets = state.witness.secrets.values().filter_map(|deadline| *deadline);
        rooms.chain(secrets).for_each(|deadline| instants.add_all(deadline, &spans));
        false
    }

    fn of_alert(&self, plan: &Plan, instants: &mut Instants) -> bool {
        let alerts = &plan.alerts;
        let beats = alerts.heartbeat.as_ref().and_then(|heartbeat| heartbeat.at.next_after(instants.since));
        beats.into_iter().for_each(|at| instants.add(at));
        // A message's growth, a report's settling, a flapping cause's calm.
        let mut spans = vec![mins(1), mins(10), mins(30), mins(60)];
        spans.extend([alerts.escalate_after, alerts.update_every, alerts.report_within].into_iter().flatten());
        if let Some(beat) = self.world.cloud.keys_with(HEARTBEATS).last() {
            instants.search(&self.record(beat), &spans);
        }
        let open = self.world.cloud.keys_with(OPEN_INCIDENTS_PREFIX);
        if open.len() > TURNS_ABOVE {
            return true;
        }
        for key in &open {
            let Some(incident) = incident_of_open_key(key) else { continue };
            instants.search(&self.record(&incident_key(&incident))["body"], &spans);
        }
        if let Some(quiet) = alerts.quiet_hours.as_ref().filter(|_| !open.is_empty()) {
            for minutes in [quiet.from.minutes(), quiet.until.minutes(), 0] {
                let cron = format!("cron({} {} * * ? *)", minutes % 60, minutes / 60);
                let ends = Schedule::parse(&cron, &quiet.time_zone).ok().and_then(|at| at.next_after(instants.since));
                ends.into_iter().for_each(|at| instants.add(at));
            }
        }
        false
    }
}
