//! What a room's parameter group holds. Pure.
//!
//! A test is of *this* database only if the room runs as the source does, so what somebody changed in the source's group is replayed; and
//! a restored production database must not wake up, so background work is off. Between the two stand three sorts of values: those that
//! would start or reach something, those that size memory for the source's class and could keep a smaller room from starting, and those
//! that would keep the checks out. Whatever is not as it is at the source is said in words, so that people see of *what* the test is.
//!
//! Some things are replayed although they sound like background work: `rds.logical_replication`, because PostgreSQL refuses to start
//! where a logical slot exists and `wal_level` is below `logical` (source: PostgreSQL documentation, "Logical Decoding Concepts" and the
//! startup check of replication slots), and a slot that nobody reads holds back nothing that matters to a room; and
//! `max_prepared_transactions`, `max_locks_per_transaction`, `max_wal_senders` and `max_worker_processes`, without which recovery may not
//! find the room that it needs (source: PostgreSQL documentation, "Hot Standby", "Administrator's Overview").

mod rules;

use std::collections::BTreeMap;

use holdfast_ledger::RoomParameters;
use holdfast_ports::{ChangedParameter, PARAMETERS_MAX, ParameterGroup};

use self::rules::Rule;

/// A name that only RDS's own groups bear; nobody can change those (source: RDS User Guide, "Parameter groups for Amazon RDS").
const DEFAULT_GROUP: &str = "default.";

/// What is restored, as far as it decides the room's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Restored<'a> {
    /// The engine of the recovery point.
    pub engine: &'a str,
    /// Its version.
    pub engine_version: &'a str,
    /// The class of the room.
    pub instance_class: &'a str,
}

/// The parameter group that the source is run with.
#[derive(Debug, Clone, Copy)]
pub enum SourceGroup<'a> {
    /// This one, and what is changed in it.
    Read(&'a str, &'a ParameterGroup),
    /// It could not be read, for this reason.
    Unread(&'a str),
}

/// A group of RDS's own by its name, which says everything about it.
#[must_use]
pub fn default_group(name: &str) -> Option<ParameterGroup> {
    let family = name.strip_prefix(DEFAULT_GROUP)?;
    Some(ParameterGroup { family: family.to_owned(), changed: BTreeMap::new() })
}

/// Decides what the room's group holds; nothing for an engine of which we do not know what works in its background.
#[must_use]
pub fn decide(restored: Restored<'_>, source: SourceGroup<'_>) -> Option<RoomParameters> {
    let family = family(restored.engine, restored.engine_version)?;
    let rules = rules::of(restored.engine)?;
    let mut decided = Decided { set: BTreeMap::new(), differs_in: Vec::new(), class: restored.instance_class };
    let mut copied_from = None;
    let nothing = BTreeMap::new();
    let changed = match source {
        SourceGroup::Read(name, group) if group.family == family => {
            copied_from = Some(name.to_owned());
            &group.changed
        }
        SourceGroup::Read(name, group) => {
            let now = &group.family;
            decided
                .defaults_instead(&family, &format!("the source's {name} is of {now}, the recovery point of {family}"));
            &nothing
        }
        SourceGroup::Unread(why) => {
            decided.defaults_instead(&family, why);
            &nothing
        }
    };
    for off in rules.off {
        decided.turn_off(off, changed.get(off.name));
    }
    for (name, parameter) in changed.iter().filter(|(name, _)| rules.off.iter().all(|off| off.name != **name)) {
        decided.replay(name, parameter, rules.rule(name));
    }
    let Decided { set, differs_in, .. } = decided;
    Some(RoomParameters { family, copied_from, set, differs_in })
}

/// The family of an engine's version (source: RDS API Reference, `CreateDBParameterGroup`; DocumentDB Developer Guide, "Managing Amazon
/// DocumentDB cluster parameter groups"): PostgreSQL counts major versions by one number since 10 and by two before.
fn family(engine: &str, version: &str) -> Option<String> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let by_two = |minor: Option<u32>| minor.map(|minor| format!("{engine}{major}.{minor}"));
    match engine {
        "postgres" | "aurora-postgresql" if major >= 10 => Some(format!("{engine}{major}")),
        "postgres" | "aurora-postgresql" | "docdb" => by_two(numbers.next()?.ok()),
        _ => None,
    }
}

struct Decided<'a> {
    set: BTreeMap<String, String>,
    differs_in: Vec<String>,
    class: &'a str,
}

impl Decided<'_> {
    fn defaults_instead(&mut self, family: &str, why: &str) {
        self.differs_in.push(format!("whatever the source changes of the defaults of {family}: {why}"));
    }

    fn turn_off(&mut self, off: &rules::Off, at_source: Option<&ChangedParameter>) {
        self.set.insert(off.name.to_owned(), off.value.to_owned());
        if at_source.is_none_or(|at_source| at_source.value != off.value) {
            let there = at_source.map_or("its default", |at_source| at_source.value.as_str());
            self.differs_in.push(format!("{}: {}, the source has {there}: {}", off.name, off.value, off.why));
        }
    }

    fn replay(&mut self, name: &str, parameter: &ChangedParameter, rule: Option<&Rule>) {
        let value = &parameter.value;
        let sized = !value.contains('{');
        let left_out = match rule {
            _ if !parameter.modifiable => Some("RDS lets nobody set it".to_owned()),
            // One call more for each twenty; a group as long as this is no group of a person's.
            _ if self.set.len() >= PARAMETERS_MAX => Some(format!("only {PARAMETERS_MAX} are replayed")),
            Some(Rule::Never(why)) => Some((*why).to_owned()),
            // A formula over the class gives the room what its own class bears.
            Some(Rule::Sized) if sized => {
                Some(format!("that is sized for the source's class, {} has its own", self.class))
            }
            Some(Rule::NotIf(refused, why)) if value.eq_ignore_ascii_case(refused) => Some((*why).to_owned()),
            Some(Rule::Libraries) => return self.replay_libraries(name, value),
            Some(Rule::Sized | Rule::NotIf(..)) | None => None,
        };
        match left_out {
            Some(why) => self.differs_in.push(format!("{name}: its default, the source has {value}: {why}")),
            None => {
                self.set.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// Those that only answer to statements stay; what is not known may start anything, and is left out.
    fn replay_libraries(&mut self, name: &str, value: &str) {
        let listed = || value.split(',').map(str::trim).filter(|library| !library.is_empty());
        let quiet: Vec<&str> = listed().filter(|library| rules::is_quiet(library)).collect();
        if quiet.len() < listed().count() {
            let loud: Vec<&str> = listed().filter(|library| !rules::is_quiet(library)).collect();
            let (these, has) = (loud.join(", "), if quiet.is_empty() { "its default" } else { &quiet.join(",") });
            let why = format!("{these} may work in the background");
            self.differs_in.push(format!("{name}: {has}, the source has {value}: {why}"));
        }
        // Without a value it stays at the family's default, which loads nothing that works by itself (source: AWS Prescriptive Guidance and
        // RDS User Guide, "Working with the supported extensions": `pg_stat_statements`).
        if !quiet.is_empty() {
            self.set.insert(name.to_owned(), quiet.join(","));
        }
    }
}

#[cfg(test)]
mod tests;
