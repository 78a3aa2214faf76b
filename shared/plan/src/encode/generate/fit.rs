//! Parts of a random resource made to fit each other and its kind.

use std::collections::BTreeSet;

use holdfast_domain::plan::{
    Checks, DocumentCheck, Due, External, ExternalMaker, Overlap, Resource, RestoreFrom, SnapshotDue, Target,
};
use holdfast_domain::{Requirement, Schedule};

use super::{SCHEDULES, legal};
use crate::decode::LEGAL;

/// Takes out what the kind cannot have and what says something of a part that is not there.
pub(super) fn fit(resource: &mut Resource) {
    let kind = resource.target.kind();
    let has =
        |part: &str| LEGAL.iter().find(|legal| legal.part == part).is_none_or(|legal| legal.kinds.contains(&kind));
    resource.standby.take_if(|_| !has("standby"));
    resource.pitr.take_if(|_| !has("pitr"));
    resource.bucket.take_if(|_| !has("bucket"));
    if !has("tiers") {
        resource.tiers.clear();
    }
    if !resource.regions_allowed.is_empty() {
        resource.regions_allowed.insert(resource.region.clone());
    }
    if let Some(pitr) = &mut resource.pitr {
        pitr.replicate_to.take_if(|region| *region == resource.region);
    }
    fit_snapshots(resource, has("pitr"));
    fit_copies(resource);
    fit_checks(&mut resource.checks, has);
    fit_tests(resource, has("restore_tests"));
    let Resource { snapshots, external, pitr, copies, bucket, restore_tests, .. } = resource;
    if snapshots.is_empty() && copies.is_empty() && restore_tests.is_empty() && pitr.is_none() && bucket.is_none() {
        external.get_or_insert(External { by: ExternalMaker::Any, every: None, keep: None });
    }
}

fn fit_snapshots(resource: &mut Resource, is_database: bool) {
    match &mut resource.external {
        Some(external) => {
            resource.snapshots.clear();
            if external.by == ExternalMaker::Rds && !is_database {
                external.by = ExternalMaker::Any;
            }
        }
        None => {
            let changes = matches!(resource.target, Target::Bucket(_) | Target::TerraformState(_) | Target::Secrets(_));
            let changing = resource.snapshots.values_mut().filter(|rule| rule.due == SnapshotDue::OnChange && !changes);
            changing.for_each(|rule| rule.due = SnapshotDue::OnDemand);
        }
    }
    if resource.snapshots.is_empty() || resource.snapshots.values().any(|rule| rule.takes_max.is_none()) {
        resource.overlap = Overlap::Allowed;
    }
}

fn fit_copies(resource: &mut Resource) {
    let (own, rules) = (resource.region.clone(), resource.snapshots.keys().cloned().collect::<BTreeSet<_>>());
    let mut seen = BTreeSet::new();
    resource.copies.retain(|copy| {
        (copy.region != own || copy.account.is_some()) && seen.insert((copy.region.clone(), copy.account.clone()))
    });
    for copy in &mut resource.copies {
        copy.of.retain(|rule| rules.contains(rule));
    }
}

fn fit_checks(checks: &mut Checks, has: impl Fn(&str) -> bool) {
    checks.integrity.take_if(|_| !has("checks.integrity"));
    if !has("checks.sql") {
        let documents = std::mem::take(&mut checks.documents);
        *checks = Checks { integrity: checks.integrity, documents, ..Checks::default() };
    }
    if !has("checks.documents") {
        checks.documents.clear();
    }
    let required = || Requirement::Required;
    if has("checks.integrity") {
        checks.integrity = Some(required());
    } else if has("checks.documents") {
        let (collection, filter) = ("a.b".to_owned(), None);
        let (documents_min, within, fresh, shrink_max_percent) = (1, None, None, None);
        let requirement = required();
        let check = DocumentCheck { collection, filter, documents_min, within, fresh, shrink_max_percent, requirement };
        checks.documents.insert(legal("always"), check);
    }
}

fn fit_tests(resource: &mut Resource, has: bool) {
    if !has {
        resource.restore_tests.clear();
    }
    if resource.restore_tests.is_empty() {
        resource.checks = Checks::default();
    }
    let daily = Schedule::parse(SCHEDULES[0].0, SCHEDULES[0].1).expect("legal");
    for test in resource.restore_tests.values_mut() {
        if matches!(&test.due, Due::After(rule) if !resource.snapshots.contains_key(rule)) {
            test.due = Due::At(daily.clone());
        }
        let from_time = matches!(test.from, RestoreFrom::Pitr | RestoreFrom::Time(_));
        if from_time && resource.pitr.is_none() {
            test.from = RestoreFrom::Random;
        }
        let brought = match &resource.pitr {
            Some(pitr) if from_time => pitr.replicate_to.as_ref() == Some(&test.region),
            Some(_) | None => resource.copies.iter().any(|copy| copy.region == test.region),
        };
        if !brought {
            test.region = resource.region.clone();
        }
    }
}
