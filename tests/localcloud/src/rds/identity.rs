//! Names: accounts, regions, identifiers and ARNs.

use std::fmt;

use super::errors::ApiError;

/// An AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account(String);

impl Account {
    /// An account by its twelve digits.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }
}

impl Default for Account {
    /// The account LocalStack-compatible endpoints use.
    fn default() -> Self {
        Self("000000000000".to_owned())
    }
}

/// An AWS region's code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// A region by its code, as `eu-central-1`.
    pub fn new(code: impl Into<String>) -> Self {
        Self(code.into())
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a resource lives. RDS keeps nothing across regions or accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Account.
    pub account: Account,
    /// Region.
    pub region: Region,
}

impl Place {
    /// ARN of a resource, as in "Amazon Resource Names (ARNs) in Amazon RDS" (Amazon RDS User Guide).
    pub(crate) fn arn(&self, resource_type: ResourceType, name: &str) -> String {
        format!("arn:aws:rds:{}:{}:{}:{name}", self.region, self.account.0, resource_type.as_str())
    }

    /// The name of a resource of this place from its ARN, if it is one.
    pub(crate) fn name_in_arn<'a>(&self, resource_type: ResourceType, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.arn(resource_type, ""))
    }
}

/// The resource types of RDS we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceType {
    Instance,
    Snapshot,
    Cluster,
    ClusterSnapshot,
    AutomatedBackup,
    SubnetGroup,
    ParameterGroup,
    ClusterParameterGroup,
}

impl ResourceType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "db",
            Self::Snapshot => "snapshot",
            Self::Cluster => "cluster",
            Self::ClusterSnapshot => "cluster-snapshot",
            Self::AutomatedBackup => "auto-backup",
            Self::SubnetGroup => "subgrp",
            Self::ParameterGroup => "pg",
            Self::ClusterParameterGroup => "cluster-pg",
        }
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $parameter:literal, $length_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks the rules of the operation that creates one (Amazon RDS API Reference) and folds the case.
            ///
            /// # Errors
            /// When the text is too long, empty or has characters in wrong places.
            pub fn parse(text: &str) -> Result<Self, ApiError> {
                check_identifier($parameter, text, $length_max)?;
                Ok(Self(text.to_ascii_lowercase()))
            }

            /// What a request named, for a search: a name that cannot exist is simply not found.
            pub(crate) fn lookup(text: &str) -> Self {
                Self(text.to_ascii_lowercase())
            }

            /// The identifier, in lower case.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A DB instance identifier.
    InstanceId, "DBInstanceIdentifier", 63
);
identifier!(
    /// A DB snapshot identifier. Automated snapshots have a colon in theirs, which nobody may choose.
    SnapshotId, "DBSnapshotIdentifier", 255
);

identifier!(
    /// A DB cluster identifier.
    ClusterId, "DBClusterIdentifier", 63
);
identifier!(
    /// A DB cluster snapshot identifier.
    ClusterSnapshotId, "DBClusterSnapshotIdentifier", 63
);

/// What has data of its own, and so backups: a DB instance outside of clusters, or a DB cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Instance(InstanceId),
    Cluster(ClusterId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) => id.fmt(f),
            Self::Cluster(id) => id.fmt(f),
        }
    }
}

fn check_identifier(parameter: &str, text: &str, length_max: usize) -> Result<(), ApiError> {
    let begins_with_letter = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let only_allowed = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.is_empty() || text.len() > length_max {
        return Err(ApiError::invalid_value(format!(
            "The parameter {parameter} must contain from 1 to {length_max} letters, numbers, or hyphens."
        )));
    }
    if begins_with_letter && only_allowed && !text.contains("--") && !text.ends_with('-') {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!(
        "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; \
         and must not end with a hyphen or contain two consecutive hyphens."
    )))
}

#[cfg(test)]
mod tests {
    use super::{Account, InstanceId, Place, Region, ResourceType, SnapshotId};

    #[test]
    fn identifiers_follow_the_documented_rules_and_lose_their_case() {
        for bad in ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "ä", "rds:a", &"a".repeat(64)] {
            assert!(InstanceId::parse(bad).is_err(), "{bad:?} must be refused");
        }
        assert_eq!(InstanceId::parse("Orders-1").map(|id| id.to_string()).ok().as_deref(), Some("orders-1"));
        assert!(InstanceId::parse(&"a".repeat(63)).is_ok());
        assert!(SnapshotId::parse(&"a".repeat(255)).is_ok());
        assert!(SnapshotId::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn an_arn_of_another_place_or_type_names_nothing_here() {
        let place = Place { account: Account::default(), region: Region::new("eu-central-1") };
        let arn = place.arn(ResourceType::Snapshot, "s-1");
        assert_eq!(arn, "arn:aws:rds:eu-central-1:000000000000:snapshot:s-1");
        assert_eq!(place.name_in_arn(ResourceType::Snapshot, &arn), Some("s-1"));
        assert_eq!(place.name_in_arn(ResourceType::Instance, &arn), None);
        let elsewhere = Place { region: Region::new("us-east-1"), ..place };
        assert_eq!(elsewhere.name_in_arn(ResourceType::Snapshot, &arn), None);
        let of_cluster = elsewhere.arn(ResourceType::ClusterSnapshot, "rds:c-1");
        assert_eq!(elsewhere.name_in_arn(ResourceType::ClusterSnapshot, &of_cluster), Some("rds:c-1"));
        assert_eq!(elsewhere.name_in_arn(ResourceType::Cluster, &of_cluster), None);
    }
}
