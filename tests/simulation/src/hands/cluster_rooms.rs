//! Rooms that are clusters: the calls with everybody else's turn and the weather before each.

use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbStatus};
use holdfast_domain::{DbClusterId, DbInstanceId, Region, tags};
use holdfast_ports::{ClusterRooms, ClusterSource, CreateMember, Password, PortError, PortErrorKind, RestoreDbCluster};

use super::{Answered, Call, Hands, ROOMS, Restored, damage_of, key_of};
use crate::world::{ClusterRoom, Effect};

impl Hands {
    fn begin_cluster_room(&self, request: &RestoreDbCluster, room: DbInstanceId) {
        let resource = request.tags.get(tags::RESOURCE).cloned().unwrap_or_default();
        let damaged = match &request.source {
            ClusterSource::Snapshot(id) => self.world.state().damaged_points.contains(id),
            ClusterSource::PointInTime { .. } => {
                self.world.state().weather.of_resource(self.world.now(), &resource, damage_of)
            }
        };
        self.world.state().witness.cluster_made(self.world.now(), request);
        let (region, tags) = (&request.region, &request.tags);
        self.begin(Restored { region, room, tags, kind: DatabaseKind::Cluster, damaged });
    }

    /// Something was asked of a cluster's room that takes its time.
    fn follow(&self, what: ClusterRoom) {
        let mut state = self.world.state();
        state.changed_by(self, ROOMS, "something was asked of a room");
        state.effects.push(Effect::OfCluster(what));
    }

    /// A room is asked to go, for the first time or once more.
    fn asked_to_go(&self, room: &DbInstanceId) {
        let now = self.world.now();
        if let Some(facts) = self.world.state().rooms.get_mut(room) {
            facts.asked_to_go_at.get_or_insert(now);
        }
    }
}

/// The room of a cluster's name: both bear it.
fn room_of(cluster: &DbClusterId) -> Result<DbInstanceId, PortError> {
    let illegal = |_| PortError::new(PortErrorKind::Invalid, "rds:RestoreDBCluster", cluster.as_str(), "no legal name");
    cluster.as_str().parse().map_err(illegal)
}

impl ClusterRooms for Hands {
    async fn restore_db_cluster(&self, request: &RestoreDbCluster) -> Answered<()> {
        let call = Call::writes("rds:RestoreDBCluster", request.id.as_str(), Some(&request.region));
        let act = || async {
            let refuse =
                |kind, words: &str| Err(PortError::new(kind, "rds:RestoreDBCluster", request.id.as_str(), words));
            let now = self.world.now();
            let resource = request.tags.get(tags::RESOURCE).cloned().unwrap_or_default();
            if self.world.state().weather.of_resource(now, &resource, key_of) {
                return refuse(PortErrorKind::AccessDenied, "KMSKeyNotAccessibleFault: the key is disabled");
            }
            let room = room_of(&request.id)?;
            self.world.cloud.restore_db_cluster(request).await?;
            self.begin_cluster_room(request, room);
            Ok(())
        };
        self.call(call, act).await
    }

    async fn create_member(&self, request: &CreateMember) -> Answered<()> {
        let call = Call::writes("rds:CreateDBInstance", request.id.as_str(), Some(&request.region));
        let act = || async {
            let now = self.world.now();
            if self.world.state().weather.instance_quota(now, request.region.as_str()) {
                let words = "InstanceQuotaExceeded";
                let kind = PortErrorKind::QuotaExceeded;
                return Err(PortError::new(kind, "rds:CreateDBInstance", request.id.as_str(), words));
            }
            self.world.cloud.create_member(request).await?;
            self.world.state().witness.member_made(now, request);
            self.follow(ClusterRoom::MemberBegun { region: request.region.clone(), room: request.id.clone() });
            Ok(())
        };
        self.call(call, act).await
    }

    async fn reset_cluster_password(&self, region: &Region, id: &DbClusterId, password: &Password) -> Answered<()> {
        let act = || async {
            let room = room_of(id)?;
            self.world.cloud.reset_cluster_password(region, id, password).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room was given a password");
            state.witness.cluster_reset(self.world.now(), id);
            state.effects.push(Effect::Reset { region: region.clone(), room });
            Ok(())
        };
        self.call(Call::writes("rds:ModifyDBCluster", id.as_str(), Some(region)), act).await
    }

    async fn delete_member(&self, region: &Region, id: &DbInstanceId) -> Answered<()> {
        let act = || async {
            let mut stays = false;
            self.world.cloud.edit_instance(region, id, |seen| stays = seen.status != DbStatus::Deleting);
            self.world.cloud.delete_member(region, id).await?;
            self.world.state().witness.room_deleted(self.world.now(), id);
            self.asked_to_go(id);
            if stays {
                self.follow(ClusterRoom::MemberGoing { region: region.clone(), room: id.clone() });
            }
            Ok(())
        };
        self.call(Call::writes("rds:DeleteDBInstance", id.as_str(), Some(region)), act).await
    }

    async fn delete_cluster(&self, cluster: &DbCluster) -> Answered<()> {
        let act = || async {
            let room = room_of(&cluster.id)?;
            let (region, mut stays) = (&cluster.region, false);
            self.world.cloud.edit_cluster(region, &cluster.id, |seen| stays = seen.status != DbStatus::Deleting);
            self.world.cloud.delete_cluster(cluster).await?;
            self.world.state().witness.cluster_deleted(self.world.now(), &cluster.id);
            self.asked_to_go(&room);
            if stays {
                self.follow(ClusterRoom::Going { region: region.clone(), room });
            }
            Ok(())
        };
        self.call(Call::writes("rds:DeleteDBCluster", cluster.id.as_str(), Some(&cluster.region)), act).await
    }
}
