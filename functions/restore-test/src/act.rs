//! What an invocation does: begins runs, carries steps out, reaps. No decision here.

use holdfast_domain::{DbClusterId, Plan, tags};
use holdfast_ledger::{
    EvidenceChain, EvidenceRef, Held, Ledger, LedgerError, Phase, PlanStore, ROOMS_KEY, RecoveryPoint, RoomsInUse, Run,
    SeenBy, Verification, Written, open_key, run_key, verification_key,
};
use holdfast_ports::{
    Bus, Class, Clock, ClusterSource, CreateMember, Entropy, Objects, PortError, PortErrorKind, Precondition,
    RestoreDbCluster, RestoreDbInstance, RoomSecrets, RoomSource,
};
use holdfast_wire::{Message, RunRef, VerifyWork};
use jiff::Timestamp;

use crate::begin::{self, DueTest};
use crate::observe::{Rooms, Seen};
use crate::prove::{self, Checked, Proven};
use crate::reap::Leftover;
use crate::room::Room;
use crate::step::{self, Action, Observation, Step};
use crate::{Config, Error, Outcome, Ports, Rds, furnish, late, reap, rooms, tell};

/// Begins what is due and has not begun, and adds it to what was seen.
pub(crate) async fn begin<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    config: &Config,
    seen: &mut Seen,
    due: &[DueTest],
    outcome: &mut Outcome,
) {
    for test in due {
        if seen.known.open.contains(&test.run) {
            continue;
        }
        match begin_one(ports, config, seen, test).await {
            Ok(Some(held)) => {
                outcome.begun.push(test.run.to_string());
                seen.known.open.insert(test.run.clone());
                // What others have taken further since is not as this invocation saw it: that is for one that looks anew.
                if held.body.phase == Phase::Requested {
                    seen.runs.push(held);
                }
            }
            Ok(None) => {}
            Err(error) => outcome.failures.keep(test.run.as_str(), &error),
        }
    }
}

async fn begin_one<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    config: &Config,
    seen: &Seen,
    test: &DueTest,
) -> Result<Option<Held<Run>>, Error> {
    let ledger = Ledger::new(ports.objects, ports.system);
    let key = run_key(&test.run);
    let held = match (ledger.read::<Run>(&key).await?, &test.source, seen.plan.resources.get(&test.resource)) {
        (Some(held), _, _) => held,
        (None, Ok(source), Some(resource)) => {
            let evidence_after = EvidenceChain::new(ports.objects, &test.resource).end().await?;
            let mut run = begin::run(&seen.plan, resource, test, source, evidence_after, seen.now);
            run.parameters = furnish::parameters(ports.rds, config, resource, &run).await?;
            ledger.create(&key, run).await?.into_held()
        }
        // Whoever asked by hand gets the answer; nobody else need hear of it.
        (None, Err(why), _) if test.rule.is_none() => {
            return Err(Error::NothingToRestore { run: test.run.clone(), why: why.clone() });
        }
        (None, Err(why), Some(resource)) => {
            let finding = begin::nothing_to_restore(&seen.plan, resource, test, why, seen.now);
            ports.bus.announce(&[Message::Finding(finding)]).await?;
            return Ok(None);
        }
        (None, Ok(_) | Err(_), None) => return Ok(None),
    };
    if held.body.phase == Phase::Closed {
        return Ok(None);
    }
    // After the record, so that a marker without a record means nothing; and again for a run whose beginner was killed in between.
    match ports.objects.put(&open_key(&test.run), Vec::new(), Precondition::Absent).await {
        Ok(_) => Ok(Some(held)),
        Err(error) if error.kind == PortErrorKind::PreconditionFailed => Ok(Some(held)),
        Err(error) => Err(error.into()),
    }
}

/// Gives rooms away, and says who has one. Who was refused writes nothing and opens nothing: the next sweep decides anew.
pub(crate) async fn give_rooms<O: Objects, R, S, B, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    outcome: &mut Outcome,
) -> RoomsInUse {
    let nothing = RoomsInUse::default();
    let before = match &seen.rooms {
        Rooms::Unknown => return nothing,
        Rooms::None => &nothing,
        Rooms::Held(held) => &held.body,
    };
    let runs = seen.runs.iter().map(|held| &held.body);
    let after = rooms::give(seen.plan.rooms_max, before, &seen.known.open, runs, seen.now);
    if after == *before {
        return after;
    }
    let ledger = Ledger::new(ports.objects, ports.system);
    let written = match &seen.rooms {
        Rooms::Held(held) => ledger.replace(held, after.clone()).await.map(|_| true),
        Rooms::Unknown | Rooms::None => match ledger.create(ROOMS_KEY, after.clone()).await {
            Ok(written) => Ok(matches!(written, Written::Created(_))),
            Err(error) => Err(error),
        },
    };
    match written {
        Ok(true) => after,
        Ok(false) | Err(LedgerError::Conflict { .. }) => {
            outcome.steps.push("rooms: none is given, because another invocation gives them away".into());
            nothing
        }
        Err(error) => {
            outcome.failures.keep("rooms in use", &Error::from(error));
            nothing
        }
    }
}

/// Takes one step of one run: actions first, then the record. A run that it judged waits for nothing and is told at once; where this
/// invocation does not come to it, the next sweep does.
pub(crate) async fn take_step<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    held: &Held<Run>,
    (room_free, by): (bool, SeenBy),
    outcome: &mut Outcome,
) {
    let run = &held.body;
    let Some(region) = seen.regions.get(&run.region) else {
        outcome.steps.push(format!("{}: no step, because {} could not be seen", run.id, run.region));
        return;
    };
    let room = Room::of(run, &region.instances, &region.clusters);
    let observation = Observation { room, verification: seen.verifications.get(&run.id), room_free, by };
    let recorded = step_on(ports, plans, config, seen, held, &observation, outcome).await;
    if let Some(judged) = recorded.filter(|held| held.body.phase == Phase::Judged) {
        step_on(ports, plans, config, seen, &judged, &observation, outcome).await;
    }
}

/// One step; gives the record, if this invocation wrote it.
async fn step_on<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    held: &Held<Run>,
    observation: &Observation<'_>,
    outcome: &mut Outcome,
) -> Option<Held<Run>> {
    let run = &held.body;
    let decided = step::step(run, observation, config.patience, seen.now);
    match carry_out_and_record(ports, plans, config, seen, held, decided).await {
        Ok((words, recorded)) => {
            outcome.steps.push(format!("{}: {words}", run.id));
            recorded
        }
        Err(error) => {
            outcome.failures.keep(run.id.as_str(), &error);
            None
        }
    }
}

/// What was done, in words, and the record if it was written.
async fn carry_out_and_record<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    held: &Held<Run>,
    decided: Step,
) -> Result<(String, Option<Held<Run>>), Error> {
    let mut decided = decided;
    if let Err(error) = carry_out(ports, plans, config, seen, &mut decided).await {
        let Error::Port(port) = &error else { return Err(error) };
        if is_patient(port) {
            return Ok((format!("waits, because {port}"), None));
        }
        // A verdict that could not be told stays that verdict, and is told by the next sweep.
        if port.class() == Class::Transient || held.body.phase >= Phase::Judged {
            return Err(error);
        }
        decided = step::after_permanent_failure(&held.body, &port.to_string(), seen.now);
    }
    let words = format!("{:?}, because {}", decided.run.phase, decided.reason);
    if decided.run == held.body {
        return Ok((words, None));
    }
    match Ledger::new(ports.objects, ports.system).replace(held, decided.run).await {
        Ok(recorded) => Ok((words, Some(recorded))),
        // Another invocation took this step at the same time; what both did is the same, and its record stands.
        Err(LedgerError::Conflict { .. }) => Ok((format!("{words}; another invocation recorded it"), None)),
        Err(error) => Err(error.into()),
    }
}

/// Failures that mean "not yet": the next sweep tries again, and the run's deadline bounds it.
fn is_patient(error: &PortError) -> bool {
    matches!(error.kind, PortErrorKind::InvalidState | PortErrorKind::QuotaExceeded | PortErrorKind::AlreadyExists)
}

async fn carry_out<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    decided: &mut Step,
) -> Result<(), Error> {
    for action in &decided.actions {
        let run = &decided.run;
        match action {
            Action::MakeParameterGroup => {
                if let Some(request) = furnish::request(run, room_tags(&seen.plan, run)) {
                    ports.rds.make_parameter_group(&request).await?;
                }
            }
            Action::Restore => restore(ports, config, &seen.plan, run).await?,
            Action::AddMember => {
                if let Some(cluster) = run.room_cluster() {
                    ports.rds.create_member(&member(&seen.plan, run, cluster)).await?;
                }
            }
            Action::GivePassword => {
                // Kept before it is given, and what is kept already is given again: another invocation may be at the same step.
                let new = ports.system.password();
                let password = ports.secrets.keep(&run.secret, &new, &room_tags(&seen.plan, run)).await?;
                match run.room_cluster() {
                    Some(cluster) => ports.rds.reset_cluster_password(&run.region, &cluster, &password).await?,
                    None => ports.rds.reset_master_password(&run.region, &run.room, &password).await?,
                }
            }
            Action::CallVerify => {
                let work = VerifyWork { run: run.id.clone(), shard: 0, cursor: 0, hop: 0 };
                ports.bus.announce(&[Message::RestoreTestReady(work)]).await?;
            }
            Action::DeleteRoom => ports.rds.delete_room(&run.region, &run.room).await?,
            Action::DeleteMember => ports.rds.delete_member(&run.region, &run.room).await?,
            Action::DeleteCluster => {
                let name = run.room_cluster();
                let clusters = seen.regions.get(&run.region).map_or(&[][..], |region| &region.clusters);
                if let Some(cluster) = clusters.iter().find(|cluster| Some(&cluster.id) == name.as_ref()) {
                    ports.rds.delete_cluster(cluster).await?;
                }
            }
            Action::ForgetSecret => ports.secrets.forget(&run.secret).await?,
            Action::DeleteParameterGroup => delete_parameter_group(ports, seen, run).await?,
            Action::TellVerdict => tell_verdict(ports, plans, run).await?,
            Action::WriteEvidence => decided.run.evidence = write_evidence(ports, plans, config, run, seen.now).await?,
            Action::Close => {
                ports.bus.announce(&[Message::RestoreTestClosed(RunRef { run: run.id.clone() })]).await?;
                ports.objects.delete(&open_key(&run.id)).await?;
            }
        }
    }
    Ok(())
}

/// Only what RDS lists with this run's tag: the name alone makes nothing ours. What is not listed now is the reaper's.
async fn delete_parameter_group<O, R: Rds, S, B, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    run: &Run,
) -> Result<(), PortError> {
    let Some(group) = furnish::group(run) else { return Ok(()) };
    let listed = seen.parameter_groups.get(&group).and_then(|tags| tags.get(tags::RUN));
    if listed.is_none_or(|id| id != run.id.as_str()) {
        return Ok(());
    }
    match ports.rds.delete_parameter_group(&group).await {
        Err(error) if furnish::keeps_open(run, &error, seen.now) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Opens the room with everything that seals it, in one request.
async fn restore<O, R: Rds, S, B, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    config: &Config,
    plan: &Plan,
    run: &Run,
) -> Result<(), PortError> {
    let security_groups = config.security_groups.of(&run.region).to_vec();
    if security_groups.is_empty() {
        // RDS would take the VPC's default, which seals nothing.
        let message = format!("no security group of the sealed room is named for {}", run.region);
        return Err(PortError::new(PortErrorKind::Invalid, "the room", run.room.as_str(), message));
    }
    let in_cluster = |source| sealed_cluster(plan, config, run, source, security_groups.clone());
    let in_instance = |source| sealed(plan, config, run, source, security_groups.clone());
    match &run.source.point {
        RecoveryPoint::DbSnapshot { id } => {
            ports.rds.restore_db_instance(&in_instance(RoomSource::Snapshot(id.clone()))).await
        }
        RecoveryPoint::PointInTime { instance, at } => {
            let source = RoomSource::PointInTime { instance: instance.clone(), at: *at };
            ports.rds.restore_db_instance(&in_instance(source)).await
        }
        RecoveryPoint::DbClusterSnapshot { id } => {
            ports.rds.restore_db_cluster(&in_cluster(ClusterSource::Snapshot(id.clone()))?).await
        }
        RecoveryPoint::ClusterPointInTime { cluster, at } => {
            let source = ClusterSource::PointInTime { cluster: cluster.clone(), at: *at };
            ports.rds.restore_db_cluster(&in_cluster(source)?).await
        }
    }
}

fn sealed(
    plan: &Plan,
    config: &Config,
    run: &Run,
    source: RoomSource,
    security_groups: Vec<String>,
) -> RestoreDbInstance {
    RestoreDbInstance {
        region: run.region.clone(),
        source,
        id: run.room.clone(),
        instance_class: run.instance_class.clone(),
        subnet_group: config.subnet_group.clone(),
        security_groups,
        parameter_group: furnish::group(run).map(|group| group.name).or_else(|| config.parameter_group.clone()),
        option_group: config.option_group.clone().or_else(|| own_option_group(plan, run)),
        tags: room_tags(plan, run),
    }
}

fn sealed_cluster(
    plan: &Plan,
    config: &Config,
    run: &Run,
    source: ClusterSource,
    security_groups: Vec<String>,
) -> Result<RestoreDbCluster, PortError> {
    let unnamed =
        || PortError::new(PortErrorKind::Invalid, "the room", run.room.as_str(), "no cluster bears this name");
    Ok(RestoreDbCluster {
        region: run.region.clone(),
        source,
        id: run.room_cluster().ok_or_else(unnamed)?,
        engine: run.source.fingerprint.engine.clone(),
        engine_version: run.source.fingerprint.engine_version.clone(),
        subnet_group: config.subnet_group.clone(),
        security_groups,
        // The deployment's group is one of DB instances.
        parameter_group: furnish::group(run).map(|group| group.name),
        serverless: run.serverless.map(Into::into),
        tags: room_tags(plan, run),
    })
}

/// The one member of the room's cluster: what else seals it, it has from the cluster.
fn member(plan: &Plan, run: &Run, cluster: DbClusterId) -> CreateMember {
    CreateMember {
        region: run.region.clone(),
        cluster,
        id: run.room.clone(),
        engine: run.source.fingerprint.engine.clone(),
        instance_class: run.instance_class.clone(),
        parameter_group: None,
        tags: room_tags(plan, run),
    }
}

/// The source's own option group, in the region where it is known to be. In another one there may be none of that name.
fn own_option_group(plan: &Plan, run: &Run) -> Option<String> {
    let stands_in = &plan.resources.get(&run.resource)?.region;
    run.source.fingerprint.option_group.clone().filter(|_| *stands_in == run.region)
}

fn room_tags(plan: &Plan, run: &Run) -> tags::Tags {
    tags::of_room(&plan.name, &plan.environment, &run.resource, &run.id, run.deadline_at)
}

async fn tell_verdict<O: Objects, R, S, B: Bus, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    run: &Run,
) -> Result<(), Error> {
    let plan = plans.pinned(ports.objects, &run.plan_sha).await?;
    let (Some(verdict), Some(resource)) = (&run.verdict, plan.resources.get(&run.resource)) else {
        return Ok(());
    };
    let before = EvidenceChain::new(ports.objects, &run.resource).last(run.evidence_after).await?;
    let trend = before.map_or_else(Vec::new, |link| link.trend());
    let findings = tell::findings(&plan, resource, run, verdict, &trend);
    let messages: Vec<Message> = findings.into_iter().map(Message::Finding).collect();
    Ok(ports.bus.announce(&messages).await?)
}

/// Adds the run's link to its resource's chain. `None` if the plan that it ran under knows no such resource, which no plan of ours does.
async fn write_evidence<O: Objects, R, S, B, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    run: &Run,
    now: Timestamp,
) -> Result<Option<EvidenceRef>, Error> {
    let plan = plans.pinned(ports.objects, &run.plan_sha).await?;
    let (Some(verdict), Some(resource)) = (&run.verdict, plan.resources.get(&run.resource)) else {
        return Ok(None);
    };
    let ledger = Ledger::new(ports.objects, ports.system);
    let read = match ledger.read_whole::<Verification>(&verification_key(&run.id)).await {
        // What cannot be read was not judged either, and does not keep the run from its end.
        Err(LedgerError::Unreadable { .. }) => None,
        read => read?,
    };
    let checked = read.as_ref().map(|(verification, bytes)| Checked { verification, bytes });
    let proven = Proven { plan: &plan, resource, run, verdict, checked, written_by: &config.written_by, now };
    let chain = EvidenceChain::new(ports.objects, &run.resource);
    let link =
        chain.append(run.evidence_after, &run.id, |number, before| prove::evidence(&proven, number, before)).await?;
    Ok(Some(link))
}

/// Deletes temporary things that no open run looks after, and tells people of those that will not go.
pub(crate) async fn reap<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    outcome: &mut Outcome,
) {
    let standing = reap::Standing { instances: seen.instances().collect(), clusters: seen.clusters().collect() };
    for leftover in reap::rooms(&seen.plan, &standing, &seen.known, seen.now) {
        let deleted = match leftover {
            Leftover::Instance(instance) => ports.rds.delete_room(&instance.region, &instance.id).await,
            Leftover::Member(member) => ports.rds.delete_member(&member.region, &member.id).await,
            Leftover::Cluster(cluster) => ports.rds.delete_cluster(cluster).await,
        };
        match deleted {
            Ok(()) => outcome.reaped.push(leftover.to_string()),
            Err(error) => outcome.failures.keep(leftover.to_string(), &Error::from(error)),
        }
    }
    for secret in reap::secrets(&seen.plan, &seen.secrets, &seen.known, seen.now) {
        match ports.secrets.forget(&secret).await {
            Ok(()) => outcome.reaped.push(format!("secret {secret}")),
            Err(error) => outcome.failures.keep(secret.as_str(), &Error::from(error)),
        }
    }
    for group in reap::parameter_groups(&seen.plan, &seen.parameter_groups, &standing, &seen.known, seen.now) {
        match ports.rds.delete_parameter_group(&group).await {
            Ok(()) => outcome.reaped.push(format!("parameter group {}", group.name)),
            Err(error) => outcome.failures.keep(&group.name, &Error::from(error)),
        }
    }
    late::tell(ports, seen, &standing, outcome).await;
}
