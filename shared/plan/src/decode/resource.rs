//! Resources: each with its parts, and whether the parts make sense together.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Checks, Priority, Resource};
use holdfast_domain::{Region, ResourceName};

use super::checks::{CHECKS, checks};
use super::context::{Context, reference};
use super::continuous::{PITR, STANDBY, pitr, standby};
use super::copies::{COPIES, copies};
use super::forms::{NAME, REGION, RESOURCE, URL};
use super::kinds;
use super::objectives::{OBJECTIVES, objectives};
use super::reader::{Fields, Place};
use super::restore_tests::{RESTORE_TESTS, Source, restore_tests};
use super::routes::{ROUTES, routes};
use super::snapshots::{OVERLAP, SNAPSHOTS, Snapshots, overlap, rule_names, snapshots};
use super::storage::{BUCKET, TIERS, bucket, tiers};
use super::target::{self, Seen, Standing, standing};
use crate::language::{Shape, Table, Together, may, must, sometimes};
use crate::problem::{Log, code};

pub(super) const RESOURCES: Shape = Shape::Named(&RESOURCE, &Shape::Map(&RESOURCE_TABLE));

pub(crate) static RESOURCE_TABLE: Table = Table::with(
    "resource",
    &[
        must("kind", Shape::Word(target::kinds), "What it is", "what it is, such as kind: rds-instance"),
        must(
            "id",
            Shape::Text,
            "AWS's name of it: a DB instance or cluster identifier, a bucket's name, the beginning of secrets' names, a replication group id; for dumps `secret:NAME` of the connection string",
            "AWS's identifier of it, such as id: orders-prod",
        ),
        may("region", Shape::Like(&REGION), "Where it stands; regions.primary if left out"),
        may("owner", Shape::Like(&NAME), "Whom it concerns; one of owners"),
        may("runbook", Shape::Like(&URL), "Where its runbook stands"),
        may(
            "priority",
            Shape::Count(1, Priority::LAST as u64),
            "When its turn comes in a recovery: 1 first, 4 last; 3 if left out",
        ),
        must(
            "objectives",
            Shape::Map(&OBJECTIVES),
            "Recovery point and recovery time objective",
            "both objectives, such as { rpo: 24h, rto: 2h }",
        ),
        may(
            "regions_allowed",
            Shape::List(&Shape::Like(&REGION)),
            "Regions that its copies may enter; every region if left out",
        ),
        may("stream", Shape::Like(&NAME), "The compliance stream it belongs to; one of streams"),
        may("encrypted", Shape::Bool, "Whether recovery points must be encrypted with a key; false if left out"),
        may("standby", Shape::Map(&STANDBY), "A replica that can be promoted"),
        may("pitr", Shape::Map(&PITR), "Continuous backup, which AWS makes and we watch"),
        may("snapshots", SNAPSHOTS, "Recovery points that we take, by rule; or `external` if somebody else does"),
        may("overlap", OVERLAP, "Whether two of its snapshots may run at once; allowed if left out"),
        may("copies", COPIES, "Where recovery points are carried"),
        may("tiers", TIERS, "When recovery points move to colder storage, earliest first"),
        may("bucket", Shape::Map(&BUCKET), "How a bucket keeps its own versions"),
        may("restore_tests", RESTORE_TESTS, "Restores that prove recovery points, by rule"),
        sometimes(
            "checks",
            Shape::Map(&CHECKS),
            "What a restored copy must satisfy",
            "such as checks: { integrity: full }",
        ),
        may("routes", Shape::Map(&ROUTES), "Routes of this resource's findings, in place of the plan's"),
    ],
    &[
        Together::Some(PARTS),
        Together::Beside("restore_tests", "checks"),
        Together::Beside("checks", "restore_tests"),
        Together::Beside("overlap", "snapshots"),
    ],
);

/// The parts of which one at least is there: else nothing would be done for the resource.
const PARTS: &[&str] = &["snapshots", "pitr", "copies", "bucket", "restore_tests"];

/// Every resource of the plan.
pub(super) fn resources(
    place: &Place<'_>,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<BTreeMap<ResourceName, Resource>> {
    let mut seen = Seen::new();
    place.named("resources", log, |place, log| {
        let fields = Fields::of(place, &RESOURCE_TABLE, log)?;
        let name = place.path.strip_prefix("resources.").unwrap_or(&place.path);
        let standing = standing(&fields, context.primary.as_ref(), name, &mut seen, log);
        resource(&fields, standing, context, log)
    })
}

fn resource(fields: &Fields<'_>, standing: Standing, context: &Context<'_>, log: &mut Log) -> Option<Resource> {
    let owner = fields.maybe("owner", log, |place, log| reference(place, "owner", &context.owners, log));
    let runbook = fields.maybe("runbook", log, |place, log| place.url(log));
    let priority = fields.or("priority", Priority::default(), log, |place, log| {
        let number = place.count_of(&RESOURCE_TABLE, "priority", log)?;
        u8::try_from(number).ok().and_then(Priority::new)
    });
    let objectives = fields.must("objectives", log, objectives);
    let regions_allowed =
        fields.or("regions_allowed", BTreeSet::new(), log, |place, log| regions_allowed(place, &standing, log));
    let stream = fields.maybe("stream", log, |place, log| reference(place, "stream", &context.streams, log));
    let encrypted = fields.or("encrypted", false, log, |place, log| place.bool(log));
    let legal = legal(fields, &standing, log);
    let parts = parts(fields, &standing, context, log);
    let together = together(fields, log);
    let routes = fields.or("routes", BTreeMap::new(), log, |place, log| routes(place, context, log));
    let parts = parts?;
    legal?;
    together?;
    Some(Resource {
        owner: owner?,
        runbook: runbook?,
        priority: priority?,
        regions_allowed: regions_allowed?,
        stream: stream?,
        encrypted: encrypted?,
        routes: routes?,
        ..parts(Resource::new(standing.target?, standing.region?, objectives?))
    })
}

/// The parts that say how a resource is protected and proved, to be laid into it.
fn parts(
    fields: &Fields<'_>,
    standing: &Standing,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<impl FnOnce(Resource) -> Resource + use<>> {
    let (kind, own) = (standing.kind, standing.region.as_ref());
    let standby = fields.maybe("standby", log, |place, log| standby(place, standing, log));
    let pitr = fields.maybe("pitr", log, |place, log| pitr(place, own, log));
    let snapshots_place = fields.take("snapshots");
    let rules = rule_names(snapshots_place.as_ref());
    let snapshots =
        fields.or("snapshots", Snapshots::default(), log, |place, log| snapshots(place, kind, context, log));
    let overlap = overlap(fields, snapshots_place.as_ref(), log);
    let copies = fields.or("copies", Vec::new(), log, |place, log| copies(place, standing, &rules, context, log));
    let tiers = fields.or("tiers", Vec::new(), log, tiers);
    let bucket = fields.maybe("bucket", log, bucket);
    let source =
        Source { rules: &rules, kind, region: own, pitr: pitr.as_ref().map(Option::as_ref), copies: copies.as_deref() };
    let tests =
        fields.or("restore_tests", BTreeMap::new(), log, |place, log| restore_tests(place, &source, context, log));
    let checks = fields.or("checks", Checks::default(), log, |place, log| checks(place, kind, log));
    let (standby, pitr, snapshots, overlap, copies) = (standby?, pitr?, snapshots?, overlap?, copies?);
    let (tiers, bucket, restore_tests, checks) = (tiers?, bucket?, tests?, checks?);
    Some(move |resource| Resource {
        standby,
        pitr,
        snapshots: snapshots.rules,
        external: snapshots.external,
        overlap,
        copies,
        tiers,
        bucket,
        restore_tests,
        checks,
        ..resource
    })
}

/// The resource's own region is where its data already is.
fn regions_allowed(place: &Place<'_>, standing: &Standing, log: &mut Log) -> Option<BTreeSet<Region>> {
    let regions: BTreeSet<Region> =
        place.distinct("regions_allowed", log, |place, log| place.name(log))?.into_iter().collect();
    if let Some(own) = standing.region.as_ref().filter(|own| !regions.contains(own)) {
        let message = format!("{own}, where the resource stands, is not among them");
        place.refuse(code::NO_SUCH, message, format!("{own} beside the others is wanted"), log);
        return None;
    }
    Some(regions)
}

/// Whether each part may stand on this kind.
fn legal(fields: &Fields<'_>, standing: &Standing, log: &mut Log) -> Option<()> {
    let mut legal = Some(());
    for name in RESOURCE_TABLE.names() {
        if let Some(place) = fields.take(name)
            && kinds::check(name, &place, standing.kind, log).is_none()
        {
            legal = None;
        }
    }
    legal
}

/// Whether the parts make sense together, by which of them are there.
fn together(fields: &Fields<'_>, log: &mut Log) -> Option<()> {
    let there = |name: &&str| fields.take(name).is_some();
    if !PARTS.iter().any(there) {
        let message = format!("this resource has none of {}, so nothing would be done for it", PARTS.join(", "));
        fields.place.refuse(code::EMPTY, message, "at least one of them is wanted", log);
        return None;
    }
    match (fields.take("restore_tests"), fields.take("checks")) {
        (Some(tests), None) => {
            let message = "restore tests without any check prove nothing";
            let allowed = "checks beside them are wanted, such as checks: { integrity: full }";
            tests.refuse(code::NOTHING_PROVED, message, allowed, log);
            None
        }
        (None, Some(checks)) => {
            let message = "these checks never run, as the resource is never restore-tested";
            checks.refuse(code::NEVER_CHECKED, message, "restore_tests beside them are wanted, or no checks", log);
            None
        }
        (Some(_), Some(_)) | (None, None) => Some(()),
    }
}
