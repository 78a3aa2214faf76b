//! What the checks said, and what follows from it. The whole of "proved" is decided here.

use std::fmt;

use jiff::SignedDuration;

/// Whether a check must run for a run to be a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Not run means not proved.
    Required,
    /// Not run is said, and nothing follows.
    BestEffort,
}

/// What one check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and what it looked at is as it must be.
    Passed,
    /// It ran, and something is wrong.
    Failed,
    /// It could not run. Never the same as passed.
    NotRun,
}

/// One check's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// Which check, unique within a run: `heap public.orders`, `sql open-orders`.
    pub check: String,
    /// The table or index it looked at, schema-qualified, if one.
    pub subject: Option<String>,
    /// Whether it had to run.
    pub requirement: Requirement,
    /// What it said.
    pub outcome: Outcome,
    /// In words: what was found, or why it could not run.
    pub detail: String,
    /// How long it took.
    pub took: SignedDuration,
}

/// The verdict on one recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Proved: every required check ran, and none failed.
    Passed,
    /// Something is wrong with the data, or it could not be restored.
    Failed,
    /// Not proved, and not disproved.
    Inconclusive,
}

impl Verdict {
    /// Judges the results of a whole set of checks.
    ///
    /// A failed check, required or not, fails the run: damage that was seen is damage. A required check that did not
    /// run, or no required check at all, leaves it inconclusive.
    #[must_use]
    pub fn of<'a>(results: impl IntoIterator<Item = &'a CheckResult>) -> Self {
        let (mut failed, mut required_passed, mut required_not_run) = (false, 0_u64, false);
        for result in results {
            match (result.outcome, result.requirement) {
                (Outcome::Failed, _) => failed = true,
                (Outcome::Passed, Requirement::Required) => required_passed += 1,
                (Outcome::NotRun, Requirement::Required) => required_not_run = true,
                (Outcome::Passed | Outcome::NotRun, Requirement::BestEffort) => {}
            }
        }
        if failed {
            Self::Failed
        } else if required_not_run || required_passed == 0 {
            Self::Inconclusive
        } else {
            Self::Passed
        }
    }

    /// The word used in records and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(requirement: Requirement, outcome: Outcome) -> CheckResult {
        CheckResult {
            check: "heap public.orders".into(),
            subject: None,
            requirement,
            outcome,
            detail: String::new(),
            took: SignedDuration::ZERO,
        }
    }

    #[test]
    fn only_a_run_whose_required_checks_all_ran_is_a_proof() {
        use Outcome::{Failed, NotRun, Passed};
        use Requirement::{BestEffort, Required};
        let cases: [(&[(Requirement, Outcome)], Verdict); 8] = [
            (&[], Verdict::Inconclusive),
            (&[(BestEffort, Passed)], Verdict::Inconclusive),
            (&[(Required, Passed)], Verdict::Passed),
            (&[(Required, Passed), (BestEffort, NotRun)], Verdict::Passed),
            (&[(Required, Passed), (Required, NotRun)], Verdict::Inconclusive),
            (&[(Required, NotRun), (Required, Failed)], Verdict::Failed),
            (&[(Required, Passed), (Required, Failed)], Verdict::Failed),
            (&[(Required, Passed), (BestEffort, Failed)], Verdict::Failed),
        ];
        for (given, wanted) in cases {
            let results: Vec<CheckResult> = given.iter().map(|(r, o)| result(*r, *o)).collect();
            assert_eq!(Verdict::of(&results), wanted, "{given:?}");
        }
    }
}
