//! What a changed plan would do differently, in words; what endangers recovery first.
//!
//! The two compiled plans are compared field by field, so that no difference is left out; those whose meaning is not plain from old
//! and new value alone are put into words.

mod tree;
mod wording;

use std::fmt;

use serde::Serialize;

use crate::compile::Compiled;

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Something will be lost, or not be proved any more.
    Danger,
    /// Something will be done otherwise.
    Change,
    /// Something will be kept longer, proved more often, or promised more.
    More,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// How much it matters.
    pub weight: Weight,
    /// Where: `resources.orders-db.snapshots.daily.keep`.
    pub path: String,
    /// What would be different, in words.
    pub says: String,
}

/// Everything that is different between two plans. `Display` is for people, `Serialize` for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// The old plan's SHA-256.
    pub old_sha256: String,
    /// The new plan's SHA-256.
    pub new_sha256: String,
    /// Dangers first, then by path.
    pub differences: Vec<Difference>,
}

impl Differences {
    /// Whether both plans say the same, however they are written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares two plans.
#[must_use]
pub fn diff(old: &Compiled, new: &Compiled) -> Differences {
    let (before, after) = (tree::of(old), tree::of(new));
    let mut differences: Vec<Difference> = tree::changes(&before, &after)
        .iter()
        .filter_map(|change| wording::word(change, old.plan(), new.plan()))
        .collect();
    differences.sort();
    differences.dedup();
    Differences { old_sha256: old.sha().to_string(), new_sha256: new.sha().to_string(), differences }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "the plans say the same");
        }
        let headings = [
            (Weight::Danger, "Danger: less is kept, or less is proved"),
            (Weight::Change, "Different"),
            (Weight::More, "More is kept, or more is proved"),
        ];
        let mut first = true;
        for (weight, heading) in headings {
            let of_weight: Vec<&Difference> = self.differences.iter().filter(|each| each.weight == weight).collect();
            if of_weight.is_empty() {
                continue;
            }
            if !first {
                writeln!(f)?;
            }
            first = false;
            writeln!(f, "{heading}")?;
            for difference in of_weight {
                writeln!(f, "  {}\n    {}", difference.path, difference.says)?;
            }
        }
        Ok(())
    }
}
