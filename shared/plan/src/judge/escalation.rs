//! Escalation needs somebody to go to.

use holdfast_domain::plan::Routes;
use holdfast_domain::{Plan, Severity};

use super::{Remark, Subject};
use crate::problem::code;
use crate::units::write_duration;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    lone(subject.plan, &subject.resource.routes, &|severity| subject.path(&format!("routes.{severity}")), remarks);
}

pub(super) fn judge_whole(plan: &Plan, remarks: &mut Vec<Remark>) {
    lone(plan, &plan.alerts.routes, &|severity| format!("alerts.routes.{severity}"), remarks);
}

/// Routes of what somebody must act on that end with their first channel.
fn lone(plan: &Plan, routes: &Routes, path: &dyn Fn(&str) -> String, remarks: &mut Vec<Remark>) {
    let Some(after) = plan.alerts.escalate_after.map(write_duration) else { return };
    for severity in [Severity::Critical, Severity::High] {
        let Some([only]) = routes.get(&severity).map(Vec::as_slice) else { continue };
        let word = severity.as_str();
        let message =
            format!("escalate_after {after} waits for nothing here: {only} is the route's only channel (B30)");
        let other = plan.alerts.channels.keys().find(|channel| *channel != only);
        let allowed = match other {
            Some(other) => format!("{word}: [{only}, {other}], or no escalate_after"),
            None => format!("a second channel after {only}, or no escalate_after"),
        };
        remarks.push(Remark::warning(code::NO_ESCALATION, path(word), message, allowed));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, said_of};

    #[test]
    fn escalation_goes_to_somebody() {
        let alerts = |routes: &str, more: &str| {
            format!(
                "alerts: {{ channels: {{ ops: {{ slack: \"secret:s\" }}, oncall: {{ pagerduty: \"secret:p\" }} }}, routes: {{ {routes} }}{more} }}"
            )
        };
        let said = |routes: &str, more: &str| said_of("HF058", &alerts(routes, more), &[("orders", DATABASE)]);
        assert_said(
            &said("critical: [oncall, ops], high: [ops], low: [ops]", ", escalate_after: 15m"),
            &[("warning alerts.routes.high: ", &["ops is the route's only channel (B30)", "high: [ops, oncall]"])],
            "one channel",
        );
        assert_said(&said("critical: [oncall, ops], high: [ops]", ""), &[], "no escalation");
        let own = DATABASE.to_owned() + "routes: { high: [oncall] }\n";
        assert_said(
            &said_of(
                "HF058",
                &alerts("critical: [oncall, ops], high: [oncall, ops]", ", escalate_after: 15m"),
                &[("orders", &own)],
            ),
            &[("warning resources.orders.routes.high: ", &["oncall"])],
            "a resource's own route",
        );
    }
}
