//! What functions did, made and wrote, as they do it: to recovery points, rooms and all that belongs to them, and to the ledger.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::inventory::{DbSnapshot, DbSnapshotStatus};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, RunId, SecretName, Slot, Verdict};
use holdfast_ports::{CreateDbSnapshot, CreateMember, RestoreDbCluster, RestoreDbInstance};
use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::witness::{Invariant, Witness};
use crate::world::RoomFacts;

/// A recovery point that a function asked for.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) resource: String,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) slot: Option<Slot>,
    /// When it could first be restored from.
    pub(crate) available_at: Option<Timestamp>,
}

/// What runs made, by name, whether it is still there or not.
#[derive(Debug, Default)]
pub(crate) struct Made {
    rooms: BTreeSet<DbInstanceId>,
    clusters: BTreeSet<DbClusterId>,
    groups: BTreeSet<String>,
    /// Rooms restored from what was damaged.
    damaged: BTreeSet<DbInstanceId>,
    /// Rooms that RDS could not restore.
    broken: BTreeSet<DbInstanceId>,
}

/// A room is asked to go within two sweeps of its deadline, and the time that an invocation takes.
const ASKED_WITHIN: SignedDuration = SignedDuration::from_mins(3);
/// After a disturbance the reaper takes it: it gives an open run half an hour past the deadline.
const REAPED_WITHIN: SignedDuration = SignedDuration::from_mins(35);

impl Witness {
    // The ledger.

    /// An object was written. Each prefix has one writer; evidence is never written over.
    pub(crate) fn wrote(&mut self, now: Timestamp, function: Function, key: &str, absent: bool) {
        let writer = [
            ("recovery-points/", Function::Snapshot),
            ("restore-tests/", Function::RestoreTest),
            ("evidence/", Function::RestoreTest),
            ("verifications/", Function::Verify),
            ("proved/", Function::Verify),
            ("incidents/", Function::Alert),
            ("acknowledgements/", Function::Acknowledge),
        ];
        let owner = writer.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, owner)| *owner);
        self.must(now, Invariant::Ledger, owner == Some(function), || format!("{} wrote {key}", function.name()));
        let over = key.starts_with("evidence/") && !absent;
        self.must(now, Invariant::Ledger, !over, || format!("{} wrote over {key}", function.name()));
    }

    /// A record of a run was written: it never goes back.
    pub(crate) fn run_is(&mut self, now: Timestamp, run: &str, phase: &str) {
        const ORDER: [&str; 7] = ["requested", "restoring", "preparing", "verifying", "judged", "destroying", "closed"];
        let place = |phase: &str| ORDER.iter().position(|name| *name == phase);
        let before = self.phases.insert(run.to_owned(), phase.to_owned());
        let forward = before.as_ref().is_none_or(|before| place(before) <= place(phase));
        self.must(now, Invariant::Ledger, forward, || format!("{run} went from {before:?} back to {phase}"));
    }

    /// An object was deleted: markers alone may be.
    pub(crate) fn removed(&mut self, now: Timestamp, function: Function, key: &str) {
        let allowed = match function {
            Function::RestoreTest => key.starts_with("restore-tests/open/"),
            Function::Alert => key.starts_with("incidents/open/"),
            Function::Snapshot | Function::Verify | Function::Acknowledge => false,
        };
        let invariant = if key.starts_with("evidence/") { Invariant::LastCopy } else { Invariant::Ledger };
        self.must(now, invariant, allowed, || format!("{} deleted {key}", function.name()));
    }

    // Recovery points.

    pub(crate) fn begun(&mut self, now: Timestamp, request: &CreateDbSnapshot) {
        let tags = &request.tags;
        let named = request.id.as_str().starts_with("hf-") && tags.contains_key(tags::PLAN);
        self.must(now, Invariant::Others, named, || format!("{} is not named and tagged as ours", request.id));
        let point = Point {
            resource: tags.get(tags::RESOURCE).cloned().unwrap_or_default(),
            rules: tags::rules(tags).map(|rule| rule.to_string()).collect(),
            slot: tags::slot(tags),
            available_at: None,
        };
        self.points.insert(request.id.clone(), point);
    }

    pub(crate) fn tagged(&mut self, now: Timestamp, snapshot: &DbSnapshot, tags: &Tags) {
        let point = self.points.get_mut(&snapshot.id);
        if let Some(point) = point {
            point.rules.extend(tags::rules(tags).map(|rule| rule.to_string()));
            self.must(now, Invariant::Others, true, String::new);
        } else {
            self.must(now, Invariant::Others, false, || format!("{} was tagged, and is not ours", snapshot.id));
        }
    }

    /// A snapshot of ours came to its end in RDS.
    pub(crate) fn point_is(&mut self, now: Timestamp, id: &DbSnapshotId, status: &DbSnapshotStatus) {
        if let Some(point) = self.points.get_mut(id).filter(|_| *status == DbSnapshotStatus::Available) {
            point.available_at.get_or_insert(now);
        }
    }

    // Rooms, and what belongs to them.

    /// What a room was restored from: sound, or damaged.
    pub(crate) fn room_holds(&mut self, room: &DbInstanceId, damaged: bool) {
        if damaged {
            self.made.damaged.insert(room.clone());
        }
    }

    /// RDS could not restore a room.
    pub(crate) fn restore_failed(&mut self, room: &DbInstanceId) {
        self.made.broken.insert(room.clone());
    }

    /// A run was judged.
    pub(crate) fn judged(&mut self, at: Timestamp, run: &RunId, room: &DbInstanceId, verdict: Verdict) {
        let (damaged, broken) = (self.made.damaged.contains(room), self.made.broken.contains(room));
        let holds = match verdict {
            Verdict::Passed => !damaged && !broken,
            Verdict::Failed => damaged || broken,
            Verdict::Inconclusive => true,
        };
        self.must(at, Invariant::Proof, holds, || {
            let found = if damaged {
                "damaged data"
            } else if broken {
                "nothing"
            } else {
                "sound data"
            };
            format!("{run} is {verdict}, and {found} was restored into {room}")
        });
    }

    pub(crate) fn room_made(&mut self, now: Timestamp, request: &RestoreDbInstance) {
        self.made.rooms.insert(request.id.clone());
        let sealed = !request.security_groups.is_empty() && request.tags.contains_key(tags::RUN);
        self.must(now, Invariant::Rooms, sealed, || format!("the room {} is not sealed, or bears no run", request.id));
    }

    pub(crate) fn cluster_made(&mut self, now: Timestamp, request: &RestoreDbCluster) {
        self.made.clusters.insert(request.id.clone());
        let sealed = !request.security_groups.is_empty() && request.tags.contains_key(tags::RUN);
        self.must(now, Invariant::Rooms, sealed, || {
            format!("the cluster {} is not sealed, or bears no run", request.id)
        });
    }

    pub(crate) fn member_made(&mut self, now: Timestamp, request: &CreateMember) {
        self.made.rooms.insert(request.id.clone());
        let ours = self.made.clusters.contains(&request.cluster) && request.tags.contains_key(tags::RUN);
        self.must(now, Invariant::Others, ours, || {
            format!("{} was made a member of {}, which no run made", request.id, request.cluster)
        });
    }

    pub(crate) fn room_deleted(&mut self, now: Timestamp, id: &DbInstanceId) {
        let ours = self.made.rooms.contains(id);
        self.must(now, Invariant::Others, ours, || format!("{id} was deleted, and no run made it"));
    }

    pub(crate) fn cluster_deleted(&mut self, now: Timestamp, id: &DbClusterId) {
        let ours = self.made.clusters.contains(id);
        self.must(now, Invariant::Others, ours, || format!("the cluster {id} was deleted, and no run made it"));
    }

    pub(crate) fn room_reset(&mut self, now: Timestamp, id: &DbInstanceId) {
        let ours = self.made.rooms.contains(id);
        self.must(now, Invariant::Others, ours, || format!("{id} was given a password, and no run made it"));
    }

    pub(crate) fn cluster_reset(&mut self, now: Timestamp, id: &DbClusterId) {
        let ours = self.made.clusters.contains(id);
        self.must(now, Invariant::Others, ours, || {
            format!("the cluster {id} was given a password, and no run made it")
        });
    }

    pub(crate) fn group_made(&mut self, now: Timestamp, name: &str, tags: &Tags) {
        let ours = name.starts_with(TEMPORARY) && tags.contains_key(tags::RUN);
        self.must(now, Invariant::Rooms, ours, || format!("the parameter group {name} is not a room's"));
        self.made.groups.insert(name.to_owned());
    }

    pub(crate) fn group_deleted(&mut self, now: Timestamp, name: &str) {
        let ours = self.made.groups.contains(name);
        self.must(now, Invariant::Others, ours, || {
            format!("the parameter group {name} was deleted, and no run made it")
        });
    }

    pub(crate) fn secret_kept(&mut self, now: Timestamp, name: &SecretName, tags: &Tags) {
        let deadline = tags.get(tags::DEADLINE).and_then(|at| at.parse().ok());
        self.secrets.insert(name.clone(), deadline);
        self.must(now, Invariant::Rooms, deadline.is_some(), || format!("the secret {name} bears no deadline"));
    }

    pub(crate) fn secret_forgotten(&mut self, now: Timestamp, name: &SecretName) {
        let ours = name.as_str().starts_with(TEMPORARY);
        self.must(now, Invariant::Others, ours, || format!("the secret {name} was deleted"));
        self.secrets.remove(name);
    }

    /// Every room whose time is over was asked to go, unless something was wrong until a moment ago.
    pub(crate) fn rooms_in_time(
        &mut self,
        now: Timestamp,
        calm_since: Option<Timestamp>,
        rooms: &BTreeMap<DbInstanceId, RoomFacts>,
    ) {
        for (id, facts) in rooms {
            let Some(deadline) = facts.deadline else { continue };
            let due = (deadline + ASKED_WITHIN).max(calm_since.map_or(deadline, |calm| calm + REAPED_WITHIN));
            let late = facts.asked_to_go_at.is_none() && now > due;
            self.must(now, Invariant::Rooms, !late, || {
                format!("the room {id} stands since {}, its deadline was {deadline}", facts.made_at)
            });
        }
    }
}
