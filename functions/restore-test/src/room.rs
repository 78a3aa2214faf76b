//! A room as RDS shows it: a DB instance, or a DB cluster with the one member that answers for it. Pure.
//!
//! Whoever asks how a room stands asks here, so that no phase of a run needs to know which of the two it has.

use holdfast_domain::inventory::{DbCluster, DbInstance, DbStatus, Endpoint};
use holdfast_domain::tags::{self, Tags};
use holdfast_ledger::{Fingerprint, Run};

/// The status of a member whose cluster is not there: nothing stands behind it any more.
static GOING: DbStatus = DbStatus::Deleting;

/// A room, or what there is of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Room<'a> {
    /// A DB instance.
    Instance(&'a DbInstance),
    /// A DB cluster, with its member once there is one.
    Cluster(&'a DbCluster, Option<&'a DbInstance>),
    /// The member of a cluster that is not there.
    Member(&'a DbInstance),
}

/// Those parts of a room that a run may touch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts<'a> {
    /// The instance that is the room.
    pub instance: Option<&'a DbInstance>,
    /// The cluster that is the room.
    pub cluster: Option<&'a DbCluster>,
    /// Its member.
    pub member: Option<&'a DbInstance>,
}

impl<'a> Room<'a> {
    /// The room of a run, among everything that stands in its region; nothing, if nothing there bears its name.
    #[must_use]
    pub fn of(run: &Run, instances: &'a [DbInstance], clusters: &'a [DbCluster]) -> Option<Self> {
        let instance = instances.iter().find(|instance| instance.id == run.room);
        let Some(name) = run.room_cluster() else {
            return instance.map(Self::Instance);
        };
        match clusters.iter().find(|cluster| cluster.id == name) {
            Some(cluster) => Some(Self::Cluster(cluster, instance)),
            None => instance.map(Self::Member),
        }
    }

    /// What bears the room's name and was not made by this run, in words. Deterministic names make a clash unlikely; the tag makes it
    /// impossible to act on one.
    #[must_use]
    pub fn foreign(self, run: &Run) -> Option<&'static str> {
        let foreign = |tags: &Tags| !is_own(run, tags);
        match self {
            Self::Cluster(cluster, _) if foreign(&cluster.tags) => Some("a cluster"),
            Self::Instance(instance) | Self::Cluster(_, Some(instance)) | Self::Member(instance)
                if foreign(&instance.tags) =>
            {
                Some("an instance")
            }
            Self::Instance(_) | Self::Cluster(..) | Self::Member(_) => None,
        }
    }

    /// Its parts, without those that another made.
    #[must_use]
    pub fn own(self, run: &Run) -> Parts<'a> {
        let own = |instance: &&DbInstance| is_own(run, &instance.tags);
        let nothing = Parts { instance: None, cluster: None, member: None };
        match self {
            Self::Instance(instance) => Parts { instance: Some(instance).filter(own), ..nothing },
            Self::Cluster(cluster, member) => Parts {
                cluster: Some(cluster).filter(|cluster| is_own(run, &cluster.tags)),
                member: member.filter(own),
                ..nothing
            },
            Self::Member(member) => Parts { member: Some(member).filter(own), ..nothing },
        }
    }

    /// The status that says how far it is: of a cluster its own until it is available, and then its member's.
    #[must_use]
    pub fn status(self) -> &'a DbStatus {
        match self {
            Self::Instance(instance) => &instance.status,
            Self::Cluster(cluster, Some(member)) if cluster.status == DbStatus::Available => &member.status,
            Self::Cluster(cluster, _) => &cluster.status,
            Self::Member(_) => &GOING,
        }
    }

    /// What answers, if it is there: the instance, or the cluster's member.
    #[must_use]
    pub fn answering(self) -> Option<&'a DbInstance> {
        match self {
            Self::Instance(instance) | Self::Cluster(_, Some(instance)) => Some(instance),
            Self::Cluster(_, None) | Self::Member(_) => None,
        }
    }

    /// Where it answers. A cluster's own endpoint leads to its member, and is made before it: the member's says that there is one.
    #[must_use]
    pub fn endpoint(self) -> Option<&'a Endpoint> {
        self.answering()?.endpoint.as_ref()
    }

    /// Whether a change of its password or of its backups waits to be applied.
    #[must_use]
    pub fn is_pending(self) -> bool {
        match self {
            Self::Instance(instance) | Self::Member(instance) => {
                instance.password_pending || instance.modification_pending
            }
            Self::Cluster(cluster, _) => cluster.password_pending || cluster.modification_pending,
        }
    }

    /// Its master user, and the database made with its source.
    #[must_use]
    pub fn login(self) -> (&'a str, Option<&'a str>) {
        match self {
            Self::Instance(instance) | Self::Member(instance) => (&instance.master_user, instance.database.as_deref()),
            Self::Cluster(cluster, _) => (&cluster.master_user, cluster.database.as_deref()),
        }
    }

    /// What it is run with: of a cluster, what the cluster says.
    #[must_use]
    pub fn fingerprint(self) -> Fingerprint {
        match self {
            Self::Instance(instance) | Self::Member(instance) => Fingerprint {
                engine: instance.engine.clone(),
                engine_version: instance.engine_version.clone(),
                parameter_group: instance.parameter_group.clone(),
                option_group: instance.option_group.clone(),
            },
            Self::Cluster(cluster, _) => Fingerprint {
                engine: cluster.engine.clone(),
                engine_version: cluster.engine_version.clone(),
                parameter_group: cluster.parameter_group.clone(),
                option_group: None,
            },
        }
    }
}

fn is_own(run: &Run, tags: &Tags) -> bool {
    tags.get(tags::RUN).is_some_and(|id| id == run.id.as_str())
}
