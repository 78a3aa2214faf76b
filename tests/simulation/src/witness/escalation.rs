//! Who is told when: the first of a route at once, each further one when nobody has taken care for as long as the plan says, and not before.
//!
//! Judged are incidents of one cause in spans in which nothing was wrong: there the plan alone says who hears when. It goes by what is on the
//! bus and by what arrived; the records only say which incidents had one cause and were acknowledged by nobody.

use std::collections::BTreeMap;

use holdfast_domain::plan::Plan;
use holdfast_domain::{FindingState, Severity};
use holdfast_ledger::Incident;
use holdfast_plan::Compiled;
use jiff::{SignedDuration, Timestamp};

use crate::witness::people::Said;
use crate::witness::{Invariant, OnBus, Witness};

/// What a delivery, an invocation and two sweeps take together.
const SLACK: SignedDuration = SignedDuration::from_mins(4);

/// How far the clock of whoever told may have been ahead.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// What was going on besides: which plan held, and when anything was wrong.
pub(crate) struct Meanwhile<'a> {
    pub(crate) plans: &'a [Compiled],
    pub(crate) deployed: &'a [(Timestamp, usize)],
    /// In order, none touching another.
    pub(crate) disturbed: &'a [(Timestamp, Timestamp)],
    pub(crate) end: Timestamp,
}

impl Meanwhile<'_> {
    /// The plan that held all the time of a span in which nothing was wrong.
    fn calm(&self, from: Timestamp, until: Timestamp) -> Option<&Plan> {
        let place = self.disturbed.partition_point(|(_, over)| *over < from);
        let disturbed = self.disturbed.get(place).is_some_and(|(begun, _)| *begun <= until);
        // A plan that was just replaced may still be in somebody's memory.
        let place = self.deployed.partition_point(|(at, _)| *at <= from - SLACK);
        let changed = self.deployed.get(place).is_some_and(|(at, _)| *at <= until);
        let (_, plan) = place.checked_sub(1).and_then(|place| self.deployed.get(place))?;
        (!disturbed && !changed && until < self.end).then(|| self.plans[*plan].plan())
    }
}

/// Looks at every incident that can be judged.
pub(crate) fn look(witness: &mut Witness, incidents: &[(String, Incident)], meanwhile: &Meanwhile<'_>) {
    let first = first_heard(witness);
    let mut bus: BTreeMap<&str, Vec<&OnBus>> = BTreeMap::new();
    for finding in &witness.bus {
        bus.entry(&finding.cause).or_default().push(finding);
    }
    let mut judged = Vec::new();
    for (_, incident) in incidents.iter().filter(|(_, incident)| incident.acknowledged.is_none()) {
        let mut lines = incident.lines.keys();
        let (Some(cause), None) = (lines.next(), lines.next()) else { continue };
        let Some(told) = bus.get(cause.as_str()) else { continue };
        let nobody = BTreeMap::new();
        let heard = first.get(incident.id.as_str()).unwrap_or(&nobody);
        judged.extend(judge(incident, told, heard, meanwhile));
    }
    for Judged { at, holds, words } in judged {
        witness.must(at, Invariant::Escalation, holds, || words);
    }
}

/// When each channel first heard that an incident stands.
fn first_heard(witness: &Witness) -> BTreeMap<String, BTreeMap<String, Timestamp>> {
    let mut first: BTreeMap<String, BTreeMap<String, Timestamp>> = BTreeMap::new();
    for told in witness.told.iter().filter(|told| told.read.said == Said::Stands) {
        let Some(incident) = &told.read.incident else { continue };
        first.entry(incident.clone()).or_default().entry(told.channel.clone()).or_insert(told.at);
    }
    first
}

struct Judged {
    at: Timestamp,
    holds: bool,
    words: String,
}

/// The route of an incident of one cause, channel by channel, for as long as what comes next is certain.
fn judge(
    incident: &Incident,
    bus: &[&OnBus],
    heard: &BTreeMap<String, Timestamp>,
    meanwhile: &Meanwhile<'_>,
) -> Vec<Judged> {
    let mut judged = Vec::new();
    let opened_at = incident.opened_at - CLOCKS;
    let begins = bus.iter().find(|finding| finding.at >= opened_at && finding.state == FindingState::Open);
    let Some(opening) = begins else { return judged };
    // Whoever is next is told at once or, with an escalation, so long after the one before.
    let (mut from, mut place) = (opening.at, 0);
    loop {
        let Some(plan) = meanwhile.calm(from, from + SLACK) else { return judged };
        let patience = plan.alerts.escalate_after.filter(|_| opening.severity < Severity::Critical && place > 0);
        let due = from + patience.unwrap_or_default();
        let until = due + SLACK;
        let quiet = opening.severity < Severity::High && plan.alerts.quiet_hours.is_some();
        let certain = !quiet && meanwhile.calm(from, until).is_some() && is_steady(bus, opening, until);
        let Some(channel) = route(plan, opening).get(place).filter(|_| certain).cloned() else { return judged };
        let at = heard.get(&channel).copied();
        let holds = at.is_some_and(|at| at <= until && at + SLACK >= due);
        let words = format!("{channel} was due to hear of {} at {due}, and heard at {at:?}", incident.id);
        judged.push(Judged { at: due, holds, words });
        let Some(at) = at.filter(|_| holds) else { return judged };
        (from, place) = (if patience.is_some() || place == 0 { at } else { from }, place + 1);
    }
}

/// Whether nothing else was told of the cause from a moment before the opening until then but that it stands, as badly as before.
fn is_steady(bus: &[&OnBus], opening: &OnBus, until: Timestamp) -> bool {
    let around = bus.iter().filter(|finding| finding.at >= opening.at - SETTLES && finding.at <= until);
    let mut others = around.filter(|finding| finding.at != opening.at);
    others.all(|finding| finding.state == FindingState::Open && finding.severity == opening.severity)
}

/// How long a cause that comes and goes is told of in another way.
const SETTLES: SignedDuration = SignedDuration::from_mins(100);

fn route(plan: &Plan, opening: &OnBus) -> Vec<String> {
    let of = opening.resource.as_deref();
    let resource = plan.resources.iter().find(|(name, _)| Some(name.as_str()) == of);
    let own = resource.and_then(|(_, resource)| resource.routes.get(&opening.severity));
    let route = own.or_else(|| plan.alerts.routes.get(&opening.severity));
    route.into_iter().flatten().map(ToString::to_string).collect()
}
