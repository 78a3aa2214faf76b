//! Taking recovery points, and tagging those of ours.

use holdfast_domain::inventory::{Database, DbSnapshot};
use holdfast_domain::slot::{OURS, TEMPORARY};
use holdfast_domain::tags::Tags;
use holdfast_ports::{CreateDbSnapshot, PortError, PortErrorKind, SnapshotTagger, SnapshotTaker};

use super::Rds;
use super::read::write_tags;
use crate::error;

impl SnapshotTaker for Rds {
    async fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> Result<(), PortError> {
        let client = self.client_in_turn(&request.region).await;
        let tags = Some(write_tags(&request.tags));
        match &request.database {
            Database::Instance(instance) => {
                let call = client.create_db_snapshot().db_instance_identifier(instance.as_str());
                let sent = call.db_snapshot_identifier(request.id.as_str()).set_tags(tags).send().await;
                sent.map(drop).map_err(|failed| error::read("rds:CreateDBSnapshot", request.id.as_str(), failed))
            }
            Database::Cluster(cluster) => {
                let call = client.create_db_cluster_snapshot().db_cluster_identifier(cluster.as_str());
                let sent = call.db_cluster_snapshot_identifier(request.id.as_str()).set_tags(tags).send().await;
                sent.map(drop).map_err(|failed| error::read("rds:CreateDBClusterSnapshot", request.id.as_str(), failed))
            }
        }
    }
}

impl SnapshotTagger for Rds {
    async fn tag_db_snapshot(&self, snapshot: &DbSnapshot, tags: &Tags) -> Result<(), PortError> {
        const OPERATION: &str = "rds:AddTagsToResource";
        ours_only(OPERATION, snapshot)?;
        let client = self.client_in_turn(&snapshot.region).await;
        let call = client.add_tags_to_resource().resource_name(&snapshot.arn).set_tags(Some(write_tags(tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, snapshot.id.as_str(), failed))
    }
}

/// The first lock; the role's policy on `snapshot:hf-*` and `cluster-snapshot:hf-*` is the second. The call goes by the ARN, so that must be
/// of the same thing.
fn ours_only(operation: &'static str, snapshot: &DbSnapshot) -> Result<(), PortError> {
    let name = snapshot.id.as_str();
    let is_ours = name.starts_with(OURS) && !name.starts_with(TEMPORARY);
    if is_ours && snapshot.arn.rsplit(':').next() == Some(name) {
        return Ok(());
    }
    let message = format!("only recovery points named {OURS}… are tagged, and none named {TEMPORARY}…");
    Err(PortError::new(PortErrorKind::Invalid, operation, name, message))
}
