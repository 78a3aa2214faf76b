//! What an invocation does: begins runs, carries steps out, reaps. No decision here.

use holdfast_domain::inventory::DbInstance;
use holdfast_domain::{Plan, tags};
use holdfast_ledger::{Held, Ledger, LedgerError, Phase, PlanStore, Run, open_key, run_key};
use holdfast_ports::{
    Bus, Class, Clock, Entropy, Objects, PortError, PortErrorKind, Precondition, RestoreDbInstance, RoomSecrets,
};
use holdfast_wire::{Message, RunRef, VerifyWork};
use jiff::Timestamp;

use crate::begin::{self, DueTest};
use crate::observe::Seen;
use crate::step::{self, Action, Observation, Step};
use crate::{Config, Error, Outcome, Ports, Rds, reap, tell};

/// Begins what is due and has not begun, and adds it to what was seen.
pub(crate) async fn begin<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &mut Seen,
    due: &[DueTest],
    outcome: &mut Outcome,
) {
    for test in due {
        if seen.known.open.contains(&test.run) {
            continue;
        }
        match begin_one(ports, seen, test).await {
            Ok(Some(held)) => {
                outcome.begun.push(test.run.to_string());
                seen.known.open.insert(test.run.clone());
                seen.runs.push(held);
            }
            Ok(None) => {}
            Err(error) => outcome.failures.keep(test.run.as_str(), &error),
        }
    }
}

async fn begin_one<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    test: &DueTest,
) -> Result<Option<Held<Run>>, Error> {
    let ledger = Ledger::new(ports.objects, ports.system);
    let key = run_key(&test.run);
    let held = match (ledger.read::<Run>(&key).await?, &test.source, seen.plan.resources.get(&test.resource)) {
        (Some(held), _, _) => held,
        (None, Ok(source), Some(resource)) => {
            let run = begin::run(&seen.plan, resource, test, source, seen.now);
            ledger.create(&key, run).await?.into_held()
        }
        (None, Err(why), _) => {
            let finding = begin::nothing_to_restore(&seen.plan, test, *why, seen.now);
            ports.bus.announce(&[Message::Finding(finding)]).await?;
            return Ok(None);
        }
        (None, Ok(_), None) => return Ok(None),
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

/// Takes one step of one run: actions first, then the record.
pub(crate) async fn take_step<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    held: &Held<Run>,
    room_free: bool,
    outcome: &mut Outcome,
) {
    let run = &held.body;
    let Some(region) = seen.regions.get(&run.region) else {
        outcome.steps.push(format!("{}: no step, because {} could not be seen", run.id, run.region));
        return;
    };
    let room: Option<&DbInstance> = region.instances.iter().find(|instance| instance.id == run.room);
    let observation = Observation { room, verification: seen.verifications.get(&run.id), room_free };
    let decided = step::step(run, &observation, config.patience, seen.now);
    match carry_out_and_record(ports, plans, config, seen, held, decided).await {
        Ok(words) => outcome.steps.push(format!("{}: {words}", run.id)),
        Err(error) => outcome.failures.keep(run.id.as_str(), &error),
    }
}

async fn carry_out_and_record<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    seen: &Seen,
    held: &Held<Run>,
    decided: Step,
) -> Result<String, Error> {
    let mut decided = decided;
    if let Err(error) = carry_out(ports, plans, config, seen, &decided).await {
        let Error::Port(port) = &error else { return Err(error) };
        if is_patient(port) {
            return Ok(format!("waits, because {port}"));
        }
        // A verdict that could not be told stays that verdict, and is told by the next sweep.
        if port.class() == Class::Transient || decided.run.phase >= Phase::Destroying {
            return Err(error);
        }
        decided = step::after_permanent_failure(&held.body, &port.to_string(), seen.now);
        carry_out(ports, plans, config, seen, &decided).await?;
    }
    let words = format!("{:?}, because {}", decided.run.phase, decided.reason);
    if decided.run == held.body {
        return Ok(words);
    }
    match Ledger::new(ports.objects, ports.system).replace(held, decided.run.clone()).await {
        Ok(_) => Ok(words),
        // Another invocation took this step at the same time; what both did is the same, and its record stands.
        Err(LedgerError::Conflict { .. }) => {
            correct_verdict(ports, plans, &decided.run).await?;
            Ok(format!("{words}; another invocation recorded it"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Two that judge at the same time may have seen different things: one the verification, the other the deadline before it. What stands in
/// the record is the verdict, so whoever told another one tells that one after it.
async fn correct_verdict<O: Objects, R, S, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    told: &Run,
) -> Result<(), Error> {
    let Some(verdict) = &told.verdict else { return Ok(()) };
    let stands = Ledger::new(ports.objects, ports.system).read::<Run>(&run_key(&told.id)).await?;
    match stands.map(|held| held.body).filter(|run| run.verdict.as_ref().is_some_and(|stands| stands != verdict)) {
        Some(run) => tell_verdict(ports, plans, &run, ports.system.now()).await,
        None => Ok(()),
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
    decided: &Step,
) -> Result<(), Error> {
    let run = &decided.run;
    for action in &decided.actions {
        match action {
            Action::Restore => ports.rds.restore_db_instance(&sealed(&seen.plan, config, run)).await?,
            Action::GivePassword => {
                // Kept before it is given, and what is kept already is given again: another invocation may be at the same step.
                let new = ports.system.password();
                let password = ports.secrets.keep(&run.secret, &new, &room_tags(&seen.plan, run)).await?;
                ports.rds.reset_master_password(&run.region, &run.room, &password).await?;
            }
            Action::CallVerify => {
                let work = VerifyWork { run: run.id.clone(), shard: 0, cursor: 0, hop: 0 };
                ports.bus.announce(&[Message::RestoreTestReady(work)]).await?;
            }
            Action::DeleteRoom => ports.rds.delete_room(&run.region, &run.room).await?,
            Action::ForgetSecret => ports.secrets.forget(&run.secret).await?,
            Action::TellVerdict => tell_verdict(ports, plans, run, seen.now).await?,
            Action::Close => {
                ports.bus.announce(&[Message::RestoreTestClosed(RunRef { run: run.id.clone() })]).await?;
                ports.objects.delete(&open_key(&run.id)).await?;
            }
        }
    }
    Ok(())
}

/// The room with everything that seals it, in one request.
fn sealed(plan: &Plan, config: &Config, run: &Run) -> RestoreDbInstance {
    RestoreDbInstance {
        region: run.region.clone(),
        snapshot: run.source.snapshot.clone(),
        id: run.room.clone(),
        instance_class: run.instance_class.clone(),
        subnet_group: config.subnet_group.clone(),
        security_groups: config.security_groups.clone(),
        parameter_group: config.parameter_group.clone(),
        option_group: config.option_group.clone(),
        tags: room_tags(plan, run),
    }
}

fn room_tags(plan: &Plan, run: &Run) -> tags::Tags {
    tags::of_room(&plan.name, &plan.environment, &run.resource, &run.id, run.deadline_at)
}

async fn tell_verdict<O: Objects, R, S, B: Bus, Y>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    run: &Run,
    now: Timestamp,
) -> Result<(), Error> {
    let plan = plans.pinned(ports.objects, &run.plan_sha).await?;
    let (Some(verdict), Some(resource)) = (&run.verdict, plan.resources.get(&run.resource)) else {
        return Ok(());
    };
    let findings = tell::findings(&plan, resource, run, verdict, now);
    let messages: Vec<Message> = findings.into_iter().map(Message::Finding).collect();
    Ok(ports.bus.announce(&messages).await?)
}

/// Deletes temporary things that no open run looks after, and tells people of those that will not go.
pub(crate) async fn reap<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    outcome: &mut Outcome,
) {
    for reaped in reap::rooms(&seen.plan, seen.instances(), &seen.known, seen.now) {
        match ports.rds.delete_room(&reaped.region, &reaped.room).await {
            Ok(()) => outcome.reaped.push(reaped.room.to_string()),
            Err(error) => outcome.failures.keep(reaped.room.as_str(), &Error::from(error)),
        }
    }
    for secret in reap::secrets(&seen.plan, &seen.secrets, &seen.known, seen.now) {
        match ports.secrets.forget(&secret).await {
            Ok(()) => outcome.reaped.push(format!("secret {secret}")),
            Err(error) => outcome.failures.keep(secret.as_str(), &Error::from(error)),
        }
    }
    let findings = reap::findings(&seen.plan, seen.instances(), seen.now);
    let messages: Vec<Message> = findings.into_iter().map(Message::Finding).collect();
    if let Err(error) = ports.bus.announce(&messages).await {
        outcome.failures.keep("findings about rooms", &Error::from(error));
    }
}
