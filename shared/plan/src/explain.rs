//! What a plan does: a calendar that a person can read, and which of its lines answers which objective.
//!
//! The day it begins with is given: no clock is read here.

mod calendar;
mod objectives;
mod text;

use holdfast_domain::{Plan, ResourceName};
use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use serde::Serialize;

use crate::words::most_used_zone;

pub use calendar::{CalendarDays, CalendarLine};
pub use objectives::{LossAnswer, ResourceAnswers};

/// The longest calendar that is made.
pub const EXPLAINED_DAYS_MAX: u16 = 366;

/// What is to be explained.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    /// The first day.
    pub from: Date,
    /// How many days, from 1 to [`EXPLAINED_DAYS_MAX`].
    pub days: u16,
    /// One resource alone.
    pub resource: Option<ResourceName>,
    /// IANA zone of the calendar; that which most of the plan's schedules are in, if none is named.
    pub time_zone: Option<String>,
}

/// Why nothing can be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The plan has no such resource.
    #[error("the plan has no resource {0}")]
    NoSuchResource(ResourceName),
    /// The zone is not known.
    #[error("{0:?} is not an IANA time zone such as Europe/Berlin")]
    NoSuchZone(String),
    /// The calendar would be too long, or empty.
    #[error("a calendar of {0} days cannot be made: 1 to {EXPLAINED_DAYS_MAX} are wanted")]
    Days(u16),
}

/// A plan in words. `Display` is for people, `Serialize` for machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The plan's name.
    pub plan: String,
    /// The environment it is for.
    pub environment: String,
    /// The first day.
    pub from: String,
    /// How many days.
    pub days: u16,
    /// The calendar's time zone.
    pub time_zone: String,
    /// What happens on every one of these days.
    pub every_day: Vec<CalendarLine>,
    /// What else happens, by day; days alike that follow each other stand together.
    pub calendar: Vec<CalendarDays>,
    /// What begins when something else does, or when somebody asks.
    pub unscheduled: Vec<String>,
    /// What answers the objectives; resources that are alike stand together.
    pub objectives: Vec<ResourceAnswers>,
    /// What is covered by somebody else: what, by whom, who answers for it.
    pub elsewhere: Vec<[String; 4]>,
    /// Who answers for what: name, contact, resources.
    pub owners: Vec<[String; 3]>,
}

/// Explains a plan from a day on.
///
/// # Errors
/// If what is asked for is not in the plan, or not in the calendar.
pub fn explain(plan: &Plan, request: &ExplainRequest) -> Result<Explanation, ExplainError> {
    if !(1..=EXPLAINED_DAYS_MAX).contains(&request.days) {
        return Err(ExplainError::Days(request.days));
    }
    if let Some(name) = request.resource.as_ref().filter(|name| !plan.resources.contains_key(*name)) {
        return Err(ExplainError::NoSuchResource(name.clone()));
    }
    let name = request.time_zone.clone().unwrap_or_else(|| most_used_zone(plan));
    let zone = TimeZoneDatabase::bundled().get(&name).map_err(|_| ExplainError::NoSuchZone(name.clone()))?;
    let calendar = calendar::make(plan, request, &zone);
    let only = request.resource.as_ref();
    Ok(Explanation {
        plan: plan.name.to_string(),
        environment: plan.environment.to_string(),
        from: request.from.to_string(),
        days: request.days,
        time_zone: name,
        every_day: calendar.every_day,
        calendar: calendar.days,
        unscheduled: calendar.unscheduled,
        objectives: objectives::answers(plan, only),
        elsewhere: if only.is_some() { Vec::new() } else { elsewhere(plan) },
        owners: owners(plan, only),
    })
}

fn elsewhere(plan: &Plan) -> Vec<[String; 4]> {
    let row = |(name, other): (&ResourceName, &holdfast_domain::plan::Elsewhere)| {
        let owner = other.owner.as_ref().map(ToString::to_string).unwrap_or_default();
        [name.to_string(), other.what.clone(), other.by.clone(), owner]
    };
    plan.elsewhere.iter().map(row).collect()
}

fn owners(plan: &Plan, only: Option<&ResourceName>) -> Vec<[String; 3]> {
    let shown = |name: &ResourceName| only.is_none_or(|only| only == name);
    let rows = plan.owners.iter().map(|(owner, contact)| {
        let theirs =
            plan.resources.iter().filter(|(name, resource)| shown(name) && resource.owner.as_ref() == Some(owner));
        let names: Vec<&str> = theirs.map(|(name, _)| name.as_str()).collect();
        [owner.to_string(), contact.clone(), crate::words::shortened(&names)]
    });
    rows.filter(|[_, _, names]| only.is_none() || !names.is_empty()).collect()
}
