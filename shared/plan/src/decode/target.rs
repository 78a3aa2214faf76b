//! What a resource is and where it stands: its kind, AWS's name of it, its region, each protected once.

use std::collections::BTreeMap;

use holdfast_domain::plan::{ResourceKind, Target};
use holdfast_domain::{DbClusterId, DbInstanceId, Region, RuleName, SecretName, slot};

use super::reader::{Fields, Place};
use super::words::{self, KINDS};
use crate::problem::{Log, code};

/// A target and its region; either part may have been refused.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) kind: Option<ResourceKind>,
    pub(super) target: Option<Target>,
    pub(super) region: Option<Region>,
}

/// Which resource protects what, to find what is protected twice: by service, AWS's name, region.
pub(super) type Seen = BTreeMap<(&'static str, String, Option<Region>), String>;

pub(super) fn standing(
    fields: &Fields<'_>,
    primary: Option<&Region>,
    resource: &str,
    seen: &mut Seen,
    log: &mut Log,
) -> Standing {
    let kind = fields.must("kind", log, |place, log| place.word(KINDS, log));
    let id_place = fields.take("id");
    let target = match kind {
        Some(kind) => fields.must("id", log, |place, log| target(kind, place, log)),
        // What an id must look like depends on the kind: only its absence can be told.
        None => fields.must("id", log, |_, _| None),
    };
    let region = fields.or("region", primary.cloned(), log, |place, log| place.name(log).map(Some)).flatten();
    let mut standing = Standing { kind, target, region };
    if let (Some(target), Some(region), Some(place)) = (&standing.target, &standing.region, id_place)
        && once(target, region, &place, resource, seen, log).is_none()
    {
        standing.target = None;
    }
    standing
}

fn target(kind: ResourceKind, place: &Place<'_>, log: &mut Log) -> Option<Target> {
    match kind {
        ResourceKind::RdsInstance => instance_id(place, log).map(Target::RdsInstance),
        ResourceKind::AuroraCluster => cluster_id(place, log).map(Target::AuroraCluster),
        ResourceKind::DocDbCluster => cluster_id(place, log).map(Target::DocDbCluster),
        ResourceKind::Bucket => place.name(log).map(Target::Bucket),
        ResourceKind::TerraformState => place.name(log).map(Target::TerraformState),
        ResourceKind::Secrets => {
            place.name::<SecretName>(log).map(|prefix| Target::Secrets(prefix.as_str().to_owned()))
        }
        // The same letters as a name of our own (source: ElastiCache API Reference, `CreateReplicationGroup`).
        ResourceKind::Redis => place.name::<RuleName>(log).map(|id| Target::Redis(id.as_str().to_owned())),
        ResourceKind::PostgresDump => place.secret(log).map(Target::PostgresDump),
        ResourceKind::MongoDump => place.secret(log).map(Target::MongoDump),
    }
}

/// The name of a database of the given kind, as text.
pub(super) fn database_id(kind: ResourceKind, place: &Place<'_>, log: &mut Log) -> Option<String> {
    if kind == ResourceKind::RdsInstance {
        instance_id(place, log).map(|id| id.as_str().to_owned())
    } else {
        cluster_id(place, log).map(|id| id.as_str().to_owned())
    }
}

fn instance_id(place: &Place<'_>, log: &mut Log) -> Option<DbInstanceId> {
    let id: DbInstanceId = place.name(log)?;
    not_ours(id.as_str(), place, log).map(|()| id)
}

fn cluster_id(place: &Place<'_>, log: &mut Log) -> Option<DbClusterId> {
    let id: DbClusterId = place.name(log)?;
    not_ours(id.as_str(), place, log).map(|()| id)
}

fn not_ours(id: &str, place: &Place<'_>, log: &mut Log) -> Option<()> {
    if !id.starts_with(slot::OURS) {
        return Some(());
    }
    let message = format!("{id} begins with {}, the prefix of what Holdfast itself makes and destroys", slot::OURS);
    place.refuse(code::OURS, message, "a database of your own is wanted", log);
    None
}

/// Two resources for one thing would each count the other's recovery points as strays.
fn once(
    target: &Target,
    region: &Region,
    place: &Place<'_>,
    resource: &str,
    seen: &mut Seen,
    log: &mut Log,
) -> Option<()> {
    let (service, global) = match target {
        Target::RdsInstance(_) => ("instance", false),
        Target::AuroraCluster(_) | Target::DocDbCluster(_) => ("cluster", false),
        // A bucket's name is unique over all regions.
        Target::Bucket(_) | Target::TerraformState(_) => ("bucket", true),
        Target::Secrets(_) => ("secrets", false),
        Target::Redis(_) => ("replication group", false),
        Target::PostgresDump(_) | Target::MongoDump(_) => ("database", false),
    };
    let key = (service, target.id().to_owned(), (!global).then(|| region.clone()));
    if let Some(first) = seen.get(&key) {
        let message = format!("{} in {region} is protected twice, first as {first}", target.id());
        place.refuse(
            code::SAME_TARGET,
            message,
            format!("one resource per {service} is wanted, with all its rules"),
            log,
        );
        return None;
    }
    seen.insert(key, resource.to_owned());
    Some(())
}

/// Every kind's word, for the schema.
pub(crate) fn kinds() -> Vec<&'static str> {
    words::known(KINDS)
}
