//! RDS's own work: snapshots, restores and deletions take their time, fail, get stuck, and are told of or not.

use holdfast_domain::inventory::{DatabaseKind, DbSnapshot, DbSnapshotStatus, DbStatus, Endpoint};
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::hands::{RDS, ROOMS};
use crate::misfortune::Misfortune;

use super::cluster_rooms::OfCluster;
use super::{Event, Life};

/// What comes of something later.
#[derive(Debug)]
pub(crate) enum Later {
    /// A snapshot came to its end.
    SnapshotDone { region: Region, id: DbSnapshotId, kind: DatabaseKind, status: DbSnapshotStatus },
    /// A room came up, or did not.
    RoomUp { region: Region, room: DbInstanceId, status: DbStatus },
    /// A room is gone.
    RoomGone { region: Region, room: DbInstanceId },
    /// A new password is applied.
    ResetDone { region: Region, room: DbInstanceId },
    /// Something of a room that is a cluster.
    OfCluster(OfCluster),
    /// Somebody's copy of a recovery point is complete in another region.
    Copied(Box<DbSnapshot>),
    /// A database is as it was.
    Heals { resource: String },
    /// What people filled a quota with is gone.
    QuotaEnds { region: Region, ids: Vec<DbSnapshotId> },
    /// Something changed by itself, and some functions' sweeps may see it: RDS shows what it tells of in a moment, or a misfortune is over.
    Shown { to: &'static [Function], what: &'static str },
    /// What is kept long enough expires, and RDS makes its own backups.
    Daily,
}

impl Later {
    /// RDS shows something of a room that it tells of in a moment.
    pub(super) fn of_rooms() -> Self {
        Self::Shown { to: ROOMS, what: "RDS went on with a room" }
    }

    /// Whose sweeps may see what comes of it, and what that is.
    fn seen_by(&self) -> (&'static [Function], &'static str) {
        match self {
            Self::SnapshotDone { .. } | Self::Copied(_) => (RDS, "a recovery point came to its end"),
            Self::RoomUp { .. } | Self::RoomGone { .. } | Self::ResetDone { .. } | Self::OfCluster(_) => {
                (ROOMS, "RDS went on with a room")
            }
            Self::Heals { .. } => (RDS, "a misfortune is over"),
            Self::QuotaEnds { .. } | Self::Daily => (RDS, "recovery points expired, or others took some"),
            Self::Shown { to, what } => (to, what),
        }
    }
}

/// As the in-memory cloud takes for them.
const SNAPSHOT: SignedDuration = SignedDuration::from_mins(4);
pub(super) const RESTORE: SignedDuration = SignedDuration::from_mins(9);
pub(super) const DELETE: SignedDuration = SignedDuration::from_mins(3);
/// RDS tells a moment after.
pub(super) const TOLD: SignedDuration = SignedDuration::from_secs(1);

impl Life<'_> {
    pub(super) fn snapshot_begun(&mut self, region: Region, id: DbSnapshotId, kind: DatabaseKind, database: &str) {
        let now = self.world.now();
        let resource = self.world.state().resource_of.get(database).cloned().unwrap_or_default();
        let fate = self.world.state().weather.meet(now, |what| {
            if let Misfortune::SnapshotFails { resource: of } = what {
                return (*of == resource).then_some(None);
            }
            let Misfortune::SnapshotSlow { resource: of, minutes } = what else { return None };
            (*of == resource).then_some(Some(SignedDuration::from_mins((*minutes).into())))
        });
        let (after, status) = match fate {
            None => (SNAPSHOT + TOLD, DbSnapshotStatus::Available),
            Some(None) => (SNAPSHOT, DbSnapshotStatus::Failed),
            Some(Some(minutes)) => (minutes, DbSnapshotStatus::Available),
        };
        if fate.is_some() {
            // For good, until its time comes.
            self.world.cloud.edit_snapshot(&region, &id, |seen| seen.status = DbSnapshotStatus::Creating);
        }
        // RDS shows it a moment before it tells.
        self.after(SNAPSHOT, Event::Later(Later::Shown { to: RDS, what: "a recovery point came to its end" }));
        self.after(after, Event::Later(Later::SnapshotDone { region, id, kind, status }));
    }

    /// How the next restore of a resource ends, and when, if not as it should.
    pub(super) fn fate_of_restore(&mut self, resource: &str) -> Option<(SignedDuration, DbStatus)> {
        let now = self.world.now();
        self.world.state().weather.meet(now, |what| {
            if let Misfortune::RestoreFails { resource: of, status } = what {
                return (of == resource).then(|| (RESTORE, DbStatus::read(status)));
            }
            let Misfortune::RestoreSlow { resource: of, minutes } = what else { return None };
            (of == resource).then(|| (SignedDuration::from_mins((*minutes).into()), DbStatus::Available))
        })
    }

    pub(super) fn restore_begun(&mut self, region: Region, room: DbInstanceId, resource: &str) {
        let fate = self.fate_of_restore(resource);
        if fate.is_some() {
            self.world.cloud.set_instance_status(&region, &room, DbStatus::Busy("creating".into()));
        }
        let (after, status) = fate.unwrap_or((RESTORE + TOLD, DbStatus::Available));
        self.after(RESTORE, Event::Later(Later::of_rooms()));
        self.after(after, Event::Later(Later::RoomUp { region, room, status }));
    }

    pub(super) fn deletion_begun(&mut self, region: Region, room: DbInstanceId, resource: &str) {
        let now = self.world.now();
        let slow = self.world.state().weather.meet(now, |what| {
            let Misfortune::DeletionSlow { resource: of, minutes } = what else { return None };
            (of == resource).then(|| SignedDuration::from_mins((*minutes).into()))
        });
        if slow.is_some() {
            self.world.cloud.set_instance_status(&region, &room, DbStatus::Deleting);
        }
        self.after(DELETE, Event::Later(Later::of_rooms()));
        self.after(slow.unwrap_or(DELETE) + TOLD, Event::Later(Later::RoomGone { region, room }));
    }

    pub(super) fn later(&mut self, later: Later) {
        let now = self.world.now();
        let (seen_by, what) = later.seen_by();
        self.world.state().changed_for(seen_by, what);
        match later {
            Later::SnapshotDone { region, id, kind, status } => self.snapshot_done(&region, &id, kind, status),
            Later::RoomUp { region, room, status } => {
                let up = status == DbStatus::Available;
                let mut stands = false;
                let host = format!("{room}.test");
                self.world.cloud.edit_instance(&region, &room, |seen| {
                    stands = seen.status != DbStatus::Deleting;
                    if stands && !up {
                        seen.status = status.clone();
                    } else if stands && matches!(seen.status, DbStatus::Busy(_)) {
                        seen.status = DbStatus::Available;
                    }
                    if stands && up {
                        seen.endpoint.get_or_insert(Endpoint { host, port: 5432 });
                    }
                });
                if stands && !up {
                    self.world.state().witness.restore_failed(&room);
                }
                if stands && up {
                    self.rds_event("RDS DB Instance Event", &region, room.as_str(), "RDS-EVENT-0005");
                }
            }
            Later::RoomGone { region, room } => {
                self.world.cloud.remove_instance(&region, &room);
                self.room_is_gone(&room);
                self.rds_event("RDS DB Instance Event", &region, room.as_str(), "RDS-EVENT-0003");
            }
            Later::ResetDone { region, room } => {
                self.rds_event("RDS DB Instance Event", &region, room.as_str(), "RDS-EVENT-0016");
            }
            Later::OfCluster(what) => self.later_of_cluster(what),
            Later::Copied(copy) => self.copied(*copy),
            Later::Heals { resource } => self.heal(&resource),
            Later::QuotaEnds { region, ids } => {
                ids.iter().for_each(|id| self.world.cloud.remove_snapshot(&region, id));
            }
            Later::Shown { .. } => {}
            Later::Daily => {
                self.world.cloud.forget_calls();
                self.backups_of_others(now);
                self.expire(now);
                self.after(SignedDuration::from_hours(6), Event::Later(Later::Daily));
            }
        }
    }

    fn snapshot_done(&mut self, region: &Region, id: &DbSnapshotId, kind: DatabaseKind, status: DbSnapshotStatus) {
        let mut there = false;
        let set = status.clone();
        self.world.cloud.edit_snapshot(region, id, |seen| {
            there = true;
            if set == DbSnapshotStatus::Available && seen.kind == DatabaseKind::Instance {
                seen.size_bytes = Some(1 << 30);
            }
            seen.status = set;
        });
        if !there {
            return;
        }
        let now = self.world.now();
        self.world.state().witness.point_is(now, id, &status);
        if status == DbSnapshotStatus::Available {
            self.copy_elsewhere(region, id);
            let (event, number) = match kind {
                DatabaseKind::Instance => ("RDS DB Snapshot Event", "RDS-EVENT-0042"),
                DatabaseKind::Cluster => ("RDS DB Cluster Snapshot Event", "RDS-EVENT-0075"),
            };
            self.rds_event(event, region, id.as_str(), number);
        } else {
            // Somebody cleans up what failed, in time.
            let ids = vec![id.clone()];
            let region = region.clone();
            self.after(SignedDuration::from_hours(30), Event::Later(Later::QuotaEnds { region, ids }));
        }
    }

    /// What no rule keeps any more goes: the work of `tier`, which is not there yet.
    fn expire(&mut self, now: Timestamp) {
        let plan = self.plans[self.current].plan();
        let kept = |rule: &str, resource: &str| {
            let (_, resource) = plan.resources.iter().find(|(name, _)| name.as_str() == resource)?;
            let (_, rule) = resource.snapshots.iter().find(|(name, _)| name.as_str() == rule)?;
            Some(rule.keep.longest())
        };
        let mut over = Vec::new();
        {
            let state = self.world.state();
            self.world.cloud.each_snapshot(|seen| {
                let taken_at = seen.taken_at.unwrap_or(now);
                let foreign = SignedDuration::from_hours(24 * 35);
                let keep = match state.witness.points.get(&seen.id) {
                    Some(point) => point.rules.iter().filter_map(|rule| kept(rule, &point.resource)).max(),
                    None => Some(foreign),
                };
                let from = state.witness.points.get(&seen.id).and_then(|point| point.slot);
                let from = from.map_or(taken_at, |slot| slot.instant());
                if seen.status == DbSnapshotStatus::Available && now.duration_since(from) > keep.unwrap_or(foreign) {
                    over.push((seen.region.clone(), seen.id.clone()));
                }
            });
        }
        over.iter().for_each(|(region, id)| self.world.cloud.remove_snapshot(region, id));
    }
}
