//! What people and other functions ask of `alert`.

use serde::{Deserialize, Serialize};

use crate::WireError;

/// Somebody has seen an incident and takes care of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// The incident's id, or a cause that stands in it.
    pub incident: String,
    /// Who.
    pub by: String,
    /// What they have to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A marked test message through every channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertTest {
    /// Who tries it out, so that whoever is woken knows whom to ask.
    pub by: String,
    /// Only this channel; every channel of the plan if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// What is asked of `alert` directly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertRequest {
    /// Somebody takes care of an incident.
    Acknowledge(Acknowledge),
    /// Somebody tries the channels out.
    Test(AlertTest),
}

/// The longest name of a person and the longest note.
const BY_MAX: usize = 200;
const NOTE_MAX: usize = 2_000;

impl Acknowledge {
    /// What was read, if it can be one: the incident becomes part of a key in the ledger.
    pub(crate) fn checked(self) -> Result<Self, WireError> {
        let legal = |c: char| c.is_ascii_graphic();
        if self.incident.is_empty() || self.incident.len() > 255 || !self.incident.chars().all(legal) {
            let allowed = "the id of an incident or a cause: 1 to 255 printable ASCII characters without spaces";
            return Err(WireError::new("incident", format!("{:?} is neither", self.incident), allowed));
        }
        person(&self.by)?;
        if self.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
            return Err(WireError::new("note", "it is too long", format!("{NOTE_MAX} characters")));
        }
        Ok(self)
    }
}

impl AlertTest {
    pub(crate) fn checked(self) -> Result<Self, WireError> {
        person(&self.by)?;
        Ok(self)
    }
}

fn person(by: &str) -> Result<(), WireError> {
    if by.trim().is_empty() || by.chars().count() > BY_MAX || by.chars().any(char::is_control) {
        let problem = format!("{by:?} names nobody");
        return Err(WireError::new("by", problem, format!("a name of 1 to {BY_MAX} characters on one line")));
    }
    Ok(())
}
