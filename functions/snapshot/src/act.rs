//! Carrying decisions out: snapshots are begun, tags added, records written; bounded in number at once and in time.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use holdfast_domain::inventory::{DatabaseKind, DbSnapshot};
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbSnapshotId, Plan, Region, ResourceName, RuleName, Slot};
use holdfast_ledger::{
    Held, Ledger, LedgerError, Pending, RecoveryPointRecord, Requested, Served, SizeFrom, Took, Watch, Watched,
    recovery_point_key, requested_point_key,
};
use holdfast_ports::{Bus, Clock, CreateDbSnapshot, Entropy, Objects, PortError, PortErrorKind};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::decide::{self, Condition, Decision, News, Promotion, Refusal, Take};
use crate::{Error, Outcome, Ports, Rds};

/// How many calls are under way at once. RDS answers in about a second, so that this and the pace of ten calls a second fit together.
const AT_ONCE: usize = 16;

/// What has to be remembered after a piece of work.
pub(crate) type Memory = Box<dyn Fn(&mut Watch) + Send + Sync>;

/// One piece of work.
enum Work<'a> {
    Take(&'a Take),
    Promote(&'a Promotion),
    News(&'a News),
}

/// What came of a piece of work.
#[derive(Default)]
struct Done {
    memory: Option<Memory>,
    condition: Option<(ResourceName, Condition)>,
    failure: Option<(String, Error)>,
    outcome: Option<Happened>,
}

enum Happened {
    Taken(DbSnapshotId),
    Promoted(DbSnapshotId),
    Completed(DbSnapshotId),
    Left(String, ResourceName),
}

/// What a whole act leaves behind.
#[derive(Default)]
pub(crate) struct Acted {
    /// What has to be remembered.
    pub(crate) memory: Vec<Memory>,
    /// What people should know of what RDS refused.
    pub(crate) conditions: Vec<(ResourceName, Condition)>,
}

/// Carries out every decision: first what became of recovery points, for that is cheap, then what is promoted, then what is begun, by
/// priority and age. What cannot be begun before `until` is left to the next sweep, and said.
///
/// What became of recovery points is left to the next sweep too if people could not be `told` of this one: once it is remembered that a slot
/// has its recovery point, nobody would ask any more which ones before it have none.
pub(crate) async fn all<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    plan: &Plan,
    decisions: &[Decision],
    told: bool,
    until: Timestamp,
    outcome: &mut Outcome,
) -> Acted {
    let actor = Actor { ports, plan, until, full: Mutex::default(), now: ports.system.now() };
    let mut takes: Vec<_> = decisions.iter().filter_map(|decision| Some((decision, decision.take.as_ref()?))).collect();
    let priority = |resource: &ResourceName| plan.resources.get(resource).map(|resource| resource.priority);
    takes.sort_by_key(|(decision, take)| (priority(&decision.resource), take.slot, &decision.resource));

    let news = decisions.iter().filter(|_| told);
    let news = news.flat_map(|decision| decision.news.iter().map(move |news| (decision, Work::News(news))));
    let promotions =
        decisions.iter().flat_map(|d| d.promote.iter().map(move |promotion| (d, Work::Promote(promotion))));
    let takes = takes.into_iter().map(|(decision, take)| (decision, Work::Take(take)));
    let work = news.chain(promotions).chain(takes);
    let mut done = stream::iter(work.map(|(decision, work)| actor.one(decision, work))).buffered(AT_ONCE);

    let mut acted = Acted::default();
    while let Some(done) = done.next().await {
        acted.memory.extend(done.memory);
        acted.conditions.extend(done.condition);
        if let Some((about, error)) = done.failure {
            outcome.failures.keep(about, &error);
        }
        match done.outcome {
            Some(Happened::Taken(id)) => outcome.taken.push(id.to_string()),
            Some(Happened::Promoted(id)) => outcome.promoted.push(id.to_string()),
            Some(Happened::Completed(id)) => outcome.completed.push(id.to_string()),
            Some(Happened::Left(why, resource)) => outcome.leave(why, &resource),
            None => {}
        }
    }
    acted
}

struct Actor<'a, O, R, B, Y> {
    ports: &'a Ports<'a, O, R, B, Y>,
    plan: &'a Plan,
    until: Timestamp,
    /// Where RDS takes no more in this invocation, and why: a quota is used up, or it throttles.
    full: Mutex<BTreeSet<(Region, DatabaseKind, Full)>>,
    now: Timestamp,
}

/// The two refusals that hold for a whole region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Full {
    Quota,
    Throttled,
}

impl<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy> Actor<'_, O, R, B, Y> {
    async fn one(&self, decision: &Decision, work: Work<'_>) -> Done {
        match work {
            Work::Take(take) => self.take(&decision.resource, take).await,
            Work::Promote(promotion) => self.promote(&decision.resource, promotion).await,
            Work::News(news) => self.news(&decision.resource, news).await,
        }
    }

    async fn take(&self, resource: &ResourceName, take: &Take) -> Done {
        let request = &take.request;
        let now = self.ports.system.now();
        if now >= self.until {
            return self.refused(resource, take, &Refusal::NoTime, "there was no time left for it in this sweep");
        }
        if let Some(full) = self.full_in(request) {
            let kind = match full {
                Full::Quota => PortErrorKind::QuotaExceeded,
                Full::Throttled => PortErrorKind::Throttled,
            };
            let words = "not asked: RDS has just refused another one in this region";
            let error = PortError::new(kind, "rds:CreateDBSnapshot", request.id.as_str(), words);
            return self.refused(resource, take, &Refusal::Error(&error), "RDS takes no more in this region for now");
        }
        match self.ports.rds.create_db_snapshot(request).await {
            Ok(()) => {
                let mut done = self.begun(resource, request, take.slot, &take.rules, take.late, None).await;
                done.outcome = Some(Happened::Taken(request.id.clone()));
                done
            }
            Err(error) => self.not_begun(resource, take, error),
        }
    }

    fn full_in(&self, request: &CreateDbSnapshot) -> Option<Full> {
        let full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |kind| full.contains(&(request.region.clone(), request.database.kind(), kind));
        [Full::Quota, Full::Throttled].into_iter().find(|kind| of(*kind))
    }

    /// RDS did not begin it, or did not say so.
    fn not_begun(&self, resource: &ResourceName, take: &Take, error: PortError) -> Done {
        let full = match error.kind {
            PortErrorKind::QuotaExceeded => Some(Full::Quota),
            PortErrorKind::Throttled => Some(Full::Throttled),
            PortErrorKind::NotFound
            | PortErrorKind::AlreadyExists
            | PortErrorKind::PreconditionFailed
            | PortErrorKind::InvalidState
            | PortErrorKind::AccessDenied
            | PortErrorKind::Unavailable
            | PortErrorKind::Invalid
            | PortErrorKind::TooMany => None,
        };
        if let Some(full) = full {
            let key = (take.request.region.clone(), take.request.database.kind(), full);
            self.full.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        let mut done = self.refused(resource, take, &Refusal::Error(&error), &error.to_string());
        // Not yet, or another invocation was quicker: the next sweep looks again. Everything else is this invocation's failure too.
        let only_later = matches!(error.kind, PortErrorKind::InvalidState | PortErrorKind::AlreadyExists);
        if !only_later && full.is_none() {
            done.failure = Some((take.request.id.to_string(), error.into()));
            done.outcome = None;
        }
        done
    }

    fn refused(&self, resource: &ResourceName, take: &Take, why: &Refusal<'_>, words: &str) -> Done {
        let condition = decide::refused(resource, take, why, self.ports.system.now());
        Done {
            condition: condition.map(|condition| (resource.clone(), condition)),
            outcome: Some(Happened::Left(words.to_owned(), resource.clone())),
            ..Done::default()
        }
    }

    /// Writes down what was just asked for.
    async fn begun(
        &self,
        resource: &ResourceName,
        request: &CreateDbSnapshot,
        slot: Slot,
        rules: &[RuleName],
        late: Option<SignedDuration>,
        requested: Option<Requested>,
    ) -> Done {
        let key = match &requested {
            Some(requested) => requested_point_key(resource, &requested.request),
            None => recovery_point_key(resource, slot),
        };
        let record = RecoveryPointRecord {
            plan_sha: self.plan.sha.clone(),
            resource: resource.clone(),
            slot,
            rules: join(rules),
            snapshot: request.id.clone(),
            requested,
            requested_at: self.now,
            late,
            taken_at: None,
            available_seen_at: None,
            failed_seen_at: None,
            size_bytes: None,
            size_from: None,
            encrypted: None,
            kms_key: None,
        };
        let (resource, id) = (resource.clone(), request.id.clone());
        match Ledger::new(self.ports.objects, self.ports.system).create(&key, record).await {
            Ok(written) if written.clone().into_held().body.available_seen_at.is_some() => Done::default(),
            Ok(_) => {
                let pending = Pending { since: self.now, record: key };
                Done { memory: Some(awaited(resource, id, pending)), ..Done::default() }
            }
            // The next sweep finds it in the making, and writes it down then.
            Err(error) => Done { failure: Some((id.to_string(), error.into())), ..Done::default() },
        }
    }

    async fn promote(&self, resource: &ResourceName, promotion: &Promotion) -> Done {
        let id = &promotion.snapshot.id;
        let rules: Vec<RuleName> = promotion.rules.iter().cloned().collect();
        let tags = Tags::from([(tags::RULES.to_owned(), join(&rules))]);
        if let Err(error) = self.ports.rds.tag_db_snapshot(&promotion.snapshot, &tags).await {
            return Done { failure: Some((id.to_string(), error.into())), ..Done::default() };
        }
        let key = recovery_point_key(resource, promotion.slot);
        let record = async |ledger: &Ledger<'_, O, Y>| {
            let Some(before) = ledger.read::<RecoveryPointRecord>(&key).await? else { return Ok(()) };
            let after = RecoveryPointRecord { rules: join(&rules), ..before.body.clone() };
            replace(ledger, &before, after).await
        };
        let failure = record(&Ledger::new(self.ports.objects, self.ports.system)).await.err();
        Done {
            memory: Some(self.serves(resource, &promotion.snapshot, promotion.slot, promotion.rules.clone())),
            failure: failure.map(|error| (id.to_string(), error.into())),
            outcome: Some(Happened::Promoted(id.clone())),
            ..Done::default()
        }
    }

    async fn news(&self, resource: &ResourceName, news: &News) -> Done {
        let snapshot = match news {
            News::Begun(snapshot) | News::Complete(snapshot, _) | News::Failed(snapshot) => snapshot,
        };
        match self.write_news(resource, news, snapshot).await {
            Ok(memory) => {
                let completed = matches!(news, News::Complete(..)).then(|| Happened::Completed(snapshot.id.clone()));
                Done { memory: Some(memory), outcome: completed, ..Done::default() }
            }
            Err(error) => Done { failure: Some((snapshot.id.to_string(), error.into())), ..Done::default() },
        }
    }

    async fn write_news(
        &self,
        resource: &ResourceName,
        news: &News,
        snapshot: &DbSnapshot,
    ) -> Result<Memory, LedgerError> {
        let ledger = Ledger::new(self.ports.objects, self.ports.system);
        let (key, record) = self.record_of(resource, snapshot);
        let before = match ledger.read::<RecoveryPointRecord>(&key).await? {
            Some(held) => held,
            None => ledger.create(&key, record).await?.into_held(),
        };
        let pending = Pending { since: before.body.requested_at, record: key };
        match news {
            News::Begun(_) => Ok(awaited(resource.clone(), snapshot.id.clone(), pending)),
            News::Failed(_) => {
                let after = RecoveryPointRecord { failed_seen_at: Some(self.now), ..before.body.clone() };
                replace(&ledger, &before, after).await?;
                Ok(forgotten(resource.clone(), snapshot.id.clone()))
            }
            News::Complete(_, good) => {
                let (size_bytes, size_from) = self.size(&ledger, resource, snapshot).await?;
                let seen_at = before.body.available_seen_at.unwrap_or(self.now);
                let after = RecoveryPointRecord {
                    taken_at: snapshot.taken_at,
                    available_seen_at: Some(seen_at),
                    size_bytes,
                    size_from,
                    encrypted: Some(snapshot.encrypted),
                    kms_key: snapshot.kms_key.clone(),
                    rules: join(&tags::rules(&snapshot.tags).collect::<Vec<_>>()),
                    ..before.body.clone()
                };
                let took = seen_at.duration_since(after.requested_at);
                replace(&ledger, &before, after).await?;
                Ok(self.completed(resource, snapshot, good, took, size_bytes))
            }
        }
    }

    /// Where the record of a recovery point lies, and what it says if there is none yet.
    fn record_of(&self, resource: &ResourceName, snapshot: &DbSnapshot) -> (String, RecoveryPointRecord) {
        let requested_at = snapshot.taken_at.unwrap_or(self.now);
        let requested = snapshot.tags.get(tags::REQUEST).map(|request| Requested {
            request: request.clone(),
            reason: snapshot.tags.get(tags::REASON).cloned().unwrap_or_default(),
            keep: snapshot.tags.get(tags::KEEP).cloned(),
        });
        let slot = tags::slot(&snapshot.tags).unwrap_or_else(|| Slot::at(requested_at));
        let key = match &requested {
            Some(requested) => requested_point_key(resource, &requested.request),
            None => recovery_point_key(resource, slot),
        };
        let record = RecoveryPointRecord {
            plan_sha: self.plan.sha.clone(),
            resource: resource.clone(),
            slot,
            rules: join(&tags::rules(&snapshot.tags).collect::<Vec<_>>()),
            snapshot: snapshot.id.clone(),
            requested,
            requested_at,
            late: snapshot.tags.get(tags::LATE).and_then(|late| late.parse().ok()),
            taken_at: snapshot.taken_at,
            available_seen_at: None,
            failed_seen_at: None,
            size_bytes: None,
            size_from: None,
            encrypted: None,
            kms_key: None,
        };
        (key, record)
    }

    /// The size of a full snapshot: RDS tells it of an instance's; of a cluster's only the last restore test knows about how much it is.
    async fn size(
        &self,
        ledger: &Ledger<'_, O, Y>,
        resource: &ResourceName,
        snapshot: &DbSnapshot,
    ) -> Result<(Option<u64>, Option<SizeFrom>), LedgerError> {
        if snapshot.kind == DatabaseKind::Instance {
            return Ok((snapshot.size_bytes, snapshot.size_bytes.map(|_| SizeFrom::Rds)));
        }
        let seen = self.ports.objects.list(&format!("{VERIFICATIONS_PREFIX}{resource}.")).await?;
        // …/{resource}.{rule}.{slot}.json: the slot sorts as time.
        let Some(newest) = seen.iter().max_by_key(|key| key.rsplit('.').nth(1)) else { return Ok((None, None)) };
        let verification: Option<Held<SizedVerification>> = ledger.read(newest).await?;
        let size = verification.and_then(|held| held.body.observed.server).and_then(|server| server.bytes);
        Ok((size, size.map(|_| SizeFrom::RestoreTest)))
    }

    fn completed(
        &self,
        resource: &ResourceName,
        snapshot: &DbSnapshot,
        good: &BTreeSet<RuleName>,
        took: SignedDuration,
        size_bytes: Option<u64>,
    ) -> Memory {
        let of_resource = self.plan.resources.get(resource);
        let takes_max = |rule: RuleName| of_resource?.snapshots.get(&rule)?.takes_max;
        let allowed = tags::rules(&snapshot.tags).filter_map(takes_max).min();
        let took = Took { snapshot: snapshot.id.clone(), took, allowed };
        let serves = tags::slot(&snapshot.tags)
            .filter(|_| !snapshot.tags.contains_key(tags::REQUEST))
            .map(|slot| self.serves(resource, snapshot, slot, good.clone()));
        let forget = forgotten(resource.clone(), snapshot.id.clone());
        let resource = resource.clone();
        let size_bytes = size_bytes.filter(|_| snapshot.kind == DatabaseKind::Cluster);
        Box::new(move |watch| {
            forget(watch);
            if let Some(serves) = &serves {
                serves(watch);
            }
            let watched = of(watch, &resource);
            watched.last = Some(took.clone());
            watched.size_bytes = size_bytes;
        })
    }

    /// That a recovery point serves rules from now on. The memory never goes back to an older slot.
    fn serves(&self, resource: &ResourceName, snapshot: &DbSnapshot, slot: Slot, rules: BTreeSet<RuleName>) -> Memory {
        let of_resource = self.plan.resources.get(resource);
        let schedule = |rule: &RuleName| Some(decide::described(of_resource?.snapshots.get(rule)?.schedule()?));
        let rules: Vec<_> =
            rules.into_iter().filter_map(|rule| schedule(&rule).map(|schedule| (rule, schedule))).collect();
        let (resource, snapshot) = (resource.clone(), snapshot.id.clone());
        Box::new(move |watch| {
            let served = &mut of(watch, &resource).served;
            for (rule, schedule) in &rules {
                if served.get(rule).is_none_or(|known| known.slot <= slot) {
                    let now = Served { slot, snapshot: snapshot.clone(), schedule: schedule.clone() };
                    served.insert(rule.clone(), now);
                }
            }
        })
    }
}

/// Of what `verify` recorded of a restore test, how much data was there; the rest of it is no business of this function, and may have
/// fields that it does not know yet.
#[derive(Debug, Deserialize)]
struct SizedVerification {
    #[serde(default)]
    observed: SizedObserved,
}

#[derive(Debug, Default, Deserialize)]
struct SizedObserved {
    server: Option<SizedServer>,
}

#[derive(Debug, Deserialize)]
struct SizedServer {
    bytes: Option<u64>,
}

/// Where `verify` records what it found.
const VERIFICATIONS_PREFIX: &str = "verifications/";

/// Writes down what a person asked for, unless that is done.
///
/// # Errors
/// The ledger's.
pub(crate) async fn write_down<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    plan: &Plan,
    resource: &ResourceName,
    request: &CreateDbSnapshot,
    requested: Requested,
) -> Result<Memory, Error> {
    let now = ports.system.now();
    let actor = Actor { ports, plan, until: now, full: Mutex::default(), now };
    let rules: Vec<RuleName> = tags::rules(&request.tags).collect();
    let done = actor.begun(resource, request, Slot::at(now), &rules, None, Some(requested)).await;
    match (done.failure, done.memory) {
        (None, Some(memory)) => Ok(memory),
        (Some((_, error)), _) => Err(error),
        (None, None) => Ok(Box::new(|_| {})),
    }
}

/// A record that another invocation wrote meanwhile is as good as ours: both saw the same.
async fn replace<O: Objects, E: Entropy>(
    ledger: &Ledger<'_, O, E>,
    before: &Held<RecoveryPointRecord>,
    after: RecoveryPointRecord,
) -> Result<(), LedgerError> {
    if before.body == after {
        return Ok(());
    }
    match ledger.replace(before, after).await {
        Ok(_) | Err(LedgerError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn awaited(resource: ResourceName, id: DbSnapshotId, pending: Pending) -> Memory {
    Box::new(move |watch| {
        of(watch, &resource).pending.entry(id.clone()).or_insert_with(|| pending.clone());
    })
}

/// Nobody waits for a recovery point any more.
pub(crate) fn forgotten(resource: ResourceName, id: DbSnapshotId) -> Memory {
    Box::new(move |watch| {
        of(watch, &resource).pending.remove(&id);
    })
}

fn of<'a>(watch: &'a mut Watch, resource: &ResourceName) -> &'a mut Watched {
    watch.resources.entry(resource.clone()).or_default()
}

fn join(rules: &[RuleName]) -> String {
    rules.iter().map(RuleName::as_str).collect::<Vec<_>>().join(" ")
}
