//! Rooms that are clusters: the calls with their turns and the weather of every call.
//!
//! No drawn plan restores a cluster, so the witness keeps no account of such rooms; the calls are here because `restore-test` may make them.

use holdfast_domain::inventory::DbCluster;
use holdfast_domain::{DbClusterId, DbInstanceId, Region};
use holdfast_ports::{ClusterRooms, CreateMember, Password, RestoreDbCluster};

use super::{Answered, Call, Hands};

impl ClusterRooms for Hands {
    async fn restore_db_cluster(&self, request: &RestoreDbCluster) -> Answered<()> {
        let call = Call::writes("rds:RestoreDBCluster", request.id.as_str(), Some(&request.region));
        self.call(call, || self.world.cloud.restore_db_cluster(request)).await
    }

    async fn create_member(&self, request: &CreateMember) -> Answered<()> {
        let call = Call::writes("rds:CreateDBInstance", request.id.as_str(), Some(&request.region));
        self.call(call, || self.world.cloud.create_member(request)).await
    }

    async fn reset_cluster_password(&self, region: &Region, id: &DbClusterId, password: &Password) -> Answered<()> {
        let call = Call::writes("rds:ModifyDBCluster", id.as_str(), Some(region));
        self.call(call, || self.world.cloud.reset_cluster_password(region, id, password)).await
    }

    async fn delete_member(&self, region: &Region, id: &DbInstanceId) -> Answered<()> {
        let call = Call::writes("rds:DeleteDBInstance", id.as_str(), Some(region));
        self.call(call, || self.world.cloud.delete_member(region, id)).await
    }

    async fn delete_cluster(&self, cluster: &DbCluster) -> Answered<()> {
        let call = Call::writes("rds:DeleteDBCluster", cluster.id.as_str(), Some(&cluster.region));
        self.call(call, || self.world.cloud.delete_cluster(cluster)).await
    }
}
