//! Where rooms stand, as the deployment says.

use std::collections::BTreeMap;

use holdfast_domain::Region;
use thiserror::Error;

use crate::step::Patience;

/// Where rooms stand and how patient we are: deployment's business, not the plan's.
#[derive(Debug, Clone)]
pub struct Config {
    /// The clean room's subnet group.
    pub subnet_group: String,
    /// The clean room's security groups.
    pub security_groups: SecurityGroups,
    /// A parameter group that keeps background work off.
    pub parameter_group: Option<String>,
    /// An option group.
    pub option_group: Option<String>,
    /// How long `verify` may be silent before it is called again.
    pub patience: Patience,
    /// What evidence says of who wrote it: `restore-test 0.1.0, Lambda version 7`.
    pub written_by: String,
}

/// Security groups by region: they are a region's own, while names of subnet, parameter and option groups can be the same in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroups {
    /// Where no others are named.
    everywhere: Vec<String>,
    elsewhere: BTreeMap<Region, Vec<String>>,
}

/// Why a list of security groups is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no security group; allowed: sg-0123456789abcdef0, or us-east-1:sg-0123456789abcdef0 for one region")]
pub struct SecurityGroupError(String);

impl SecurityGroups {
    /// Reads a list: `sg-…` for every region that has none of its own, `us-east-1:sg-…` for one.
    ///
    /// # Errors
    /// When an entry is neither.
    pub fn read(list: &[String]) -> Result<Self, SecurityGroupError> {
        let mut groups = Self { everywhere: Vec::new(), elsewhere: BTreeMap::new() };
        for entry in list {
            let wrong = || SecurityGroupError(entry.clone());
            match entry.split_once(':') {
                None if !entry.is_empty() => groups.everywhere.push(entry.clone()),
                Some((region, group)) if !group.is_empty() => {
                    let region = region.parse().map_err(|_| wrong())?;
                    groups.elsewhere.entry(region).or_default().push(group.to_owned());
                }
                None | Some(_) => return Err(wrong()),
            }
        }
        Ok(groups)
    }

    /// Those of a region; there may be none, and then no room can be sealed there.
    #[must_use]
    pub fn of(&self, region: &Region) -> &[String] {
        self.elsewhere.get(region).unwrap_or(&self.everywhere)
    }
}
