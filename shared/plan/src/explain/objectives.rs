//! Which line of the plan answers which objective, for each loss.

use std::collections::BTreeMap;

use holdfast_domain::plan::Resource;
use holdfast_domain::{Plan, ResourceName};
use serde::Serialize;

use crate::almanac::Almanac;
use crate::promise::{Loss, Promise};
use crate::units::write_duration;
use crate::words::shortened;

/// Resources whose answers are the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceAnswers {
    /// Their names, in order; never empty.
    pub resources: Vec<String>,
    /// Loss of the instance, of the region, of the account.
    pub losses: Vec<LossAnswer>,
}

/// The answer to one loss.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LossAnswer {
    /// `instance`, `region`, `account`.
    pub loss: &'static str,
    /// The recovery point objective, if one is stated.
    pub rpo: Option<String>,
    /// The line that answers it best, in words; empty if there is none.
    pub promised_by: String,
    /// How many other lines answer it too.
    pub also: usize,
    /// What is lost at most: a duration, `nothing`, `unknown` or `everything`.
    pub lost_at_most: String,
    /// `kept`, `unproven`, `NOT KEPT` or `not asked`: by arithmetic.
    pub verdict: &'static str,
    /// The recovery time objective, if one is stated.
    pub rto: Option<String>,
    /// What measures the recovery time: names of restore tests, or nothing.
    pub measured_by: String,
}

impl ResourceAnswers {
    /// The first few names.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.resources.iter().map(String::as_str).collect();
        shortened(&names)
    }
}

pub(super) fn answers(plan: &Plan, only: Option<&ResourceName>) -> Vec<ResourceAnswers> {
    let mut almanac = Almanac::default();
    let mut alike: BTreeMap<Vec<LossAnswer>, Vec<String>> = BTreeMap::new();
    for (name, resource) in plan.resources.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let losses = Loss::ALL.map(|loss| answer(plan, resource, loss, &mut almanac));
        alike.entry(losses.to_vec()).or_default().push(name.to_string());
    }
    let mut answers: Vec<ResourceAnswers> =
        alike.into_iter().map(|(losses, resources)| ResourceAnswers { resources, losses }).collect();
    answers.sort_by(|one, other| one.resources.cmp(&other.resources));
    answers
}

fn answer(plan: &Plan, resource: &Resource, loss: Loss, almanac: &mut Almanac) -> LossAnswer {
    let promise = Promise::of(loss, plan, resource, almanac);
    let best = promise.means.first();
    let lost_at_most = match (best, promise.at_most()) {
        (None, _) => "everything".to_owned(),
        (Some(_), None) => "unknown".to_owned(),
        (Some(_), Some(most)) if most.is_zero() => "nothing".to_owned(),
        (Some(_), Some(most)) => write_duration(most),
    };
    let measured: Vec<&str> = resource
        .restore_tests
        .iter()
        .filter(|(_, test)| match loss {
            Loss::Instance => test.region == resource.region,
            Loss::Region => test.region != resource.region,
            // A room stands in this account: what another account can do is not measured.
            Loss::Account => false,
        })
        .map(|(name, _)| name.as_str())
        .collect();
    LossAnswer {
        loss: loss.as_str(),
        rpo: promise.objectives.map(|wanted| write_duration(wanted.rpo)),
        promised_by: best.map(|means| means.words.clone()).unwrap_or_default(),
        also: promise.means.len().saturating_sub(1),
        lost_at_most,
        verdict: promise.answer().as_str(),
        rto: promise.objectives.map(|wanted| write_duration(wanted.rto)),
        measured_by: shortened(&measured),
    }
}
