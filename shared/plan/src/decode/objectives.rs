//! Objectives: for the loss of the instance, of the region, of the account.

use holdfast_domain::plan::{LossObjectives, Objectives};

use super::forms::DURATION;
use super::reader::{Fields, Place};
use crate::language::{Shape, Table, may, must};
use crate::problem::Log;

pub(crate) static OBJECTIVES: Table = Table::new(
    "objectives",
    &[
        must("rpo", Shape::Like(&DURATION), "The most data, in time, that may be lost with the instance", RPO),
        must("rto", Shape::Like(&DURATION), "The longest that a recovery of the instance may take", RTO),
        may("region", Shape::Map(&LOSS), "The same for the loss of the whole region"),
        may("account", Shape::Map(&LOSS), "The same for the loss of the account: deleted, or in wrong hands"),
    ],
);

static LOSS: Table = Table::new(
    "loss-objectives",
    &[
        must("rpo", Shape::Like(&DURATION), "The most data, in time, that may be lost", RPO),
        must("rto", Shape::Like(&DURATION), "The longest that a recovery may take", RTO),
    ],
);

const RPO: &str = "the most data that may be lost, in time, such as rpo: 24h";
const RTO: &str = "the longest that a recovery may take, such as rto: 2h";

pub(super) fn objectives(place: &Place<'_>, log: &mut Log) -> Option<Objectives> {
    let fields = Fields::of(place, &OBJECTIVES, log)?;
    let rpo = fields.must("rpo", log, |place, log| place.duration(log));
    let rto = fields.must("rto", log, |place, log| place.duration(log));
    let region = fields.maybe("region", log, loss);
    let account = fields.maybe("account", log, loss);
    Some(Objectives { rpo: rpo?, rto: rto?, region: region?, account: account? })
}

fn loss(place: &Place<'_>, log: &mut Log) -> Option<LossObjectives> {
    let fields = Fields::of(place, &LOSS, log)?;
    let rpo = fields.must("rpo", log, |place, log| place.duration(log));
    let rto = fields.must("rto", log, |place, log| place.duration(log));
    Some(LossObjectives { rpo: rpo?, rto: rto? })
}
