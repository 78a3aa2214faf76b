//! N2: production keeps longer than staging, and staging longer than development. Judged over plans of one name.

use holdfast_domain::Plan;
use holdfast_domain::plan::Resource;
use jiff::SignedDuration;

use super::Remark;
use crate::problem::code;
use crate::units::write_duration;

/// How much an environment matters, more first; others are not ranked.
fn rank(plan: &Plan) -> Option<u8> {
    match plan.environment.as_str() {
        "prod" | "production" => Some(3),
        "staging" => Some(2),
        "dev" | "development" | "test" => Some(1),
        _ => None,
    }
}

/// Remarks on plans that are checked together, with the number of the plan that they are about: the lesser environment's.
pub(crate) fn across(plans: &[&Plan]) -> Vec<(usize, Vec<Remark>)> {
    let ranked = plans.iter().enumerate().filter(|(_, plan)| rank(plan).is_some());
    let remarks = ranked.map(|(at, lesser)| {
        let greater = plans.iter().filter(|greater| greater.name == lesser.name && rank(greater) > rank(lesser));
        (at, greater.flat_map(|greater| pair(greater, lesser)).collect::<Vec<_>>())
    });
    remarks.filter(|(_, remarks)| !remarks.is_empty()).collect()
}

fn pair(greater: &Plan, lesser: &Plan) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (name, resource) in &lesser.resources {
        let above = greater.resources.get(name).and_then(kept);
        let (Some((field, keep)), Some((_, above))) = (kept(resource), above) else { continue };
        if keep < above {
            continue;
        }
        let (keep, above) = (write_duration(keep), write_duration(above));
        let path = format!("resources.{name}.{field}");
        let message = format!(
            "{} keeps {name} {keep} and {} keeps it {above}: prod > staging > dev is wanted (N2)",
            lesser.environment, greater.environment
        );
        let allowed =
            format!("less than {above} in {}, or more than {keep} in {}", lesser.environment, greater.environment);
        remarks.push(Remark::error(code::ENVIRONMENTS, path, message, allowed));
    }
    remarks
}

/// The longest that anything of a resource is kept, and by which line.
fn kept(resource: &Resource) -> Option<(String, SignedDuration)> {
    let rules = resource.snapshots.iter().map(|(name, rule)| (format!("snapshots.{name}.keep"), rule.keep.longest()));
    let external = resource.external.and_then(|external| external.keep).map(|keep| ("snapshots.keep".to_owned(), keep));
    let pitr = resource.pitr.as_ref().map(|pitr| ("pitr.window".to_owned(), pitr.window));
    let versions = resource.bucket.and_then(|bucket| bucket.versions_keep);
    let versions = versions.map(|keep| ("bucket.versions_keep".to_owned(), keep));
    rules.chain(external).chain(pitr).chain(versions).max_by_key(|(_, keep)| *keep)
}

#[cfg(test)]
mod tests {
    use crate::{Compiled, ReadPlan, check_together, read_yaml};

    fn plan(environment: &str, keep: &str) -> (String, Compiled) {
        let text = format!(
            "version: 1\nname: crew\nenvironment: {environment}\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n\
             resources:\n  db: {{ kind: rds-instance, id: {environment}-db, objectives: {{ rpo: 24h, rto: 4h }}, snapshots: {{ daily: {{ at: \"cron(0 2 * * ? *)\", keep: {keep} }} }} }}\n\
             alerts: {{ channels: {{ ops: {{ slack: \"secret:s\" }} }}, routes: {{ critical: [ops], high: [ops] }} }}\n"
        );
        let compiled = read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        (text, compiled)
    }

    fn together(plans: &[(&str, &str)]) -> Vec<String> {
        let read: Vec<(String, (String, Compiled))> =
            plans.iter().map(|(environment, keep)| (format!("{environment}.yaml"), plan(environment, keep))).collect();
        let read: Vec<ReadPlan<'_>> =
            read.iter().map(|(file, (text, compiled))| ReadPlan { file, source: text.as_bytes(), compiled }).collect();
        check_together(&read).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn production_keeps_longest() {
        let crew = [("staging", "7d"), ("production", "{ daily: 30, weekly: 4, monthly: 12 }"), ("development", "3d")];
        assert_eq!(together(&crew), Vec::<String>::new());
        let mixed_up = together(&[("prod", "7d"), ("staging", "7d"), ("dev", "14d"), ("qa", "90d")]);
        assert_eq!(mixed_up.len(), 3, "{mixed_up:#?}");
        assert!(mixed_up[0].starts_with("staging.yaml:7:"), "{}", mixed_up[0]);
        assert!(
            mixed_up[0].ends_with(
                "HF057 resources.db.snapshots.daily.keep: staging keeps db 7d and prod keeps it 7d: prod > staging > dev is wanted (N2): \
                 less than 7d in staging, or more than 7d in prod"
            ),
            "{}",
            mixed_up[0]
        );
        assert!(mixed_up.iter().skip(1).all(|each| each.starts_with("dev.yaml")), "{mixed_up:#?}");
    }
}
