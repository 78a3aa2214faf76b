//! How the rules are tested: a plan as people write it, and what is said of it under one code.

use crate::problem::Problem;
use crate::read_yaml;

/// A database with daily snapshots; tests change one text of it.
pub(super) const DATABASE: &str = "
kind: rds-instance
id: orders-prod
objectives: { rpo: 24h, rto: 4h }
snapshots:
  daily: { at: \"cron(0 2 * * ? *)\", keep: 7d }
";

/// A bucket of dumps; tests change one text of it.
pub(super) const DUMPS: &str = "
kind: postgres-dump
id: secret:app/database-url
objectives: { rpo: 24h, rto: 4h }
snapshots:
  daily: { at: \"cron(0 2 * * ? *)\", keep: 400d }
";

/// Everything that is said under a code of a plan with this one resource: `error path: sentence`.
pub(super) fn said(code: &str, resource: &str) -> Vec<String> {
    said_of(code, "", &[("orders", resource)])
}

/// The same of several resources, and with further lines at the top.
pub(super) fn said_of(code: &str, top: &str, resources: &[(&str, &str)]) -> Vec<String> {
    let mut text = format!(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n{top}\nresources:\n"
    );
    for (name, resource) in resources {
        text.push_str(&format!("  {name}:\n"));
        resource.lines().filter(|line| !line.is_empty()).for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    if !top.contains("alerts:") {
        text.push_str(
            "alerts: { channels: { ops: { slack: \"secret:slack\" } }, routes: { critical: [ops], high: [ops] } }\n",
        );
    }
    let problems: Vec<Problem> = match read_yaml("plan.yaml", &text) {
        Ok(compiled) => compiled.warnings().to_vec(),
        Err(problems) => problems.as_slice().to_vec(),
    };
    // Below HF040 are mistakes of spelling: a test that makes one tests nothing.
    let misspelt = problems.iter().find(|problem| problem.code < "HF040" && problem.code != code);
    assert!(misspelt.is_none(), "{text}\n{}", misspelt.map(ToString::to_string).unwrap_or_default());
    let of_code = problems.iter().filter(|problem| problem.code == code);
    of_code.map(|problem| format!("{} {}: {}", problem.severity.as_str(), problem.path, problem.sentence())).collect()
}

/// Asserts that exactly these are said, each beginning and holding what is named; what is legal is `[]`.
pub(super) fn assert_said(said: &[String], wanted: Wanted<'_>, about: &str) {
    assert_eq!(said.len(), wanted.len(), "{about}: {said:#?}");
    for (said, (begins, holds)) in said.iter().zip(wanted) {
        assert!(said.starts_with(begins), "{about}: {said} does not begin with {begins}");
        for part in *holds {
            assert!(said.contains(part), "{about}: {said} does not hold {part}");
        }
    }
}

/// A table: a text of the resource, what stands in its place, and what is said then.
pub(super) type Cases<'a> = &'a [(&'a str, &'a str, Wanted<'a>)];

/// Beginnings, and what each holds besides.
pub(super) type Wanted<'a> = &'a [(&'a str, &'a [&'a str])];

pub(super) fn check(code: &str, resource: &str, cases: Cases<'_>) {
    for (from, to, wanted) in cases {
        assert!(resource.contains(from), "the resource has no {from}");
        assert_said(&said(code, &resource.replacen(from, to, 1)), wanted, to);
    }
}

#[test]
fn a_plan_is_judged_by_every_rule_at_once_and_in_the_order_of_the_file() {
    let resource = DATABASE.replace("rpo: 24h, rto: 4h", "rpo: 1h, rto: 10m").replace("keep: 7d", "keep: 120d")
        + "regions_allowed: [eu-central-1]\ncopies: [{ region: us-east-1, kms_key: alias/k, keep: 7d, within: 1h, lock: 7d }]\n";
    let text: Vec<String> =
        ["HF040", "HF044", "HF049", "HF052", "HF053"].into_iter().flat_map(|code| said(code, &resource)).collect();
    assert_eq!(text.len(), 5, "{text:#?}");
}
