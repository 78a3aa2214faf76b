//! Checks.

use holdfast_domain::Requirement;
use holdfast_domain::plan::{
    Checks, CountCheck, DocumentCheck, DocumentFreshness, FreshCheck, ImmutableCheck, MigrationsCheck, SqlCheck,
};

use super::{Fields, duration, put, put_named, text};
use crate::decode::{REQUIREMENTS, TOOLS, word_for};
use crate::node::Node;

pub(super) fn checks(checks: &Checks) -> Node {
    let mut fields = Fields::new();
    put(&mut fields, "integrity", checks.integrity.map(integrity));
    put(&mut fields, "fresh", checks.fresh.as_ref().map(fresh));
    put_named(&mut fields, "sql", &checks.sql, sql);
    put(&mut fields, "migrations", checks.migrations.as_ref().map(migrations));
    put_named(&mut fields, "immutable", &checks.immutable, immutable);
    put_named(&mut fields, "counts", &checks.counts, count);
    put_named(&mut fields, "documents", &checks.documents, documents);
    Node::map(fields)
}

fn integrity(required: Requirement) -> Node {
    Node::map([("level", Node::text("full")), requirement(required)])
}

fn fresh(fresh: &FreshCheck) -> Node {
    Node::map([("sql", text(&fresh.sql)), ("age_max", duration(fresh.age_max)), requirement(fresh.requirement)])
}

fn sql(check: &SqlCheck) -> Node {
    let mut fields =
        vec![("sql", text(&check.sql)), ("rows_min", Node::number(check.rows_min)), requirement(check.requirement)];
    put(&mut fields, "within", check.within.map(duration));
    Node::map(fields)
}

fn migrations(check: &MigrationsCheck) -> Node {
    let mut fields = vec![("tool", Node::text(word_for(TOOLS, &check.tool))), requirement(check.requirement)];
    put(&mut fields, "expect", check.expect.as_ref().map(text));
    Node::map(fields)
}

fn immutable(check: &ImmutableCheck) -> Node {
    Node::map([("table", text(&check.table)), ("before", text(&check.before)), requirement(check.requirement)])
}

fn count(check: &CountCheck) -> Node {
    let shrink_max = percent(check.shrink_max_percent);
    Node::map([("table", text(&check.table)), ("shrink_max", shrink_max), requirement(check.requirement)])
}

fn percent(percent: u8) -> Node {
    Node::text(format!("{percent}%"))
}

fn documents(check: &DocumentCheck) -> Node {
    let mut fields = vec![
        ("collection", text(&check.collection)),
        ("documents_min", Node::number(check.documents_min)),
        requirement(check.requirement),
    ];
    put(&mut fields, "filter", check.filter.as_ref().map(text));
    put(&mut fields, "within", check.within.map(duration));
    put(&mut fields, "fresh", check.fresh.as_ref().map(document_fresh));
    put(&mut fields, "shrink_max", check.shrink_max_percent.map(percent));
    Node::map(fields)
}

fn document_fresh(fresh: &DocumentFreshness) -> Node {
    Node::map([("field", text(&fresh.field)), ("age_max", duration(fresh.age_max))])
}

fn requirement(requirement: Requirement) -> (&'static str, Node) {
    ("requirement", Node::text(word_for(REQUIREMENTS, &requirement)))
}
