//! Start-up of a function: logs, configuration from the environment, a trigger in, one outcome record and a diagnostic out.

pub mod env;

use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime};

use holdfast_ports::{Class, Classified};
use holdfast_wire::{Trigger, WireError};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;

/// Runs a function until the runtime ends it.
///
/// Each invocation gets its trigger and the time that is left for it. Its outcome is logged once, as one record; its error is returned to
/// the runtime with its class as `errorType`, so that Lambda's retries and failure destinations see it.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn run<F, Fut, T, E>(function: &'static str, handler: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Trigger, Duration) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    T: Serialize,
    E: Classified,
{
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let left = time_left(event.context.deadline(), SystemTime::now());
        let outcome = match holdfast_wire::read(&event.payload) {
            Ok(trigger) => Box::pin(handler(trigger, left)).await.map_err(|error| diagnostic(&error)),
            Err(error) => Err(malformed(&error)),
        };
        log(function, &event.context.request_id, outcome)
    }))
    .await
}

/// The longest that Lambda lets an invocation run (source: Lambda Developer Guide, "Lambda quotas").
const INVOCATION_MAX: Duration = Duration::from_secs(15 * 60);

/// The time that an invocation has left.
///
/// A deadline lies in the future, or, with a clock that runs ahead, a little in the past: then nothing is left. One that is over by more
/// than the longest invocation was never meant: `cargo lambda watch` sends one of 1970. It limits nothing, so Lambda's own limit stands in,
/// for work that is split by the time left would otherwise never begin.
fn time_left(deadline: SystemTime, now: SystemTime) -> Duration {
    match deadline.duration_since(now) {
        Ok(left) => left,
        Err(over) if over.duration() > INVOCATION_MAX => INVOCATION_MAX,
        Err(_) => Duration::ZERO,
    }
}

/// Logs in JSON, once, before anything else; what is logged follows `RUST_LOG`.
pub fn start_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call finds the first one's subscriber and leaves it.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_target(false).without_time().try_init();
}

fn log<T: Serialize>(function: &str, request: &str, outcome: Result<T, Diagnostic>) -> Result<Value, Diagnostic> {
    match outcome {
        Ok(done) => {
            let done = serde_json::to_value(done).unwrap_or(Value::Null);
            tracing::info!(function.name = function, request.id = request, outcome = %done, "{function} has done its work");
            Ok(done)
        }
        Err(diagnostic) => {
            tracing::error!(
                function.name = function,
                request.id = request,
                error.class = diagnostic.error_type,
                error = diagnostic.error_message,
                "{function} has failed"
            );
            Err(diagnostic)
        }
    }
}

/// The whole chain of an error, rendered once.
fn diagnostic<E: Classified>(error: &E) -> Diagnostic {
    let mut error_message = error.to_string();
    let mut source = Error::source(error);
    while let Some(cause) = source {
        let words = cause.to_string();
        // A transparent error repeats its source; once is enough.
        if !error_message.ends_with(&words) {
            error_message.push_str(": ");
            error_message.push_str(&words);
        }
        source = cause.source();
    }
    let error_type = match error.class() {
        Class::Transient => "Holdfast.Transient",
        Class::Permanent => "Holdfast.Permanent",
    };
    Diagnostic { error_type: error_type.into(), error_message }
}

/// Lambda retries what cannot be read as it retries anything, and then gives it, whole and with this reason, to the failure destination.
fn malformed(error: &WireError) -> Diagnostic {
    Diagnostic { error_type: "Holdfast.Malformed".into(), error_message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_was_never_meant_leaves_lambdas_longest_time_and_a_missed_one_leaves_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_154_400);
        let second = Duration::from_secs(1);
        for (deadline, left) in [
            (now + 900 * second, 900 * second),
            (now + second, second),
            (now, Duration::ZERO),
            (now - second, Duration::ZERO),
            (now - INVOCATION_MAX, Duration::ZERO),
            (now - INVOCATION_MAX - second, INVOCATION_MAX),
            (SystemTime::UNIX_EPOCH, INVOCATION_MAX),
            // What cargo-lambda 1.9 sends: ten minutes, and the epoch instead of now.
            (SystemTime::UNIX_EPOCH + 600 * second, INVOCATION_MAX),
        ] {
            assert_eq!(time_left(deadline, now), left, "{deadline:?}");
        }
    }
}
