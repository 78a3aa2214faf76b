//! An in-memory cloud behind the ports, with a virtual clock and faults on demand.
//!
//! It is held to the same conformance suite as the real implementations ([`conformance`]); what it does beyond that suite, no test
//! may lean on. Nothing here sleeps: time passes when [`MemoryCloud::pass`] says so.

mod cluster_rooms;
pub mod conformance;
mod faults;
mod memory;
mod parameters;
mod people;
mod ports;
mod rate;
mod recovery_points;
pub mod sample;

pub use faults::{Call, Fault};
pub use memory::{MemoryCloud, Timings};
pub use rate::Rate;
