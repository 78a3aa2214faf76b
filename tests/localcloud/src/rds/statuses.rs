//! What state a resource is in, and the other words the API has for it.

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The status as the API shows it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

statuses!(
    /// "Viewing Amazon RDS DB instance status" (Amazon RDS User Guide).
    InstanceStatus {
        /// Being made, or restored.
        Creating = "creating",
        /// Healthy.
        Available = "available",
        /// A snapshot is being taken.
        BackingUp = "backing-up",
        /// A modification is being applied.
        Modifying = "modifying",
        /// The master password is being changed.
        ResettingMasterCredentials = "resetting-master-credentials",
        /// On its way to `stopped`.
        Stopping = "stopping",
        /// Stopped; the data stays.
        Stopped = "stopped",
        /// On its way back.
        Starting = "starting",
        /// On its way out.
        Deleting = "deleting",
        /// Broken; only deletion helps.
        Failed = "failed",
        /// The data could not be restored.
        IncompatibleRestore = "incompatible-restore",
        /// The restore went wrong.
        RestoreError = "restore-error",
        /// No place in the network.
        IncompatibleNetwork = "incompatible-network",
        /// The option group does not fit.
        IncompatibleOptionGroup = "incompatible-option-group",
        /// The parameter group does not fit.
        IncompatibleParameters = "incompatible-parameters",
        /// No machine of that class.
        InsufficientCapacity = "insufficient-capacity",
        /// The KMS key cannot be used.
        InaccessibleEncryptionCredentials = "inaccessible-encryption-credentials",
        /// The KMS key cannot be used; once it can, `StartDBInstance` helps.
        InaccessibleEncryptionCredentialsRecoverable = "inaccessible-encryption-credentials-recoverable",
        /// No space left.
        StorageFull = "storage-full",
    }
);

statuses!(
    /// "Viewing DB cluster status" (Amazon Aurora User Guide).
    ClusterStatus {
        /// Being made, or restored.
        Creating = "creating",
        /// Healthy.
        Available = "available",
        /// A snapshot is being taken.
        BackingUp = "backing-up",
        /// The master password is being changed.
        ResettingMasterCredentials = "resetting-master-credentials",
        /// On its way to `stopped`.
        Stopping = "stopping",
        /// Stopped; the volume stays.
        Stopped = "stopped",
        /// On its way back.
        Starting = "starting",
        /// On its way out.
        Deleting = "deleting",
        /// A snapshot could not be made into a cluster. Ours too for a cluster that could not be made at all, for which Aurora has no status.
        MigrationFailed = "migration-failed",
        /// The KMS key cannot be used and could be again.
        InaccessibleEncryptionCredentialsRecoverable = "inaccessible-encryption-credentials-recoverable",
    }
);

statuses!(
    /// The status of a DB snapshot or DB cluster snapshot.
    SnapshotStatus {
        /// Being taken.
        Creating = "creating",
        /// Complete.
        Available = "available",
        /// Could not be taken.
        Failed = "failed",
    }
);

statuses!(
    /// Who made a snapshot.
    SnapshotType {
        /// A customer.
        Manual = "manual",
        /// RDS, daily.
        Automated = "automated",
        /// AWS Backup.
        AwsBackup = "awsbackup",
    }
);

statuses!(
    /// The engines there are. DocumentDB's API is RDS's, and RDS lists its clusters among its own.
    Engine {
        /// RDS for PostgreSQL.
        Postgres = "postgres",
        /// Aurora, with plain PostgreSQL in its place.
        AuroraPostgresql = "aurora-postgresql",
        /// DocumentDB: nothing but what the API says of it.
        Docdb = "docdb",
    }
);

impl InstanceStatus {
    /// States out of which RDS never comes by itself.
    pub(crate) fn is_broken(self) -> bool {
        match self {
            Self::Failed
            | Self::IncompatibleRestore
            | Self::RestoreError
            | Self::IncompatibleNetwork
            | Self::IncompatibleOptionGroup
            | Self::IncompatibleParameters
            | Self::InsufficientCapacity
            | Self::InaccessibleEncryptionCredentials
            | Self::InaccessibleEncryptionCredentialsRecoverable
            | Self::StorageFull => true,
            Self::Creating
            | Self::Available
            | Self::BackingUp
            | Self::Modifying
            | Self::ResettingMasterCredentials
            | Self::Stopping
            | Self::Stopped
            | Self::Starting
            | Self::Deleting => false,
        }
    }
}
