//! Configuration from the environment. Every variable is named in `infra/wiring.yaml`.

use std::str::FromStr;

use thiserror::Error;

/// A variable that is missing or wrong.
#[derive(Debug, Error)]
#[error("the environment variable {name} {problem}")]
pub struct EnvError {
    name: &'static str,
    problem: String,
}

/// A variable that must be there and not be empty.
///
/// # Errors
/// When it is missing or empty.
pub fn required(name: &'static str) -> Result<String, EnvError> {
    optional(name).ok_or_else(|| EnvError {
        name,
        problem: "is missing; infra/wiring.yaml says where its value comes from".into(),
    })
}

/// A variable that may be missing. Empty counts as missing.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A comma-separated list with at least one member.
///
/// # Errors
/// When it is missing or empty.
pub fn list(name: &'static str) -> Result<Vec<String>, EnvError> {
    let members: Vec<String> =
        required(name)?.split(',').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
    if members.is_empty() { Err(EnvError { name, problem: "has no member".into() }) } else { Ok(members) }
}

/// A variable of any type that can be read from text; the default if it is missing.
///
/// # Errors
/// When it is there and cannot be read.
pub fn parsed<T: FromStr>(name: &'static str, default: T) -> Result<T, EnvError>
where
    T::Err: std::fmt::Display,
{
    match optional(name) {
        None => Ok(default),
        Some(value) => value
            .parse()
            .map_err(|error| EnvError { name, problem: format!("is {value:?}, which is not legal: {error}") }),
    }
}
