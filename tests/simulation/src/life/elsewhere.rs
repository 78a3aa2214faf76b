//! What others keep: recovery points that AWS, AWS Backup and people take by themselves, copies in other regions, and replicas of continuous
//! backups. Nobody of ours makes any of it, and functions look at it all the same.

use holdfast_domain::inventory::{Database, DatabaseKind, DbSnapshot, DbSnapshotStatus, MadeBy, ReplicatedBackup};
use holdfast_domain::plan::{ExternalMaker, Resource};
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbSnapshotId, Region, ResourceName};
use jiff::{SignedDuration, Timestamp};

use crate::hands::damage_of;
use crate::misfortune::Misfortune;

use super::rds::Later;
use super::{Event, Life};

/// How long somebody's copy to another region takes.
const COPY: SignedDuration = SignedDuration::from_mins(25);

fn stopped(what: &Misfortune) -> Option<&str> {
    if let Misfortune::OthersStop { resource, .. } = what { Some(resource) } else { None }
}

impl Life<'_> {
    /// Recovery points of whatever the plan says that somebody else backs up.
    pub(super) fn backups_of_others(&mut self, now: Timestamp) {
        let plans = std::mem::take(&mut self.plans);
        for (name, resource) in &plans[self.current].plan().resources {
            let stops = self.world.state().weather.of_resource(now, name.as_str(), stopped);
            if !stops {
                self.backup_of_others(name, resource, now);
            }
        }
        self.plans = plans;
    }

    fn backup_of_others(&mut self, name: &ResourceName, resource: &Resource, now: Timestamp) {
        let (Some(external), Some(database)) = (&resource.external, Database::of(&resource.target)) else { return };
        let time = now.strftime("%Y-%m-%d-%H-%M");
        let (id, made_by) = match external.by {
            ExternalMaker::Any | ExternalMaker::Rds => (format!("rds:{name}-{time}"), MadeBy::Rds),
            ExternalMaker::AwsBackup => (format!("awsbackup:job-{name}-{time}"), MadeBy::AwsBackup),
            ExternalMaker::Manual => (format!("before-release-{name}-{time}"), MadeBy::Call),
        };
        let Ok(id) = id.parse::<DbSnapshotId>() else { return };
        let (cloud, region) = (&self.world.cloud, &resource.region);
        match &database {
            Database::Instance(instance) if cloud.has_instance(region, instance) => {
                cloud.add_snapshot(region, &id, instance, Tags::new());
            }
            Database::Cluster(cluster) if cloud.has_cluster(region, cluster) => {
                cloud.add_cluster_snapshot(region, &id, cluster, Tags::new());
            }
            Database::Instance(_) | Database::Cluster(_) => return,
        }
        cloud.set_snapshot_maker(region, &id, made_by);
        let mut state = self.world.state();
        if state.weather.of_resource(now, name.as_str(), damage_of) {
            state.damaged_points.insert(id);
        }
    }

    /// A recovery point of ours is there: whoever carries it to the regions that the plan names sets out, for no function does yet.
    pub(super) fn copy_elsewhere(&mut self, region: &Region, id: &DbSnapshotId) {
        let mut found = None;
        self.world.cloud.edit_snapshot(region, id, |seen| found = Some(seen.clone()));
        let Some(original) = found else { return };
        let plan = self.plans[self.current].plan();
        let resource = original.tags.get(tags::RESOURCE).and_then(|name| name.parse::<ResourceName>().ok());
        let Some(resource) = resource.and_then(|name| plan.resources.get(&name)) else { return };
        let here = resource.copies.iter().filter(|copy| copy.account.is_none());
        let wanted =
            here.filter(|copy| copy.of.is_empty() || copy.of.iter().any(|rule| tags::serve(&original.tags, rule)));
        let copies: Vec<DbSnapshot> =
            wanted.map(|copy| DbSnapshot { region: copy.region.clone(), ..original.clone() }).collect();
        for copy in copies {
            self.after(COPY, Event::Later(Later::Copied(Box::new(copy))));
        }
    }

    /// A copy is complete: the same recovery point, under the same name and with the same tags, in another region.
    pub(super) fn copied(&mut self, copy: DbSnapshot) {
        let (cloud, DbSnapshot { region, id, database, tags, .. }) = (&self.world.cloud, &copy);
        match copy.kind {
            DatabaseKind::Instance => {
                let Ok(instance) = database.parse() else { return };
                cloud.add_snapshot(region, id, &instance, tags.clone());
            }
            DatabaseKind::Cluster => {
                let Ok(cluster) = database.parse() else { return };
                cloud.add_cluster_snapshot(region, id, &cluster, tags.clone());
            }
        }
        let (engine, taken_at) = (copy.engine.clone(), copy.taken_at);
        cloud.edit_snapshot(region, id, |seen| {
            (seen.engine, seen.taken_at, seen.status) = (engine, taken_at, DbSnapshotStatus::Available);
        });
        let event = match copy.kind {
            DatabaseKind::Instance => ("RDS DB Snapshot Event", "RDS-EVENT-0060"),
            // Of cluster snapshots RDS tells nothing when they are copied.
            DatabaseKind::Cluster => return,
        };
        self.rds_event(event.0, &copy.region, copy.id.as_str(), event.1);
    }

    /// The continuous backup of a resource is replicated, if the plan wants it.
    pub(super) fn replicate(&self, resource: &Resource) {
        let Some((pitr, to)) = resource.pitr.as_ref().and_then(|pitr| Some((pitr, pitr.replicate_to.clone()?))) else {
            return;
        };
        let Some(Database::Instance(id)) = Database::of(&resource.target) else { return };
        let mut arn = None;
        self.world.cloud.edit_instance(&resource.region, &id, |seen| arn = Some(seen.arn.clone()));
        let Some(source_arn) = arn else { return };
        self.world.cloud.add_replicated_backup(ReplicatedBackup {
            region: to,
            source_arn,
            status: "replicating".into(),
            retention_days: u32::try_from(pitr.window.as_hours() / 24).unwrap_or(0),
            latest_restorable_at: Some(self.world.now()),
        });
    }
}
