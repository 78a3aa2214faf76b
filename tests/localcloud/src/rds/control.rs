//! What a test or a drill does to the service from outside of the API: looking behind it, playing other people, ordering misfortune.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::bring_up::{Beginning, Origin, Story, launch};
use super::cloud::{random_id, random_uuid};
use super::errors::ApiError;
use super::faults::{Refusal, SnapshotFault};
use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Region, SnapshotId, Source};
use super::resources::{Description, Instance};
use super::statuses::{ClusterStatus, Engine, InstanceStatus, SnapshotType};
use super::taking::{Taking, take};
use super::{Rds, backups, cluster_snapshots, keys, power, query, settings, snapshots, tags, validation, volumes};
use crate::postgres::{Damage, Handover, Login, MasterUser};

/// A DB instance to be made from an existing data directory.
#[derive(Clone)]
pub struct Adoption {
    /// Its identifier.
    pub id: InstanceId,
    /// The data directory, shut down or a `pg_basebackup`.
    pub data_dir: PathBuf,
    /// What becomes of the directory.
    pub handover: Handover,
    /// The role that plays the master user, made if need be, and the password it gets.
    pub master: MasterUser,
    /// The database shown as `DBName`.
    pub db_name: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Rds {
    /// The superuser's login to an instance's database `postgres`. On RDS only Amazon has it; here tests seed and break things with it.
    ///
    /// # Errors
    /// When there is no such instance, or it does not run.
    pub fn admin_login(&self, region: &Region, id: &InstanceId) -> Result<Login, ApiError> {
        Ok(self.cloud.server(&self.cloud.place(region), id)?.admin().clone())
    }

    /// An instance's data directory.
    ///
    /// # Errors
    /// When there is no such instance, or it does not run.
    pub fn instance_data_dir(&self, region: &Region, id: &InstanceId) -> Result<PathBuf, ApiError> {
        Ok(self.cloud.server(&self.cloud.place(region), id)?.data_dir().to_owned())
    }

    /// The superuser's login to an Aurora cluster's volume, as [`Self::admin_login`].
    ///
    /// # Errors
    /// When there is no such cluster, or no instance of it runs.
    pub fn cluster_admin_login(&self, region: &Region, id: &ClusterId) -> Result<Login, ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| region.cluster(id).map(drop))?;
        let server = volumes::members_server(&self.cloud, &place, id);
        let server = server.ok_or_else(|| ApiError::cluster_state(format!("no instance of {id} runs")))?;
        Ok(server.admin().clone())
    }

    /// The directory of a snapshot's copied files; its data directory is `data` below it.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn snapshot_dir(&self, region: &Region, id: &SnapshotId) -> Result<PathBuf, ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| Ok(region.snapshot(id)?.capture.files.0.dir().to_owned()))
    }

    /// As [`Self::snapshot_dir`], of an Aurora cluster's snapshot. There is no such directory for one of DocumentDB.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn cluster_snapshot_dir(&self, region: &Region, id: &ClusterSnapshotId) -> Result<PathBuf, ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| Ok(region.cluster_snapshot(id)?.capture.files.0.dir().to_owned()))
    }

    /// Why an instance could not be brought up. RDS shows a status and keeps the reason to itself; a person at this machine can act on it.
    pub fn failure(&self, region: &Region, id: &InstanceId) -> Option<String> {
        self.cloud.with_instance(&self.cloud.place(region), id, |instance| instance.failure.clone()).flatten()
    }

    /// Why a cluster could not be made.
    pub fn cluster_failure(&self, region: &Region, id: &ClusterId) -> Option<String> {
        self.cloud.with_cluster(&self.cloud.place(region), id, |cluster| cluster.failure.clone()).flatten()
    }

    /// Begins to make an instance from an existing data directory; poll `DescribeDBInstances` for its end. It has no automated backups:
    /// they would copy what may be large.
    ///
    /// # Errors
    /// When the identifier is taken or the quota reached. A directory that cannot be used shows as status `failed`.
    pub fn create_from_data_dir(&self, region: &Region, adoption: Adoption) -> Result<(), ApiError> {
        let Adoption { id, data_dir, handover, master, db_name, tags } = adoption;
        let place = self.cloud.place(region);
        let form =
            [("Action", "CreateDBInstance"), ("DBInstanceClass", "db.t4g.micro"), ("BackupRetentionPeriod", "0")];
        let request = query::Request::parse(form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())?;
        let mut settings = settings::INSTANCE.for_create(&request)?;
        validation::check_settings(&self.cloud, &mut settings)?;
        let description = Description {
            resource_id: format!("db-{}", random_id()),
            engine: Engine::Postgres,
            engine_version: self.cloud.host.binaries().version_text.clone(),
            master_username: master.name.clone(),
            db_name,
            settings,
            security_groups: Vec::new(),
            tags,
        };
        let origin = Origin::Directory { path: data_dir, handover, master };
        let beginning = Beginning::Own { origin, story: Story::Created };
        launch(&self.cloud, &place, Instance::new(id, description), beginning).map(drop)
    }

    /// Takes a snapshot as somebody else would: RDS's automation or AWS Backup. `name` may have the colon of automated ones.
    /// Returns when it is complete.
    ///
    /// # Errors
    /// When the instance does not exist or the name is taken.
    pub async fn register_external_snapshot(
        &self,
        region: &Region,
        instance: &InstanceId,
        name: &str,
        kind: SnapshotType,
    ) -> Result<SnapshotId, ApiError> {
        let place = self.cloud.place(region);
        let id = SnapshotId::lookup(name);
        snapshots::enter(&self.cloud, &place, instance, &id, (kind, tags::Tags::new()))?;
        take(&self.cloud, &place, &Taking::Instance { of: instance.clone(), id: id.clone() }).await;
        Ok(id)
    }

    /// The same of a cluster.
    ///
    /// # Errors
    /// When the cluster does not exist or the name is taken.
    pub async fn register_external_cluster_snapshot(
        &self,
        region: &Region,
        cluster: &ClusterId,
        name: &str,
        kind: SnapshotType,
    ) -> Result<ClusterSnapshotId, ApiError> {
        let place = self.cloud.place(region);
        let id = ClusterSnapshotId::lookup(name);
        cluster_snapshots::enter(&self.cloud, &place, cluster, &id, (kind, tags::Tags::new()))?;
        take(&self.cloud, &place, &Taking::Cluster { of: cluster.clone(), id: id.clone() }).await;
        Ok(id)
    }

    /// Takes an automated snapshot as if the backup window had come, named `rds:<instance>-yyyy-mm-dd-hh-mm`. Returns when it is
    /// complete.
    ///
    /// # Errors
    /// When the instance does not exist.
    pub async fn take_automated_snapshot(&self, region: &Region, of: &InstanceId) -> Result<SnapshotId, ApiError> {
        let place = self.cloud.place(region);
        match backups::snapshot(&self.cloud, &place, &Source::Instance(of.clone())).await? {
            Taking::Instance { id, .. } => Ok(id),
            Taking::Cluster { of, .. } => Err(ApiError::cluster_state(format!("{of} is no instance"))),
        }
    }

    /// The same of a cluster.
    ///
    /// # Errors
    /// When the cluster does not exist.
    pub async fn take_automated_cluster_snapshot(
        &self,
        region: &Region,
        of: &ClusterId,
    ) -> Result<ClusterSnapshotId, ApiError> {
        let place = self.cloud.place(region);
        match backups::snapshot(&self.cloud, &place, &Source::Cluster(of.clone())).await? {
            Taking::Cluster { id, .. } => Ok(id),
            Taking::Instance { of, .. } => Err(ApiError::instance_state(format!("{of} is no cluster"))),
        }
    }

    /// Takes a snapshot as AWS Backup does, named `awsbackup:job-<uuid>`. Returns when it is complete.
    ///
    /// # Errors
    /// When the instance does not exist.
    pub async fn take_aws_backup_snapshot(&self, region: &Region, of: &InstanceId) -> Result<SnapshotId, ApiError> {
        self.register_external_snapshot(region, of, &aws_backup_name(), SnapshotType::AwsBackup).await
    }

    /// The same of a cluster.
    ///
    /// # Errors
    /// When the cluster does not exist.
    pub async fn take_aws_backup_cluster_snapshot(
        &self,
        region: &Region,
        of: &ClusterId,
    ) -> Result<ClusterSnapshotId, ApiError> {
        self.register_external_cluster_snapshot(region, of, &aws_backup_name(), SnapshotType::AwsBackup).await
    }

    /// Uploads an instance's transaction logs now, so that its latest restorable time is now, unless they are held back.
    ///
    /// # Errors
    /// When there is no such instance.
    pub async fn upload_logs(&self, region: &Region, of: &InstanceId) -> Result<(), ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| region.instance(of).map(drop))?;
        backups::upload(&self.cloud, &place, &Source::Instance(of.clone())).await;
        Ok(())
    }

    /// The same of a cluster.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub async fn upload_cluster_logs(&self, region: &Region, of: &ClusterId) -> Result<(), ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| region.cluster(of).map(drop))?;
        backups::upload(&self.cloud, &place, &Source::Cluster(of.clone())).await;
        Ok(())
    }

    /// Keeps an instance's server from archiving, so that its latest restorable time stays behind the clock more and more.
    ///
    /// # Errors
    /// When the instance has no automated backups.
    pub fn hold_logs(&self, region: &Region, of: &InstanceId) -> Result<(), ApiError> {
        backups::hold(&self.cloud, &self.cloud.place(region), &Source::Instance(of.clone()), true)
    }

    /// Ends what [`Self::hold_logs`] began: the next upload catches up.
    ///
    /// # Errors
    /// When the instance has no automated backups.
    pub fn release_logs(&self, region: &Region, of: &InstanceId) -> Result<(), ApiError> {
        backups::hold(&self.cloud, &self.cloud.place(region), &Source::Instance(of.clone()), false)
    }

    /// As [`Self::hold_logs`], of a cluster.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn hold_cluster_logs(&self, region: &Region, of: &ClusterId) -> Result<(), ApiError> {
        backups::hold(&self.cloud, &self.cloud.place(region), &Source::Cluster(of.clone()), true)
    }

    /// Ends what [`Self::hold_cluster_logs`] began.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn release_cluster_logs(&self, region: &Region, of: &ClusterId) -> Result<(), ApiError> {
        backups::hold(&self.cloud, &self.cloud.place(region), &Source::Cluster(of.clone()), false)
    }

    /// Disables a KMS key, by the name it was given by: what is encrypted with it and available becomes
    /// `inaccessible-encryption-credentials-recoverable`, and what needs it is refused with `KMSKeyNotAccessibleFault`.
    pub async fn disable_kms_key(&self, region: &Region, key: &str) {
        keys::disable(&self.cloud, &self.cloud.place(region), key).await;
    }

    /// Enables a key again. `StartDBInstance` and `StartDBCluster` then bring back what stopped.
    pub fn enable_kms_key(&self, region: &Region, key: &str) {
        keys::enable(&self.cloud, &self.cloud.place(region), key);
    }

    /// Breaks the next snapshot of an instance before it becomes available, and never the instance. Damages add up.
    pub fn damage_next_snapshot(&self, region: &Region, instance: &InstanceId, damage: Damage) {
        self.cloud
            .faults()
            .damage_next_snapshot((self.cloud.place(region), Source::Instance(instance.clone())), damage);
    }

    /// The same of an Aurora cluster.
    pub fn damage_next_cluster_snapshot(&self, region: &Region, cluster: &ClusterId, damage: Damage) {
        self.cloud.faults().damage_next_snapshot((self.cloud.place(region), Source::Cluster(cluster.clone())), damage);
    }

    /// Answers the next request of an action with an error. Several queue up.
    pub fn fail_next(&self, action: &str, error: ApiError) {
        self.cloud.faults().fail_next(action, error);
    }

    /// Lets the next snapshot of an instance go wrong.
    pub fn fail_next_snapshot(&self, region: &Region, instance: &InstanceId, fault: SnapshotFault) {
        self.cloud.faults().fail_next_snapshot((self.cloud.place(region), Source::Instance(instance.clone())), fault);
    }

    /// Lets the next snapshot of a cluster go wrong.
    pub fn fail_next_cluster_snapshot(&self, region: &Region, cluster: &ClusterId, fault: SnapshotFault) {
        self.cloud.faults().fail_next_snapshot((self.cloud.place(region), Source::Cluster(cluster.clone())), fault);
    }

    /// Lets an instance that is yet to be created or restored end in a status other than `available`.
    pub fn end_creation_in(&self, region: &Region, instance: &InstanceId, status: InstanceStatus) {
        self.cloud.faults().end_creation_in((self.cloud.place(region), instance.clone()), status);
    }

    /// Lets a cluster that is yet to be created or restored end in a status other than `available`.
    pub fn end_cluster_creation_in(&self, region: &Region, cluster: &ClusterId, status: ClusterStatus) {
        self.cloud.faults().end_cluster_creation_in((self.cloud.place(region), cluster.clone()), status);
    }

    /// Makes an instance refuse its clients, from now on or from its creation on, while RDS calls it available.
    pub async fn refuse_connections(&self, region: &Region, instance: &InstanceId, refusal: Refusal) {
        self.arrange_refusal(region, instance, Some(refusal)).await;
    }

    /// Ends what [`Self::refuse_connections`] began.
    pub async fn accept_connections(&self, region: &Region, instance: &InstanceId) {
        self.arrange_refusal(region, instance, None).await;
    }

    async fn arrange_refusal(&self, region: &Region, instance: &InstanceId, refusal: Option<Refusal>) {
        let place = self.cloud.place(region);
        self.cloud.faults().refuse((place.clone(), instance.clone()), refusal);
        power::apply_refusal(&self.cloud, &place, instance).await;
    }
}

fn aws_backup_name() -> String {
    format!("awsbackup:job-{}", random_uuid())
}
