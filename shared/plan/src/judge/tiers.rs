//! X1, X2: moves to colder storage that S3 cannot make, or that cost more than they save.

use holdfast_domain::plan::{ResourceKind, StorageClass, TierRule};
use jiff::SignedDuration;

use super::{Remark, Subject};
use crate::prices::PriceList;
use crate::problem::code;
use crate::units::write_duration;
use crate::words::class_word;

/// Before this age a lifecycle rule cannot move to Standard-IA, nor on from there (source: S3 User Guide, "Constraints and
/// considerations for transitions").
const IA_AGE_MIN: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The shortest time that a class charges for (source: S3 User Guide, "Comparing the Amazon S3 storage classes").
fn charged_min(class: StorageClass) -> SignedDuration {
    let days = match class {
        StorageClass::StandardIa => 30,
        StorageClass::GlacierIr | StorageClass::Glacier => 90,
        StorageClass::DeepArchive => 180,
    };
    SignedDuration::from_hours(days * 24)
}

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let resource = subject.resource;
    let longest = longest_kept(subject);
    for (at, tier) in resource.tiers.iter().enumerate() {
        let path = || subject.path(&format!("tiers[{at}].after"));
        if tier.class == StorageClass::StandardIa && tier.after < IA_AGE_MIN {
            let message = format!(
                "after {}: an S3 lifecycle rule cannot move to standard-ia before 30d (S3 User Guide, \"Constraints and considerations for \
                 transitions\"); Holdfast moves it by a copy in place, where that pays (X1)",
                write_duration(tier.after)
            );
            remarks.push(Remark::warning(
                code::TOO_YOUNG,
                path(),
                message,
                "after: 30d, or leave it to Holdfast".into(),
            ));
        }
        match resource.tiers.get(at + 1) {
            Some(next) => remarks.extend(left_early(subject, at, *tier, *next)),
            None => remarks.extend(longest.and_then(|keep| expires_early(&path(), *tier, keep))),
        }
        if let Some(keep) = longest.filter(|keep| *keep <= tier.after) {
            let message = format!(
                "nothing ever becomes {} old here: the longest that a recovery point is kept is {}",
                write_duration(tier.after),
                write_duration(keep)
            );
            let allowed = format!("no tier after {}, or a longer keep", write_duration(keep));
            remarks.push(Remark::warning(code::MINIMUM_CHARGE, path(), message, allowed));
        }
    }
}

/// X2: moved on before the class it leaves has been paid for.
fn left_early(subject: &Subject<'_>, at: usize, tier: TierRule, next: TierRule) -> Option<Remark> {
    let (stays, min) = (next.after.saturating_sub(tier.after), charged_min(tier.class));
    if stays >= min {
        return None;
    }
    let message = format!(
        "{} is left after {}, but charges for {}: {} (X2)",
        class_word(tier.class),
        write_duration(stays),
        write_duration(min),
        wasted(tier.class, min.saturating_sub(stays))
    );
    let allowed = format!("after: {}, or leave it if that is worth it", write_duration(tier.after.saturating_add(min)));
    Some(Remark::warning(code::MINIMUM_CHARGE, subject.path(&format!("tiers[{}].after", at + 1)), message, allowed))
}

/// X2 again: deleted before the last class has been paid for.
fn expires_early(path: &str, tier: TierRule, keep: SignedDuration) -> Option<Remark> {
    let (stays, min) = (keep.saturating_sub(tier.after), charged_min(tier.class));
    if stays >= min || stays <= SignedDuration::ZERO {
        return None;
    }
    let class = class_word(tier.class);
    let message = format!(
        "what is kept {} lies in {class} for {} at most, but {class} charges for {}: {} (X2)",
        write_duration(keep),
        write_duration(stays),
        write_duration(min),
        wasted(tier.class, min.saturating_sub(stays))
    );
    let allowed = format!("keep: {}, or no {class}", write_duration(tier.after.saturating_add(min)));
    Some(Remark::warning(code::MINIMUM_CHARGE, path.to_owned(), message, allowed))
}

/// What is paid for and not used.
fn wasted(class: StorageClass, time: SignedDuration) -> String {
    let list = PriceList::built_in();
    let days = time.as_secs() / DAY.as_secs();
    let (price, days) = (list.object_gb_month(Some(class)), u32::try_from(days).unwrap_or(u32::MAX));
    // Lifecycle prices are per month of 30 days here: the fourth decimal does not matter to the decision.
    let dollars = price * f64::from(days) / 30.0 * 1000.0;
    format!("every 1000 GB pays {days} days that it does not use, {dollars:.2} USD (list price of {})", list.as_of)
}

/// The longest that any recovery point of the resource is kept; unknown for a bucket, whose objects live on.
fn longest_kept(subject: &Subject<'_>) -> Option<SignedDuration> {
    let resource = subject.resource;
    match resource.target.kind() {
        ResourceKind::Bucket | ResourceKind::TerraformState => return None,
        ResourceKind::RdsInstance
        | ResourceKind::AuroraCluster
        | ResourceKind::DocDbCluster
        | ResourceKind::Secrets
        | ResourceKind::Redis
        | ResourceKind::PostgresDump
        | ResourceKind::MongoDump => {}
    }
    let rules = resource.snapshots.values().map(|rule| rule.keep.longest());
    rules.chain(resource.copies.iter().map(|copy| copy.keep.longest())).max()
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DUMPS, assert_said, said};

    fn with(tiers: &str) -> String {
        format!("{DUMPS}tiers: [{tiers}]\n")
    }

    #[test]
    fn a_move_that_s3_refuses_or_that_costs_money_is_told_with_the_days_that_pay() {
        let at = |nth: usize| format!("warning resources.orders.tiers[{nth}].after: ");
        let boom =
            "{ after: 8d, class: standard-ia }, { after: 31d, class: glacier }, { after: 91d, class: deep-archive }";
        assert_said(
            &said("HF045", &with(boom)),
            &[(&at(0), &["after 8d", "before 30d", "(X1)", "after: 30d, or leave it to Holdfast"])],
            "B28",
        );
        assert_said(
            &said("HF046", &with(boom)),
            &[
                (
                    &at(1),
                    &["standard-ia is left after 23d, but charges for 30d", "7 days", "2.92 USD", "(X2)", "after: 38d"],
                ),
                (
                    &at(2),
                    &[
                        "glacier is left after 60d, but charges for 90d",
                        "30 days that it does not use, 3.60 USD",
                        "after: 121d",
                    ],
                ),
            ],
            "B28",
        );
        let paid =
            "{ after: 30d, class: standard-ia }, { after: 60d, class: glacier }, { after: 150d, class: deep-archive }";
        assert_said(&said("HF045", &with(paid)), &[], "paid for");
        assert_said(&said("HF046", &with(paid)), &[], "paid for");
        let short = with("{ after: 300d, class: deep-archive }");
        assert_said(
            &said("HF046", &short),
            &[(&at(0), &["kept 400d lies in deep-archive for 100d at most", "80 days", "keep: 480d"])],
            "expires early",
        );
        let never = with("{ after: 500d, class: glacier }");
        assert_said(&said("HF046", &never), &[(&at(0), &["nothing ever becomes 500d old"])], "never reached");
    }
}
