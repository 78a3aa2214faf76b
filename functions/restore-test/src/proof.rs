//! What a run proves, and so what may be concluded from it. Pure.
//!
//! A proof belongs to one recovery point. That the newest one is sound says nothing of an old one, of a copy in another region or of the
//! continuous backup: each sort of proof has causes of its own, and a pass of one sort never resolves what another found.

use holdfast_domain::plan::{LossObjectives, Plan, PlanPart, Resource, RestoreFrom};
use holdfast_domain::{Cause, Region, ResourceName};
use holdfast_ledger::Run;

/// A sort of proof.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// From which recovery point.
    pub from: &'a RestoreFrom,
    /// Where it is restored.
    pub region: &'a Region,
    /// What it is of.
    pub resource: &'a Resource,
}

impl<'a> Proof<'a> {
    /// What a run proves.
    #[must_use]
    pub fn of(run: &'a Run, resource: &'a Resource) -> Self {
        Self { from: &run.source.from, region: &run.region, resource }
    }

    /// In words: `latest`, `random`, `pitr`, the name of a chosen recovery point; with the region if it is not the resource's own.
    #[must_use]
    pub fn words(&self) -> String {
        let from = self.from.word();
        if *self.region == self.resource.region { from.into() } else { format!("{from} in {}", self.region) }
    }

    /// The cause of a finding about it; of the newest recovery point in the resource's own region it is the bare word.
    #[must_use]
    pub fn cause(&self, plan: &Plan, name: &ResourceName, what: &str) -> Cause {
        let mut what = what.to_owned();
        let words = self.words();
        if words != "latest" {
            what.push('-');
            // Words are joined by blanks, and a snapshot of others by colons; in a cause stand neither.
            what.extend(words.chars().map(|c| if c == ' ' || c == ':' { '-' } else { c }));
        }
        Cause::of_resource(&plan.name, &plan.environment, name, &what)
    }

    /// What a finding about it hangs on: the plan's restore tests of this sort. One by hand hangs on the resource alone: whoever asked for
    /// it can ask again, whatever the plan says.
    #[must_use]
    pub fn part(&self, by_rule: bool) -> Option<PlanPart> {
        by_rule.then(|| PlanPart::RestoreTests { from: self.from.clone(), region: self.region.clone() })
    }

    /// Objectives that it is judged by, and the loss that they are for: in another region, those for the loss of the region, if there are any.
    #[must_use]
    pub fn objectives(&self) -> (LossObjectives, &'static str) {
        let own = self.resource.objectives;
        match own.region.filter(|_| *self.region != self.resource.region) {
            Some(region) => (region, "region"),
            None => (LossObjectives { rpo: own.rpo, rto: own.rto }, "instance"),
        }
    }

    /// Whether the age of the recovery point says how much would be lost. Of one that is old on purpose it does not.
    #[must_use]
    pub fn is_of_the_newest(&self) -> bool {
        match self.from {
            RestoreFrom::Latest | RestoreFrom::Pitr => true,
            RestoreFrom::Random | RestoreFrom::Oldest | RestoreFrom::Time(_) | RestoreFrom::Chosen(_) => false,
        }
    }
}
