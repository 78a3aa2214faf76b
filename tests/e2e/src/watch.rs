//! Waiting for facts: never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use futures_util::future::{LocalBoxFuture, join_all};

/// Often enough that a test ends soon after its fact, seldom enough to leave the machine to what is watched.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a look found.
#[derive(Debug)]
pub enum Look<T> {
    /// The fact.
    Is(T),
    /// Not yet, and what there was instead.
    NotYet(String),
}

impl Look<()> {
    /// The fact itself is all that is wanted.
    #[must_use]
    pub fn at(holds: bool, seen: impl FnOnce() -> String) -> Self {
        if holds { Self::Is(()) } else { Self::NotYet(seen()) }
    }
}

/// Looks until it is so.
///
/// # Errors
/// When it is not so in time, with what was seen last; and the first error of a look.
pub async fn eventually<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<Look<T>>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let seen = match look().await? {
            Look::Is(fact) => return Ok(fact),
            Look::NotYet(seen) => seen,
        };
        ensure!(Instant::now() < deadline, "{what}: not so within {} s; last seen: {seen}", within.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Lets scenarios go side by side, each to its end, whatever becomes of the others.
///
/// # Errors
/// Every scenario that does not hold, by name.
pub async fn all_hold(scenarios: Vec<(&str, LocalBoxFuture<'_, Result<()>>)>) -> Result<()> {
    let outcomes = join_all(scenarios.into_iter().map(async |(name, scenario)| (name, scenario.await))).await;
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(|(name, outcome)| Some(format!("- {name}:\n  {:#}", outcome.err()?))).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(anyhow!("{} scenarios do not hold:\n{}", failed.len(), failed.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_fact_that_does_not_come_is_told_with_what_was_seen() {
        let outcome =
            eventually("the room is gone", Duration::ZERO, async || Ok(Look::at(false, || "deleting".into()))).await;
        assert_eq!(
            outcome.expect_err("never so").to_string(),
            "the room is gone: not so within 0 s; last seen: deleting"
        );
    }

    #[tokio::test]
    async fn every_scenario_that_does_not_hold_is_told() {
        let scenarios = vec![
            ("one", async { Err(anyhow!("first")) }.boxed_local()),
            ("two", async { Ok(()) }.boxed_local()),
            ("three", async { Err(anyhow!("third")) }.boxed_local()),
        ];
        let words = all_hold(scenarios).await.expect_err("two do not hold").to_string();
        assert!(
            words.contains("one:\n  first") && words.contains("three:\n  third") && !words.contains("two:"),
            "{words}"
        );
    }
}
