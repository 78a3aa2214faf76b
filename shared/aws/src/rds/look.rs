//! Listings of a region: every page, or an error.

use std::collections::BTreeSet;
use std::future::Future;

use holdfast_domain::inventory::{DbCluster, DbInstance, DbSnapshot, ReplicatedBackup};
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{DbClusters, DbInstances, DbSnapshots, ITEMS_MAX, PortError, ReplicatedBackups};

use super::Rds;
use super::read::{is_named, read_cluster, read_cluster_snapshot, read_instance, read_replicated, read_snapshot};
use crate::error;

pub(super) const DESCRIBE_INSTANCES: &str = "rds:DescribeDBInstances";
pub(super) const DESCRIBE_SNAPSHOTS: &str = "rds:DescribeDBSnapshots";
pub(super) const DESCRIBE_CLUSTERS: &str = "rds:DescribeDBClusters";
pub(super) const DESCRIBE_CLUSTER_SNAPSHOTS: &str = "rds:DescribeDBClusterSnapshots";
const DESCRIBE_AUTOMATED_BACKUPS: &str = "rds:DescribeDBInstanceAutomatedBackups";

/// The most records of one page (source: RDS API Reference, `DescribeDBInstances`).
pub(super) const PAGE: i32 = 100;

impl DbInstances for Rds {
    async fn db_instances(&self, region: &Region) -> Result<Vec<DbInstance>, PortError> {
        every_page(DESCRIBE_INSTANCES, region, |marker| async {
            let call = self.client_in_turn(region).await.describe_db_instances().max_records(PAGE).set_marker(marker);
            let page = call.send().await.map_err(|failed| error::read(DESCRIBE_INSTANCES, region.as_str(), failed))?;
            // An identifier that is none of ours to name (RDS allows none such, other engines behind this API might) is left out, not guessed.
            let named = |id| is_named::<DbInstanceId>(id);
            let all = page.db_instances().iter().filter(|seen| named(seen.db_instance_identifier()));
            Ok((all.map(|seen| read_instance(region, seen)).collect::<Result<_, _>>()?, page.marker))
        })
        .await
    }
}

impl DbSnapshots for Rds {
    /// Without a type RDS gives manual and automated snapshots; those of AWS Backup only to who asks for them
    /// (source: RDS API Reference, `DescribeDBSnapshots`).
    async fn db_snapshots(&self, region: &Region) -> Result<Vec<DbSnapshot>, PortError> {
        let mut all = self.db_snapshots_of(region, None).await?;
        let listed: BTreeSet<DbSnapshotId> = all.iter().map(|seen| seen.id.clone()).collect();
        let of_aws_backup = self.db_snapshots_of(region, Some("awsbackup")).await?;
        all.extend(of_aws_backup.into_iter().filter(|seen| !listed.contains(&seen.id)));
        Ok(all)
    }
}

impl Rds {
    async fn db_snapshots_of(&self, region: &Region, kind: Option<&str>) -> Result<Vec<DbSnapshot>, PortError> {
        every_page(DESCRIBE_SNAPSHOTS, region, |marker| async {
            let call = self.client_in_turn(region).await.describe_db_snapshots().max_records(PAGE).set_marker(marker);
            let call = call.set_snapshot_type(kind.map(str::to_owned));
            let page = call.send().await.map_err(|failed| error::read(DESCRIBE_SNAPSHOTS, region.as_str(), failed))?;
            let named = |id| is_named::<DbSnapshotId>(id);
            let all = page.db_snapshots().iter().filter(|seen| named(seen.db_snapshot_identifier()));
            Ok((all.map(|seen| read_snapshot(region, seen)).collect::<Result<_, _>>()?, page.marker))
        })
        .await
    }
}

impl DbClusters for Rds {
    async fn db_clusters(&self, region: &Region) -> Result<Vec<DbCluster>, PortError> {
        every_page(DESCRIBE_CLUSTERS, region, |marker| async {
            let call = self.client_in_turn(region).await.describe_db_clusters().max_records(PAGE).set_marker(marker);
            let page = call.send().await.map_err(|failed| error::read(DESCRIBE_CLUSTERS, region.as_str(), failed))?;
            let named = |id| is_named::<DbClusterId>(id);
            let all = page.db_clusters().iter().filter(|seen| named(seen.db_cluster_identifier()));
            Ok((all.map(|seen| read_cluster(region, seen)).collect::<Result<_, _>>()?, page.marker))
        })
        .await
    }

    /// As of DB snapshots (source: RDS API Reference, `DescribeDBClusterSnapshots`).
    async fn db_cluster_snapshots(&self, region: &Region) -> Result<Vec<DbSnapshot>, PortError> {
        let mut all = self.db_cluster_snapshots_of(region, None).await?;
        let listed: BTreeSet<DbSnapshotId> = all.iter().map(|seen| seen.id.clone()).collect();
        let of_aws_backup = self.db_cluster_snapshots_of(region, Some("awsbackup")).await?;
        all.extend(of_aws_backup.into_iter().filter(|seen| !listed.contains(&seen.id)));
        Ok(all)
    }
}

impl Rds {
    async fn db_cluster_snapshots_of(&self, region: &Region, kind: Option<&str>) -> Result<Vec<DbSnapshot>, PortError> {
        const OPERATION: &str = DESCRIBE_CLUSTER_SNAPSHOTS;
        every_page(OPERATION, region, |marker| async {
            let client = self.client_in_turn(region).await;
            let call = client.describe_db_cluster_snapshots().max_records(PAGE).set_marker(marker);
            let call = call.set_snapshot_type(kind.map(str::to_owned));
            let page = call.send().await.map_err(|failed| error::read(OPERATION, region.as_str(), failed))?;
            let named = |id| is_named::<DbSnapshotId>(id);
            let all = page.db_cluster_snapshots().iter().filter(|seen| named(seen.db_cluster_snapshot_identifier()));
            Ok((all.map(|seen| read_cluster_snapshot(region, seen)).collect::<Result<_, _>>()?, page.marker))
        })
        .await
    }
}

impl ReplicatedBackups for Rds {
    async fn replicated_backups(&self, region: &Region) -> Result<Vec<ReplicatedBackup>, PortError> {
        const OPERATION: &str = DESCRIBE_AUTOMATED_BACKUPS;
        every_page(OPERATION, region, |marker| async {
            let client = self.client_in_turn(region).await;
            let call = client.describe_db_instance_automated_backups().max_records(PAGE).set_marker(marker);
            let page = call.send().await.map_err(|failed| error::read(OPERATION, region.as_str(), failed))?;
            let all = page.db_instance_automated_backups().iter();
            Ok((all.filter_map(|seen| read_replicated(region, seen)).collect(), page.marker))
        })
        .await
    }
}

/// Every item of a listing, page after page; each page gives its items and the marker of the next.
pub(super) async fn every_page<T, F, Page>(
    operation: &'static str,
    region: &Region,
    page: F,
) -> Result<Vec<T>, PortError>
where
    F: Fn(Option<String>) -> Page,
    Page: Future<Output = Result<(Vec<T>, Option<String>), PortError>>,
{
    let (mut all, mut pages, mut marker) = (Vec::new(), 0, None);
    loop {
        let (mut items, next) = page(marker).await?;
        all.append(&mut items);
        pages += 1;
        error::refuse_too_many(operation, region.as_str(), (all.len(), ITEMS_MAX), pages)?;
        marker = next.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}
