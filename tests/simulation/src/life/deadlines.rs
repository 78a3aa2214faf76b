//! The instants at which time alone changes what a function decides: from the plan, the records and the tags.
//!
//! A record is not understood here but searched: every instant in it may be one, and that instant with each span that the function reckons
//! with from its field added to it; of a field that is not known here, with every span. That names too many, which costs a sweep each, and
//! forgets none that a record and a span make.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Due, Plan};
use holdfast_domain::{Schedule, Slot};
use holdfast_ledger::{OPEN_INCIDENTS_PREFIX, OPEN_PREFIX, WATCH_KEY, incident_key, incident_of_open_key};
use holdfast_ledger::{run_key, run_of_open_key};
use holdfast_testkit::MemoryCloud;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::functions::{Function, PATIENCE};
use crate::hands::{RDS, REPLICATED_AFTER};

use super::Life;

/// However quiet it is, everything is looked at so often.
const AT_LEAST: SignedDuration = SignedDuration::from_hours(6);

/// Where the records of heartbeats lie; the last one sorts last.
const HEARTBEATS: &str = "incidents/heartbeats/";

/// More open incidents than this take turns, minute by minute.
const TURNS_ABOVE: usize = 200;

/// What is known of records and plans that stay as they are from sweep to sweep, so that each is searched once.
#[derive(Default)]
pub(super) struct Almanac {
    records: BTreeMap<String, Found>,
    /// When the quiet hours of a plan begin and end, by its number.
    quiet: BTreeMap<usize, Vec<Schedule>>,
}

/// What stands in a record.
struct Found {
    etag: String,
    /// Every instant and slot that stands anywhere in it, by field.
    instants: BTreeMap<String, Vec<Timestamp>>,
    /// Whether something of it is not certain to have been told.
    untold: bool,
}

impl Almanac {
    /// What stands in a record, if there is one.
    fn record(&mut self, cloud: &MemoryCloud, key: &str) -> Option<&Found> {
        let Self { records, .. } = self;
        cloud.look_at(key, |object| {
            if records.get(key).is_none_or(|found| found.etag != object.etag) {
                let record: Value = serde_json::from_slice(&object.bytes).unwrap_or_default();
                let mut found = Found { etag: object.etag.clone(), instants: BTreeMap::new(), untold: false };
                found.search("", &record["body"]);
                records.insert(key.to_owned(), found);
            }
        })?;
        records.get(key)
    }

    fn quiet_hours(&mut self, number: usize, plan: &Plan) -> &[Schedule] {
        self.quiet.entry(number).or_insert_with(|| {
            let Some(quiet) = &plan.alerts.quiet_hours else { return Vec::new() };
            let daily = |minutes: u16| {
                let cron = format!("cron({} {} * * ? *)", minutes % 60, minutes / 60);
                Schedule::parse(&cron, &quiet.time_zone).ok()
            };
            [quiet.from.minutes(), quiet.until.minutes(), 0].into_iter().filter_map(daily).collect()
        })
    }
}

impl Found {
    fn search(&mut self, field: &str, record: &Value) {
        match record {
            Value::String(text) => {
                let slot = || text.parse::<Slot>().ok().map(Slot::instant);
                let starts_like_one = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
                if let Some(at) = starts_like_one.then(|| text.parse().ok().or_else(slot)).flatten() {
                    self.instants.entry(field.to_owned()).or_default().push(at);
                }
            }
            Value::Array(all) => all.iter().for_each(|one| self.search(field, one)),
            Value::Object(fields) => {
                self.untold |= fields.get("announced_at").is_some_and(Value::is_null);
                fields.iter().for_each(|(field, value)| self.search(field, value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

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

    /// Every instant that stands in a record.
    fn add_found(&mut self, found: &Found, spans: &Spans) {
        for (field, instants) in &found.instants {
            let spans = spans.of(field);
            instants.iter().for_each(|at| self.add_all(*at, spans));
        }
    }
}

/// The spans that a function reckons with, by the fields from whose instants it does.
struct Spans {
    by_field: Vec<(&'static [&'static str], Vec<SignedDuration>)>,
    /// From any other field's: whoever adds a field need not know of this.
    all: Vec<SignedDuration>,
}

impl Spans {
    fn new(by_field: Vec<(&'static [&'static str], Vec<SignedDuration>)>) -> Self {
        let mut all: Vec<SignedDuration> = by_field.iter().flat_map(|(_, spans)| spans.iter().copied()).collect();
        all.sort();
        all.dedup();
        Self { by_field, all }
    }

    fn of(&self, field: &str) -> &[SignedDuration] {
        let known = self.by_field.iter().find(|(fields, _)| fields.contains(&field));
        known.map_or(&self.all, |(_, spans)| spans)
    }
}

const fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

impl Life<'_> {
    /// The first instant after the last sweep at which this function may decide otherwise, with nothing changed but the time.
    pub(super) fn next_deadline(&mut self, function: Function, since: Timestamp) -> Timestamp {
        // What a listing does not show yet it shows in a moment, and nobody says so.
        if RDS.contains(&function) && self.world.state().weather.lists_late(since) {
            return since;
        }
        let mut almanac = std::mem::take(&mut self.almanac);
        let mut instants = Instants { since, first: None };
        let told = match function {
            Function::Snapshot => self.of_snapshot(&mut almanac, &mut instants),
            Function::RestoreTest => self.of_restore_test(&mut almanac, &mut instants),
            Function::Alert => self.of_alert(&mut almanac, &mut instants),
            Function::Verify | Function::Acknowledge => false,
        };
        self.almanac = almanac;
        let at_the_latest = since + AT_LEAST;
        if told { since } else { instants.first.map_or(at_the_latest, |at| at.min(at_the_latest)) }
    }

    /// True if every sweep matters, whatever the time.
    fn of_snapshot(&self, almanac: &mut Almanac, instants: &mut Instants) -> bool {
        let plan = self.plans[self.current].plan();
        let since = instants.since;
        // Told again; listed at the latest, late, stuck; late; too old.
        let told = vec![mins(15)];
        let (mut begun, mut served, mut others) = (vec![mins(15), mins(30), mins(12 * 60)], vec![mins(30)], Vec::new());
        for resource in plan.resources.values() {
            others.extend(resource.external.and_then(|external| external.every));
            for rule in resource.snapshots.values() {
                begun.extend(rule.takes_max);
                served.push(rule.keep.longest());
                let Some(schedule) = rule.schedule() else { continue };
                schedule.next_after(since).into_iter().for_each(|at| instants.add(at));
                if let Some(last) = schedule.latest_at_or_before(since, SignedDuration::MAX) {
                    instants.add_all(last, &[mins(30), rule.keep.longest(), rule.takes_max.unwrap_or_default()]);
                }
            }
        }
        let spans = Spans::new(vec![
            (&["announced_at"], told),
            (&["since"], begun),
            (&["slot"], served),
            (&["oldest_at", "newest_at"], others),
        ]);
        let lags = plan.resources.values().filter_map(|resource| {
            let pitr = resource.pitr.as_ref()?;
            Some(pitr.lag_max.unwrap_or(resource.objectives.rpo))
        });
        // A replica is behind already, and allowed half an hour at least.
        let lags = lags.flat_map(|lag| [lag, lag.max(mins(30)) - REPLICATED_AFTER]);
        let lags: Vec<SignedDuration> = lags.collect();
        self.world.state().logs_stuck.values().for_each(|at| instants.add_all(*at, &lags));
        let Some(watch) = almanac.record(&self.world.cloud, WATCH_KEY) else { return false };
        instants.add_found(watch, &spans);
        watch.untold
    }

    fn of_restore_test(&self, almanac: &mut Almanac, instants: &mut Instants) -> bool {
        let plan = self.plans[self.current].plan();
        let rules = plan.resources.values().flat_map(|resource| resource.restore_tests.values());
        for rule in rules {
            if let Due::At(schedule) = &rule.due {
                schedule.next_after(instants.since).into_iter().for_each(|at| instants.add(at));
            }
        }
        // Seen at the latest, late at the latest, verify silent too long.
        let spans = [mins(10), mins(30), PATIENCE];
        let of_any_field = Spans::new(vec![(&[], spans.to_vec())]);
        for key in self.world.cloud.keys_with(OPEN_PREFIX) {
            let found = run_of_open_key(&key).and_then(|run| almanac.record(&self.world.cloud, &run_key(&run)));
            found.into_iter().for_each(|found| instants.add_found(found, &of_any_field));
        }
        let state = self.world.state();
        let rooms = state.rooms.values().filter_map(|facts| facts.deadline);
        let secrets = state.witness.secrets.values().filter_map(|deadline| *deadline);
        rooms.chain(secrets).for_each(|deadline| instants.add_all(deadline, &spans));
        false
    }

    fn of_alert(&self, almanac: &mut Almanac, instants: &mut Instants) -> bool {
        let plan = self.plans[self.current].plan();
        let alerts = &plan.alerts;
        let beats = alerts.heartbeat.as_ref().and_then(|heartbeat| heartbeat.at.next_after(instants.since));
        beats.into_iter().for_each(|at| instants.add(at));
        // Told: a storm's growth, escalation, updates. Over: its report. A line: a flapping cause's calm, a function that fails no more.
        let mut told = vec![mins(1), mins(10)];
        told.extend([alerts.escalate_after, alerts.update_every].into_iter().flatten());
        let over = [Some(mins(10)), alerts.report_within].into_iter().flatten().collect();
        let spans = Spans::new(vec![
            (&["at"], told),
            (&["resolved_at"], over),
            (&["since"], vec![mins(30)]),
            (&["seen_at"], vec![mins(60)]),
            (&["not_before", "opened_at", "last_seen_at", "begun_at", "again_at", "read_at", "facts"], Vec::new()),
        ]);
        if let Some(beat) = self.world.cloud.last_key_with(HEARTBEATS) {
            let found = almanac.record(&self.world.cloud, &beat);
            found.into_iter().for_each(|found| instants.add_found(found, &spans));
        }
        let open = self.world.cloud.keys_with(OPEN_INCIDENTS_PREFIX);
        if open.len() > TURNS_ABOVE {
            return true;
        }
        for key in &open {
            let record = incident_of_open_key(key).map(|incident| incident_key(&incident));
            let found = record.and_then(|record| almanac.record(&self.world.cloud, &record));
            found.into_iter().for_each(|found| instants.add_found(found, &spans));
        }
        if !open.is_empty() {
            let next = |quiet: &Schedule| quiet.next_after(instants.since);
            let turns: Vec<Timestamp> = almanac.quiet_hours(self.current, plan).iter().filter_map(next).collect();
            turns.into_iter().for_each(|at| instants.add(at));
        }
        false
    }
}
