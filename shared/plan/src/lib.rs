//! The plan file: parsed, checked, compiled to `plan.json`.
//!
//! ```text
//! plan.yaml ─ yaml ─┐                              ┌─> domain::Plan
//!                   ├─> Node ─ decode ─> Draft ────┤
//! plan.json ─ json ─┘                              └─ encode ─> Node ─> plan.json, sha256
//! ```
//!
//! Both formats go through one decoder, so what a function loads was checked by the same rules as what a person wrote.
//! Nothing here reads a clock, the environment or the network: the same bytes give the same plan. The language is described
//! in `docs/plan.md`.
//!
//! Without the feature `yaml` no YAML parser is compiled: functions read `plan.json` only.

mod compile;
mod decode;
mod encode;
mod json;
mod node;
mod problem;
mod units;
#[cfg(feature = "yaml")]
mod yaml;

pub use compile::{Compiled, FunctionSchedule, ScheduledFunction};
pub use problem::{Problem, Problems, Severity};

/// Reads, checks and compiles a `plan.yaml`. `file_name` is used in messages only.
///
/// # Errors
/// Every problem at once, in the order of the file.
#[cfg(feature = "yaml")]
pub fn read_yaml(file_name: &str, text: &str) -> Result<Compiled, Problems> {
    let (source, log) = yaml::read(file_name, text)?;
    compile::compile(&source, log)
}

/// As [`read_yaml`], of bytes: what is not UTF-8 is refused with its place.
///
/// # Errors
/// Every problem at once, in the order of the file.
#[cfg(feature = "yaml")]
pub fn read_yaml_bytes(file_name: &str, bytes: &[u8]) -> Result<Compiled, Problems> {
    let (source, log) = yaml::read_bytes(file_name, bytes)?;
    compile::compile(&source, log)
}
