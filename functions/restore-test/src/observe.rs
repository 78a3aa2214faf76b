//! What an invocation looks at: the plan, the open runs, and RDS in every region that either of them names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_domain::inventory::{DbCluster, DbInstance, DbSnapshot};
use holdfast_domain::tags::Tags;
use holdfast_domain::{Plan, Region, RunId, SecretName};
use holdfast_ledger::{
    Held, Ledger, OPEN_PREFIX, Phase, PlanStore, ROOMS_KEY, RoomsInUse, Run, Verification, run_key, run_of_open_key,
    verification_key,
};
use holdfast_ports::{Bus, Clock, Entropy, Objects, ParameterGroupId, RoomSecrets};
use holdfast_wire::RestoreTestNow;
use jiff::Timestamp;

use crate::begin::{InRegion, Regions};
use crate::reap::{self, Known};
use crate::source::Standing;
use crate::{Error, Outcome, Ports, Rds};

/// Everything seen. A region that could not be seen is absent, which is not the same as empty.
pub(crate) struct Seen {
    pub(crate) now: Timestamp,
    pub(crate) plan: Arc<Plan>,
    pub(crate) rooms: Rooms,
    pub(crate) runs: Vec<Held<Run>>,
    pub(crate) regions: BTreeMap<Region, RegionSeen>,
    pub(crate) verifications: BTreeMap<RunId, Verification>,
    pub(crate) secrets: BTreeMap<SecretName, Tags>,
    pub(crate) parameter_groups: BTreeMap<ParameterGroupId, Tags>,
    pub(crate) known: Known,
}

/// The record of the rooms in use.
pub(crate) enum Rooms {
    /// It could not be read: nobody is given a room.
    Unknown,
    /// There is none: nobody has a room.
    None,
    /// This.
    Held(Held<RoomsInUse>),
}

pub(crate) struct RegionSeen {
    pub(crate) instances: Vec<DbInstance>,
    pub(crate) clusters: Vec<DbCluster>,
    pub(crate) snapshots: Vec<DbSnapshot>,
    /// `None` where the plan restores no cluster and nobody asked for one: they are not looked at.
    pub(crate) cluster_snapshots: Option<Vec<DbSnapshot>>,
}

impl RegionSeen {
    fn in_region(&self) -> InRegion<'_> {
        InRegion {
            snapshots: &self.snapshots,
            cluster_snapshots: self.cluster_snapshots.as_deref(),
            standing: Standing { instances: &self.instances, clusters: &self.clusters },
        }
    }
}

impl Seen {
    pub(crate) fn inventory(&self) -> Regions<'_> {
        self.regions.iter().map(|(region, seen)| (region, seen.in_region())).collect()
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = &DbInstance> {
        self.regions.values().flat_map(|seen| &seen.instances)
    }

    pub(crate) fn clusters(&self) -> impl Iterator<Item = &DbCluster> {
        self.regions.values().flat_map(|seen| &seen.clusters)
    }
}

/// Looks at everything. Without the plan or the list of open runs nothing can be decided, and that is an error; a single region, record
/// or list of secrets that cannot be seen is kept for the end, and the rest goes on.
pub(crate) async fn all<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    also: Option<&RestoreTestNow>,
    outcome: &mut Outcome,
) -> Result<Seen, Error> {
    let plan = plans.current(ports.objects).await?;
    // Before the markers: whoever is in this record had one by then, and who has none after it is closed.
    let rooms = rooms(ports, outcome).await;
    let markers = ports.objects.list(OPEN_PREFIX).await?;
    let open: BTreeSet<RunId> = markers.iter().filter_map(|key| run_of_open_key(key)).collect();
    let mut seen = Seen {
        now: ports.system.now(),
        plan,
        rooms,
        runs: Vec::new(),
        regions: BTreeMap::new(),
        verifications: BTreeMap::new(),
        secrets: BTreeMap::new(),
        parameter_groups: BTreeMap::new(),
        known: Known { open, closed: BTreeSet::new() },
    };
    runs(ports, &mut seen, outcome).await;
    regions(ports, &mut seen, also, outcome).await;
    match ports.secrets.kept().await {
        Ok(kept) => seen.secrets = kept.into_iter().collect(),
        Err(error) => outcome.failures.keep("secrets of rooms", &Error::from(error)),
    }
    parameter_groups(ports, &mut seen, outcome).await;
    closed_runs(ports, &mut seen, outcome).await;
    Ok(seen)
}

async fn runs<O: Objects, R, S, B, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &mut Seen,
    outcome: &mut Outcome,
) {
    let ledger = Ledger::new(ports.objects, ports.system);
    for id in seen.known.open.clone() {
        match ledger.read::<Run>(&run_key(&id)).await {
            Ok(Some(held)) => seen.runs.push(held),
            // A marker is written after its record; one without is somebody's doing, and the reaper may have its room.
            Ok(None) => {
                seen.known.open.remove(&id);
            }
            Err(error) => outcome.failures.keep(id.as_str(), &Error::from(error)),
        }
    }
    for held in seen.runs.iter().filter(|held| held.body.phase == Phase::Verifying) {
        match ledger.read::<Verification>(&verification_key(&held.body.id)).await {
            Ok(Some(verification)) => {
                seen.verifications.insert(held.body.id.clone(), verification.body);
            }
            Ok(None) => {}
            Err(error) => outcome.failures.keep(held.body.id.as_str(), &Error::from(error)),
        }
    }
}

async fn rooms<O: Objects, R, S, B, Y: Entropy>(ports: &Ports<'_, O, R, S, B, Y>, outcome: &mut Outcome) -> Rooms {
    match Ledger::new(ports.objects, ports.system).read::<RoomsInUse>(ROOMS_KEY).await {
        Ok(Some(held)) => Rooms::Held(held),
        Ok(None) => Rooms::None,
        Err(error) => {
            outcome.failures.keep("rooms in use", &Error::from(error));
            Rooms::Unknown
        }
    }
}

/// Every region in which a resource stands, in which one is restored, in which a room is late, or that somebody asks for.
///
/// Clusters are listed wherever instances are: a leftover one shows nowhere else. Their snapshots only where one may be restored.
async fn regions<O, R: Rds, S, B, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &mut Seen,
    also: Option<&RestoreTestNow>,
    outcome: &mut Outcome,
) {
    let mut wanted: BTreeSet<Region> = seen.plan.regions().into_iter().cloned().collect();
    let rules = seen.plan.resources.values().flat_map(|resource| resource.restore_tests.values());
    let asked_for = also.and_then(|asked| asked.region.as_ref());
    wanted.extend(rules.map(|rule| rule.region.clone()).chain(asked_for.cloned()));
    wanted.extend(seen.runs.iter().map(|held| held.body.region.clone()));
    if let Rooms::Held(held) = &seen.rooms {
        wanted.extend(held.body.late.values().map(|room| room.region.clone()));
    }
    let of_clusters = regions_of_cluster_snapshots(&seen.plan, also);
    for region in wanted {
        match look(ports.rds, &region, of_clusters.contains(&region)).await {
            Ok(found) => {
                seen.regions.insert(region, found);
            }
            Err(error) => outcome.failures.keep(region.as_str(), &error),
        }
    }
}

/// Where the plan, or somebody by hand, may restore a cluster.
fn regions_of_cluster_snapshots(plan: &Plan, also: Option<&RestoreTestNow>) -> BTreeSet<Region> {
    let clusters = plan.resources.values().filter(|resource| resource.db_cluster().is_some());
    let mut regions: BTreeSet<Region> =
        clusters.flat_map(|resource| resource.restore_tests.values()).map(|rule| rule.region.clone()).collect();
    let asked_for = also.and_then(|asked| {
        let resource = plan.resources.get(&asked.resource).filter(|resource| resource.db_cluster().is_some())?;
        Some(asked.region.as_ref().unwrap_or(&resource.region).clone())
    });
    regions.extend(asked_for);
    regions
}

/// Snapshots before databases: a room restored in between then shows with its snapshot, never without. And clusters before instances: a
/// member shows with its cluster.
async fn look<R: Rds>(rds: &R, region: &Region, with_cluster_snapshots: bool) -> Result<RegionSeen, Error> {
    let snapshots = rds.db_snapshots(region).await?;
    let cluster_snapshots = if with_cluster_snapshots { Some(rds.db_cluster_snapshots(region).await?) } else { None };
    let clusters = rds.db_clusters(region).await?;
    Ok(RegionSeen { snapshots, cluster_snapshots, clusters, instances: rds.db_instances(region).await? })
}

/// The parameter groups of rooms, wherever rooms may stand. They are for the reaper alone: a look that failed keeps no run from its step.
async fn parameter_groups<O, R: Rds, S, B, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &mut Seen,
    outcome: &mut Outcome,
) {
    for region in seen.regions.keys() {
        match ports.rds.temporary_parameter_groups(region).await {
            Ok(made) => seen.parameter_groups.extend(made),
            Err(error) => outcome.failures.keep("parameter groups of rooms", &Error::from(error)),
        }
    }
}

/// Looks up the runs that rooms, their parameter groups and secrets name and that are not open, for the reaper.
async fn closed_runs<O: Objects, R, S, B, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &mut Seen,
    outcome: &mut Outcome,
) {
    let ledger = Ledger::new(ports.objects, ports.system);
    let of_databases = seen.instances().map(|instance| &instance.tags).chain(seen.clusters().map(|c| &c.tags));
    let tags = of_databases.chain(seen.secrets.values()).chain(seen.parameter_groups.values());
    for id in reap::unknown(&seen.plan, tags, &seen.known.open) {
        match ledger.read::<Run>(&run_key(&id)).await {
            Ok(Some(held)) if held.body.phase == Phase::Closed => {
                seen.known.closed.insert(id);
            }
            Ok(_) => {}
            Err(error) => outcome.failures.keep(id.as_str(), &Error::from(error)),
        }
    }
}
