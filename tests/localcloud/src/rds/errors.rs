//! AWS's own errors: wire code, HTTP status and wording.
//!
//! Codes and statuses are those of the operations' "Errors" sections and of "Common Error Types" in the Amazon RDS API Reference.
//! The wire code is not always the fault's name: `DBSnapshotNotFoundFault` travels as `DBSnapshotNotFound`.

use std::fmt;

use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, SnapshotId};
use super::parameter_groups::GroupOf;
use super::xml::Element;

const BAD_REQUEST: u16 = 400;
const FORBIDDEN: u16 = 403;
const NOT_FOUND: u16 = 404;

/// An error the API answers with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The code in the XML, by which clients tell errors apart.
    pub code: String,
    /// HTTP status.
    pub http_status: u16,
    /// For people.
    pub message: String,
}

impl ApiError {
    /// Any error, as for a fault hook.
    pub fn new(code: impl Into<String>, http_status: u16, message: impl Into<String>) -> Self {
        Self { code: code.into(), http_status, message: message.into() }
    }

    fn bad(code: &str, message: impl fmt::Display) -> Self {
        Self::new(code, BAD_REQUEST, message.to_string())
    }

    /// The account's rate is exceeded; SDKs retry this one.
    pub fn throttling() -> Self {
        Self::bad("Throttling", "Rate exceeded")
    }

    pub(crate) fn invalid_action(action: &str) -> Self {
        Self::bad("InvalidAction", format!("Could not find operation {action} for version 2014-10-31"))
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::bad("MissingParameter", format!("The request must contain the parameter {name}."))
    }

    pub(crate) fn invalid_value(message: impl fmt::Display) -> Self {
        Self::bad("InvalidParameterValue", message)
    }

    pub(crate) fn invalid_combination(message: impl fmt::Display) -> Self {
        Self::bad("InvalidParameterCombination", message)
    }

    pub(crate) fn instance_not_found(id: &InstanceId) -> Self {
        Self::new("DBInstanceNotFound", NOT_FOUND, format!("DBInstance {id} not found."))
    }

    pub(crate) fn instance_already_exists() -> Self {
        Self::bad("DBInstanceAlreadyExists", "DB instance already exists")
    }

    pub(crate) fn instance_state(message: impl fmt::Display) -> Self {
        Self::bad("InvalidDBInstanceState", message)
    }

    pub(crate) fn instance_quota() -> Self {
        Self::bad(
            "InstanceQuotaExceeded",
            "The request would result in the user exceeding the allowed number of DB instances.",
        )
    }

    pub(crate) fn storage_quota() -> Self {
        Self::bad(
            "StorageQuotaExceeded",
            "The request would result in the user exceeding the allowed amount of storage available across all DB instances.",
        )
    }

    pub(crate) fn snapshot_not_found(id: &SnapshotId) -> Self {
        Self::new("DBSnapshotNotFound", NOT_FOUND, format!("DBSnapshot {id} not found."))
    }

    pub(crate) fn snapshot_already_exists(id: &SnapshotId) -> Self {
        Self::bad(
            "DBSnapshotAlreadyExists",
            format!("Cannot create the snapshot because a snapshot with the identifier {id} already exists."),
        )
    }

    pub(crate) fn snapshot_state(message: impl fmt::Display) -> Self {
        Self::bad("InvalidDBSnapshotState", message)
    }

    pub(crate) fn snapshot_quota(allowed: usize) -> Self {
        Self::bad("SnapshotQuotaExceeded", format!("Cannot create more than {allowed} manual snapshots"))
    }

    pub(crate) fn subnet_group_not_found(name: &str) -> Self {
        Self::new("DBSubnetGroupNotFoundFault", NOT_FOUND, format!("DB subnet group '{name}' does not exist."))
    }

    pub(crate) fn cluster_not_found(id: &ClusterId) -> Self {
        Self::new("DBClusterNotFoundFault", NOT_FOUND, format!("DBCluster {id} not found."))
    }

    pub(crate) fn cluster_already_exists() -> Self {
        Self::bad("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    }

    pub(crate) fn cluster_state(message: impl fmt::Display) -> Self {
        Self::bad("InvalidDBClusterStateFault", message)
    }

    pub(crate) fn cluster_quota() -> Self {
        Self::new(
            "DBClusterQuotaExceededFault",
            FORBIDDEN,
            "The request would result in the user exceeding the allowed number of DB clusters.",
        )
    }

    pub(crate) fn cluster_snapshot_not_found(id: &ClusterSnapshotId) -> Self {
        Self::new("DBClusterSnapshotNotFoundFault", NOT_FOUND, format!("DBClusterSnapshot {id} not found."))
    }

    pub(crate) fn cluster_snapshot_already_exists(id: &ClusterSnapshotId) -> Self {
        Self::bad(
            "DBClusterSnapshotAlreadyExistsFault",
            format!("Cannot create the snapshot because a snapshot with the identifier {id} already exists."),
        )
    }

    pub(crate) fn cluster_snapshot_state(message: impl fmt::Display) -> Self {
        Self::bad("InvalidDBClusterSnapshotStateFault", message)
    }

    pub(crate) fn invalid_restore(message: impl fmt::Display) -> Self {
        Self::bad("InvalidRestoreFault", message)
    }

    pub(crate) fn point_in_time_restore_not_enabled(id: impl fmt::Display) -> Self {
        Self::bad("PointInTimeRestoreNotEnabled", format!("Automated backups are not enabled for {id}."))
    }

    pub(crate) fn automated_backup_not_found() -> Self {
        Self::new("DBInstanceAutomatedBackupNotFound", NOT_FOUND, "No automated backup for this DB instance was found.")
    }

    pub(crate) fn key_not_accessible(key: &str) -> Self {
        Self::bad(
            "KMSKeyNotAccessibleFault",
            format!(
                "The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."
            ),
        )
    }

    /// `DescribeDBClusterParameters` and the other calls on groups of clusters say it of a `DBParameterGroup` too.
    pub(crate) fn parameter_group_not_found(of: GroupOf, name: &str) -> Self {
        let what = match of {
            GroupOf::Instances => "DBParameterGroup",
            GroupOf::Clusters => "DBClusterParameterGroup",
        };
        Self::new("DBParameterGroupNotFound", NOT_FOUND, format!("{what} not found: {name}"))
    }

    pub(crate) fn parameter_group_already_exists(name: &str) -> Self {
        Self::bad("DBParameterGroupAlreadyExists", format!("Parameter group {name} already exists"))
    }

    pub(crate) fn parameter_group_quota() -> Self {
        Self::bad(
            "DBParameterGroupQuotaExceeded",
            "The request would result in the user exceeding the allowed number of DB parameter groups.",
        )
    }

    pub(crate) fn parameter_group_state(message: impl fmt::Display) -> Self {
        Self::bad("InvalidDBParameterGroupState", message)
    }

    /// The body's tree. `Type` says whose fault it is, as the Query protocol has it.
    pub(crate) fn render(&self, request_id: &str) -> Element {
        let kind = if self.http_status < 500 { "Sender" } else { "Receiver" };
        let error = Element::new("Error").text("Type", kind).text("Code", &self.code).text("Message", &self.message);
        Element::root("ErrorResponse").child(error).text("RequestId", request_id)
    }
}
