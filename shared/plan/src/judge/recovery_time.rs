//! X7: a recovery time that no restore of a snapshot can promise.

use jiff::SignedDuration;

use super::{Remark, Subject, is_managed};
use crate::problem::code;
use crate::promise::Loss;
use crate::units::write_duration;

/// Not AWS's number, which there is none of, but ours: provisioning an instance takes minutes whatever its size, and after that every
/// block is fetched from S3 when it is first read (source: RDS User Guide, "Restoring to a DB instance", lazy loading). What is
/// promised below a quarter of an hour needs something that already runs.
const RESTORE_PROVABLE: SignedDuration = SignedDuration::from_mins(15);

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let resource = subject.resource;
    if !is_managed(resource) {
        return;
    }
    for loss in [Loss::Instance, Loss::Region] {
        let Some(objectives) = loss.objectives(resource).filter(|wanted| wanted.rto <= RESTORE_PROVABLE) else {
            continue;
        };
        let survives = resource
            .standby
            .as_ref()
            .is_some_and(|standby| loss == Loss::Instance || standby.region != resource.region);
        if survives {
            continue;
        }
        let rto = write_duration(objectives.rto);
        let proof = if resource.restore_tests.is_empty() {
            "and no restore test measures it"
        } else {
            "and only the times that its restore tests measure can prove it"
        };
        let message = format!(
            "rto {rto} for the loss of the {} is less than the restore of a snapshot of any size can promise: a new instance is provisioned, \
             then its blocks are loaded from S3 as they are read (RDS User Guide, \"Restoring to a DB instance\"); there is no standby, {proof} (X7)",
            loss.as_str()
        );
        let region = match loss {
            Loss::Instance | Loss::Account => resource.region.as_str(),
            Loss::Region => "another-region",
        };
        let allowed = format!(
            "standby: {{ id: {}-replica, region: {region}, lag_max: 30s }} to promote, or rto: 1h with restore tests that measure it",
            subject.resource.target.id()
        );
        remarks.push(Remark::warning(code::RTO, subject.path(loss.rto_field()), message, allowed));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, check, said};

    #[test]
    fn a_quarter_of_an_hour_needs_a_standby_or_a_proof() {
        let tested = "rto: 15m }\nchecks: { integrity: full }\nrestore_tests: { every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 1h } }";
        let standby = "rto: 15m }\nstandby: { id: r, region: eu-central-1, lag_max: 30s }";
        let at = "warning resources.orders.objectives.rto: ";
        check(
            "HF044",
            DATABASE,
            &[
                ("rto: 4h }", "rto: 16m }", &[]),
                (
                    "rto: 4h }",
                    "rto: 15m }",
                    &[(
                        at,
                        &[
                            "no restore test measures it (X7)",
                            "standby: { id: orders-prod-replica, region: eu-central-1",
                        ],
                    )],
                ),
                ("rto: 4h }", tested, &[(at, &["only the times that its restore tests measure"])]),
                ("rto: 4h }", standby, &[]),
            ],
        );
        let region = DATABASE.replace("rto: 4h }", "rto: 4h, region: { rpo: 48h, rto: 10m } }")
            + "copies: [{ region: eu-west-1, kms_key: alias/k, keep: 14d, within: 1h }]\n";
        let at = "warning resources.orders.objectives.region.rto: ";
        assert_said(
            &said("HF044", &(region.clone() + "standby: { id: r, region: eu-central-1, lag_max: 30s }\n")),
            &[(at, &["(X7)"])],
            "here",
        );
        assert_said(
            &said("HF044", &(region + "standby: { id: r, region: eu-west-1, lag_max: 30s }\n")),
            &[],
            "elsewhere",
        );
    }
}
