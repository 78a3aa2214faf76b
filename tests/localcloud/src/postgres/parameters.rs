//! The configuration parameters that the server programs know, by what they say of themselves.

use std::collections::BTreeMap;

use super::{Host, PostgresError};

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownParameter {
    /// Whether a change needs a restart.
    pub(crate) is_static: bool,
    /// `boolean`, `integer`, `float`, `string`, `list`: RDS's words.
    pub(crate) data_type: &'static str,
}

/// Every parameter that may stand in `postgresql.conf`, by its name (source: PostgreSQL documentation, "postgres", `--describe-config`).
///
/// # Errors
/// When the program does not run.
pub(crate) fn known(host: &Host) -> Result<BTreeMap<String, KnownParameter>, PostgresError> {
    let failed = |detail: String| PostgresError::Program { program: "postgres", detail };
    let output =
        host.program("postgres").arg("--describe-config").output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(read).collect())
}

/// Name, context, group and type, between tabs.
fn read(line: &str) -> Option<(String, KnownParameter)> {
    let mut fields = line.split('\t');
    let (name, context, _, kind) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let data_type = match kind {
        "BOOLEAN" => "boolean",
        "INTEGER" => "integer",
        "REAL" => "float",
        "ENUM" => "list",
        _ => "string",
    };
    // PostgreSQL writes `DateStyle` and takes any case; RDS writes `datestyle`.
    Some((name.to_ascii_lowercase(), KnownParameter { is_static: context == "postmaster", data_type }))
}
