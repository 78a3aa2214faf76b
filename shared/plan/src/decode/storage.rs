//! Objects in S3: storage classes of recovery points, and how a bucket keeps its own versions.

use holdfast_domain::plan::{BucketPolicy, TierRule};
use jiff::SignedDuration;

use super::forms::DURATION;
use super::reader::{Fields, Place};
use super::words::{CLASSES, known, word_for};
use crate::language::{Shape, Table, may, must};
use crate::problem::{Log, code};
use crate::units::write_duration;

pub(crate) static TIER: Table = Table::new(
    "tier",
    &[
        must("after", Shape::Like(&DURATION), "At which age, in whole days", "at which age, such as after: 30d"),
        must(
            "class",
            Shape::Word(|| known(CLASSES)),
            "To which storage class",
            "a storage class, such as class: glacier",
        ),
    ],
);

pub(super) const TIERS: Shape = Shape::List(&Shape::Map(&TIER));

pub(crate) static BUCKET: Table = Table::new(
    "bucket",
    &[
        may(
            "versions_keep",
            Shape::Like(&DURATION),
            "How long older versions are kept, in whole days; the bucket is versioned then",
        ),
        may(
            "lock",
            Shape::Like(&DURATION),
            "How long nobody can delete a version (Object Lock, compliance mode), in whole days",
        ),
        may("mfa_delete", Shape::Bool, "Whether deleting a version needs MFA; false if left out"),
    ],
);

/// Tiers, which must grow older and colder: nothing is ever warmed up again.
pub(super) fn tiers(place: &Place<'_>, log: &mut Log) -> Option<Vec<TierRule>> {
    let items = place.items("tiers", log)?;
    let mut decoded: Vec<TierRule> = Vec::new();
    let mut whole = true;
    for item in &items {
        let Some(tier) = tier(item, log) else {
            whole = false;
            continue;
        };
        if let Some(before) = decoded.last().filter(|before| tier.after <= before.after || tier.class <= before.class) {
            let (class, age) = (word_for(CLASSES, &before.class), write_duration(before.after));
            let message = format!("this tier follows {class} after {age}, and is not both later and colder");
            let allowed =
                format!("tiers from young to old and from warm to cold ({}) are wanted", known(CLASSES).join(", "));
            item.refuse(code::ORDER, message, allowed, log);
            whole = false;
        }
        decoded.push(tier);
    }
    whole.then_some(decoded)
}

fn tier(place: &Place<'_>, log: &mut Log) -> Option<TierRule> {
    let fields = Fields::of(place, &TIER, log)?;
    let after = fields.must("after", log, |place, log| place.days(log));
    let class = fields.must("class", log, |place, log| place.word(CLASSES, log));
    Some(TierRule { after: after?, class: class? })
}

pub(super) fn bucket(place: &Place<'_>, log: &mut Log) -> Option<BucketPolicy> {
    let fields = Fields::of(place, &BUCKET, log)?;
    fields.some("bucket", log)?;
    let versions_keep = fields.maybe("versions_keep", log, |place, log| place.days(log));
    let lock = fields.maybe("lock", log, |place, log| place.days(log));
    let mfa_delete = fields.or("mfa_delete", false, log, |place, log| place.bool(log));
    Some(BucketPolicy { versions_keep: versions_keep?, lock: lock?, mfa_delete: mfa_delete? })
}

impl Place<'_> {
    /// Whole days, at least one: what S3 counts by (source: S3 User Guide, "Lifecycle configuration elements"; "Object Lock
    /// considerations").
    pub(super) fn days(&self, log: &mut Log) -> Option<SignedDuration> {
        let days = self.duration(log)?;
        self.whole_days(days, log)
    }

    /// Refuses what is not whole days.
    pub(super) fn whole_days(&self, days: SignedDuration, log: &mut Log) -> Option<SignedDuration> {
        const DAY_MS: i128 = 24 * 60 * 60 * 1000;
        if days.as_millis() % DAY_MS == 0 {
            return Some(days);
        }
        self.refuse(
            code::OUT_OF_BOUNDS,
            format!("{} is not whole days", self.node.shown()),
            "whole days are wanted, such as 30d",
            log,
        );
        None
    }
}
