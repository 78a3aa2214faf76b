//! AWS on one machine: RDS with real PostgreSQL, MiniStack, receivers, and the drill.

pub mod build;
pub mod cloud;
pub mod deploy;
pub mod drill;
pub mod endpoint;
mod fingerprint;
pub mod ministack;
pub mod postgres;
pub mod rds;
pub mod receivers;
pub mod recorder;
pub mod sample;
pub mod sockets;
pub mod venv;
pub mod wiring;
pub mod zips;
