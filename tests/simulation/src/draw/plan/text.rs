//! A plan as `plan.yaml`.

use std::fmt::Write as _;

use super::Plan;
use super::resource::{Copy, Kind, Resource, Rule, Test};

pub(super) fn text(plan: &Plan) -> String {
    let mut text = String::from(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: { home: eu-west-1, primary: eu-central-1 }\n\
         quotas: { db_snapshots: 9000, db_cluster_snapshots: 9000, db_instances: 500 }\n",
    );
    let all = &plan.resources;
    if all.iter().any(|resource| resource.copies.iter().any(|copy| copy.elsewhere)) {
        text.push_str(
            "accounts: { dr: { id: \"210987654321\", role: \"arn:aws:iam::210987654321:role/holdfast\" } }\n",
        );
    }
    if all.iter().any(|resource| resource.labels) {
        text.push_str("owners: { database: dba@example.com }\n");
    }
    if plan.extras {
        text.push_str(
            "erasures: s3://shop-config/erasures.jsonl\n\
             drills: { monday: { at: \"cron(0 9 ? * 2#1 *)\", what: restore the shop, runbook: \"https://runbooks.example.com/shop\" } }\n\
             elsewhere: { code: { what: application code, by: GitHub } }\n",
        );
    }
    let _ = writeln!(text, "rooms_max: {}\nresources:", plan.rooms_max);
    for resource in all {
        one(&mut text, resource);
    }
    text.push_str(&plan.alerts.text());
    text
}

fn one(text: &mut String, of: &Resource) {
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!("  {}:\n    kind: {}\n    id: shop-{}\n    region: {}", of.name, of.kind.word(), of.name, of.region));
    line("    objectives: { rpo: 26h, rto: 4h }".into());
    if of.labels {
        line("    owner: database\n    runbook: \"https://runbooks.example.com/shop\"\n    priority: 1".into());
        if of.kind == Kind::Instance {
            line(format!("    standby: {{ id: shop-{}-replica, region: {}, lag_max: 30s }}", of.name, of.region));
        }
    }
    if of.encrypted && of.kind.is_database() {
        line("    encrypted: true".into());
    }
    if of.overlap {
        line("    overlap: forbidden".into());
    }
    if let Some(pitr) = &of.pitr {
        let to = pitr.replicate_to.as_ref().map_or_else(String::new, |to| format!(", replicate_to: {to}"));
        line(format!("    pitr: {{ window: 7d, lag_max: 30m{to} }}"));
    }
    match of.external {
        Some(by) => line(format!("    snapshots: {{ external: {by}, every: 24h, keep: 20d }}")),
        None => {
            line("    snapshots:".into());
            of.rules.iter().for_each(|rule| line(snapshots(rule)));
        }
    }
    if !of.copies.is_empty() {
        line("    copies:".into());
        of.copies.iter().for_each(|copy| line(copies(copy)));
    }
    if !of.tests.is_empty() {
        line("    restore_tests:".into());
        of.tests.iter().for_each(|test| line(tests(test)));
        line(format!("    checks: {}", of.checks));
    }
    if let Some(channel) = &of.routes {
        line(format!("    routes: {{ high: [{channel}] }}"));
    }
}

fn snapshots(rule: &Rule) -> String {
    let Rule { name, due, keep, takes_max, size_min } = rule;
    let takes = takes_max.map_or_else(String::new, |minutes| format!(", takes_max: {minutes}m"));
    let size = if *size_min { ", size_min: 1GB" } else { "" };
    format!("      {name}: {{ {due}, keep: {keep}{takes}{size} }}")
}

fn copies(copy: &Copy) -> String {
    let account = if copy.elsewhere { ", account: dr" } else { "" };
    let of = if copy.of_daily { ", of: [daily]" } else { "" };
    format!("      - {{ region: {}{account}, kms_key: alias/holdfast-dr, keep: 10d, within: 4h{of} }}", copy.region)
}

fn tests(test: &Test) -> String {
    let Test { name, due, from, region, class, deadline } = test;
    let region = region.as_ref().map_or_else(String::new, |region| format!(", region: {region}"));
    format!("      {name}: {{ {due}, from: {from}{region}, instance_class: {class}, deadline: {deadline} }}")
}
