//! The LocalStack-compatible endpoint: the one that the environment names, or a MiniStack of our own.

use std::net::IpAddr;
use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

use crate::ministack::{MiniStack, MiniStackError};

/// The account of MiniStack and LocalStack when the access key is not an account id.
pub const ACCOUNT: &str = "000000000000";

/// Set to `allow` to use an `AWS_ENDPOINT_URL` that is not on this machine.
const REMOTE_VARIABLE: &str = "HOLDFAST_REMOTE_ENDPOINT";

/// Where AWS calls go. Owns the process behind it, if that is ours.
#[derive(Debug)]
pub struct Endpoint {
    url: String,
    ministack: Option<MiniStack>,
}

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The environment names an endpoint elsewhere.
    #[error(
        "AWS_ENDPOINT_URL={url} is not on this machine: unset it to start MiniStack, or set {REMOTE_VARIABLE}=allow"
    )]
    Remote {
        /// The value found.
        url: String,
    },
    /// Our own does not run.
    #[error(transparent)]
    MiniStack(#[from] MiniStackError),
}

impl Endpoint {
    /// The endpoint that `AWS_ENDPOINT_URL` names, and nothing is started; else a new MiniStack.
    ///
    /// # Errors
    /// When the named endpoint is not on this machine and nobody allowed that, or MiniStack does not start.
    pub async fn from_environment(home_region: &str, parent: Option<&Path>) -> Result<Self, EndpointError> {
        match std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty()) {
            Some(url) if is_local(&url) || std::env::var(REMOTE_VARIABLE).is_ok_and(|value| value == "allow") => {
                Ok(Self::at(&url))
            }
            Some(url) => Err(EndpointError::Remote { url }),
            None => Self::start(home_region, parent).await,
        }
    }

    /// A MiniStack of our own. `parent` is where its working directory is made; see [`MiniStack::start`].
    ///
    /// # Errors
    /// When MiniStack does not start.
    pub async fn start(home_region: &str, parent: Option<&Path>) -> Result<Self, EndpointError> {
        let ministack = MiniStack::start(home_region, parent).await?;
        Ok(Self { url: ministack.url().to_owned(), ministack: Some(ministack) })
    }

    /// An endpoint that somebody else runs.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), ministack: None }
    }

    /// `http://host:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process behind the endpoint, when it is ours.
    #[must_use]
    pub fn ministack(&self) -> Option<&MiniStack> {
        self.ministack.as_ref()
    }

    /// Configuration for a client in `region`. Reads nothing from the environment, so that no drill can reach a real account.
    #[must_use]
    pub fn config(&self, region: &str) -> SdkConfig {
        config_for(&self.url, region)
    }

    /// S3 in `region`, with the bucket in the path: an IP address has no subdomains.
    #[must_use]
    pub fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config(region)).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

/// Configuration for any local server that speaks an AWS protocol.
pub(crate) fn config_for(url: &str, region: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "holdfast-localcloud");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

fn is_local(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_counts_as_this_machine() {
        for url in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566"] {
            assert!(is_local(url), "{url}");
        }
        for url in ["http://10.0.0.1:4566", "https://s3.amazonaws.com", "http://127.0.0.1.example.com", "4566", ""] {
            assert!(!is_local(url), "{url}");
        }
    }
}
