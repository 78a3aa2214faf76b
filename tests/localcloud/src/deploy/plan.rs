//! The part of `plan.json` that a deployment needs. `holdfast-plan` writes it and knows the rest.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::DeployError;
use crate::wiring::Wiring;

/// A compiled plan, as bytes to be uploaded and as the three facts that wiring depends on.
#[derive(Debug, Clone)]
pub struct PlanArtifact {
    /// `plan.json` as it was compiled, byte for byte.
    pub json: Vec<u8>,
    /// The plan's own hash, the name of its pinned copy.
    pub sha256: String,
    /// What the plan starts, each once.
    pub schedules: BTreeSet<PlanSchedule>,
    /// Every region that the plan names.
    pub regions: BTreeSet<String>,
}

/// One schedule of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct PlanSchedule {
    /// The function to start.
    pub function: String,
    /// A Scheduler expression: `cron(…)`, `rate(…)` or `at(…)`.
    pub expression: String,
    /// IANA time zone.
    pub time_zone: String,
}

#[derive(Deserialize)]
struct Head {
    sha256: String,
    schedules: BTreeSet<PlanSchedule>,
    regions: BTreeSet<String>,
}

impl PlanArtifact {
    /// Reads what a deployment needs of a `plan.json`.
    ///
    /// # Errors
    /// When it is not JSON, or has no `sha256`, `schedules` or `regions`.
    pub fn read(json: Vec<u8>) -> Result<Self, DeployError> {
        let head: Head = serde_json::from_slice(&json)
            .map_err(|error| DeployError::Plan(format!("{error}; `plan compile` writes one that can be deployed")))?;
        Ok(Self { json, sha256: head.sha256, schedules: head.schedules, regions: head.regions })
    }

    pub(super) fn check(&self, wiring: &Wiring) -> Result<(), DeployError> {
        let allowed = &wiring.plan_schedules.functions;
        match self.schedules.iter().find(|schedule| !allowed.contains(&schedule.function)) {
            None => Ok(()),
            Some(schedule) => Err(DeployError::Plan(format!(
                "schedules: {} starts `{}`; plan_schedules.functions of wiring.yaml allows: {}",
                schedule.expression,
                schedule.function,
                allowed.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(function: &str) -> Vec<u8> {
        let schedule = serde_json::json!({"function": function, "expression": "cron(0 2 * * ? *)", "time_zone": "UTC", "rule": "daily"});
        serde_json::json!({"sha256": "ab", "schedules": [schedule.clone(), schedule], "regions": ["eu-central-1"], "name": "x"}).to_string().into_bytes()
    }

    #[test]
    fn a_schedule_named_twice_is_one() {
        assert_eq!(PlanArtifact::read(plan("snapshot")).expect("a plan").schedules.len(), 1);
    }

    #[test]
    fn a_plan_cannot_start_what_the_wiring_does_not_let_it() {
        let wiring = Wiring::holdfast().expect("a wiring");
        let error =
            PlanArtifact::read(plan("verify")).expect("a plan").check(&wiring).expect_err("not allowed").to_string();
        assert!(
            error.contains("starts `verify`") && error.contains("allows: snapshot, restore-test, alert"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_a_compiled_plan_is_refused_with_the_missing_field() {
        let error = PlanArtifact::read(b"{\"version\": 1}".to_vec()).expect_err("not a plan").to_string();
        assert!(error.contains("sha256") && error.contains("plan compile"), "{error}");
    }
}
