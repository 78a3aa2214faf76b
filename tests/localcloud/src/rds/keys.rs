//! KMS keys that can no longer be used, and what that does to what they encrypt.
//!
//! Source: "Viewing Amazon RDS DB instance status" (Amazon RDS User Guide). Nothing is encrypted here; a server just ends.

use std::sync::Arc;

use super::cloud::Cloud;
use super::identity::Place;
use super::statuses::{ClusterStatus, InstanceStatus};
use crate::postgres::Server;

/// Disables a key: what is available and encrypted with it stops, and nothing can be made with it.
pub(crate) async fn disable(cloud: &Cloud, place: &Place, key: &str) {
    let servers: Vec<Arc<Server>> = cloud.with_region(place, |region| {
        region.disabled_keys.insert(key.to_owned());
        let clusters = region.clusters.values_mut().filter(|cluster| {
            cluster.status == ClusterStatus::Available && cluster.description.settings.text("KmsKeyId") == Some(key)
        });
        clusters.for_each(|cluster| cluster.status = ClusterStatus::InaccessibleEncryptionCredentialsRecoverable);
        let instances = region.instances.values_mut().filter(|instance| {
            instance.status == InstanceStatus::Available && instance.description.settings.text("KmsKeyId") == Some(key)
        });
        instances
            .filter_map(|instance| {
                instance.status = InstanceStatus::InaccessibleEncryptionCredentialsRecoverable;
                instance.server.take()
            })
            .collect()
    });
    futures_util::future::join_all(servers.iter().map(|server| server.stop())).await;
}

/// Enables it again. "Restarting the DB instance can recover it", so somebody must do that.
pub(crate) fn enable(cloud: &Cloud, place: &Place, key: &str) {
    cloud.with_region(place, |region| region.disabled_keys.remove(key));
}
