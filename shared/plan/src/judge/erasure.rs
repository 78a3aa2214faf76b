//! X9: the right to be erased against copies that nobody can delete.

use holdfast_domain::Plan;
use jiff::SignedDuration;

use super::{Remark, is_managed};
use crate::problem::code;
use crate::units::write_duration;

/// Said once per plan, at the list: what is locked for longest.
pub(super) fn judge(plan: &Plan, remarks: &mut Vec<Remark>) {
    if plan.erasures.is_none() {
        return;
    }
    let mut locked: Vec<(SignedDuration, String)> = Vec::new();
    for (name, resource) in &plan.resources {
        if let Some(lock) = resource.bucket.and_then(|bucket| bucket.lock) {
            locked.push((lock, format!("resources.{name}.bucket.lock")));
        }
        // A lock on a managed snapshot does not exist, and is refused elsewhere.
        let copies = resource.copies.iter().enumerate().filter(|_| !is_managed(resource));
        let locks = copies.filter_map(|(at, copy)| Some((copy.lock?, format!("resources.{name}.copies[{at}].lock"))));
        locked.extend(locks);
    }
    let Some((longest, at)) = locked.iter().max_by_key(|(lock, _)| *lock) else { return };
    let longest = write_duration(*longest);
    let message = format!(
        "whoever is erased stays in locked copies for up to {longest} ({at}; {} locked in all), which nobody can delete: \
         the list is replayed after every restore, and the report says until when they are kept (X9)",
        locked.len()
    );
    let allowed = format!("a lock no longer than the law leaves you ({at}: 30d), or tell people {longest}");
    remarks.push(Remark::warning(code::ERASURE, "erasures".into(), message, allowed));
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, DUMPS, assert_said, said_of};

    #[test]
    fn the_longest_lock_is_told_to_whoever_keeps_a_list_of_the_erased() {
        let list = "erasures: s3://shop-config/erasures.jsonl";
        let locked = DUMPS.to_owned() + "copies: [{ region: eu-west-1, keep: 400d, within: 1h, lock: 365d }]\n";
        let bucket = "kind: bucket\nid: shop-media\nobjectives: { rpo: 24h, rto: 4h }\nbucket: { versions_keep: 90d, lock: 30d }\n";
        let all = [("dumps", locked.as_str()), ("media", bucket), ("orders", DATABASE)];
        assert_said(
            &said_of("HF051", list, &all),
            &[("warning erasures: ", &["for up to 365d (resources.dumps.copies[0].lock; 2 locked in all)", "(X9)"])],
            "locked",
        );
        assert_said(&said_of("HF051", "", &all), &[], "no list");
        assert_said(&said_of("HF051", list, &[("orders", DATABASE)]), &[], "no lock");
    }
}
