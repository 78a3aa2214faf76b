//! X8: the age of data is judged against the recovery point objective.

use jiff::SignedDuration;

use super::{Remark, Subject};
use crate::problem::code;
use crate::units::write_duration;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let checks = &subject.resource.checks;
    let rows = checks.fresh.iter().map(|fresh| ("checks.fresh.age_max".to_owned(), fresh.age_max));
    let documents = checks.documents.iter().filter_map(|(name, check)| {
        Some((format!("checks.documents.{name}.fresh.age_max"), check.fresh.as_ref()?.age_max))
    });
    let objectives = subject.resource.objectives;
    let too_old = rows.chain(documents).filter(|(_, age_max)| *age_max > objectives.rpo);
    remarks.extend(too_old.map(|(path, age_max)| remark(subject, &path, age_max)));
}

fn remark(subject: &Subject<'_>, path: &str, age_max: SignedDuration) -> Remark {
    let objectives = subject.resource.objectives;
    let (age, rpo, rto) = (write_duration(age_max), write_duration(objectives.rpo), write_duration(objectives.rto));
    let mixed_up = if age_max == objectives.rto {
        format!("; {rto} is the rto, which says nothing of age")
    } else {
        String::new()
    };
    let message = format!(
        "data {age} old would pass although rpo is {rpo}: age is judged against the recovery point objective{mixed_up} (X8)"
    );
    let allowed = format!("age_max: {rpo}, or rpo: {age}");
    Remark::warning(code::FRESH, subject.path(path), message, allowed)
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, check};

    #[test]
    fn age_is_judged_against_the_recovery_point_objective() {
        let tested = |age: &str| {
            format!(
                "keep: 7d }}\nrestore_tests: {{ every: {{ after: daily, from: latest, instance_class: db.t4g.medium, deadline: 1h }} }}\n\
                 checks: {{ fresh: {{ sql: \"select max(at) from orders\", age_max: {age} }} }}"
            )
        };
        let at = "warning resources.orders.checks.fresh.age_max: ";
        let mixed_up = DATABASE.replace("rpo: 24h, rto: 4h", "rpo: 24h, rto: 36h");
        check(
            "HF050",
            &mixed_up,
            &[
                ("keep: 7d }", &tested("24h"), &[]),
                (
                    "keep: 7d }",
                    &tested("25h"),
                    &[(at, &["25h old would pass although rpo is 1d", "(X8)", "age_max: 1d, or rpo: 25h"])],
                ),
                ("keep: 7d }", &tested("36h"), &[(at, &["36h is the rto, which says nothing of age"])]),
            ],
        );
    }
}
