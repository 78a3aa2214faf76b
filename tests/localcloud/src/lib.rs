//! AWS on one machine: RDS with real PostgreSQL, MiniStack, receivers, and the drill.

pub mod postgres;
pub mod rds;
pub mod receivers;
pub mod sample;
pub mod build;
pub mod deploy;
pub mod endpoint;
mod fingerprint;
pub mod ministack;
pub mod recorder;
pub mod venv;
pub mod wiring;
pub mod zips;
pub mod cloud;
pub mod drill;
