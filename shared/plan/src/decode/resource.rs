//! Resources: what stands where, and whether its parts make sense together.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Checks, Resource, ResourceKind, RestoreTestRule, SnapshotRule, Target};
use holdfast_domain::slot;
use holdfast_domain::{DbInstanceId, Region, ResourceName, RuleName};

use super::reader::{Fields, Place};
use super::rules::{self, Zone};
use super::{checks, objectives};
use crate::problem::{Log, code};

const FIELDS: &[&str] = &["kind", "id", "region", "objectives", "snapshots", "restore_tests", "checks"];

/// Every resource of the plan. `primary` is absent if it could not be read; regions that rest on it then stay unsaid.
pub(super) fn resources(
    place: &Place<'_>,
    primary: Option<&Region>,
    zone: &Zone,
    log: &mut Log,
) -> Option<BTreeMap<ResourceName, Resource>> {
    let entries = place.entries("resources", log)?;
    let mut decoded = BTreeMap::new();
    let mut instances: BTreeMap<(DbInstanceId, Region), String> = BTreeMap::new();
    for entry in entries {
        let name: Option<ResourceName> = place.key(entry, log);
        let at = place.entry(entry);
        let Some(fields) = Fields::of(&at, FIELDS, log) else { continue };
        let instance = instance(&fields, primary, &mut instances, &entry.key, log);
        if let (Some(name), Some(resource)) = (name, resource(&at, &fields, instance, zone, log)) {
            decoded.insert(name, resource);
        }
    }
    (decoded.len() == entries.len()).then_some(decoded)
}

/// AWS's identity of a resource, protected once: two resources for one instance would each count the other's snapshots as strays.
fn instance(
    fields: &Fields<'_>,
    primary: Option<&Region>,
    seen: &mut BTreeMap<(DbInstanceId, Region), String>,
    resource: &str,
    log: &mut Log,
) -> Option<(DbInstanceId, Region)> {
    let id_place = fields.require("id", log);
    let id = id_place.as_ref().and_then(|place| instance_id(place, log));
    let region = match fields.take("region") {
        Some(place) => place.name(log),
        None => primary.cloned(),
    };
    let instance = (id?, region?);
    if let Some(first) = seen.get(&instance) {
        let message = format!("{} in {} is protected twice, first as {first}", instance.0, instance.1);
        let allowed = "one resource per instance is wanted, with all its rules".to_owned();
        id_place?.refuse(code::SAME_INSTANCE, message, allowed, log);
        return None;
    }
    seen.insert(instance.clone(), resource.to_owned());
    Some(instance)
}

fn instance_id(place: &Place<'_>, log: &mut Log) -> Option<DbInstanceId> {
    let id: DbInstanceId = place.name(log)?;
    if id.as_str().starts_with(slot::OURS) {
        let message = format!("{id} begins with {}, the prefix of what Holdfast itself makes and destroys", slot::OURS);
        place.refuse(code::OURS, message, "an instance of your own is wanted".into(), log);
        return None;
    }
    Some(id)
}

fn resource(
    place: &Place<'_>,
    fields: &Fields<'_>,
    instance: Option<(DbInstanceId, Region)>,
    zone: &Zone,
    log: &mut Log,
) -> Option<Resource> {
    let kind =
        fields.require("kind", log).and_then(|place| place.word(&[("rds-instance", ResourceKind::RdsInstance)], log));
    let objectives = fields.require("objectives", log).and_then(|place| objectives::objectives(&place, log));
    let (snapshots_place, tests_place, checks_place) =
        (fields.take("snapshots"), fields.take("restore_tests"), fields.take("checks"));
    let snapshots: Option<BTreeMap<RuleName, SnapshotRule>> = match &snapshots_place {
        Some(place) => rules::snapshots(place, zone, log),
        None => Some(BTreeMap::new()),
    };
    let restore_tests: Option<BTreeMap<RuleName, RestoreTestRule>> = match &tests_place {
        Some(place) => rules::restore_tests(
            place,
            snapshots_place.as_ref(),
            instance.as_ref().map(|(_, region)| region),
            zone,
            log,
        ),
        None => Some(BTreeMap::new()),
    };
    let checks = match &checks_place {
        Some(place) => checks::checks(place, log),
        None => Some(Checks::default()),
    };
    let whole = whole(place, snapshots_place.is_some(), tests_place.as_ref(), checks_place.as_ref(), log);
    if let (Some((objectives, rpo_place)), Some(snapshots)) = (&objectives, &snapshots) {
        objectives::judge(rpo_place, objectives.rpo, snapshots, log);
    }
    let (id, region) = instance?;
    kind?;
    whole.then_some(Resource {
        snapshots: snapshots?,
        restore_tests: restore_tests?,
        checks: checks?,
        ..Resource::new(Target::RdsInstance(id), region, objectives?.0)
    })
}

/// Whether the parts make sense together, by which of them are there.
fn whole(
    place: &Place<'_>,
    snapshots: bool,
    tests: Option<&Place<'_>>,
    checks: Option<&Place<'_>>,
    log: &mut Log,
) -> bool {
    if !snapshots && tests.is_none() {
        let message =
            "this resource has neither snapshots nor restore_tests, so nothing would be done for it".to_owned();
        place.refuse(code::EMPTY, message, "at least one of them is wanted".into(), log);
        return false;
    }
    match (tests, checks) {
        (Some(tests), None) => {
            let message = "restore tests without any check prove nothing".to_owned();
            tests.refuse(
                code::NOTHING_PROVED,
                message,
                "checks beside them are wanted, such as checks: { integrity: full }".into(),
                log,
            );
            false
        }
        (None, Some(checks)) => {
            let message = "these checks never run, as the resource is never restore-tested".to_owned();
            checks.refuse(
                code::NEVER_CHECKED,
                message,
                "restore_tests beside them are wanted, or no checks".into(),
                log,
            );
            false
        }
        (Some(_), Some(_)) | (None, None) => true,
    }
}
