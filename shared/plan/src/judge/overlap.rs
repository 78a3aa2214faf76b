//! M1: runs that the plan forbids to overlap, and that its own times make overlap.

use holdfast_domain::plan::Overlap;
use holdfast_domain::{RuleName, Schedule};
use jiff::SignedDuration;

use super::{Remark, Subject};
use crate::almanac::Almanac;
use crate::problem::code;
use crate::units::write_duration;

pub(super) fn judge(subject: &Subject<'_>, almanac: &mut Almanac, remarks: &mut Vec<Remark>) {
    match subject.resource.overlap {
        Overlap::Allowed => return,
        Overlap::Forbidden => {}
    }
    let rules: Vec<(&RuleName, &Schedule, SignedDuration)> = subject
        .resource
        .snapshots
        .iter()
        .filter_map(|(name, rule)| Some((name, rule.schedule()?, rule.takes_max?)))
        .collect();
    let runs: Vec<(&Schedule, SignedDuration)> = rules.iter().map(|(_, schedule, takes)| (*schedule, *takes)).collect();
    for overlap in almanac.overlaps(&runs).iter() {
        let ((earlier, began), (later, begins)) = (overlap.earlier, overlap.later);
        let (Some((earlier, _, takes)), Some((later, _, _))) = (rules.get(earlier), rules.get(later)) else { continue };
        let apart = write_duration(begins.duration_since(began));
        let message = format!(
            "overlap is forbidden, but {earlier} may take {} from {began} and {later} begins {apart} after it, at {begins} (M1)",
            write_duration(*takes)
        );
        let allowed = format!(
            "takes_max: {apart} on {earlier}, or times of {earlier} and {later} at least {} apart or equal (equal slots share one snapshot)",
            write_duration(*takes)
        );
        remarks.push(Remark::error(
            code::OVERLAP,
            subject.path(&format!("snapshots.{earlier}.takes_max")),
            message,
            allowed,
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, check};

    #[test]
    fn runs_that_may_still_be_under_way_are_found_with_their_first_date() {
        let from = "  daily: { at: \"cron(0 2 * * ? *)\", keep: 7d }";
        let at = "error resources.orders.snapshots.";
        let rules = |daily: &str, hourly: &str| {
            format!(
                "  daily: {{ at: \"cron(0 1 * * ? *)\", keep: 30d, takes_max: {daily} }}\n  hourly: {{ at: \"cron({hourly})\", keep: 7d, takes_max: 30m }}"
            )
        };
        let forbidden = format!("overlap: forbidden{DATABASE}");
        check(
            "HF055",
            &forbidden,
            &[
                // Equal slots share one snapshot.
                (from, &rules("1h", "0 * * * ? *"), &[]),
                (
                    from,
                    &rules("2h", "0 * * * ? *"),
                    &[(
                        &format!("{at}daily.takes_max: "),
                        &[
                            "daily may take 2h from 2026-01-01T01:00:00Z and hourly begins 1h after it",
                            "(M1)",
                            "takes_max: 1h on daily",
                        ],
                    )],
                ),
                (
                    from,
                    &rules("1h", "15 * * * ? *"),
                    &[(&format!("{at}daily.takes_max: "), &["hourly begins 15m after it"])],
                ),
                (
                    from,
                    &rules("15m", "0/20 * * * ? *"),
                    &[
                        (
                            &format!("{at}hourly.takes_max: "),
                            &["hourly may take 30m from 2026-01-01T00:00:00Z and hourly begins 20m after it"],
                        ),
                        (&format!("{at}hourly.takes_max: "), &["daily begins 20m after it"]),
                    ],
                ),
            ],
        );
        let allowed = rules("2h", "0 * * * ? *");
        check("HF055", DATABASE, &[(from, &allowed, &[])]);
    }
}
