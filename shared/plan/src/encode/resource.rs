//! Resources and their rules.

use holdfast_domain::plan::{
    BucketPolicy, CopyRule, Due, External, LossObjectives, Objectives, Pitr, Resource, RestoreFrom, RestoreTestRule,
    Retention, SnapshotDue, SnapshotRule, Standby, Target, TierRule,
};

use super::alerts::routes;
use super::checks::checks;
use super::{Fields, duration, named, put, put_list, put_named, schedule, text};
use crate::decode::{CLASSES, MAKERS, OVERLAPS, word_for};
use crate::node::Node;
use crate::units::write_size;

pub(super) fn resource(resource: &Resource) -> Node {
    let mut fields: Fields = vec![
        ("kind", Node::text(resource.target.kind().as_str())),
        ("id", id(&resource.target)),
        ("region", text(&resource.region)),
        ("priority", Node::number(u64::from(resource.priority.get()))),
        ("objectives", objectives(&resource.objectives)),
        ("encrypted", Node::bool(resource.encrypted)),
    ];
    put(&mut fields, "owner", resource.owner.as_ref().map(text));
    put(&mut fields, "runbook", resource.runbook.as_ref().map(text));
    put_list(&mut fields, "regions_allowed", resource.regions_allowed.iter().map(text));
    put(&mut fields, "stream", resource.stream.as_ref().map(text));
    put(&mut fields, "standby", resource.standby.as_ref().map(standby));
    put(&mut fields, "pitr", resource.pitr.as_ref().map(pitr));
    put_named(&mut fields, "snapshots", &resource.snapshots, snapshot);
    put(&mut fields, "snapshots", resource.external.as_ref().map(external));
    if !resource.snapshots.is_empty() {
        fields.push(("overlap", Node::text(word_for(OVERLAPS, &resource.overlap))));
    }
    put_list(&mut fields, "copies", resource.copies.iter().map(copy));
    put_list(&mut fields, "tiers", resource.tiers.iter().map(tier));
    put(&mut fields, "bucket", resource.bucket.as_ref().map(bucket));
    if !resource.restore_tests.is_empty() {
        fields.push(("restore_tests", named(&resource.restore_tests, restore_test)));
        fields.push(("checks", checks(&resource.checks)));
    }
    put(&mut fields, "routes", (!resource.routes.is_empty()).then(|| routes(&resource.routes)));
    Node::map(fields)
}

fn id(target: &Target) -> Node {
    match target {
        Target::PostgresDump(secret) | Target::MongoDump(secret) => Node::text(format!("secret:{secret}")),
        Target::RdsInstance(_)
        | Target::AuroraCluster(_)
        | Target::DocDbCluster(_)
        | Target::Bucket(_)
        | Target::TerraformState(_)
        | Target::Secrets(_)
        | Target::Redis(_) => Node::text(target.id()),
    }
}

fn objectives(objectives: &Objectives) -> Node {
    let mut fields = vec![("rpo", duration(objectives.rpo)), ("rto", duration(objectives.rto))];
    put(&mut fields, "region", objectives.region.as_ref().map(loss));
    put(&mut fields, "account", objectives.account.as_ref().map(loss));
    Node::map(fields)
}

fn loss(loss: &LossObjectives) -> Node {
    Node::map([("rpo", duration(loss.rpo)), ("rto", duration(loss.rto))])
}

fn standby(standby: &Standby) -> Node {
    Node::map([("id", text(&standby.id)), ("region", text(&standby.region)), ("lag_max", duration(standby.lag_max))])
}

fn pitr(pitr: &Pitr) -> Node {
    let mut fields = vec![("window", duration(pitr.window))];
    put(&mut fields, "lag_max", pitr.lag_max.map(duration));
    put(&mut fields, "replicate_to", pitr.replicate_to.as_ref().map(text));
    Node::map(fields)
}

fn snapshot(rule: &SnapshotRule) -> Node {
    let mut fields = match &rule.due {
        SnapshotDue::At(at) => schedule(at),
        SnapshotDue::OnChange => vec![("on", Node::text("change"))],
        SnapshotDue::OnDemand => vec![("on", Node::text("demand"))],
    };
    fields.push(("keep", retention(rule.keep)));
    put(&mut fields, "takes_max", rule.takes_max.map(duration));
    put(&mut fields, "size_min", rule.size_min_bytes.map(|bytes| Node::text(write_size(bytes))));
    Node::map(fields)
}

fn external(external: &External) -> Node {
    let mut fields = vec![("external", Node::text(word_for(MAKERS, &external.by)))];
    put(&mut fields, "every", external.every.map(duration));
    put(&mut fields, "keep", external.keep.map(duration));
    Node::map(fields)
}

fn retention(keep: Retention) -> Node {
    match keep {
        Retention::Age(age) => duration(age),
        Retention::Slots { daily, weekly, monthly, yearly } => {
            let slots = [("daily", daily), ("weekly", weekly), ("monthly", monthly), ("yearly", yearly)];
            let kept = slots.into_iter().filter(|(_, count)| *count > 0);
            Node::map(kept.map(|(slot, count)| (slot, Node::number(u64::from(count)))))
        }
    }
}

fn copy(copy: &CopyRule) -> Node {
    let mut fields = vec![("region", text(&copy.region)), ("keep", retention(copy.keep))];
    put(&mut fields, "account", copy.account.as_ref().map(text));
    put(&mut fields, "kms_key", copy.kms_key.as_ref().map(text));
    put(&mut fields, "within", copy.within.map(duration));
    put_list(&mut fields, "of", copy.of.iter().map(text));
    put(&mut fields, "lock", copy.lock.map(duration));
    Node::map(fields)
}

fn tier(tier: &TierRule) -> Node {
    Node::map([("after", duration(tier.after)), ("class", Node::text(word_for(CLASSES, &tier.class)))])
}

fn bucket(bucket: &BucketPolicy) -> Node {
    let mut fields = vec![("mfa_delete", Node::bool(bucket.mfa_delete))];
    put(&mut fields, "versions_keep", bucket.versions_keep.map(duration));
    put(&mut fields, "lock", bucket.lock.map(duration));
    Node::map(fields)
}

fn restore_test(rule: &RestoreTestRule) -> Node {
    let mut fields = match &rule.due {
        Due::At(at) => schedule(at),
        Due::After(rule) => vec![("after", text(rule))],
    };
    let from = match &rule.from {
        RestoreFrom::Latest => Node::text("latest"),
        RestoreFrom::Random => Node::text("random"),
        RestoreFrom::Oldest => Node::text("oldest"),
        RestoreFrom::Pitr => Node::text("pitr"),
        RestoreFrom::Time(time) => Node::map([("time", text(time))]),
        RestoreFrom::Chosen(id) => Node::map([("recovery_point", text(id))]),
    };
    fields.push(("from", from));
    fields.push(("region", text(&rule.region)));
    fields.push(("instance_class", text(&rule.instance_class)));
    fields.push(("deadline", duration(rule.deadline)));
    Node::map(fields)
}
