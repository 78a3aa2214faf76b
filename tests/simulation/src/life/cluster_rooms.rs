//! RDS's own work on rooms that are clusters: the cluster comes up, then its member; the member goes, then the cluster.

use holdfast_domain::inventory::{DbStatus, Endpoint};
use holdfast_domain::{DbClusterId, DbInstanceId, Region};
use jiff::SignedDuration;

use crate::misfortune::Misfortune;
use crate::world::ClusterRoom;

use super::rds::{DELETE, Later, RESTORE, TOLD};
use super::{Event, Life};

/// What comes of a cluster's room later.
#[derive(Debug)]
pub(crate) enum OfCluster {
    /// The cluster came up, or did not.
    Up { region: Region, room: DbInstanceId, status: DbStatus },
    /// Its member came up.
    MemberUp { region: Region, room: DbInstanceId },
    /// Its member is gone.
    MemberGone { region: Region, room: DbInstanceId },
    /// It is gone.
    Gone { region: Region, room: DbInstanceId },
}

/// As the in-memory cloud takes for it.
const MEMBER: SignedDuration = SignedDuration::from_mins(5);

impl Life<'_> {
    pub(super) fn cluster_room(&mut self, what: ClusterRoom) {
        match what {
            ClusterRoom::Begun { region, room, resource } => self.cluster_begun(region, room, &resource),
            ClusterRoom::MemberBegun { region, room } => {
                self.after(MEMBER, Event::Later(Later::of_rooms()));
                self.of_cluster_after(MEMBER + TOLD, OfCluster::MemberUp { region, room });
            }
            ClusterRoom::MemberGoing { region, room } => {
                let slow = self.slow_deletion(&room);
                if slow.is_some() {
                    self.world.cloud.set_instance_status(&region, &room, DbStatus::Deleting);
                }
                self.after(DELETE, Event::Later(Later::of_rooms()));
                self.of_cluster_after(slow.unwrap_or(DELETE) + TOLD, OfCluster::MemberGone { region, room });
            }
            ClusterRoom::Going { region, room } => {
                let slow = self.slow_deletion(&room);
                if let (Some(_), Some(cluster)) = (slow, cluster_of(&room)) {
                    self.world.cloud.set_cluster_status(&region, &cluster, DbStatus::Deleting);
                }
                self.after(DELETE, Event::Later(Later::of_rooms()));
                self.of_cluster_after(slow.unwrap_or(DELETE) + TOLD, OfCluster::Gone { region, room });
            }
        }
    }

    fn of_cluster_after(&mut self, time: SignedDuration, what: OfCluster) {
        self.after(time, Event::Later(Later::OfCluster(what)));
    }

    fn cluster_begun(&mut self, region: Region, room: DbInstanceId, resource: &str) {
        let fate = self.fate_of_restore(resource);
        if let (Some(_), Some(cluster)) = (&fate, cluster_of(&room)) {
            self.world.cloud.set_cluster_status(&region, &cluster, DbStatus::Busy("creating".into()));
        }
        let (after, status) = fate.unwrap_or((RESTORE + TOLD, DbStatus::Available));
        self.after(RESTORE, Event::Later(Later::of_rooms()));
        self.of_cluster_after(after, OfCluster::Up { region, room, status });
    }

    fn slow_deletion(&mut self, room: &DbInstanceId) -> Option<SignedDuration> {
        let now = self.world.now();
        let mut state = self.world.state();
        let resource = state.rooms.get(room)?.resource.clone();
        state.weather.meet(now, |what| {
            let Misfortune::DeletionSlow { resource: of, minutes } = what else { return None };
            (*of == resource).then(|| SignedDuration::from_mins((*minutes).into()))
        })
    }

    pub(super) fn later_of_cluster(&mut self, what: OfCluster) {
        match what {
            OfCluster::Up { region, room, status } => self.cluster_up(&region, &room, &status),
            OfCluster::MemberUp { region, room } => {
                let mut up = false;
                let host = format!("{room}.test");
                self.world.cloud.edit_instance(&region, &room, |seen| {
                    up = seen.status != DbStatus::Deleting;
                    if up {
                        seen.endpoint.get_or_insert(Endpoint { host, port: 5432 });
                    }
                    if matches!(seen.status, DbStatus::Busy(_)) {
                        seen.status = DbStatus::Available;
                    }
                });
                if up {
                    self.rds_event("RDS DB Instance Event", &region, room.as_str(), "RDS-EVENT-0005");
                }
            }
            OfCluster::MemberGone { region, room } => {
                self.world.cloud.remove_instance(&region, &room);
                self.rds_event("RDS DB Instance Event", &region, room.as_str(), "RDS-EVENT-0003");
            }
            OfCluster::Gone { region, room } => {
                if let Some(cluster) = cluster_of(&room) {
                    self.world.cloud.remove_cluster(&region, &cluster);
                }
                self.room_is_gone(&room);
                self.rds_event("RDS DB Cluster Event", &region, room.as_str(), "RDS-EVENT-0171");
            }
        }
    }

    /// Nothing is left of a room, of whatever kind.
    pub(super) fn room_is_gone(&mut self, room: &DbInstanceId) {
        let now = self.world.now();
        let mut state = self.world.state();
        if let Some(facts) = state.rooms.remove(room) {
            state.witness.room_gone(now, room, &facts);
        }
    }

    fn cluster_up(&mut self, region: &Region, room: &DbInstanceId, status: &DbStatus) {
        let Some(cluster) = cluster_of(room) else { return };
        let up = *status == DbStatus::Available;
        let mut stands = false;
        self.world.cloud.edit_cluster(region, &cluster, |seen| {
            stands = seen.status != DbStatus::Deleting;
            if stands && (!up || matches!(seen.status, DbStatus::Busy(_))) {
                seen.status = status.clone();
            }
        });
        if stands && !up {
            self.world.state().witness.restore_failed(room);
        }
        if stands && up {
            self.rds_event("RDS DB Cluster Event", region, room.as_str(), "RDS-EVENT-0170");
        }
    }
}

/// The cluster that bears a room's name.
fn cluster_of(room: &DbInstanceId) -> Option<DbClusterId> {
    room.as_str().parse().ok()
}
