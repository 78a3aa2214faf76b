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

#[cfg(feature = "yaml")]
mod almanac;
#[cfg(feature = "yaml")]
mod carried_out;
mod compile;
mod decode;
#[cfg(feature = "yaml")]
mod diff;
mod encode;
#[cfg(feature = "yaml")]
mod explain;
#[cfg(feature = "yaml")]
mod forecast;
mod json;
#[cfg(feature = "yaml")]
mod judge;
mod language;
mod node;
#[cfg(feature = "yaml")]
mod places;
#[cfg(feature = "yaml")]
mod prices;
mod problem;
#[cfg(feature = "yaml")]
mod promise;
#[cfg(feature = "yaml")]
mod schema;
#[cfg(feature = "yaml")]
mod table;
#[cfg(feature = "yaml")]
mod together;
mod units;
#[cfg(feature = "yaml")]
mod words;
#[cfg(feature = "yaml")]
mod yaml;

pub use compile::{Compiled, FunctionSchedule, ScheduledFunction};
#[cfg(feature = "yaml")]
pub use diff::{Difference, Differences, Weight, diff};
#[cfg(feature = "yaml")]
pub use explain::{
    CalendarDays, CalendarLine, EXPLAINED_DAYS_MAX, ExplainError, ExplainRequest, Explanation, LossAnswer,
    ResourceAnswers, explain,
};
#[cfg(feature = "yaml")]
pub use forecast::{CostForecast, Forecast, ForecastError, ForecastRequest, PointsForecast, forecast};
#[cfg(feature = "yaml")]
pub use prices::PriceList;
pub use problem::{Problem, Problems, Severity};
#[cfg(feature = "yaml")]
pub use schema::schema;
#[cfg(feature = "yaml")]
pub use together::{ReadPlan, check_together};

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

/// Reads a duration as a plan writes it: `7d`, `36h`.
///
/// # Errors
/// What is wrong with it, and what is wanted; both in words that follow the value.
pub fn read_duration(text: &str) -> Result<jiff::SignedDuration, (String, String)> {
    units::read_duration(text)
}

/// Writes a duration as a plan does, in the largest unit that divides it: `7d`, `90s`.
#[must_use]
pub fn write_duration(duration: jiff::SignedDuration) -> String {
    units::write_duration(duration)
}
