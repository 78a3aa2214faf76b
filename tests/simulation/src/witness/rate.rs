//! How often services are called: what one invocation may make of them at most, reckoned from the plan and from what is under way.
//!
//! A schedule starts a function once a minute, and each event once; Lambda repeats a start that failed twice. So what is bounded for one
//! invocation is bounded for an hour, and nothing here needs to know how many sweeps were left out.

use holdfast_domain::plan::Plan;

use crate::functions::Function;

/// Services in the order in which they are counted. SQL is not called at a port.
const SERVICES: [&str; 7] = ["s3", "rds", "events", "secretsmanager", "webhook", "ses", "sns"];

/// Calls, by service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Services([u32; SERVICES.len()]);

impl Services {
    /// One call more.
    pub(crate) fn count(&mut self, service: &str) {
        if let Some(place) = SERVICES.iter().position(|name| *name == service) {
            self.0[place] += 1;
        }
    }

    /// How often each was called.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        SERVICES.into_iter().zip(self.0)
    }
}

/// How large everything is that an invocation may have to look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Regions that the plan names anywhere.
    pub(crate) regions: u64,
    pub(crate) resources: u64,
    /// Snapshot rules of all resources.
    pub(crate) rules: u64,
    /// Restore test rules of all resources.
    pub(crate) tests: u64,
    pub(crate) channels: u64,
    /// Runs that are open.
    pub(crate) runs: u64,
    /// Incidents that are not finished.
    pub(crate) incidents: u64,
}

impl Size {
    /// Of a plan, with nothing under way.
    pub(crate) fn of(plan: &Plan) -> Self {
        let count = |of: usize| u64::try_from(of).unwrap_or(u64::MAX);
        let mut regions: std::collections::BTreeSet<&holdfast_domain::Region> = plan.regions().into_iter().collect();
        let resources = || plan.resources.values();
        regions.extend(resources().flat_map(|resource| resource.restore_tests.values()).map(|test| &test.region));
        regions.extend(resources().filter_map(|resource| resource.pitr.as_ref()?.replicate_to.as_ref()));
        Self {
            regions: count(regions.len()),
            resources: count(plan.resources.len()),
            rules: resources().map(|resource| count(resource.snapshots.len())).sum(),
            tests: resources().map(|resource| count(resource.restore_tests.len())).sum(),
            channels: count(plan.alerts.channels.len()),
            runs: 0,
            incidents: 0,
        }
    }

    /// The larger of two in each: an invocation may have begun under the plan before.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            regions: self.regions.max(other.regions),
            resources: self.resources.max(other.resources),
            rules: self.rules.max(other.rules),
            tests: self.tests.max(other.tests),
            channels: self.channels.max(other.channels),
            runs: self.runs.max(other.runs),
            incidents: self.incidents.max(other.incidents),
        }
    }
}

/// The most calls of a service that one invocation of a function makes. docs/simulation.md says where the numbers come from.
pub(crate) fn most(function: Function, service: &str, size: Size) -> u64 {
    let Size { regions, resources, rules, tests, channels, runs, incidents } = size;
    match (function, service) {
        (Function::Snapshot, "rds") => 5 * regions + 2 * rules + resources + 2,
        (Function::Snapshot, "s3") => 12 + 4 * (2 * rules + resources),
        (Function::Snapshot, "events") => 4 + resources,
        (Function::RestoreTest, "rds") => 5 * regions + tests + 3 * (runs + tests + 1) + REAPED,
        (Function::RestoreTest, "s3") => 8 + 6 * (tests + 1) + 14 * (runs + tests + 1) + REAPED,
        (Function::RestoreTest, "events") => 2 + tests + 3 * (runs + tests + 1),
        (Function::RestoreTest, "secretsmanager") => 1 + runs + tests + REAPED,
        (Function::Verify, "s3") => 40 + 3 * (runs + 4),
        (Function::Verify, "events" | "secretsmanager") => 4,
        (Function::Alert, "s3") => 24 + 6 * tests + 4 * resources + 10 * (incidents + 4) * (channels + 1),
        (Function::Alert, "webhook" | "ses" | "secretsmanager") => 2 * (channels + 1) * (incidents + 4),
        (Function::Alert, "sns") => incidents + 4,
        (Function::Acknowledge, "s3" | "events" | "secretsmanager") => 2,
        (
            Function::Snapshot | Function::RestoreTest | Function::Verify | Function::Alert | Function::Acknowledge,
            _,
        ) => 0,
    }
}

/// The reaper takes twenty of each sort in one invocation: rooms, secrets, parameter groups.
const REAPED: u64 = 60;
