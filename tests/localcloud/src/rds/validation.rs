//! Rules on the values of requests, beyond their types.

use super::cloud::Cloud;
use super::errors::ApiError;
use super::parameter_groups::default_name;
use super::query::Request;
use super::settings::Settings;
use super::statuses::Engine;

/// The key that Amazon keeps for whoever names none.
const DEFAULT_KEY: &str = "alias/aws/rds";

/// Names no master user may have: "reserved word for the chosen database engine" (`CreateDBInstance`).
const RESERVED_USERS: [&str; 4] = ["admin", "rdsadmin", "rds_superuser", "rdsrepladmin"];

/// What DocumentDB calls its newest long-term version.
const DOCDB_VERSION: &str = "5.0.0";

/// The engine of something new.
pub(crate) fn check_engine(request: &Request) -> Result<Engine, ApiError> {
    let engines = [Engine::Postgres, Engine::AuroraPostgresql, Engine::Docdb];
    let wanted = request.required("Engine")?;
    engines.into_iter().find(|engine| engine.as_str() == wanted).ok_or_else(|| {
        let ours = engines.map(Engine::as_str).join(", ");
        ApiError::invalid_value(format!("Invalid DB engine: {wanted}. This local RDS has {ours} only."))
    })
}

/// The version of something new: only what this machine can run. Behind DocumentDB nothing runs.
pub(crate) fn check_engine_version(cloud: &Cloud, request: &Request, engine: Engine) -> Result<String, ApiError> {
    let wanted = request.text("EngineVersion");
    if engine == Engine::Docdb {
        return Ok(wanted.unwrap_or(DOCDB_VERSION).to_owned());
    }
    let ours = cloud.host.binaries();
    match wanted {
        Some(version) if version != ours.version_text && version != ours.version_major.to_string() => {
            Err(ApiError::invalid_combination(format!(
                "Cannot find version {version} for {}. This machine has {}.",
                engine.as_str(),
                ours.version_text
            )))
        }
        Some(_) | None => Ok(ours.version_text.clone()),
    }
}

/// "Must be 1 to 16 letters, numbers, or underscores. First character must be a letter"; PostgreSQL's own limit is 63.
pub(crate) fn check_master_username(name: &str) -> Result<String, ApiError> {
    let well_formed = name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !well_formed {
        return Err(ApiError::invalid_value(
            "The parameter MasterUsername is not a valid user name: letters, numbers and underscores, beginning with a letter.",
        ));
    }
    if RESERVED_USERS.contains(&name) || name.starts_with("pg_") {
        return Err(ApiError::invalid_value(format!(
            "MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        )));
    }
    Ok(name.to_owned())
}

/// "Can include any printable ASCII character except "/", """, or "@"", 8 to 128 of them; a space is refused too in practice.
pub(crate) fn check_password(password: &str) -> Result<String, ApiError> {
    if !(8..=128).contains(&password.len()) {
        return Err(ApiError::invalid_value(
            "The parameter MasterUserPassword is not a valid password because it must have from 8 to 128 characters.",
        ));
    }
    if password.chars().all(|c| c.is_ascii_graphic() && !"/\"@".contains(c)) {
        return Ok(password.to_owned());
    }
    Err(ApiError::invalid_value(
        "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
    ))
}

/// Rules on settings that creation and restore share, and defaults that depend on other settings.
pub(crate) fn check_settings(cloud: &Cloud, settings: &mut Settings) -> Result<(), ApiError> {
    check_retention(settings, 0)?;
    let group = settings.text("DBSubnetGroupName").map(str::to_owned);
    check_subnet_group(cloud, group.as_deref())?;
    // Without a subnet group RDS takes the default VPC, whose internet gateway makes the instance public: a trap for restores.
    settings.set_default("PubliclyAccessible", if group.is_none() { "true" } else { "false" });
    if settings.is_true("StorageEncrypted") {
        settings.set_default("KmsKeyId", DEFAULT_KEY);
    }
    Ok(())
}

/// The same for clusters.
pub(crate) fn check_cluster_settings(
    cloud: &Cloud,
    settings: &mut Settings,
    engine: Engine,
    version: &str,
) -> Result<(), ApiError> {
    // "Must be a value from 1 to 35" (`CreateDBCluster`, `BackupRetentionPeriod`).
    check_retention(settings, 1)?;
    check_subnet_group(cloud, settings.text("DBSubnetGroupName"))?;
    settings.set_default("DBSubnetGroupName", "default");
    settings.set_default("DBClusterParameterGroupName", default_name(engine, version));
    if engine == Engine::AuroraPostgresql {
        settings.set_default("StorageType", "aurora");
    }
    if settings.text("KmsKeyId").is_some() {
        settings.set("StorageEncrypted", "true");
    } else if settings.is_true("StorageEncrypted") {
        settings.set("KmsKeyId", DEFAULT_KEY);
    }
    Ok(())
}

pub(crate) fn check_retention(settings: &Settings, days_min: u64) -> Result<(), ApiError> {
    let name = "BackupRetentionPeriod";
    let days = settings.number(name);
    if settings.text(name).is_some() && !(days_min..=35).contains(&days) {
        return Err(ApiError::invalid_value(format!(
            "Invalid backup retention period: {days}. Must be between {days_min} and 35."
        )));
    }
    Ok(())
}

fn check_subnet_group(cloud: &Cloud, group: Option<&str>) -> Result<(), ApiError> {
    match (group, &cloud.config.subnet_groups) {
        (Some(group), Some(existing)) if !existing.iter().any(|name| name.eq_ignore_ascii_case(group)) => {
            Err(ApiError::subnet_group_not_found(group))
        }
        _ => Ok(()),
    }
}
