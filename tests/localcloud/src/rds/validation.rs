//! Rules on the values of requests, beyond their types.

use super::cloud::Cloud;
use super::errors::ApiError;
use super::query::Request;
use super::render::ENGINE;
use super::settings::Settings;

/// Names no master user may have: "reserved word for the chosen database engine" (`CreateDBInstance`).
const RESERVED_USERS: [&str; 4] = ["admin", "rdsadmin", "rds_superuser", "rdsrepladmin"];

/// The engine and version of a new instance: only what this machine can run.
pub(crate) fn check_engine(cloud: &Cloud, request: &Request) -> Result<(), ApiError> {
    let engine = request.required("Engine")?;
    if engine != ENGINE {
        return Err(ApiError::invalid_value(format!(
            "Invalid DB engine: {engine}. This local RDS has {} only.",
            ENGINE
        )));
    }
    let ours = cloud.host.binaries();
    match request.text("EngineVersion") {
        Some(version) if version != ours.version_text && version != ours.version_major.to_string() => {
            Err(ApiError::invalid_combination(format!(
                "Cannot find version {version} for {engine}. This machine has {}.",
                ours.version_text
            )))
        }
        Some(_) | None => Ok(()),
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
    let retention_days = settings.number("BackupRetentionPeriod");
    if retention_days > 35 {
        return Err(ApiError::invalid_value(format!(
            "Invalid backup retention period: {retention_days}. Must be between 0 and 35."
        )));
    }
    let group = settings.text("DBSubnetGroupName").map(str::to_owned);
    if let (Some(group), Some(existing)) = (&group, &cloud.config.subnet_groups)
        && !existing.iter().any(|name| name.eq_ignore_ascii_case(group))
    {
        return Err(ApiError::subnet_group_not_found(group));
    }
    // Without a subnet group RDS takes the default VPC, whose internet gateway makes the instance public: a trap for restores.
    settings.set_default("PubliclyAccessible", if group.is_none() { "true" } else { "false" });
    if settings.is_true("StorageEncrypted") {
        settings.set_default("KmsKeyId", "alias/aws/rds");
    }
    Ok(())
}
