//! What to do about every database of the plan, and why. Pure: `decide(plan, inventory, memory, now) -> decisions`.
//!
//! For each resource at most one recovery point is begun, whatever is due, missed or due again: what all waiting rules need is one physical
//! snapshot, tagged with each of them.

mod condition;
mod points;
mod slots;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::inventory::{Database, DatabaseKind, DbSnapshot, DbSnapshotStatus, MadeBy, ReplicatedBackup};
use holdfast_domain::plan::{Overlap, Plan, Resource};
use holdfast_domain::{DbSnapshotId, Region, ResourceName, RuleName, Slot, slot, tags};
use holdfast_ledger::{Others, Watch, Watched};
use holdfast_ports::CreateDbSnapshot;
use jiff::{SignedDuration, Timestamp};

use crate::observe::{Inventory, RegionInventory, Standing};

pub use condition::{Condition, Refusal, State, Topic, Words, refused};
pub use points::{Flaw, News, Point};
pub(crate) use slots::described;
pub use slots::{Reason, RuleState};

/// How late a slot may be before people are told: EventBridge Scheduler's own precision is one minute (source: EventBridge Scheduler
/// User Guide, "What is Amazon EventBridge Scheduler"), and a database that RDS is backing up is busy for some more.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// How long a recovery point may be in the making where no rule of it says `takes_max`. AWS states no bound, and the first snapshot of many
/// terabytes does take hours: half a day is our assumption.
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// What is decided of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The plan's name of the resource.
    pub resource: ResourceName,
    /// How each scheduled rule stands with its latest slot, in order of rule.
    pub rules: Vec<RuleDecision>,
    /// The recovery point to begin. Never more than one.
    pub take: Option<Take>,
    /// Recovery points that are to serve further rules.
    pub promote: Vec<Promotion>,
    /// What became of recovery points since the last sweep.
    pub news: Vec<News>,
    /// Awaited recovery points that are there no more.
    pub vanished: Vec<DbSnapshotId>,
    /// What others made of the database, by maker.
    pub others: BTreeMap<String, Others>,
    /// What people should know, or should no longer.
    pub conditions: Vec<Condition>,
}

/// How a rule stands with its latest slot.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleDecision {
    /// The rule.
    pub rule: RuleName,
    /// Its latest slot.
    pub slot: Slot,
    /// How it stands.
    pub reason: Reason,
}

/// A recovery point to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// The request, whole.
    pub request: CreateDbSnapshot,
    /// The slot it is named by: the newest of those that wait.
    pub slot: Slot,
    /// Every rule that waits for it.
    pub rules: Vec<RuleName>,
    /// How long after its slot it is taken, if that is late.
    pub late: Option<SignedDuration>,
    /// From when on people are told if it is still not taken.
    pub told_from: Timestamp,
}

/// A recovery point that is to serve further rules, because the slot that should have served them has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// The recovery point.
    pub snapshot: DbSnapshot,
    /// Its slot.
    pub slot: Slot,
    /// Every rule that it serves from then on.
    pub rules: BTreeSet<RuleName>,
}

/// Decides every resource that is a database, in order of name. One whose region was not seen is left out: nothing is known of it.
#[must_use]
pub fn decide(plan: &Plan, inventory: &Inventory, watch: &Watch, now: Timestamp) -> Vec<Decision> {
    let indexes: BTreeMap<&Region, Index<'_>> =
        inventory.regions.iter().map(|(region, seen)| (region, Index::of(plan, seen))).collect();
    let nothing = Watched::default();
    let mut windows = watched::Windows::default();
    let mut decisions = Vec::new();
    for (name, resource) in &plan.resources {
        let (Some(database), Some(index)) = (Database::of(&resource.target), indexes.get(&resource.region)) else {
            continue;
        };
        let watched = watch.resources.get(name).unwrap_or(&nothing);
        let case = Case {
            plan,
            name,
            resource,
            standing: index.databases.get(&database).copied(),
            ours: index.ours(name, &database),
            of_database: index.of_database(&database),
            index,
            replicated: replicated(resource, inventory),
            watched,
            database,
            now,
        };
        decisions.push(case.decide(&mut windows));
    }
    decisions
}

/// One resource with everything that was seen and is remembered of it.
struct Case<'a> {
    plan: &'a Plan,
    name: &'a ResourceName,
    resource: &'a Resource,
    database: Database,
    standing: Option<Standing<'a>>,
    /// Recovery points of ours for this resource.
    ours: Vec<Point<'a>>,
    /// Every snapshot of the database, whoever made it.
    of_database: &'a [&'a DbSnapshot],
    index: &'a Index<'a>,
    /// Backups in the region to which the plan has them replicated; absent if it was not seen, or none is wanted.
    replicated: Option<&'a [ReplicatedBackup]>,
    watched: &'a Watched,
    now: Timestamp,
}

impl Case<'_> {
    fn decide(&self, windows: &mut watched::Windows) -> Decision {
        let mut states = slots::states(self);
        let take = self.take(&mut states);
        let (news, vanished) = points::news(self);
        let others = watched::others(self);
        let mut conditions = condition::of_slots(self, &states);
        conditions.extend(watched::conditions(self, &others, windows));
        let rules = states.iter().map(|state| RuleDecision {
            rule: state.rule.clone(),
            slot: state.slot,
            reason: state.reason.clone(),
        });
        Decision {
            resource: self.name.clone(),
            rules: rules.collect(),
            promote: self.promotions(&states),
            take,
            news,
            vanished,
            others: others.into_iter().map(|(maker, others)| (maker.to_owned(), others)).collect(),
            conditions,
        }
    }

    /// The one recovery point that everything due waits for, or the reason against it, written to every rule that is due.
    fn take(&self, states: &mut [RuleState<'_>]) -> Option<Take> {
        let newest = states.iter().filter(|state| state.reason == Reason::Due).map(|state| state.slot).max()?;
        let id = snapshot_id(self.plan, self.name, &self.database, newest);
        let against = if self.index.names.contains(&(self.database.kind(), id.as_str())) {
            Some(Reason::NameTaken(id.clone()))
        } else {
            self.against()
        };
        for state in states.iter_mut().filter(|state| state.reason == Reason::Due) {
            state.reason = against.clone().unwrap_or(Reason::Take(id.clone()));
        }
        if against.is_some() {
            return None;
        }
        // Rules whose own, earlier slot has nothing good are served too: the next good one is promoted from the beginning.
        let waits = |state: &&RuleState<'_>| match &state.reason {
            Reason::Take(_) => true,
            Reason::Flawed(..) | Reason::Gone(_) | Reason::BeingTaken(_) | Reason::AwaitsPromotion(_) => {
                state.slot < newest
            }
            Reason::Taken(_)
            | Reason::Promoted(_)
            | Reason::Expired
            | Reason::TooOld
            | Reason::Due
            | Reason::NameTaken(_)
            | Reason::NoDatabase
            | Reason::Busy(_)
            | Reason::Blocked(_) => false,
        };
        let rules: Vec<RuleName> = states.iter().filter(waits).map(|state| state.rule.clone()).collect();
        let late = Some(self.now.duration_since(newest.instant())).filter(|late| *late >= LATE_AFTER);
        let mut tags = tags::of_recovery_point(&self.plan.name, &self.plan.environment, self.name, &rules, newest);
        if let Some(late) = late {
            tags.insert(tags::LATE.into(), late.to_string());
        }
        let request =
            CreateDbSnapshot { region: self.resource.region.clone(), database: self.database.clone(), id, tags };
        Some(Take { request, slot: newest, rules, late, told_from: self.told_from(newest) })
    }

    /// From when on people are told that a slot has no recovery point. What was due before the database was ever looked at is taken late
    /// like any other, but nobody is late for it yet.
    fn told_from(&self, slot: Slot) -> Timestamp {
        slot.instant().max(self.watched.since.unwrap_or(self.now)) + LATE_AFTER
    }

    /// What speaks against a snapshot of the database right now.
    fn against(&self) -> Option<Reason> {
        let Some(standing) = self.standing else { return Some(Reason::NoDatabase) };
        if let Some(running) = self.running() {
            return Some(Reason::Blocked(running.id.clone()));
        }
        (!standing.status.takes_snapshots()).then(|| Reason::Busy(standing.status.word().into()))
    }

    /// A snapshot of the database that is being made. There is never a second one beside it: AWS allows that for some databases, but each
    /// makes the other slower, and the older one is worth less with every minute. One that is stuck holds the next up only where the plan
    /// forbids them to overlap.
    fn running(&self) -> Option<&DbSnapshot> {
        let runs = |snapshot: &&&DbSnapshot| match &snapshot.status {
            DbSnapshotStatus::Creating => {
                let forbidden = self.resource.overlap == Overlap::Forbidden;
                forbidden || self.running_for(snapshot).is_none_or(|time| time < self.allowed(snapshot))
            }
            DbSnapshotStatus::Available | DbSnapshotStatus::Failed | DbSnapshotStatus::Other(_) => false,
        };
        self.of_database.iter().find(runs).copied()
    }

    /// How long a snapshot has been in the making, if anybody knows.
    fn running_for(&self, snapshot: &DbSnapshot) -> Option<SignedDuration> {
        let asked = self.watched.pending.get(&snapshot.id).map(|pending| pending.since);
        Some(self.now.duration_since(asked.or(snapshot.taken_at)?))
    }

    /// How long a snapshot may take: what the strictest of its rules says.
    fn allowed(&self, snapshot: &DbSnapshot) -> SignedDuration {
        self.allowed_by_rules(snapshot).unwrap_or(STUCK_AFTER)
    }

    fn allowed_by_rules(&self, snapshot: &DbSnapshot) -> Option<SignedDuration> {
        tags::rules(&snapshot.tags).filter_map(|rule| self.resource.snapshots.get(&rule)?.takes_max).min()
    }

    /// Recovery points that serve further rules from now on; several rules on one are one promotion.
    fn promotions(&self, states: &[RuleState<'_>]) -> Vec<Promotion> {
        let mut promotions: BTreeMap<&DbSnapshotId, Promotion> = BTreeMap::new();
        for state in states {
            let (Reason::Promoted(_), Some(point)) = (&state.reason, state.point) else { continue };
            let Some(slot) = point.slot else { continue };
            let known = || Promotion { snapshot: point.seen.clone(), slot, rules: point.rules() };
            promotions.entry(&point.seen.id).or_insert_with(known).rules.insert(state.rule.clone());
        }
        promotions.into_values().collect()
    }
}

/// The name of a resource's recovery point for a slot.
#[must_use]
pub fn snapshot_id(plan: &Plan, resource: &ResourceName, database: &Database, slot: Slot) -> DbSnapshotId {
    match database.kind() {
        DatabaseKind::Instance => slot::db_snapshot_id(&plan.name, &plan.environment, resource, slot),
        DatabaseKind::Cluster => slot::db_cluster_snapshot_id(&plan.name, &plan.environment, resource, slot),
    }
}

fn replicated<'a>(resource: &Resource, inventory: &'a Inventory) -> Option<&'a [ReplicatedBackup]> {
    let region = resource.pitr.as_ref()?.replicate_to.as_ref()?;
    inventory.replicated.get(region).map(Vec::as_slice)
}

/// A region's inventory by what is asked of it, made once: a thousand databases do not each read ten thousand snapshots.
struct Index<'a> {
    databases: BTreeMap<Database, Standing<'a>>,
    by_database: BTreeMap<DatabaseKind, BTreeMap<&'a str, Vec<&'a DbSnapshot>>>,
    by_resource: BTreeMap<&'a str, Vec<&'a DbSnapshot>>,
    names: BTreeSet<(DatabaseKind, &'a str)>,
}

impl<'a> Index<'a> {
    fn of(plan: &Plan, seen: &'a RegionInventory) -> Self {
        let mut index = Self {
            databases: seen.databases(),
            by_database: BTreeMap::new(),
            by_resource: BTreeMap::new(),
            names: BTreeSet::new(),
        };
        for snapshot in &seen.snapshots {
            let of_kind = index.by_database.entry(snapshot.kind).or_default();
            of_kind.entry(snapshot.database.as_str()).or_default().push(snapshot);
            index.names.insert((snapshot.kind, snapshot.id.as_str()));
            if is_ours(plan, snapshot)
                && let Some(resource) = snapshot.tags.get(tags::RESOURCE)
            {
                index.by_resource.entry(resource).or_default().push(snapshot);
            }
        }
        // RDS promises no order; decisions have one.
        let of_databases = index.by_database.values_mut().flat_map(BTreeMap::values_mut);
        for snapshots in of_databases.chain(index.by_resource.values_mut()) {
            snapshots.sort_by(|a, b| a.id.cmp(&b.id));
        }
        index
    }

    fn of_database(&self, database: &Database) -> &[&'a DbSnapshot] {
        let of_kind = self.by_database.get(&database.kind());
        of_kind.and_then(|of_kind| of_kind.get(database.id())).map(Vec::as_slice).unwrap_or_default()
    }

    fn ours(&self, resource: &ResourceName, database: &Database) -> Vec<Point<'a>> {
        let of_resource = self.by_resource.get(resource.as_str()).into_iter().flatten();
        of_resource.filter(|snapshot| snapshot.kind == database.kind()).map(|snapshot| Point::of(snapshot)).collect()
    }
}

/// Whether a snapshot is a recovery point that this plan took: by name, by maker and by tags.
#[must_use]
pub fn is_ours(plan: &Plan, snapshot: &DbSnapshot) -> bool {
    let name = snapshot.id.as_str();
    name.starts_with(slot::OURS)
        && !name.starts_with(slot::TEMPORARY)
        && snapshot.made_by == MadeBy::Call
        && tags::are_ours(&snapshot.tags, &plan.name, &plan.environment)
}

#[cfg(test)]
mod tests;
