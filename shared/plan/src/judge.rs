//! The plan as a whole, judged before it can hurt: contradictions with AWS, with arithmetic and with itself.
//!
//! Pure functions over the decoded plan, one file per question. Each remark names the value, says why, gives the row of the
//! requirements that it answers, and ends with the nearest plan that is legal. Places in the source are found afterwards, by path.
//! A plan is judged when a person compiles it; what a function loads was judged then.

mod bucket;
mod clocks;
mod drift;
mod erasure;
mod escalation;
mod external;
mod fresh;
mod locks;
mod objectives;
mod overlap;
mod quota;
mod reach;
mod recovery_time;
mod regions;
mod rooms;
mod streams;
mod tiers;

#[cfg(test)]
mod tests;

use holdfast_domain::plan::Resource;
use holdfast_domain::{Plan, ResourceName};

use crate::almanac::Almanac;
use crate::places::Places;
use crate::problem::{Log, Severity};

pub(crate) use drift::across;

/// What is said of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    /// Where: `resources.orders-db.copies[0].lock`.
    pub(crate) path: String,
    /// What is wrong, naming the value, and why.
    pub(crate) message: String,
    /// The nearest plan that is legal.
    pub(crate) allowed: String,
}

impl Remark {
    fn error(code: &'static str, path: String, message: String, allowed: String) -> Self {
        Self { severity: Severity::Error, code, path, message, allowed }
    }

    fn warning(code: &'static str, path: String, message: String, allowed: String) -> Self {
        Self { severity: Severity::Warning, code, path, message, allowed }
    }

    /// Puts it into the log, with the place of its path.
    pub(crate) fn say(self, places: Places<'_>, log: &mut Log) {
        places.say(self.severity, self.code, &self.path, self.message, self.allowed, log);
    }
}

/// One resource under its name.
#[derive(Debug, Clone, Copy)]
struct Subject<'p> {
    plan: &'p Plan,
    name: &'p ResourceName,
    resource: &'p Resource,
}

impl Subject<'_> {
    /// The path of one of its fields.
    fn path(&self, field: &str) -> String {
        format!("resources.{}.{field}", self.name)
    }
}

/// Everything that is to be said of a plan, by resource and then of the whole.
pub(crate) fn judge(plan: &Plan) -> Vec<Remark> {
    let (mut almanac, mut remarks) = (Almanac::default(), Vec::new());
    for (name, resource) in &plan.resources {
        let subject = Subject { plan, name, resource };
        objectives::judge(&subject, &mut almanac, &mut remarks);
        recovery_time::judge(&subject, &mut remarks);
        external::judge(&subject, &mut remarks);
        fresh::judge(&subject, &mut remarks);
        tiers::judge(&subject, &mut remarks);
        bucket::judge(&subject, &mut remarks);
        locks::judge(&subject, &mut remarks);
        regions::judge(&subject, &mut remarks);
        overlap::judge(&subject, &mut almanac, &mut remarks);
        reach::judge(&subject, &mut almanac, &mut remarks);
        streams::judge(&subject, &mut remarks);
        escalation::judge(&subject, &mut remarks);
    }
    clocks::judge(plan, &mut remarks);
    objectives::judge_whole(plan, &mut almanac, &mut remarks);
    quota::judge(plan, &mut almanac, &mut remarks);
    rooms::judge(plan, &mut remarks);
    erasure::judge(plan, &mut remarks);
    escalation::judge_whole(plan, &mut remarks);
    remarks
}

/// The kinds whose recovery points AWS keeps as snapshots of its own.
fn is_managed(resource: &Resource) -> bool {
    resource.db_instance().is_some() || resource.db_cluster().is_some()
}
