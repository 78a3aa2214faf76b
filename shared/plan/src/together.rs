//! Plans that are checked together: what only shows when the environments of one system stand side by side.

use crate::compile::Compiled;
use crate::judge;
use crate::places::Places;
use crate::problem::Problem;
use crate::yaml;

/// A plan that was accepted, with the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct ReadPlan<'a> {
    /// The file's name, for messages.
    pub file: &'a str,
    /// Its bytes, in which places are looked up.
    pub source: &'a [u8],
    /// What became of it.
    pub compiled: &'a Compiled,
}

/// What is wrong between plans of one name: a lesser environment that keeps as long as a greater one (N2). By plan and place; empty if
/// nothing is. Plans of different names have nothing to do with each other.
#[must_use]
pub fn check_together(plans: &[ReadPlan<'_>]) -> Vec<Problem> {
    let decoded: Vec<_> = plans.iter().map(|plan| plan.compiled.plan()).collect();
    let mut problems = Vec::new();
    for (at, remarks) in judge::across(&decoded) {
        let Some(plan) = plans.get(at) else { continue };
        // Read once already, so this cannot fail; if the bytes are others, the paths still say where.
        let Ok((source, mut log)) = yaml::read_bytes(plan.file, plan.source) else { continue };
        let places = Places::of(&source);
        remarks.into_iter().for_each(|remark| remark.say(places, &mut log));
        problems.extend(log.all());
    }
    problems
}
