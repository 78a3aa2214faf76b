//! What an invocation looks at: each listing of a region once, whole, whatever number of resources stands there.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join};
use holdfast_domain::inventory::{
    AutomatedBackups, Database, DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbStatus, ReplicatedBackup,
};
use holdfast_domain::{Plan, Region};
use holdfast_ports::{Failures, PortError};
use jiff::Timestamp;

use crate::Rds;

/// Everything seen. A region that could not be seen is absent, which is not the same as empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// Regions in which a database of the plan stands.
    pub regions: BTreeMap<Region, RegionInventory>,
    /// Automated backups in the regions to which the plan has them replicated.
    pub replicated: BTreeMap<Region, Vec<ReplicatedBackup>>,
}

/// What was seen of a region, whole. What no resource of the plan is there for was not looked at, and is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegionInventory {
    /// Every DB instance.
    pub instances: Vec<DbInstance>,
    /// Every DB cluster.
    pub clusters: Vec<DbCluster>,
    /// Every DB snapshot and DB cluster snapshot that the account owns.
    pub snapshots: Vec<DbSnapshot>,
}

/// What decisions ask of a database, be it an instance or a cluster.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// Its status.
    pub status: &'a DbStatus,
    /// Up to when it can be restored to a point in time, UTC.
    pub latest_restorable_at: Option<Timestamp>,
    /// Its automated backups.
    pub backups: AutomatedBackups,
}

impl RegionInventory {
    /// Every database that was seen.
    #[must_use]
    pub fn databases(&self) -> BTreeMap<Database, Standing<'_>> {
        let instances = self.instances.iter().map(|seen| {
            let DbInstance { arn, status, latest_restorable_at, backups, .. } = seen;
            let standing = Standing { arn, status, latest_restorable_at: *latest_restorable_at, backups: *backups };
            (Database::Instance(seen.id.clone()), standing)
        });
        let clusters = self.clusters.iter().map(|seen| {
            let DbCluster { arn, status, latest_restorable_at, backups, .. } = seen;
            let standing = Standing { arn, status, latest_restorable_at: *latest_restorable_at, backups: *backups };
            (Database::Cluster(seen.id.clone()), standing)
        });
        instances.chain(clusters).collect()
    }
}

/// Looks at every region of the plan. A listing that fails is kept as a failure of its region, which is then left out.
pub(crate) async fn all<R: Rds>(rds: &R, plan: &Plan, failures: &mut Failures) -> Inventory {
    let wanted = Wanted::by(plan);
    let regions = wanted.kinds.iter().map(async |(region, kinds)| (region, look(rds, region, kinds).await));
    let replicated = wanted.replicated.iter().map(async |region| (region, rds.replicated_backups(region).await));
    let mut seen = Inventory::default();
    for (region, looked) in join_all(regions).await {
        match looked {
            Ok(inventory) => {
                seen.regions.insert((*region).clone(), inventory);
            }
            Err(error) => failures.keep(region, &error),
        }
    }
    for (region, looked) in join_all(replicated).await {
        match looked {
            Ok(backups) => {
                seen.replicated.insert((*region).clone(), backups);
            }
            Err(error) => failures.keep(format_args!("backups replicated to {region}"), &error),
        }
    }
    seen
}

/// Which listings the plan needs: the fewest.
struct Wanted<'a> {
    kinds: BTreeMap<&'a Region, BTreeSet<DatabaseKind>>,
    replicated: BTreeSet<&'a Region>,
}

impl<'a> Wanted<'a> {
    fn by(plan: &'a Plan) -> Self {
        let mut wanted = Self { kinds: BTreeMap::new(), replicated: BTreeSet::new() };
        for resource in plan.resources.values() {
            let Some(database) = Database::of(&resource.target) else { continue };
            wanted.kinds.entry(&resource.region).or_default().insert(database.kind());
            if database.kind() == DatabaseKind::Instance {
                wanted.replicated.extend(resource.pitr.as_ref().and_then(|pitr| pitr.replicate_to.as_ref()));
            }
        }
        wanted
    }
}

/// The inventory of one region, for databases of one kind.
pub(crate) async fn region<R: Rds>(rds: &R, region: &Region, kind: DatabaseKind) -> Result<RegionInventory, PortError> {
    look(rds, region, &BTreeSet::from([kind])).await
}

async fn look<R: Rds>(rds: &R, region: &Region, kinds: &BTreeSet<DatabaseKind>) -> Result<RegionInventory, PortError> {
    let instances = async {
        if !kinds.contains(&DatabaseKind::Instance) {
            return Ok(<(Vec<DbInstance>, Vec<DbSnapshot>)>::default());
        }
        try_join(rds.db_instances(region), rds.db_snapshots(region)).await
    };
    let clusters = async {
        if !kinds.contains(&DatabaseKind::Cluster) {
            return Ok(<(Vec<DbCluster>, Vec<DbSnapshot>)>::default());
        }
        try_join(rds.db_clusters(region), rds.db_cluster_snapshots(region)).await
    };
    let ((instances, mut snapshots), (clusters, of_clusters)) = try_join(instances, clusters).await?;
    snapshots.extend(of_clusters);
    Ok(RegionInventory { instances, clusters, snapshots })
}
