//! The compiled plan: what Terraform, the local cloud and the functions read.

use std::collections::BTreeSet;

use holdfast_domain::plan::Due;
use holdfast_domain::{Plan, PlanSha, Region};
use sha2::{Digest, Sha256};

#[cfg(feature = "yaml")]
use crate::carried_out::{self, Notice};
use crate::decode::{self, Draft};
use crate::encode;
use crate::json;
#[cfg(feature = "yaml")]
use crate::judge;
use crate::node::{Node, Value};
#[cfg(feature = "yaml")]
use crate::places::Places;
#[cfg(feature = "yaml")]
use crate::problem::Severity;
use crate::problem::{Log, Mark, Problem, Problems, Said, code};

/// What `plan.json` is called in messages.
const FILE: &str = "plan.json";
const ENVELOPE: [&str; 6] = ["version", "sha256", "home", "regions", "schedules", "plan"];

/// A plan that was checked, with all that is derived from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    plan: Plan,
    schedules: BTreeSet<FunctionSchedule>,
    regions: BTreeSet<Region>,
    warnings: Vec<Problem>,
    notices: Vec<Problem>,
    json: String,
}

/// A schedule on which a function is started. A function finds out itself which rules are due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionSchedule {
    /// Which function.
    pub function: ScheduledFunction,
    /// AWS cron: `cron(0 2 * * ? *)`.
    pub expression: String,
    /// IANA time zone.
    pub time_zone: String,
}

/// The functions that schedules of a plan start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScheduledFunction {
    /// `alert`, for the heartbeat.
    Alert,
    /// `restore-test`.
    RestoreTest,
    /// `snapshot`.
    Snapshot,
}

impl ScheduledFunction {
    /// The function's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::RestoreTest => "restore-test",
            Self::Snapshot => "snapshot",
        }
    }
}

impl Compiled {
    /// Reads a `plan.json` as [`Compiled::to_json`] wrote it.
    ///
    /// The plan in it is decoded by the same rules as a source, and everything derived is derived again and compared: a file
    /// that was touched after it was compiled is refused, whatever was touched.
    ///
    /// # Errors
    /// Every problem at once. There are no places in them, only paths.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Problems> {
        let envelope = json::read(FILE, bytes)?;
        let mut log = Log::new(FILE);
        let Some(plan) = plan_of(&envelope, &mut log) else { return Err(log.refused()) };
        let stated = envelope.get("sha256").map(Node::shown).unwrap_or_default();
        let found = sha256(&plan.canonical_json());
        if stated != found {
            let message = format!("sha256 is {stated}, but that of the plan beside it is {found}");
            not_as_compiled("sha256", &stated, message, &mut log);
        }
        let Some(draft) = decode::draft(plan, &mut log) else { return Err(log.refused()) };
        log.close()?;
        let compiled = assemble(draft);
        if compiled.json.trim_end() != envelope.canonical_json() {
            let mut log = Log::new(FILE);
            let message = "what stands here does not follow from the plan in it".to_owned();
            not_as_compiled("", "", message, &mut log);
            return Err(log.refused());
        }
        Ok(compiled)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan, owned.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// SHA-256 of the normalized plan: comments, order and spelling of the source do not change it.
    #[must_use]
    pub fn sha(&self) -> &PlanSha {
        &self.plan.sha
    }

    /// One per distinct function, expression and zone, sorted.
    #[must_use]
    pub fn schedules(&self) -> &BTreeSet<FunctionSchedule> {
        &self.schedules
    }

    /// Every region in which a resource stands, and the home region: where functions look, and where rules must forward events.
    /// Regions that only copies, replicas or standbys stand in are not among them until a function looks there.
    #[must_use]
    pub fn regions(&self) -> &BTreeSet<Region> {
        &self.regions
    }

    /// What is allowed but should be looked at, in the order of the source.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What no function carries out yet, in the order of the file; empty for what was read from a `plan.json`.
    #[must_use]
    pub fn notices(&self) -> &[Problem] {
        &self.notices
    }

    /// `plan.json`: compact, keys sorted, a newline at the end. Equal plans give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.json.clone().into_bytes()
    }
}

/// Checks a source that a person wrote, and derives the rest. `log` may carry problems from reading it.
///
/// The plan is judged as a whole here and only here: a `plan.json` carries the digest of a plan that was.
#[cfg(feature = "yaml")]
pub(crate) fn compile(source: &Node, mut log: Log) -> Result<Compiled, Problems> {
    let Some(draft) = decode::draft(source, &mut log) else { return Err(log.refused()) };
    let compiled = assemble(draft);
    let (places, mut noticed) = (Places::of(source), log.again());
    // Half a plan would be judged for what only its slips took from it.
    if log.misreads() {
        return Err(log.refused());
    }
    for remark in judge::judge(&compiled.plan) {
        remark.say(places, &mut log);
    }
    for Notice { path, message } in carried_out::notices(&compiled.plan) {
        places.say(Severity::Notice, code::NOT_CARRIED_OUT, &path, message, String::new(), &mut noticed);
    }
    Ok(Compiled { warnings: log.close()?, notices: noticed.close()?, ..compiled })
}

/// Gives a checked draft its identity and derives what follows from it.
pub(crate) fn assemble(draft: Draft) -> Compiled {
    // As text alone: the tree of a large plan is as large as its source's, which still stands.
    let plan = encode::plan(&draft).canonical_json();
    let digest = sha256(&plan);
    let sha: PlanSha = match digest.parse() {
        Ok(sha) => sha,
        Err(error) => unreachable!("a digest in hex is always legal: {error}"),
    };
    let (schedules, regions) = (schedules(&draft), regions(&draft));
    let before = Node::map([("home", Node::text(draft.home.as_str()))]).canonical_json();
    let after = Node::map([
        ("regions", Node::list(regions.iter().map(|region| Node::text(region.as_str())))),
        ("schedules", Node::list(schedules.iter().map(schedule_node))),
        ("sha256", Node::text(digest)),
        ("version", Node::number(1)),
    ])
    .canonical_json();
    // In the order of keys, as all of plan.json.
    let json = format!("{},\"plan\":{plan},{}\n", before.trim_end_matches('}'), after.trim_start_matches('{'));
    let (warnings, notices) = (Vec::new(), Vec::new());
    Compiled { plan: draft.into_plan(sha), schedules, regions, warnings, notices, json }
}

/// The plan inside a `plan.json` whose outer fields are those that we know.
fn plan_of<'n>(envelope: &'n Node, log: &mut Log) -> Option<&'n Node> {
    let known = match &envelope.value {
        Value::Map(entries) => entries.iter().all(|entry| ENVELOPE.contains(&entry.key.as_str())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => false,
    };
    let plan = envelope.get("plan").filter(|_| known);
    if plan.is_none() {
        let message = format!("this is not a compiled plan: its fields are not {}", ENVELOPE.join(", "));
        not_as_compiled("", &envelope.shown(), message, log);
    }
    plan
}

fn not_as_compiled(path: &str, value: &str, message: String, log: &mut Log) {
    let allowed = "change plan.yaml and run plan compile again; plan.json is never edited by hand".to_owned();
    log.refuse(Said { code: code::NOT_AS_COMPILED, mark: Mark::default(), path, value, message, allowed });
}

fn schedules(draft: &Draft) -> BTreeSet<FunctionSchedule> {
    let rules = draft.resources.values().flat_map(|resource| {
        let snapshots =
            resource.snapshots.values().filter_map(|rule| Some((ScheduledFunction::Snapshot, rule.schedule()?)));
        let tests = resource.restore_tests.values().filter_map(|rule| match &rule.due {
            Due::At(at) => Some((ScheduledFunction::RestoreTest, at)),
            Due::After(_) => None,
        });
        snapshots.chain(tests)
    });
    let heartbeat = draft.alerts.heartbeat.iter().map(|heartbeat| (ScheduledFunction::Alert, &heartbeat.at));
    rules
        .chain(heartbeat)
        .map(|(function, at)| FunctionSchedule {
            function,
            expression: at.expression().to_owned(),
            time_zone: at.zone().to_owned(),
        })
        .collect()
}

fn schedule_node(schedule: &FunctionSchedule) -> Node {
    Node::map([
        ("function", Node::text(schedule.function.as_str())),
        ("expression", Node::text(schedule.expression.as_str())),
        ("time_zone", Node::text(schedule.time_zone.as_str())),
    ])
}

fn regions(draft: &Draft) -> BTreeSet<Region> {
    let standing = draft.resources.values().map(|resource| resource.region.clone());
    standing.chain([draft.home.clone()]).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
