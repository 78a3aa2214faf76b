//! Parameter groups: to read anybody's, and to make and delete those of rooms.
//!
//! RDS keeps the groups of DB instances and those of DB clusters apart, by calls and by names; so does every function here, by its kind.

use std::collections::BTreeMap;
use std::future::Future;

use holdfast_domain::Region;
use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::tags::Tags;

use crate::PortError;

/// The most parameters that one group is read to have changed, and the most that one of ours is given.
///
/// A family has a few hundred (`postgres15` under 400); no number is documented, so this one is ours.
pub const PARAMETERS_MAX: usize = 1_000;

/// Which parameter group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParameterGroupId {
    /// Where.
    pub region: Region,
    /// Of DB instances or of DB clusters.
    pub kind: DatabaseKind,
    /// Its name.
    pub name: String,
}

/// A parameter that somebody changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedParameter {
    /// Its value: a number, a word, or a formula over the instance class (`{DBInstanceClassMemory/32768}`).
    pub value: String,
    /// Whether RDS lets it be changed.
    pub modifiable: bool,
}

/// What a parameter group makes of its family's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterGroup {
    /// The family: `postgres15`, `aurora-postgresql15`, `docdb5.0`, …
    pub family: String,
    /// What somebody changed (source `user`), by name; empty for a default group, which nobody can change.
    pub changed: BTreeMap<String, ChangedParameter>,
}

/// To read parameter groups, whosever they are.
pub trait ParameterGroups: Sync {
    /// One group, with everything in it that somebody changed.
    ///
    /// # Errors
    /// `NotFound`; `TooMany` over [`PARAMETERS_MAX`].
    fn parameter_group(
        &self,
        group: &ParameterGroupId,
    ) -> impl Future<Output = Result<ParameterGroup, PortError>> + Send;
}

/// A parameter group to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeParameterGroup {
    /// Which.
    pub group: ParameterGroupId,
    /// Its family.
    pub family: String,
    /// For people, who see it in the console; never empty, RDS demands one.
    pub description: String,
    /// What it changes of its family's defaults.
    pub parameters: BTreeMap<String, String>,
    /// Its tags; an existing group that does not bear all of them is not ours.
    pub tags: Tags,
}

/// To make and delete the parameter groups of rooms. Implementations refuse any name that does not begin with `hf-rt-`, before any call.
pub trait RoomParameters: Sync {
    /// Makes a group and gives it its parameters. One that is ours already gets them again: the first attempt may have been cut short.
    ///
    /// # Errors
    /// `AlreadyExists` (one of this name that is not ours), `QuotaExceeded`, `InvalidState`, `Invalid` (RDS knows no such family or
    /// parameter, or refuses a value).
    fn make_parameter_group(&self, request: &MakeParameterGroup) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Deletes a group. One that is gone is done.
    ///
    /// # Errors
    /// `InvalidState` while a database uses it.
    fn delete_parameter_group(&self, group: &ParameterGroupId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Every group of the region, of both kinds, whose name begins with `hf-rt-`, with its tags.
    fn temporary_parameter_groups(
        &self,
        region: &Region,
    ) -> impl Future<Output = Result<Vec<(ParameterGroupId, Tags)>, PortError>> + Send;
}
