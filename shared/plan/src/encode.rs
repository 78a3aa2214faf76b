//! A draft back into the tree, in one spelling: every default filled in, every unit in its largest form, every schedule with
//! its zone. Equal plans give equal trees, however they were written; the plan's SHA-256 rests on it.
//!
//! What is empty in the plan was absent in its source, and an empty policy would be refused when this is read back: it is
//! left out here too.

mod alerts;
mod checks;
mod resource;

#[cfg(all(test, feature = "yaml"))]
pub(crate) mod generate;
#[cfg(all(test, feature = "yaml"))]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Display;

use holdfast_domain::Schedule;
use holdfast_domain::plan::{Account, Drill, Elsewhere, Quotas, Stream};
use jiff::SignedDuration;

use crate::decode::Draft;
use crate::node::Node;
use crate::units::write_duration;

/// The fields of a map as they are gathered.
type Fields = Vec<(&'static str, Node)>;

/// The normalized plan.
pub(crate) fn plan(draft: &Draft) -> Node {
    let mut regions: Fields = vec![("home", text(&draft.home)), ("primary", text(&draft.primary))];
    put_list(&mut regions, "dr", draft.dr.iter().map(text));
    let mut fields: Fields = vec![
        ("version", Node::number(1)),
        ("name", text(&draft.name)),
        ("environment", text(&draft.environment)),
        ("regions", Node::map(regions)),
        ("quotas", quotas(draft.quotas)),
        ("rooms_max", Node::number(u64::from(draft.rooms_max))),
        ("resources", named(&draft.resources, resource::resource)),
        ("alerts", alerts::alerts(&draft.alerts)),
    ];
    put_named(&mut fields, "accounts", &draft.accounts, account);
    put_named(&mut fields, "owners", &draft.owners, |contact| text(contact));
    put_named(&mut fields, "elsewhere", &draft.elsewhere, elsewhere);
    put_named(&mut fields, "streams", &draft.streams, stream);
    put_named(&mut fields, "drills", &draft.drills, drill);
    put(&mut fields, "erasures", draft.erasures.as_ref().map(text));
    Node::map(fields)
}

fn quotas(quotas: Quotas) -> Node {
    let count = |count: u32| Node::number(u64::from(count));
    Node::map([
        ("db_snapshots", count(quotas.db_snapshots)),
        ("db_cluster_snapshots", count(quotas.db_cluster_snapshots)),
        ("db_instances", count(quotas.db_instances)),
    ])
}

fn account(account: &Account) -> Node {
    Node::map([("id", text(&account.id)), ("role", text(&account.role))])
}

fn elsewhere(elsewhere: &Elsewhere) -> Node {
    let mut fields = vec![("what", text(&elsewhere.what)), ("by", text(&elsewhere.by))];
    put(&mut fields, "owner", elsewhere.owner.as_ref().map(text));
    Node::map(fields)
}

fn stream(stream: &Stream) -> Node {
    let mut fields = vec![("kms_key", text(&stream.kms_key))];
    put(&mut fields, "account", stream.account.as_ref().map(text));
    Node::map(fields)
}

fn drill(drill: &Drill) -> Node {
    let mut fields = schedule(&drill.at);
    fields.push(("what", text(&drill.what)));
    put(&mut fields, "runbook", drill.runbook.as_ref().map(text));
    Node::map(fields)
}

fn schedule(schedule: &Schedule) -> Fields {
    vec![("at", Node::text(schedule.expression())), ("time_zone", Node::text(schedule.zone()))]
}

fn duration(duration: SignedDuration) -> Node {
    Node::text(write_duration(duration))
}

fn text(value: impl Display) -> Node {
    Node::text(value.to_string())
}

/// A field that may be absent.
fn put(fields: &mut Fields, name: &'static str, node: Option<Node>) {
    fields.extend(node.map(|node| (name, node)));
}

/// A list that is left out when it is empty.
fn put_list(fields: &mut Fields, name: &'static str, items: impl IntoIterator<Item = Node>) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_some() {
        fields.push((name, Node::list(items)));
    }
}

/// A map by names that is left out when it is empty.
fn put_named<K: Display, V>(fields: &mut Fields, name: &'static str, map: &BTreeMap<K, V>, write: impl Fn(&V) -> Node) {
    if !map.is_empty() {
        fields.push((name, named(map, write)));
    }
}

fn named<K: Display, V>(map: &BTreeMap<K, V>, write: impl Fn(&V) -> Node) -> Node {
    Node::map(map.iter().map(|(name, value)| (name.to_string(), write(value))))
}
