//! The last proved restore: which verification this one is compared with.
//!
//! It is the one of the same resource whose run was judged *passed* and whose data is the newest that is no newer than ours: a test of an
//! old recovery point must not be held against what came after it. It is chosen once per run and kept in the run's verification.

use holdfast_domain::{ResourceName, RunId, Verdict};
use holdfast_ledger::{
    Ledger, LedgerError, Proved, ProvedEntry, Run, Verification, Written, proved_key, run_key, verification_key,
};
use holdfast_ports::{Entropy, Objects};
use jiff::Timestamp;

use crate::work::Baseline;

/// How many proofs of a resource are remembered: years of daily tests. The oldest data goes first.
const PROVED_MAX: usize = 1_000;

/// How many runs without a verdict are remembered; more than any `rooms_max`, and a run that never gets one must not pile up.
const OPEN_MAX: usize = 50;

/// How often the record is tried again when another run's verification begins at the same moment.
const ATTEMPTS: usize = 3;

/// Enters a run among those that later ones may be compared with, and chooses its own baseline.
///
/// # Errors
/// The ledger's.
pub(crate) async fn choose(
    ledger: &Ledger<'_, impl Objects, impl Entropy>,
    run: &Run,
) -> Result<Option<RunId>, LedgerError> {
    let key = proved_key(&run.resource);
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        let held = ledger.read::<Proved>(&key).await?;
        let known = held.as_ref().map(|held| held.body.entries.clone()).unwrap_or_default();
        let verdicts = judged(ledger, run, held.as_ref().map(|held| &held.body)).await?;
        let (entries, baseline) = settled(known, &verdicts, &run.id, run.source.taken_at);
        let written = match held {
            Some(held) if held.body.entries == entries => return Ok(baseline),
            Some(held) => ledger.replace(&held, Proved { entries }).await.map(|_| ()),
            None => match ledger.create(&key, Proved { entries }).await? {
                Written::Created(_) => Ok(()),
                Written::Existed(_) => Err(LedgerError::Conflict { key: key.clone() }),
            },
        };
        match written {
            Ok(()) => return Ok(baseline),
            Err(LedgerError::Conflict { .. }) if attempts_left > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// The verdicts on entries that had none: `None` for a run without one yet, or without a record.
async fn judged(
    ledger: &Ledger<'_, impl Objects, impl Entropy>,
    run: &Run,
    known: Option<&Proved>,
) -> Result<Vec<(RunId, Option<Verdict>)>, LedgerError> {
    let mut verdicts = Vec::new();
    let open = known.into_iter().flat_map(|known| &known.entries).filter(|entry| !entry.proved && entry.run != run.id);
    for entry in open {
        let found = ledger.read::<Run>(&run_key(&entry.run)).await?;
        verdicts.push((entry.run.clone(), found.and_then(|held| held.body.verdict).map(|verdict| verdict.verdict)));
    }
    Ok(verdicts)
}

/// What is kept, with our own run in it, and what ours is compared with.
fn settled(
    known: Vec<ProvedEntry>,
    verdicts: &[(RunId, Option<Verdict>)],
    own: &RunId,
    taken_at: Timestamp,
) -> (Vec<ProvedEntry>, Option<RunId>) {
    let verdict = |run: &RunId| verdicts.iter().find(|(of, _)| of == run).and_then(|(_, verdict)| *verdict);
    let (mut proved, mut open) = (Vec::new(), Vec::new());
    for entry in known.into_iter().filter(|entry| entry.run != *own) {
        match verdict(&entry.run) {
            _ if entry.proved => proved.push(entry),
            Some(Verdict::Passed) => proved.push(ProvedEntry { proved: true, ..entry }),
            Some(Verdict::Failed | Verdict::Inconclusive) => {}
            None => open.push(entry),
        }
    }
    let age = |entry: &ProvedEntry| (entry.taken_at, entry.run.as_str().to_owned());
    proved.sort_by_key(age);
    open.sort_by_key(age);
    proved.drain(..proved.len().saturating_sub(PROVED_MAX));
    open.drain(..open.len().saturating_sub(OPEN_MAX - 1));
    let baseline = newest(&proved, taken_at).map(|entry| entry.run.clone());
    let own = ProvedEntry { run: own.clone(), taken_at, proved: false };
    (proved.into_iter().chain(open).chain([own]).collect(), baseline)
}

fn newest(proved: &[ProvedEntry], taken_at: Timestamp) -> Option<&ProvedEntry> {
    proved.iter().filter(|entry| entry.taken_at <= taken_at).max_by_key(|entry| entry.taken_at)
}

/// What the chosen run observed. A record that is gone or unreadable keeps nothing from being verified: what needs it is *not run*.
///
/// # Errors
/// The store's, when it may be readable later.
pub(crate) async fn read(
    ledger: &Ledger<'_, impl Objects, impl Entropy>,
    resource: &ResourceName,
    chosen: Option<&RunId>,
) -> Result<Baseline, LedgerError> {
    let Some(run) = chosen else { return Ok(Baseline::None) };
    match ledger.read::<Verification>(&verification_key(run)).await {
        Ok(Some(held)) => Ok(Baseline::Run { run: run.clone(), observed: held.body.observed }),
        Ok(None) => Ok(Baseline::Lost { reason: format!("{resource} was proved by {run}, whose record is gone") }),
        Err(LedgerError::Unreadable { key, reason }) => {
            Ok(Baseline::Lost { reason: format!("the record {key} cannot be read: {reason}") })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).expect("a moment")
    }

    fn id(number: u32) -> RunId {
        format!("orders-db.every.{number}").parse().expect("a run")
    }

    fn entry(number: u32, day: i64, proved: bool) -> ProvedEntry {
        ProvedEntry { run: id(number), taken_at: at(day), proved }
    }

    fn settle(
        known: Vec<ProvedEntry>,
        verdicts: &[(RunId, Option<Verdict>)],
        day: i64,
    ) -> (Vec<ProvedEntry>, Option<RunId>) {
        settled(known, verdicts, &id(99), at(day))
    }

    #[test]
    fn only_a_passed_run_of_data_no_newer_is_compared_with() {
        let known =
            || vec![entry(1, 1, true), entry(2, 2, false), entry(3, 3, false), entry(4, 4, false), entry(5, 9, true)];
        let verdicts = [(id(2), Some(Verdict::Passed)), (id(3), Some(Verdict::Failed)), (id(4), None)];
        let baseline = |day| settle(known(), &verdicts, day).1;
        assert_eq!(
            baseline(5),
            Some(id(2)),
            "the failed and the undecided ones do not count, nor the one of newer data"
        );
        assert_eq!(baseline(1), Some(id(1)));
        assert_eq!(baseline(9), Some(id(5)), "the same recovery point, proved before");
        assert_eq!(baseline(0), None);
        let kept: Vec<(RunId, bool)> =
            settle(known(), &verdicts, 5).0.into_iter().map(|entry| (entry.run, entry.proved)).collect();
        assert_eq!(kept, [(id(1), true), (id(2), true), (id(5), true), (id(4), false), (id(99), false)]);
    }

    #[test]
    fn however_many_runs_fail_the_last_proof_stays() {
        let mut known = vec![entry(1, 1, true)];
        for number in 2..500 {
            let verdict = [(id(number - 1), Some(Verdict::Failed))];
            known.push(entry(number, i64::from(number), false));
            let verdict = if number > 2 { &verdict[..] } else { &[] };
            known = settled(known, verdict, &id(number), at(i64::from(number))).0;
        }
        assert!(known.len() <= 2 + OPEN_MAX, "{}", known.len());
        assert_eq!(settle(known, &[], 600).1, Some(id(1)));
    }

    proptest! {
        #[test]
        fn twice_is_once(known in prop::collection::btree_map(0_u32..200, (0_i64..50, any::<bool>(), prop::option::of(0..3_u8)), 0..120), day in 0_i64..50) {
            let verdict = |word: Option<u8>| word.map(|word| [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive][usize::from(word)]);
            let verdicts: Vec<(RunId, Option<Verdict>)> = known.iter().map(|(number, (_, _, word))| (id(*number), verdict(*word))).collect();
            let entries = known.iter().map(|(number, (day, proved, _))| entry(*number, *day, *proved)).collect();
            let (once, baseline) = settle(entries, &verdicts, day);
            prop_assert_eq!(settle(once.clone(), &verdicts, day), (once, baseline));
        }
    }
}
