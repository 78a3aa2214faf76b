//! Routes: which findings go to which channels, for the plan and in place of it for a resource.

use std::collections::BTreeMap;

use holdfast_domain::Severity;
use holdfast_domain::plan::Routes;

use super::context::{Context, reference};
use super::forms::NAME;
use super::reader::{Fields, Place};
use super::words::SEVERITIES;
use crate::language::{Shape, Table, may};
use crate::problem::{Log, code};

const ROUTE: Shape = Shape::List(&Shape::Like(&NAME));

pub(crate) static ROUTES: Table = Table::new(
    "routes",
    &[
        may("critical", ROUTE, "A recovery is running, or the data is in danger"),
        may("high", ROUTE, "A backup or a proof is missing or wrong: now"),
        may("low", ROUTE, "Somebody should look in working hours"),
        may("info", ROUTE, "For the record"),
    ],
);

/// Channels by severity, each in the order in which they are told.
pub(super) fn routes(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<Routes> {
    let fields = Fields::of(place, &ROUTES, log)?;
    fields.some("routes", log)?;
    let mut decoded = BTreeMap::new();
    let mut whole = true;
    for (word, severity) in SEVERITIES {
        let route = fields.maybe(word, log, |place, log| {
            place.distinct("this route", log, |place, log| reference(place, "channel", &context.channels, log))
        });
        match route {
            Some(Some(route)) => drop(decoded.insert(*severity, route)),
            Some(None) => {}
            None => whole = false,
        }
    }
    whole.then_some(decoded)
}

/// Warns of grave findings that would reach nobody.
pub(super) fn warn_of_silence(place: &Place<'_>, context: &Context<'_>, log: &mut Log) {
    let keys = place.keys();
    for (word, severity) in SEVERITIES {
        if *severity >= Severity::High && !keys.is_empty() && !keys.contains(word) {
            let message = format!("{word} has no route, so such findings reach nobody");
            let allowed = format!("a route is wanted, such as {word}: [{}]", context.channels.join(", "));
            place.warn(code::NOBODY_TOLD, message, allowed, log);
        }
    }
}
