//! Objects in one S3 bucket.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use holdfast_ports::{Fetched, KEYS_MAX, Object, Objects, PortError, PortErrorKind, Precondition};

use crate::error;

/// One bucket.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
}

impl S3 {
    /// A bucket in the function's own region.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: String) -> Self {
        Self { client: Client::new(config), bucket }
    }
}

impl Objects for S3 {
    async fn get(&self, key: &str, known: Option<&str>) -> Result<Fetched, PortError> {
        const OPERATION: &str = "s3:GetObject";
        let request =
            self.client.get_object().bucket(&self.bucket).key(key).set_if_none_match(known.map(str::to_owned));
        let output = match request.send().await {
            Ok(output) => output,
            Err(failed) if failed.raw_response().is_some_and(|response| response.status().as_u16() == 304) => {
                return Ok(Fetched::Unchanged);
            }
            Err(failed) => {
                let failed = error::read(OPERATION, key, failed);
                let missing = failed.kind == PortErrorKind::NotFound && !failed.message.starts_with("NoSuchBucket");
                return if missing { Ok(Fetched::Missing) } else { Err(failed) };
            }
        };
        let etag = output.e_tag().map(str::to_owned).ok_or_else(|| error::incomplete(OPERATION, key, "ETag"))?;
        let body = output.body.collect().await.map_err(|failed| {
            PortError::new(PortErrorKind::Unavailable, OPERATION, key, "the body broke off").caused_by(failed)
        })?;
        Ok(Fetched::Object(Object { bytes: body.to_vec(), etag }))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, when: Precondition) -> Result<String, PortError> {
        const OPERATION: &str = "s3:PutObject";
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        let over_version = matches!(when, Precondition::Matches(_));
        let request = match when {
            Precondition::Absent => request.if_none_match("*"),
            Precondition::Matches(etag) => request.if_match(etag),
        };
        let output = request.send().await.map_err(|failed| {
            let mut failed = error::read(OPERATION, key, failed);
            // S3 answers If-Match on a key that is gone with 404 (source: S3 User Guide, "How to prevent object overwrites with conditional writes").
            if over_version && failed.kind == PortErrorKind::NotFound && !failed.message.starts_with("NoSuchBucket") {
                failed.kind = PortErrorKind::PreconditionFailed;
            }
            failed
        })?;
        output.e_tag().map(str::to_owned).ok_or_else(|| error::incomplete(OPERATION, key, "ETag"))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PortError> {
        const OPERATION: &str = "s3:ListObjectsV2";
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        let mut seen_pages = 0;
        while let Some(page) = pages.next().await {
            seen_pages += 1;
            let page = page.map_err(|failed| error::read(OPERATION, prefix, failed))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            error::refuse_too_many(OPERATION, prefix, (keys.len(), KEYS_MAX), seen_pages)?;
        }
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        let request = self.client.delete_object().bucket(&self.bucket).key(key);
        request.send().await.map(drop).map_err(|failed| error::read("s3:DeleteObject", key, failed))
    }
}

#[cfg(test)]
mod tests;
