//! A finding as JSON.

use holdfast_domain::plan::PlanPart;
use holdfast_domain::{Cause, Finding, FindingState, ResourceName, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The JSON shape of [`Finding`]; field for field the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingShape {
    #[serde(with = "crate::text")]
    cause: Cause,
    state: State,
    #[serde(with = "crate::text")]
    severity: Severity,
    #[serde(with = "crate::text::optional", default, skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceName>,
    #[serde(with = "crate::plan_part", default, skip_serializing_if = "Option::is_none")]
    part: Option<PlanPart>,
    title: String,
    threatens: String,
    next_step: String,
    facts: Vec<(String, String)>,
    seen_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Open,
    Resolved,
}

impl From<Finding> for FindingShape {
    fn from(finding: Finding) -> Self {
        Self {
            cause: finding.cause,
            state: match finding.state {
                FindingState::Open => State::Open,
                FindingState::Resolved => State::Resolved,
            },
            severity: finding.severity,
            resource: finding.resource,
            part: finding.part,
            title: finding.title,
            threatens: finding.threatens,
            next_step: finding.next_step,
            facts: finding.facts,
            seen_at: finding.seen_at,
        }
    }
}

impl From<FindingShape> for Finding {
    fn from(shape: FindingShape) -> Self {
        Self {
            cause: shape.cause,
            state: match shape.state {
                State::Open => FindingState::Open,
                State::Resolved => FindingState::Resolved,
            },
            severity: shape.severity,
            resource: shape.resource,
            part: shape.part,
            title: shape.title,
            threatens: shape.threatens,
            next_step: shape.next_step,
            facts: shape.facts,
            seen_at: shape.seen_at,
        }
    }
}
