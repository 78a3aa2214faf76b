//! What the account allows.

use holdfast_domain::plan::Quotas;

use super::reader::{Fields, Place};
use crate::language::{Shape, Table, may};
use crate::problem::Log;

/// Far above what AWS raises a quota to; it only keeps sums small.
const QUOTA_MAX: u64 = 1_000_000;

pub(crate) static QUOTAS: Table = Table::new(
    "quotas",
    &[
        may("db_snapshots", Shape::Count(1, QUOTA_MAX), "Manual DB snapshots per region; AWS's default is 100"),
        may(
            "db_cluster_snapshots",
            Shape::Count(1, QUOTA_MAX),
            "Manual DB cluster snapshots per region; AWS's default is 100",
        ),
        may("db_instances", Shape::Count(1, QUOTA_MAX), "DB instances per region, rooms included; AWS's default is 40"),
    ],
);

pub(super) fn quotas(place: &Place<'_>, log: &mut Log) -> Option<Quotas> {
    let fields = Fields::of(place, &QUOTAS, log)?;
    fields.some("quotas", log)?;
    let default = Quotas::default();
    let quota =
        |name, default, log: &mut Log| fields.or(name, default, log, |place, log| place.count_of(&QUOTAS, name, log));
    let db_snapshots = quota("db_snapshots", default.db_snapshots, log);
    let db_cluster_snapshots = quota("db_cluster_snapshots", default.db_cluster_snapshots, log);
    let db_instances = quota("db_instances", default.db_instances, log);
    Some(Quotas {
        db_snapshots: db_snapshots?,
        db_cluster_snapshots: db_cluster_snapshots?,
        db_instances: db_instances?,
    })
}
