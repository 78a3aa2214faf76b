//! The circuit diagram, `infra/wiring.yaml`: read, and refused with every reason at once when it does not hold together.
//!
//! Nothing here knows an endpoint or an SDK. [`crate::deploy`] carries the diagram out.

mod check;
mod schema;

pub use check::Problem;
pub use schema::{
    Bucket, Bus, Function, Input, PlanPlace, PlanSchedules, Queue, Regions, Rule, Setting, Sweep, Target, Topic, Value,
    Wiring,
};

/// The bus that AWS services speak on; it exists in every region and is never made.
pub const DEFAULT_BUS: &str = "default";

/// The diagram of this repository.
const WIRING: &str = include_str!("../../../infra/wiring.yaml");

/// Why a wiring was refused.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// Not YAML, or not of this shape. The message carries line and column.
    #[error("wiring.yaml cannot be read: {0}")]
    Shape(String),
    /// It reads well and makes no sense: every problem found.
    #[error("wiring.yaml does not hold together:{}", .0.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Problems(Vec<Problem>),
}

impl Wiring {
    /// The wiring of this repository, `infra/wiring.yaml`.
    ///
    /// # Errors
    /// When the file is wrong; a test holds that it is not.
    pub fn holdfast() -> Result<Self, WiringError> {
        Self::parse(WIRING)
    }

    /// Reads a wiring and checks every reference in it.
    ///
    /// # Errors
    /// When it has another shape (unknown keys are refused), or refers to what is not there.
    pub fn parse(yaml: &str) -> Result<Self, WiringError> {
        let wiring: Self = serde_saphyr::from_str(yaml).map_err(|error| WiringError::Shape(error.to_string()))?;
        let problems = check::problems(&wiring);
        if problems.is_empty() { Ok(wiring) } else { Err(WiringError::Problems(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository's wiring with one piece of text replaced, which must be there.
    fn refused(from: &str, to: &str) -> String {
        assert!(WIRING.contains(from), "no `{from}` in wiring.yaml");
        Wiring::parse(&WIRING.replacen(from, to, 1)).expect_err("must be refused").to_string()
    }

    #[test]
    fn the_repositorys_wiring_holds_together() {
        let wiring = Wiring::holdfast().expect("a good wiring");
        let functions: Vec<&str> = wiring.functions.keys().map(String::as_str).collect();
        assert_eq!(functions, ["acknowledge", "alert", "restore-test", "snapshot", "verify"]);
        assert_eq!(wiring.functions["verify"].files, ["rds-ca.pem"]);
    }

    #[test]
    fn every_failure_of_a_function_goes_somewhere_and_alerts_never_back_to_alert() {
        let wiring = Wiring::holdfast().expect("a good wiring");
        for (name, function) in &wiring.functions {
            let topic = &wiring.topics[&function.on_failure];
            assert!(topic.subscribers.iter().any(|subscriber| matches!(subscriber, Target::Queue(_))), "{name}");
        }
        let alert_failures = &wiring.topics[&wiring.functions["alert"].on_failure];
        assert!(!alert_failures.subscribers.contains(&Target::Function("alert".into())));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let error = refused("timeout_seconds: 60", "timeout: 60");
        assert!(error.contains("timeout") && error.contains("line"), "{error}");
    }

    #[test]
    fn a_reference_to_nothing_names_the_place_and_what_there_is() {
        let error = refused("targets: [{ function: verify }]", "targets: [{ function: verfy }]");
        let expected = "rules.verification-wanted.targets[0]: no function `verfy`; there are: acknowledge, alert, ";
        assert!(error.contains(expected), "{error}");
        let error = refused("{ setting: room_networks }", "{ setting: networks }");
        assert!(
            error.contains("functions.verify.environment.HOLDFAST_ROOM_NETWORKS: no setting `networks`"),
            "{error}"
        );
        let error = refused("on_failure: holdfast-fallback", "on_failure: fallback");
        assert!(error.contains("functions.alert.on_failure: no topic `fallback`"), "{error}");
        let error = refused("    bus: default\n", "    bus: aws\n");
        assert!(error.contains("rules.rds-events-home.bus: no bus `aws`; there are: default, holdfast"), "{error}");
        let error = refused("opt_in: acknowledge_secret", "opt_in: acknowledge");
        assert!(error.contains("functions.acknowledge.opt_in: no setting `acknowledge`"), "{error}");
        let error = refused("opt_in: acknowledge_secret", "opt_in: sweep_every");
        assert!(error.contains("setting `sweep_every` always has a value"), "{error}");
        let error = refused("files: [rds-ca.pem]", "files: []");
        assert!(error.contains("HOLDFAST_ROOM_CA_FILE: no file `rds-ca.pem`"), "{error}");
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let yaml = WIRING.replace("{ bus: holdfast }", "{ bus: hold }").replace("retries: 2", "retries: 3");
        let Err(WiringError::Problems(problems)) = Wiring::parse(&yaml) else { panic!("must be refused") };
        assert!(problems.len() >= 9, "{problems:?}");
    }

    #[test]
    fn what_aws_would_refuse_is_refused_here() {
        let error = refused("retries: 2", "retries: 3");
        assert!(error.contains("retries: 3 is not within 0 to 2"), "{error}");
        let error = refused("timeout_seconds: 900", "timeout_seconds: 901");
        assert!(error.contains("timeout_seconds: 901 is not within 1 to 900"), "{error}");
        let error = refused("regions: plan          #", "regions: home          #");
        assert!(
            error.contains("rules.rds-events-home.dead_letters: queue `holdfast-dead-letters` is not in every region"),
            "{error}"
        );
        let error = refused("targets: [{ topic: holdfast-findings }]", "targets: []");
        assert!(error.contains("rules.findings.targets: empty; a rule without a target does nothing"), "{error}");
    }

    #[test]
    fn a_function_in_another_region_cannot_be_a_target() {
        let error = refused("targets: [{ bus: holdfast }]", "targets: [{ function: snapshot }]");
        assert!(error.contains("a rule in every region can only send to a bus"), "{error}");
    }
}
