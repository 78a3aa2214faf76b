//! `ModifyDBInstance`: what takes effect at once, what stays pending, and the master password.

use std::sync::Arc;

use super::backups;
use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent};
use super::identity::{InstanceId, Place, Source};
use super::instances::{WITHOUT_EFFECT, named};
use super::members;
use super::parameter_groups::GroupOf;
use super::query::Request;
use super::render::{error_chain, render_instance};
use super::resources::{Description, Instance};
use super::settings::{self, Settings};
use super::statuses::InstanceStatus;
use super::validation::check_password;
use super::xml::Element;
use crate::postgres::{PostgresError, alter_password};

/// `ModifyDBInstance`.
pub(crate) fn modify(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["DBInstanceIdentifier", "ApplyImmediately", "MasterUserPassword", "VpcSecurityGroupIds"];
    let known: Vec<&str> =
        own.into_iter().chain(WITHOUT_EFFECT).chain(settings::INSTANCE.modify_parameters()).collect();
    request.check_known(&known)?;
    let id = named(place, request.required("DBInstanceIdentifier")?);
    let password = request.text("MasterUserPassword").map(check_password).transpose()?;
    let apply_immediately = request.boolean("ApplyImmediately")?.unwrap_or(false);
    let (answer, apply) = cloud.with_region(place, |region| {
        let instance = region.instance(&id)?;
        check_modifiable(instance)?;
        if instance.member_of.is_some() {
            members::check_modification(request)?;
        }
        let (now, pending) = settings::INSTANCE.for_modify(request, &instance.description.settings)?;
        check_changes(instance, &pending)?;
        let Description { engine, engine_version, .. } = &instance.description;
        region.check_parameter_group(GroupOf::Instances, &now, *engine, engine_version)?;
        let instance = region.instance_mut(&id)?;
        instance.description.settings.merge(now);
        let groups = request.list("VpcSecurityGroupIds");
        if !groups.is_empty() {
            instance.description.security_groups = groups.into_iter().map(str::to_owned).collect();
        }
        instance.pending.merge(pending);
        instance.password_pending |= password.is_some();
        let apply = if apply_immediately { instance.pending.clone() } else { applied_as_soon_as_possible(instance) };
        Ok::<_, ApiError>((render_instance(place, instance), apply))
    })?;
    if password.is_some() || !apply.is_empty() {
        let (this, place) = (Arc::clone(cloud), place.clone());
        cloud.spawn(async move { apply_pending(&this, &place, &id, apply, password).await });
    }
    Ok(answer)
}

fn check_modifiable(instance: &Instance) -> Result<(), ApiError> {
    if instance.status == InstanceStatus::Available || instance.status.is_broken() {
        return Ok(());
    }
    Err(ApiError::instance_state("Database instance is not in available state."))
}

fn check_changes(instance: &Instance, pending: &Settings) -> Result<(), ApiError> {
    let (now_gib, wanted_gib) =
        (instance.description.settings.number("AllocatedStorage"), pending.number("AllocatedStorage"));
    if pending.text("AllocatedStorage").is_some() && wanted_gib < now_gib {
        return Err(ApiError::invalid_combination(format!(
            "Requested storage size ({wanted_gib}) cannot be less than the current storage size ({now_gib})."
        )));
    }
    if pending.number("BackupRetentionPeriod") > 35 {
        return Err(ApiError::invalid_value("Invalid backup retention period. Must be between 0 and 35."));
    }
    Ok(())
}

/// "If you change the parameter from one non-zero value to another non-zero value, the change is asynchronously applied as soon as
/// possible" (`ModifyDBInstance`, `BackupRetentionPeriod`). Everything else waits for a maintenance window that never comes here.
fn applied_as_soon_as_possible(instance: &Instance) -> Settings {
    let mut soon = Settings::default();
    let name = "BackupRetentionPeriod";
    let enabled = instance.description.settings.number(name) != 0;
    if let Some(days) = instance.pending.text(name).filter(|days| enabled && *days != "0") {
        soon.set(name, days);
    }
    soon
}

async fn apply_pending(cloud: &Cloud, place: &Place, id: &InstanceId, settings: Settings, password: Option<String>) {
    let Some(operation) = cloud.with_instance(place, id, |instance| Arc::clone(&instance.operation)) else {
        return;
    };
    cloud.pause(cloud.config.timings.pending).await;
    let working = operation.lock().await;
    let during =
        if password.is_some() { InstanceStatus::ResettingMasterCredentials } else { InstanceStatus::Modifying };
    cloud.move_instance(place, id, InstanceStatus::Available, during);
    let switched = switched_backups(cloud, place, id, &settings);
    let work = async {
        set_password(cloud, place, id, password.as_deref()).await?;
        match switched {
            Some(on) => backups::switch(cloud, place, id, on).await,
            None => Ok(()),
        }
    };
    let outcome = cloud.at_least(cloud.config.timings.modifying, work).await;
    cloud.with_instance(place, id, |instance| {
        instance.description.settings.merge(settings.clone());
        instance.pending.remove_applied(&settings);
        if password.is_some() {
            instance.password_pending = false;
        }
    });
    drop(working);
    if switched == Some(true) && outcome.is_ok() {
        cloud.move_instance(place, id, during, InstanceStatus::BackingUp);
        backups::begin(cloud, place, &Source::Instance(id.clone())).await;
        cloud.move_instance(place, id, InstanceStatus::BackingUp, InstanceStatus::Available);
    }
    cloud.move_instance(place, id, during, InstanceStatus::Available);
    match outcome {
        Ok(()) if password.is_some() => {
            cloud.announce(place, RdsEvent::of_instance(place, id, InstanceEvent::MasterCredentialsReset));
        }
        Ok(()) => {}
        Err(error) => {
            tracing::error!(instance = %id, error = %error_chain(&error), "a modification could not be applied")
        }
    }
}

/// Whether these settings switch automated backups on or off.
fn switched_backups(cloud: &Cloud, place: &Place, id: &InstanceId, settings: &Settings) -> Option<bool> {
    let name = "BackupRetentionPeriod";
    settings.text(name)?;
    let on = settings.number(name) > 0;
    let was_on = cloud.with_instance(place, id, |instance| instance.description.settings.number(name) > 0)?;
    (on != was_on).then_some(on)
}

async fn set_password(
    cloud: &Cloud,
    place: &Place,
    id: &InstanceId,
    password: Option<&str>,
) -> Result<(), PostgresError> {
    let Some(password) = password else {
        return Ok(());
    };
    let parts = cloud
        .with_instance(place, id, |instance| (instance.server.clone(), instance.description.master_username.clone()));
    match parts {
        Some((Some(server), user)) => alter_password(server.admin(), &user, password).await,
        Some((None, _)) | None => Err(PostgresError::Unsupported("the instance has no server".to_owned())),
    }
}
