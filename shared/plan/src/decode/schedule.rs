//! Schedules and time zones.

use std::cell::RefCell;
use std::collections::HashMap;

use holdfast_domain::Schedule;
use holdfast_domain::schedule::ScheduleError;

use super::reader::{Fields, Place};
use crate::problem::{Log, code};

/// The time zone of schedules that name none.
#[derive(Debug)]
enum Zone {
    Named(String),
    /// The plan names none: each schedule must.
    Absent,
    /// The plan's own was refused already; it is not held against every schedule again.
    Refused,
}

/// Reads the schedules of one plan. Thousands of resources have a few schedules between them: each is compiled once.
#[derive(Debug)]
pub(super) struct Clock {
    default: Zone,
    read: RefCell<HashMap<(String, String), Result<Schedule, ScheduleError>>>,
}

impl Clock {
    pub(super) fn of_plan(zone_place: Option<&Place<'_>>, log: &mut Log) -> Self {
        let mut clock = Self { default: Zone::Absent, read: RefCell::default() };
        if let Some(place) = zone_place {
            clock.default = clock.named_zone(place, log).map_or(Zone::Refused, Zone::Named);
        }
        clock
    }

    /// The zone of something at `place`: its own, or the plan's.
    pub(super) fn zone(&self, place: &Place<'_>, own: Option<&Place<'_>>, what: &str, log: &mut Log) -> Option<String> {
        match (own, &self.default) {
            (Some(own), _) => self.named_zone(own, log),
            (None, Zone::Named(zone)) => Some(zone.clone()),
            (None, Zone::Refused) => None,
            (None, Zone::Absent) => {
                let message = format!("no time zone is named for {what}");
                place.refuse(code::TIME_ZONE, message, "time_zone: UTC beside it, or at the top for all", log);
                None
            }
        }
    }

    fn named_zone(&self, place: &Place<'_>, log: &mut Log) -> Option<String> {
        let name = place.text(log)?;
        match self.parse("cron(0 0 * * ? *)", name) {
            Ok(schedule) => Some(schedule.zone().to_owned()),
            Err(error) => {
                place.refuse(code::TIME_ZONE, format!("{} is not a time zone", place.node.shown()), error.reason, log);
                None
            }
        }
    }

    fn parse(&self, expression: &str, zone: &str) -> Result<Schedule, ScheduleError> {
        let mut read = self.read.borrow_mut();
        let parsed = read.entry((expression.to_owned(), zone.to_owned()));
        parsed.or_insert_with(|| Schedule::parse(expression, zone)).clone()
    }
}

/// A schedule, with the `time_zone` that stands beside it.
pub(super) fn schedule(place: &Place<'_>, beside: &Fields<'_>, clock: &Clock, log: &mut Log) -> Option<Schedule> {
    let zone = clock.zone(place, beside.take("time_zone").as_ref(), "this schedule", log);
    let expression = place.text(log)?;
    // The expression is looked at even if its zone is not known.
    match clock.parse(expression, zone.as_deref().unwrap_or("UTC")) {
        Ok(schedule) => zone.and(Some(schedule)),
        Err(error) => {
            place.refuse(code::SCHEDULE, format!("{} is not a schedule", place.node.shown()), error.reason, log);
            None
        }
    }
}

/// Says that a time zone stands beside something that has no schedule.
pub(super) fn no_zone(beside: &Fields<'_>, field: &str, why: &str, log: &mut Log) {
    if let Some(zone) = beside.take("time_zone") {
        zone.refuse(code::EITHER_OR, format!("time_zone says nothing beside {field}, as {why}"), "leave it out", log);
    }
}
