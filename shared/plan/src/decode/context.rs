//! What the parts of a plan may refer to: its regions, its time zone, and names defined elsewhere in it.

use std::str::FromStr;

use holdfast_domain::Region;
use holdfast_domain::names::NameError;

use super::reader::{Fields, Place, one_of};
use super::schedule::Clock;
use crate::problem::{Log, code};

/// Names as they are written, so that a definition with a slip in it still counts as there.
#[derive(Debug)]
pub(super) struct Context<'n> {
    pub(super) clock: Clock,
    /// Absent if it could not be read; what rests on it then stays unsaid.
    pub(super) primary: Option<Region>,
    pub(super) owners: Vec<&'n str>,
    pub(super) accounts: Vec<&'n str>,
    pub(super) streams: Vec<&'n str>,
    pub(super) channels: Vec<&'n str>,
}

impl<'n> Context<'n> {
    pub(super) fn of(plan: &Fields<'n>, clock: Clock, primary: Option<Region>) -> Self {
        let keys = |name| plan.take(name).map(|place| place.keys()).unwrap_or_default();
        let channels = plan.take("alerts").and_then(|alerts| alerts.child("channels"));
        Self {
            clock,
            primary,
            owners: keys("owners"),
            accounts: keys("accounts"),
            streams: keys("streams"),
            channels: channels.map(|place| place.keys()).unwrap_or_default(),
        }
    }
}

/// A name that must be defined elsewhere: `sort` says what it names.
pub(super) fn reference<T>(place: &Place<'_>, sort: &str, known: &[&str], log: &mut Log) -> Option<T>
where
    T: FromStr<Err = NameError>,
{
    let name = place.name(log)?;
    let text = place.text(log)?;
    if known.contains(&text) {
        return Some(name);
    }
    let allowed = if known.is_empty() { format!("no {sort} is defined") } else { one_of(known) };
    place.refuse(code::NO_SUCH, format!("there is no {sort} {text}"), allowed, log);
    None
}
