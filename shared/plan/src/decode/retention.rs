//! Retention: by age, or so many days, weeks, months and years.

use holdfast_domain::plan::Retention;
use jiff::SignedDuration;

use super::forms::DURATION;
use super::reader::{Fields, Place};
use crate::language::{Shape, Table, may};
use crate::node::Value;
use crate::problem::{Log, code};

/// What a rule that keeps nothing is told.
pub(super) const WANTED: &str = "a retention, such as keep: 7d; none is ever assumed";
/// What may stand under `keep`.
pub(crate) const KEEP: Shape = Shape::Any(&[Shape::Like(&DURATION), Shape::Map(&SLOTS)]);

/// A night's damage is seen in the morning: a recovery point that is kept for less than a day is gone before anybody asks for it.
const KEEP_MIN: SignedDuration = SignedDuration::from_hours(24);

/// A hundred years each, as for durations: no retention leaves the calendar.
pub(crate) static SLOTS: Table = Table::new(
    "slots",
    &[
        may("daily", Shape::Count(0, 36_500), "The newest of each of so many days"),
        may("weekly", Shape::Count(0, 5_200), "The newest of each of so many ISO weeks"),
        may("monthly", Shape::Count(0, 1_200), "The newest of each of so many months"),
        may("yearly", Shape::Count(0, 100), "The newest of each of so many years"),
    ],
);

/// `7d`, or `{ daily: 30, weekly: 4, monthly: 12 }`.
pub(super) fn keep(place: &Place<'_>, log: &mut Log) -> Option<Retention> {
    if matches!(place.node.value, Value::Map(_)) { slots(place, log) } else { age(place, log).map(Retention::Age) }
}

/// An age alone.
pub(super) fn age(place: &Place<'_>, log: &mut Log) -> Option<SignedDuration> {
    place.duration_within(KEEP_MIN, SignedDuration::MAX, "so that it is still there when the damage is noticed", log)
}

fn slots(place: &Place<'_>, log: &mut Log) -> Option<Retention> {
    let fields = Fields::of(place, &SLOTS, log)?;
    let (daily, weekly) = (count(&fields, "daily", log), count(&fields, "weekly", log));
    let (monthly, yearly) = (count(&fields, "monthly", log), count(&fields, "yearly", log));
    let (daily, weekly, monthly, yearly) = (daily?, weekly?, monthly?, yearly?);
    if place.keys().iter().any(|key| SLOTS.field(key).is_none()) {
        // Refused already: what is kept is not known.
        return None;
    }
    if [daily, weekly, monthly, yearly] == [0; 4] {
        let allowed = format!("at least one of {} above 0 is wanted", SLOTS.names().join(", "));
        place.refuse(code::EMPTY, "this retention keeps nothing", allowed, log);
        return None;
    }
    Some(Retention::Slots { daily, weekly, monthly, yearly })
}

fn count(fields: &Fields<'_>, name: &str, log: &mut Log) -> Option<u32> {
    fields.or(name, 0, log, |place, log| place.count_of(&SLOTS, name, log))
}
