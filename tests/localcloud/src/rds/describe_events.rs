//! `DescribeEvents`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::RdsEvent;
use super::identity::Place;
use super::pages::{self, page};
use super::query::Request;
use super::render::render_event;
use super::xml::Element;

/// "Default: 60", in minutes.
const DURATION_DEFAULT_MINUTES: i64 = 60;

/// Answers with the events of a time, oldest first.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["SourceIdentifier", "SourceType", "StartTime", "EndTime", "Duration", "EventCategories"];
    let known: Vec<&str> = own.into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let source_type = request.text("SourceType");
    let source_id = request.text("SourceIdentifier");
    if source_id.is_some() && source_type.is_none() {
        return Err(ApiError::invalid_combination("SourceType must be provided if SourceIdentifier is supplied."));
    }
    let categories = request.list("EventCategories");
    let (from, to) = time_range(request)?;
    let wanted = |event: &RdsEvent| {
        source_type.is_none_or(|wanted| wanted == event.source_type.in_api())
            && source_id.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&event.source_id))
            && (categories.is_empty() || event.categories.iter().any(|category| categories.contains(category)))
            && (from..=to).contains(&event.date)
    };
    cloud.with_region(place, |region| {
        let matching = region.events.iter().filter(|(_, event)| wanted(event));
        let page = page(request, matching, |(number, _)| format!("{number:020}"))?;
        let records = page.records.into_iter().map(|(_, event)| render_event(event));
        Ok(Element::new("DescribeEventsResult")
            .optional("Marker", page.marker)
            .child(Element::new("Events").children(records)))
    })
}

fn time_range(request: &Request) -> Result<(Timestamp, Timestamp), ApiError> {
    let to = request.parsed::<Timestamp>("EndTime", "a time in ISO 8601")?.unwrap_or_else(Timestamp::now);
    let minutes = request.parsed::<i64>("Duration", "an integer")?.unwrap_or(DURATION_DEFAULT_MINUTES);
    let from = match request.parsed::<Timestamp>("StartTime", "a time in ISO 8601")? {
        Some(from) => from,
        None => to
            .checked_sub(SignedDuration::from_secs(minutes.saturating_mul(60)))
            .map_err(|_| ApiError::invalid_value(format!("Invalid value {minutes} for Duration.")))?,
    };
    Ok((from, to))
}
