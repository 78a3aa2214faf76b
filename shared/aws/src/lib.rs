//! The ports on AWS, one module per service. Wire shapes in, domain words out; no decision here.
//!
//! Only binaries depend on this crate. Every call is bounded: SDK retries (three attempts, with jitter), a timeout per attempt, and a
//! number of pages.

mod error;
mod eventbridge;
mod https;
mod pace;
mod rds;
mod s3;
mod secrets;
mod ses;
mod sns;
mod system;

#[cfg(test)]
mod replay;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

pub use eventbridge::EventBridge;
pub use https::Https;
pub use pace::CALLS_PER_SECOND;
pub use rds::Rds;
pub use s3::S3;
pub use secrets::SecretsManager;
pub use ses::Ses;
pub use sns::Sns;
pub use system::System;

/// Loads credentials, region and endpoints as every AWS tool does.
pub async fn load() -> SdkConfig {
    aws_config::defaults(behavior()).timeout_config(timeouts()).load().await
}

/// A dated one: retries and checksums must not change with an update of the SDK.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// An attempt gets ten seconds: no call here waits for long work, and a function's own timeout must leave room for a retry.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25))
        .build()
}
