//! Buckets, and the plan in one of them.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};

use super::Deployed;
use super::error::{DeployError, call};
use super::plan::PlanArtifact;
use crate::endpoint::Endpoint;
use crate::wiring::{Bucket, Wiring};

pub(super) async fn make_buckets(
    endpoint: &Endpoint,
    wiring: &Wiring,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    for (key, bucket) in &wiring.buckets {
        let name = format!("holdfast-{key}");
        make_bucket(endpoint, &deployed.home_region, &name, bucket).await?;
        deployed.buckets.insert(key.clone(), name);
    }
    Ok(())
}

async fn make_bucket(endpoint: &Endpoint, region: &str, name: &str, bucket: &Bucket) -> Result<(), DeployError> {
    let client = endpoint.s3(region);
    let mut create = client.create_bucket().bucket(name);
    // us-east-1 is the one region that must not be named (S3 API, CreateBucket).
    if region != "us-east-1" {
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
        create = create.create_bucket_configuration(place.build());
    }
    match create.send().await {
        Ok(_) => {}
        Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => {}
        Err(error) => return Err(call("create bucket", name)(error)),
    }
    if bucket.versioned {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = client.put_bucket_versioning().bucket(name).versioning_configuration(enabled);
        put.send().await.map_err(call("turn on versions of bucket", name))?;
    }
    Ok(())
}

/// The pinned copy first: a run that reads the new plan must find the copy that it will refer to.
pub(super) async fn upload_plan(
    endpoint: &Endpoint,
    wiring: &Wiring,
    plan: &PlanArtifact,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    let client = endpoint.s3(&deployed.home_region);
    let bucket = deployed.buckets.get(&wiring.plan.bucket).cloned().unwrap_or_default();
    let pinned_key = wiring.plan.pinned_key.replace("{sha256}", &plan.sha256);
    for key in [&pinned_key, &wiring.plan.key] {
        let body = ByteStream::from(plan.json.clone());
        let put = client.put_object().bucket(&bucket).key(key).content_type("application/json").body(body);
        put.send().await.map_err(call("upload", key))?;
    }
    Ok(())
}
