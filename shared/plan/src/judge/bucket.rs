//! X3: MFA delete and lifecycle rules cannot stand on one bucket.

use super::{Remark, Subject};
use crate::problem::code;
use crate::units::write_duration;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let resource = subject.resource;
    let Some(bucket) = resource.bucket.filter(|bucket| bucket.mfa_delete) else { return };
    let mut rules = Vec::new();
    if let Some(keep) = bucket.versions_keep {
        rules.push(format!("versions_keep {}", write_duration(keep)));
    }
    if !resource.tiers.is_empty() {
        rules.push("tiers".to_owned());
    }
    if rules.is_empty() {
        return;
    }
    let message = format!(
        "mfa_delete (N7) and {} (N6) cannot stand on one bucket: S3 takes no lifecycle configuration where MFA delete is on \
         (S3 User Guide, \"Lifecycle and other bucket configurations\") (X3)",
        rules.join(" and ")
    );
    let lock = bucket.lock.or(bucket.versions_keep).map_or("30d".to_owned(), write_duration);
    let allowed = format!(
        "mfa_delete: false with lock: {lock}, which nobody can lift either; or mfa_delete without {}",
        rules.join(" and ")
    );
    remarks.push(Remark::error(code::MFA_DELETE, subject.path("bucket.mfa_delete"), message, allowed));
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::check;

    const STATE: &str = "
kind: terraform-state
id: shop-state
objectives: { rpo: 24h, rto: 4h }
bucket: { mfa_delete: true }
";

    #[test]
    fn mfa_delete_and_lifecycle_rules_exclude_each_other() {
        let at = "error resources.orders.bucket.mfa_delete: ";
        let objectives = "objectives: { rpo: 24h, rto: 4h }";
        let scheduled =
            "objectives: { rpo: 24h, rto: 4h }\nsnapshots: { daily: { at: \"cron(0 2 * * ? *)\", keep: 7d } }";
        let state = STATE.replace(objectives, scheduled).replace("terraform-state", "bucket");
        check(
            "HF047",
            &state,
            &[
                ("mfa_delete: true", "mfa_delete: true, lock: 30d", &[]),
                ("mfa_delete: true", "versions_keep: 90d", &[]),
                (
                    "mfa_delete: true",
                    "mfa_delete: true, versions_keep: 90d",
                    &[(at, &["(N7)", "versions_keep 90d (N6)", "(X3)", "lock: 90d"])],
                ),
                ("bucket: {", "tiers: [{ after: 30d, class: standard-ia }]\nbucket: {", &[(at, &["tiers (N6)"])]),
            ],
        );
    }
}
