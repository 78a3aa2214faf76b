//! Names as types, so that a region never stands where a resource was meant.
//!
//! Every type is built by [`FromStr`] or [`TryFrom<String>`] alone and so is always legal; `Display` gives the text back.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Why a text is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{value:?} is not a legal {sort}: {allowed}")]
pub struct NameError {
    /// What was wanted, in words: `region`, `resource name`.
    pub sort: &'static str,
    /// What was given, cut to 80 characters.
    pub value: String,
    /// What is allowed, in words.
    pub allowed: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $sort:literal, $legal:path, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(value: String) -> Result<Self, NameError> {
                if $legal(&value) {
                    Ok(Self(value))
                } else {
                    Err(NameError { sort: $sort, value: value.chars().take(80).collect(), allowed: $allowed })
                }
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(value: &str) -> Result<Self, NameError> {
                Self::try_from(value.to_owned())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A plan's name, unique among the plans of one account.
    PlanName, "plan name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// An environment: `prod`, `staging`.
    Environment, "environment", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// The plan's own name of a resource, not AWS's.
    ResourceName, "resource name", is_resource,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter, but neither rt nor beginning with rt-"
);
name!(
    /// A rule within a resource: `daily`, `first-monday`.
    RuleName, "rule name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// A check within a resource.
    CheckName, "check name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// A channel that reaches people.
    ChannelName, "channel name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// An AWS region by its code.
    Region, "region", is_region,
    "an AWS region code such as eu-central-1"
);
name!(
    /// An RDS DB instance identifier (source: RDS API Reference, `CreateDBInstance`). RDS folds case; lower case is asked for.
    DbInstanceId, "DB instance identifier", is_db_instance_id,
    "1 to 63 of a-z, 0-9 and single hyphens, beginning with a letter, not ending with a hyphen"
);
name!(
    /// An RDS, Aurora or DocumentDB cluster identifier (source: RDS API Reference, `CreateDBCluster`), lower case.
    DbClusterId, "DB cluster identifier", is_db_instance_id,
    "1 to 63 of a-z, 0-9 and single hyphens, beginning with a letter, not ending with a hyphen"
);
name!(
    /// An S3 bucket's name (source: S3 User Guide, "General purpose bucket naming rules").
    BucketName, "bucket name", is_bucket_name,
    "3 to 63 of a-z, 0-9, hyphens and single dots, beginning and ending with a letter or digit"
);
name!(
    /// An AWS account by its number.
    AccountId, "account id", is_account_id,
    "12 digits, in quotes"
);
name!(
    /// The plan's own name of an account.
    AccountName, "account name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// Who answers for something: `database`, `security`.
    OwnerName, "owner name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// A compliance stream: `pci`.
    StreamName, "stream name", is_plain,
    "1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter"
);
name!(
    /// An email address, as far as a shape can tell.
    EmailAddress, "email address", is_email_address,
    "an address such as dba@example.com, at most 254 characters"
);
name!(
    /// An RDS DB snapshot identifier. Automated ones carry a colon (`rds:orders-2026-11-20-02-00`), ours never do.
    DbSnapshotId, "DB snapshot identifier", is_db_snapshot_id,
    "1 to 255 of letters, digits, hyphens and colons, beginning with a letter"
);
name!(
    /// A run of a restore test: `{resource}.{rule}.{slot}`, or `{resource}.manual.{request}`.
    RunId, "run id", is_run_id,
    "1 to 140 of a-z, A-Z, 0-9, hyphens and dots, beginning with a letter"
);
name!(
    /// The SHA-256 of a compiled plan, in hex.
    PlanSha, "plan sha256", is_sha256,
    "64 hexadecimal digits"
);
name!(
    /// A secret's name in Secrets Manager (source: Secrets Manager API Reference, `CreateSecret`).
    SecretName, "secret name", is_secret_name,
    "1 to 512 of letters, digits and /_+=.@-"
);

fn is_plain(text: &str) -> bool {
    text.len() <= 40 && is_hyphenated(text)
}

/// A recovery point of a resource `rt` or `rt-…` would be named `hf-rt-…`, as only temporary things are.
fn is_resource(text: &str) -> bool {
    is_plain(text) && text != "rt" && !text.starts_with("rt-")
}

fn is_db_instance_id(text: &str) -> bool {
    text.len() <= 63 && is_hyphenated(text)
}

/// Lower-case words joined by single hyphens, the first beginning with a letter.
fn is_hyphenated(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn is_bucket_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A local part, one `@`, and a domain with a dot in it; whether anybody reads it only the first message shows.
fn is_email_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&b))
        && domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    (2..=4).contains(&words.len())
        && words.iter().all(|w| w.len() >= 2 && w.bytes().all(|b| b.is_ascii_lowercase()))
        && number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_db_snapshot_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b':')
}

fn is_run_id(text: &str) -> bool {
    (1..=140).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_secret_name(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_with_what_is_allowed() {
        for bad in ["", "Orders", "1st", "a--b", "a-", "-a", "a_b", "rt", "rt-orders", &"a".repeat(41)] {
            assert!(ResourceName::from_str(bad).is_err(), "{bad}");
        }
        let error = ResourceName::from_str("Orders DB").expect_err("capitals are not legal");
        assert_eq!(
            error.to_string(),
            "\"Orders DB\" is not a legal resource name: \
             1 to 40 of a-z, 0-9 and single hyphens, beginning with a letter, but neither rt nor beginning with rt-"
        );
    }

    #[test]
    fn every_region_shape_of_aws_is_accepted() {
        for good in ["eu-central-1", "us-gov-east-1", "ap-southeast-7", "us-isob-east-1"] {
            assert!(Region::from_str(good).is_ok(), "{good}");
        }
        for bad in ["eu", "eu-central", "eu_central_1", "EU-CENTRAL-1", "eu-central-1a"] {
            assert!(Region::from_str(bad).is_err(), "{bad}");
        }
    }
}
