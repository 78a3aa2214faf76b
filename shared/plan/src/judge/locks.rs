//! X10: RDS snapshots have no Object Lock.

use super::{Remark, Subject, is_managed};
use crate::problem::code;
use crate::units::write_duration;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    if !is_managed(subject.resource) {
        return;
    }
    for (at, copy) in subject.resource.copies.iter().enumerate() {
        let Some(lock) = copy.lock else { continue };
        let message = format!(
            "lock {} cannot hold a copy of {}: Object Lock is S3's, and snapshots have none (S3 User Guide, \"Locking objects with Object Lock\") (X10)",
            write_duration(lock),
            subject.resource.target.kind().as_str()
        );
        let account = if copy.account.is_some() {
            "leave lock out: the copy already stands in another account, whose deletion role is out of reach here"
                .to_owned()
        } else {
            let name = subject.plan.accounts.keys().next().map_or("dr", |name| name.as_str());
            format!("account: {name} in place of lock, so that no role of this account can delete the copy")
        };
        let allowed = format!("{account}; or AWS Backup's vault lock, proved by snapshots: {{ external: awsbackup }}");
        remarks.push(Remark::error(code::NO_LOCK, subject.path(&format!("copies[{at}].lock")), message, allowed));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, DUMPS, assert_said, said, said_of};

    #[test]
    fn a_snapshot_cannot_be_locked_and_an_object_can() {
        let at = "error resources.orders.copies[0].lock: ";
        let copy = |more: &str| {
            format!("copies: [{{ region: eu-west-1, kms_key: alias/k, keep: 30d, within: 1h, lock: 30d{more} }}]\n")
        };
        assert_said(
            &said("HF052", &(DATABASE.to_owned() + &copy(""))),
            &[(at, &["(X10)", "account: dr in place of lock", "external: awsbackup"])],
            "here",
        );
        let account =
            "accounts: { vault: { id: \"210987654321\", role: \"arn:aws:iam::210987654321:role/holdfast\" } }";
        let there = DATABASE.to_owned() + &copy(", account: vault");
        assert_said(
            &said_of("HF052", account, &[("orders", &there)]),
            &[(at, &["leave lock out"])],
            "in another account",
        );
        assert_said(&said("HF052", &(DUMPS.to_owned() + &copy(""))), &[], "dumps");
    }
}
