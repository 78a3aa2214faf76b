//! The drill's plan: a template with the next full minute in it.

use anyhow::{Context as _, Result, anyhow};
use holdfast_domain::DbInstanceId;
use holdfast_domain::plan::Resource;
use holdfast_plan::Compiled;
use jiff::{Timestamp, ToSpan as _, Unit, tz::TimeZone};

/// The template of a drill with sample data, a plan but for `{cron}`.
pub(super) const DRILL: &str = include_str!("../../plans/drill.yaml");

/// The DB instance that a resource of a drill is.
///
/// # Errors
/// When the drill's plan names anything else.
pub(super) fn instance(resource: &Resource) -> Result<&DbInstanceId> {
    resource.db_instance().with_context(|| format!("{} is not a DB instance", resource.target.id()))
}

/// A schedule is only kept by whoever has it before it is due.
const AHEAD_SECONDS: i64 = 2;

/// The plan of a template, due at the first full minute that can still be met, and that minute.
///
/// # Errors
/// When the template is no legal plan; tests hold that they are.
pub(super) fn due_next_minute(template: &str, now: Timestamp) -> Result<(Compiled, Timestamp)> {
    let utc = now.checked_add(AHEAD_SECONDS.seconds())?.to_zoned(TimeZone::UTC);
    let minute = utc.round(jiff::ZonedRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Ceil))?;
    // With its date: a daily rule that is new would find yesterday's slot still open, and catch up on it.
    let cron = minute.strftime("cron(%-M %-H %-d %-m ? %Y)").to_string();
    let text = template.replace("{cron}", &cron);
    let compiled = holdfast_plan::read_yaml("drill.yaml", &text)
        .map_err(|problems| anyhow!("{problems}"))
        .context("the drill's plan")?;
    Ok((compiled, minute.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_legal_and_due_at_the_next_minute_that_can_be_met() {
        for (now, due) in [
            ("2026-11-20T11:05:01Z", "2026-11-20T11:06:00Z"),
            ("2026-11-20T11:05:59Z", "2026-11-20T11:07:00Z"),
            ("2026-12-31T23:59:10Z", "2027-01-01T00:00:00Z"),
        ] {
            let (plan, at) = due_next_minute(DRILL, now.parse().expect("a time")).expect("a plan");
            assert_eq!(at, due.parse().expect("a time"));
            let rule = plan
                .plan()
                .resources
                .values()
                .next()
                .expect("a resource")
                .snapshots
                .values()
                .next()
                .expect("a rule")
                .schedule()
                .expect("a schedule");
            assert_eq!(rule.next_after(now.parse().expect("a time")), Some(at));
        }
    }
}
