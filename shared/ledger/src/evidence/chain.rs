//! A chain in the ledger: where it ends, and how a run's link is added exactly once.
//!
//! Links are numbered without a gap and are never written over or deleted by us. Whoever adds one has read every number from where the
//! chain stood when the run began, and so has met a link of the same run if there is one, whoever wrote it and wherever they were killed.

use holdfast_domain::{ResourceName, RunId, Verdict};
use holdfast_ports::{Fetched, Objects, PortErrorKind, Precondition};
use serde::Deserialize;

use super::{Evidence, EvidenceRef, TrendPoint, evidence_key, sha256};
use crate::LedgerError;

/// The most links that one call looks at. Between the beginning and the end of one run, as many runs of one resource do not close.
const LINKS_MAX: u64 = 2_000;

/// The highest number that is ever looked for: what eight digits hold.
const NUMBER_MAX: u64 = 99_999_999;

/// A link as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub number: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Link {
    /// Its name and hash.
    #[must_use]
    pub fn reference(&self) -> EvidenceRef {
        EvidenceRef { number: self.number, sha256: sha256(&self.bytes) }
    }

    /// The trend that a link after this one shows: this one's, and this one's own measurement if it is a proof. Nothing, if it cannot be
    /// read.
    #[must_use]
    pub fn trend(&self) -> Vec<TrendPoint> {
        let Ok(evidence) = serde_json::from_slice::<Evidence>(&self.bytes) else {
            return Vec::new();
        };
        let measured = evidence.recovery_time_seconds.filter(|_| evidence.verdict == Verdict::Passed.as_str());
        let own = measured.map(|seconds| TrendPoint {
            run: evidence.run.to_string(),
            of: evidence.proof_of.clone(),
            recovery_time_seconds: seconds,
        });
        let mut trend = evidence.trend;
        trend.extend(own);
        let surplus = trend.len().saturating_sub(super::TREND_MAX);
        trend.drain(..surplus);
        trend
    }

    /// What cannot be read is nobody's: ours are written whole or not at all.
    fn is_of(&self, run: &RunId) -> bool {
        #[derive(Deserialize)]
        struct OfRun {
            run: String,
        }
        serde_json::from_slice::<OfRun>(&self.bytes).is_ok_and(|link| link.run == run.as_str())
    }
}

/// The chain of one resource.
#[derive(Debug)]
pub struct EvidenceChain<'a, O> {
    objects: &'a O,
    resource: &'a ResourceName,
}

impl<'a, O: Objects> EvidenceChain<'a, O> {
    /// The chain of a resource in a bucket.
    pub fn new(objects: &'a O, resource: &'a ResourceName) -> Self {
        Self { objects, resource }
    }

    /// The number of the last link, 0 if there is none: found by doubling and halving, in twice the logarithm of it reads. A listing would
    /// grow with the years.
    ///
    /// # Errors
    /// The store's.
    pub async fn end(&self) -> Result<u64, LedgerError> {
        let (mut there, mut missing) = (0, 1);
        while missing <= NUMBER_MAX && self.link(missing).await?.is_some() {
            there = missing;
            missing *= 2;
        }
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            if self.link(middle).await?.is_some() {
                there = middle;
            } else {
                missing = middle;
            }
        }
        Ok(there)
    }

    /// The last link at or after a number that is known to have been the end once.
    ///
    /// # Errors
    /// The store's.
    pub async fn last(&self, known: u64) -> Result<Option<Link>, LedgerError> {
        let mut last = None;
        for number in known.max(1)..known.saturating_add(LINKS_MAX) {
            match self.link(number).await? {
                Some(link) => last = Some(link),
                // Somebody removed it; what comes after stands all the same.
                None if number == known => {}
                None => return Ok(last),
            }
        }
        Ok(last)
    }

    /// Adds a run's link, unless it is there: `make` gets its number and the link before.
    ///
    /// `known` is where the chain ended before the run began. A link that is missing there was removed by somebody: its number is not used
    /// again, so that the gap stays to be seen.
    ///
    /// # Errors
    /// The store's; then it may have been written, and the next call finds it.
    pub async fn append(
        &self,
        known: u64,
        run: &RunId,
        make: impl Fn(u64, Option<&Link>) -> Evidence,
    ) -> Result<EvidenceRef, LedgerError> {
        let mut before: Option<Link> = None;
        let mut number = known.max(1);
        for _ in 0..LINKS_MAX {
            if let Some(link) = self.link(number).await? {
                if link.is_of(run) {
                    return Ok(link.reference());
                }
                before = Some(link);
                number += 1;
            } else if number == known {
                number += 1;
            } else if let Some(written) = self.write(number, &make(number, before.as_ref())).await? {
                return Ok(written);
            }
        }
        let key = evidence_key(self.resource, number);
        Err(LedgerError::Unreadable { key, reason: format!("{LINKS_MAX} links were written since the run began") })
    }

    /// `None` if somebody else was quicker, or if our own lost write lies there: look again.
    async fn write(&self, number: u64, evidence: &Evidence) -> Result<Option<EvidenceRef>, LedgerError> {
        let key = evidence_key(self.resource, number);
        let unreadable =
            |error: serde_json::Error| LedgerError::Unreadable { key: key.clone(), reason: error.to_string() };
        let bytes = evidence.to_bytes().map_err(unreadable)?;
        let reference = EvidenceRef { number, sha256: sha256(&bytes) };
        match self.objects.put(&key, bytes, Precondition::Absent).await {
            Ok(_) => Ok(Some(reference)),
            Err(error) if error.kind == PortErrorKind::PreconditionFailed => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn link(&self, number: u64) -> Result<Option<Link>, LedgerError> {
        match self.objects.get(&evidence_key(self.resource, number), None).await? {
            Fetched::Object(object) => Ok(Some(Link { number, bytes: object.bytes })),
            Fetched::Missing | Fetched::Unchanged => Ok(None),
        }
    }
}
