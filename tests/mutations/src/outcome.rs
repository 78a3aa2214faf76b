//! What came of each planted bug, kept in a file, so that a run that was cut short can go on.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What came of one planted bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A test failed: the bug was found.
    Found {
        /// In which round: a package, or the simulation.
        by: String,
        /// The tests that failed, in the order in which they ran; never empty.
        tests: Vec<String>,
    },
    /// The tests did not end in time: nobody would overlook that.
    Hung {
        /// In which round.
        by: String,
    },
    /// Every test passed. A hole in the tests.
    Survived {
        /// The rounds that did not find it.
        rounds: Vec<String>,
    },
    /// It does not compile, or is not where the list says: an error of the list.
    Unusable {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// Whether it was found.
    #[must_use]
    pub fn is_found(&self) -> bool {
        match self {
            Self::Found { .. } | Self::Hung { .. } => true,
            Self::Survived { .. } | Self::Unusable { .. } => false,
        }
    }
}

/// An outcome, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The bug's fingerprint.
    pub fingerprint: String,
    /// The tree that it was planted in.
    pub tree: String,
    /// How long it took.
    pub seconds: u64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Every outcome that is known, by the bug's id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outcomes(pub BTreeMap<String, Kept>);

impl Outcomes {
    /// Reads them; none if there is no such file.
    ///
    /// # Errors
    /// If the file is something else.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = std::fs::read(path)?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be read: remove it", path.display()))
    }

    /// Writes them.
    ///
    /// # Errors
    /// Those of files.
    pub fn write(&self, path: &Path) -> Result<()> {
        let half = path.with_extension("new");
        std::fs::write(&half, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&half, path).with_context(|| format!("{} cannot be written", path.display()))
    }
}
