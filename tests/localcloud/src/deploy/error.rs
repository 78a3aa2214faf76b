//! What can stop a deployment.

use std::error::Error;

/// Why something was not deployed, or could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The settings do not fit the wiring: every reason.
    #[error("the settings do not fit wiring.yaml: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The packages do not fit the wiring: every reason.
    #[error("the packages do not fit wiring.yaml: {}", .0.join("; "))]
    Packages(Vec<String>),
    /// The plan does not fit the wiring, or is not one.
    #[error("plan.json: {0}")]
    Plan(String),
    /// Asked for something that the deployment does not have.
    #[error("no {kind} {name} is deployed; there are: {known}")]
    NotDeployed {
        /// Queue or function.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The endpoint refused, or could not be reached.
    #[error("cannot {action} {name}")]
    Call {
        /// What was tried.
        action: &'static str,
        /// On what.
        name: String,
        /// The reason, with its own sources.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It was done, and never came to be.
    #[error("{name} is {state} after {seconds} s; expected {expected}")]
    NotReady {
        /// What we waited for.
        name: String,
        /// Its state at the end.
        state: String,
        /// The state it should have.
        expected: &'static str,
        /// How long we waited.
        seconds: u64,
    },
}

/// For `map_err`: what was tried on what.
pub(super) fn call<E: Into<Box<dyn Error + Send + Sync>>>(
    action: &'static str,
    name: &str,
) -> impl FnOnce(E) -> DeployError {
    let name = name.to_owned();
    move |error| DeployError::Call { action, name, source: error.into() }
}

/// For answers that lack what the API promises.
pub(super) fn missing(action: &'static str, name: &str, field: &'static str) -> DeployError {
    call(action, name)(format!("the answer has no {field}"))
}
