//! X4: what RDS keeps by itself is one number, not two.

use holdfast_domain::plan::ExternalMaker;
use jiff::SignedDuration;

use super::{Remark, Subject};
use crate::problem::code;
use crate::units::write_duration;

/// The longest that RDS keeps automated backups (source: RDS User Guide, "Backup retention period").
const AUTOMATED_MAX: SignedDuration = SignedDuration::from_hours(35 * 24);

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let Some(external) = &subject.resource.external else { return };
    let Some(keep) = external.keep.filter(|_| external.by == ExternalMaker::Rds) else { return };
    let kept = write_duration(keep);
    let rule = format!("snapshots: {{ nightly: {{ at: \"cron(0 2 * * ? *)\", keep: {kept} }} }}");
    let path = subject.path("snapshots.keep");
    match &subject.resource.pitr {
        Some(pitr) if pitr.window != keep => {
            let window = write_duration(pitr.window);
            let message = format!(
                "automated backups kept {kept} beside a window of {window} cannot be: RDS has one retention for both \
                 (RDS User Guide, \"Backup retention period\") (X4)"
            );
            let allowed = if keep <= AUTOMATED_MAX {
                format!("pitr.window: {kept}, or {rule} in place of external, beside pitr: {{ window: {window} }}")
            } else {
                format!("{rule} in place of external, beside pitr: {{ window: {window} }}")
            };
            remarks.push(Remark::error(code::ONE_RETENTION, path, message, allowed));
        }
        Some(_) | None if keep > AUTOMATED_MAX => {
            let message = format!("automated backups cannot be kept {kept}: RDS keeps them 35d at most (X4)");
            remarks.push(Remark::error(
                code::ONE_RETENTION,
                path,
                message,
                format!("keep: 35d, or {rule} in place of external"),
            ));
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, check};

    #[test]
    fn automated_backups_have_one_retention() {
        let snapshots = "snapshots:\n  daily: { at: \"cron(0 2 * * ? *)\", keep: 7d }";
        let at = "error resources.orders.snapshots.keep: ";
        check(
            "HF048",
            DATABASE,
            &[
                (
                    snapshots,
                    "snapshots: { external: rds, every: 24h, keep: 30d }\npitr: { window: 30d, lag_max: 10m }",
                    &[],
                ),
                (
                    snapshots,
                    "snapshots: { external: rds, every: 24h, keep: 30d }\npitr: { window: 7d, lag_max: 10m }",
                    &[(at, &["kept 30d beside a window of 7d", "(X4)", "pitr.window: 30d, or snapshots: { nightly"])],
                ),
                (
                    snapshots,
                    "snapshots: { external: rds, every: 24h, keep: 90d }\npitr: { window: 7d, lag_max: 10m }",
                    &[(at, &["keep: 90d } } in place of external, beside pitr: { window: 7d }"])],
                ),
                (snapshots, "snapshots: { external: rds, every: 24h, keep: 36d }", &[(at, &["35d at most"])]),
                (
                    snapshots,
                    "snapshots: { external: awsbackup, every: 24h, keep: 90d }\npitr: { window: 7d, lag_max: 10m }",
                    &[],
                ),
            ],
        );
    }
}
