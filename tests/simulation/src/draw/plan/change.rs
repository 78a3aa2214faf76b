//! What people change in a plan.

use crate::chance::Chance;

use super::Plan;
use super::resource::{Pitr, Resource};

/// One change; `added` is the resource to add, if one is.
pub(super) fn change(chance: &mut Chance, plan: &mut Plan, added: Resource) {
    let place = usize::try_from(chance.below(plan.resources.len() as u64)).unwrap_or(0);
    let (count, is_new) = (plan.resources.len(), plan.resources.iter().all(|known| known.name != added.name));
    let resource = &mut plan.resources[place];
    match chance.below(10) {
        0 if is_new => plan.resources.push(added),
        0 | 1 if count > 1 => {
            plan.resources.remove(place);
        }
        2 => {
            if let Some(rule) = resource.rules.last_mut().filter(|rule| rule.due.starts_with("at:")) {
                rule.due = format!("at: \"cron(0 {} * * ? *)\"", chance.below(24));
                rule.keep = "9d";
            }
        }
        3 => resource.tests.clear(),
        4 if resource.tests.len() > 1 => {
            resource.tests.pop();
        }
        5 => plan.rooms_max = chance.between(1, 4),
        6 => {
            plan.alerts.channels.rotate_left(1);
            plan.alerts.escalate_after = Some(chance.pick(&[5, 15, 60]));
        }
        7 => resource.routes = chance.one_in(2).then(|| chance.pick(&plan.alerts.channels)),
        8 if resource.tests.iter().all(|test| test.from != "pitr") => {
            let added = Pitr { replicate_to: None };
            resource.pitr = if resource.pitr.is_some() { None } else { Some(added) };
        }
        _ => {
            if resource.rules.len() > 1 && resource.rules[0].name == "often" {
                resource.rules.remove(0);
            }
        }
    }
}
