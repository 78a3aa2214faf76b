//! Ports: the narrow openings between decisions and the world.
//!
//! One capability each; a function's `handle` names exactly those it needs, and its IAM role grants exactly those.
//! No SDK type appears here, so that simulation, fuzzing and mutation runs compile none.
//!
//! Every implementation keeps these rules, and `holdfast_testkit::conformance` holds them to it:
//! - An answer is whole or an error. Pagination happens inside, bounded; a list cut short is an error, never a list.
//! - A call that failed with [`Class::Transient`] may have happened. Whoever repeats it must bear "already exists".
//! - Nothing here retries without bound, and nothing waits for AWS to finish long work.

mod error;
mod failures;
mod objects;
mod parameters;
mod people;
mod rds;
mod secret;
mod system;

pub use error::{Class, PortError, PortErrorKind};
pub use failures::{Classified, Failures};
pub use objects::{Fetched, KEYS_MAX, Object, Objects, Precondition};
pub use parameters::{
    ChangedParameter, MakeParameterGroup, PARAMETERS_MAX, ParameterGroup, ParameterGroupId, ParameterGroups,
    RoomParameters,
};
pub use people::{Answer, Email, FallbackTopic, Mail, Metrics, Post, Webhooks};
pub use rds::{
    ClusterRooms, ClusterSource, CreateDbSnapshot, CreateMember, DbClusters, DbInstances, DbSnapshots, ITEMS_MAX,
    ReplicatedBackups, RestoreDbCluster, RestoreDbInstance, RoomReset, RoomRestore, RoomSource, SnapshotTagger,
    SnapshotTaker,
};
pub use secret::{Password, ReadSecrets, RoomSecrets};
pub use system::{Bus, Clock, Entropy};
