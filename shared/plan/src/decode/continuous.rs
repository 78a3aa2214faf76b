//! Continuous backup and standbys: what AWS keeps going and we watch.

use holdfast_domain::Region;
use holdfast_domain::plan::{Pitr, Standby};
use jiff::SignedDuration;

use super::forms::{DURATION, REGION};
use super::reader::{Fields, Place};
use super::target::{self, Standing};
use crate::language::{Shape, Table, may, must};
use crate::problem::{Log, code};

/// The window is the retention of automated backups, up to 35 days (source: RDS User Guide, "Introduction to backups").
const WINDOW_DAYS: (i64, i64) = (1, 35);

pub(crate) static PITR: Table = Table::new(
    "pitr",
    &[
        must(
            "window",
            Shape::Like(&DURATION),
            "How far back one can go, in whole days from 1d to 35d: the retention of automated backups",
            "how far back one can go, such as window: 7d",
        ),
        may("lag_max", Shape::Like(&DURATION), "How far the latest restorable time may lag behind; more is a finding"),
        may("replicate_to", Shape::Like(&REGION), "The region to which automated backups are replicated"),
    ],
);

pub(crate) static STANDBY: Table = Table::new(
    "standby",
    &[
        must(
            "id",
            Shape::Text,
            "AWS's identifier of the replica",
            "AWS's identifier of the replica, such as id: orders-replica",
        ),
        must("region", Shape::Like(&REGION), "Where it stands", "the region of the replica, such as region: eu-west-1"),
        must(
            "lag_max",
            Shape::Like(&DURATION),
            "How far it may lag behind; more is a finding",
            "how far it may lag behind, such as lag_max: 30s",
        ),
    ],
);

pub(super) fn pitr(place: &Place<'_>, own: Option<&Region>, log: &mut Log) -> Option<Pitr> {
    let fields = Fields::of(place, &PITR, log)?;
    let (min, max) = WINDOW_DAYS;
    let window = fields.must("window", log, |place, log| {
        let why = "as it is the retention of automated backups; a longer one is a snapshot rule's to carry";
        let window = place.duration_within(
            SignedDuration::from_hours(min * 24),
            SignedDuration::from_hours(max * 24),
            why,
            log,
        )?;
        place.whole_days(window, log)
    });
    let lag_max = fields.maybe("lag_max", log, |place, log| place.duration(log));
    let replicate_to = fields.maybe("replicate_to", log, |place, log| {
        let region: Region = place.name(log)?;
        if Some(&region) == own {
            let message = format!("{region} is where the database stands, and falls with it");
            place.refuse(code::SAME_PLACE, message, "another region is wanted", log);
            return None;
        }
        Some(region)
    });
    Some(Pitr { window: window?, lag_max: lag_max?, replicate_to: replicate_to? })
}

pub(super) fn standby(place: &Place<'_>, standing: &Standing, log: &mut Log) -> Option<Standby> {
    let fields = Fields::of(place, &STANDBY, log)?;
    let kind = standing.kind;
    let id = fields.must("id", log, |place, log| target::database_id(kind?, place, log));
    let region: Option<Region> = fields.must("region", log, |place, log| place.name(log));
    let lag_max = fields.must("lag_max", log, |place, log| place.duration(log));
    let standby = Standby { id: id?, region: region?, lag_max: lag_max? };
    if standing.target.as_ref().is_some_and(|target| target.id() == standby.id)
        && standing.region.as_ref() == Some(&standby.region)
    {
        let message = format!("{} in {} is the resource itself", standby.id, standby.region);
        place.refuse(code::SAME_PLACE, message, "the replica's own identifier and region are wanted", log);
        return None;
    }
    Some(standby)
}
