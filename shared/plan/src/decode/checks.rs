//! Checks: what a restored copy must satisfy.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Checks, FreshCheck, SqlCheck};
use holdfast_domain::{CheckName, Requirement};

use super::reader::{Fields, Place};
use super::sql;
use crate::node::Value;
use crate::problem::{Log, code};

const REQUIREMENTS: &[(&str, Requirement)] =
    &[("required", Requirement::Required), ("best_effort", Requirement::BestEffort)];

/// A query that may give nothing proves nothing.
const ROWS_MIN_DEFAULT: u64 = 1;

pub(super) fn checks(place: &Place<'_>, log: &mut Log) -> Option<Checks> {
    let fields = Fields::of(place, &["integrity", "fresh", "sql"], log)?;
    let parts = (fields.take("integrity"), fields.take("fresh"), fields.take("sql"));
    if parts.0.is_none() && parts.1.is_none() && parts.2.is_none() {
        place.refuse(
            code::EMPTY,
            "checks is empty".into(),
            "at least one of integrity, fresh, sql is wanted".into(),
            log,
        );
        return None;
    }
    let integrity = parts.0.map(|place| integrity(&place, log));
    let fresh = parts.1.map(|place| fresh(&place, log));
    let sql = parts.2.map_or(Some(BTreeMap::new()), |place| sql_checks(&place, log));
    let checks =
        Checks { integrity: all_or_none(integrity)?, fresh: all_or_none(fresh)?, sql: sql?, ..Checks::default() };
    let requirements = checks.integrity.iter().chain(checks.fresh.iter().map(|fresh| &fresh.requirement));
    if !requirements.chain(checks.sql.values().map(|sql| &sql.requirement)).any(|r| *r == Requirement::Required) {
        let message = "every check here is best_effort, so no run could ever be a proof".to_owned();
        place.refuse(
            code::NOTHING_PROVED,
            message,
            "at least one check with requirement: required is wanted".into(),
            log,
        );
        return None;
    }
    Some(checks)
}

/// A part that is absent is fine; a part that is there must have been decoded.
#[expect(clippy::option_option, reason = "absent and refused are different things here")]
fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(decoded) => decoded.map(Some),
    }
}

/// `full`, or `{ level: full, requirement: best_effort }`.
fn integrity(place: &Place<'_>, log: &mut Log) -> Option<Requirement> {
    const LEVELS: &[(&str, ())] = &[("full", ())];
    if matches!(place.node.value, Value::Map(_)) {
        let fields = Fields::of(place, &["level", "requirement"], log)?;
        let level = fields.require("level", log).and_then(|level| level.word(LEVELS, log));
        let requirement = requirement(&fields, log);
        level?;
        return requirement;
    }
    place.word(LEVELS, log)?;
    Some(Requirement::Required)
}

fn fresh(place: &Place<'_>, log: &mut Log) -> Option<FreshCheck> {
    let fields = Fields::of(place, &["sql", "age_max", "requirement"], log)?;
    let sql = fields.require("sql", log).and_then(|sql| sql::query(&sql, log));
    let age_max = fields.require("age_max", log).and_then(|age| age.duration(log));
    let requirement = requirement(&fields, log);
    Some(FreshCheck { sql: sql?, age_max: age_max?, requirement: requirement? })
}

fn sql_checks(place: &Place<'_>, log: &mut Log) -> Option<BTreeMap<CheckName, SqlCheck>> {
    let entries = place.entries("sql", log)?;
    let mut decoded = BTreeMap::new();
    for entry in entries {
        let name: Option<CheckName> = place.key(entry, log);
        if let (Some(name), Some(check)) = (name, sql_check(&place.entry(entry), log)) {
            decoded.insert(name, check);
        }
    }
    (decoded.len() == entries.len()).then_some(decoded)
}

fn sql_check(place: &Place<'_>, log: &mut Log) -> Option<SqlCheck> {
    let fields = Fields::of(place, &["sql", "rows_min", "within", "requirement"], log)?;
    let sql = fields.require("sql", log).and_then(|sql| sql::query(&sql, log));
    let rows_min = fields.take("rows_min").map_or(Some(ROWS_MIN_DEFAULT), |rows| rows.count(1, u64::MAX, log));
    let within = fields.take("within").map(|within| within.duration(log));
    let requirement = requirement(&fields, log);
    Some(SqlCheck { sql: sql?, rows_min: rows_min?, within: all_or_none(within)?, requirement: requirement? })
}

/// A check is required unless the plan says otherwise: what is asked for and not run is not proved.
fn requirement(fields: &Fields<'_>, log: &mut Log) -> Option<Requirement> {
    match fields.take("requirement") {
        Some(place) => place.word(REQUIREMENTS, log),
        None => Some(Requirement::Required),
    }
}
