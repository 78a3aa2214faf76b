//! What the deployment tells `verify`, checked once at start-up. No secret is among it.

use std::path::PathBuf;

use thiserror::Error;

use crate::network::Network;

/// Connections to a room at once, unless the deployment says otherwise: twice the two vCPU of the smallest classes, because half
/// of the time of a cold room is spent waiting for storage.
const CONNECTIONS_DEFAULT: usize = 4;
/// More only queue in the room: the smallest RDS classes allow about 80 connections, and some are RDS's own.
const CONNECTIONS_MAX: usize = 16;

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `HOLDFAST_ROOM_NETWORKS`: where rooms are. Never empty.
    pub room_networks: Vec<Network>,
    /// `HOLDFAST_ROOM_CA_FILE`: the roots that rooms' certificates must come from, PEM. A relative path is below the function's code.
    pub room_ca_file: PathBuf,
    /// `HOLDFAST_ROOM_CONNECTIONS`: connections to a room at once, 1 to 16.
    pub connections: usize,
}

/// Why the configuration is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// Which environment variable.
    pub variable: &'static str,
    /// What is wrong with it, and what is allowed.
    pub problem: String,
}

impl Config {
    /// Reads the configuration from environment variables, as `variable` gives them.
    ///
    /// # Errors
    /// When a variable is missing or illegal.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |name: &'static str, allowed: &str| {
            let given = variable(name).filter(|value| !value.trim().is_empty());
            given.ok_or_else(|| ConfigError { variable: name, problem: format!("it is not set; give {allowed}") })
        };
        let networks = required("HOLDFAST_ROOM_NETWORKS", "the clean room's networks, as 10.20.0.0/16,fd00::/8")?;
        let ca_file =
            required("HOLDFAST_ROOM_CA_FILE", "the path of a PEM file with the roots of the rooms' certificates")?;
        Ok(Self {
            room_networks: read_networks(&networks)?,
            room_ca_file: PathBuf::from(ca_file),
            connections: read_connections(variable("HOLDFAST_ROOM_CONNECTIONS"))?,
        })
    }
}

fn read_networks(text: &str) -> Result<Vec<Network>, ConfigError> {
    let read = |item: &str| {
        let refused = |problem| ConfigError { variable: "HOLDFAST_ROOM_NETWORKS", problem };
        item.trim().parse().map_err(refused)
    };
    text.split(',').map(read).collect()
}

fn read_connections(text: Option<String>) -> Result<usize, ConfigError> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(CONNECTIONS_DEFAULT) };
    match text.trim().parse() {
        Ok(number) if (1..=CONNECTIONS_MAX).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(ConfigError {
            variable: "HOLDFAST_ROOM_CONNECTIONS",
            problem: format!("{text:?} is not a number from 1 to {CONNECTIONS_MAX}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_configuration_is_read_with_its_defaults() {
        let config =
            read(&[("HOLDFAST_ROOM_NETWORKS", "10.0.0.0/16, fd00::/8"), ("HOLDFAST_ROOM_CA_FILE", "rds-ca.pem")]);
        let config = config.expect("a legal configuration");
        assert_eq!(
            config.room_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/16", "fd00::/8"]
        );
        assert_eq!(config.connections, 4);
    }

    #[test]
    fn what_is_missing_or_illegal_is_refused_by_name() {
        let good = [("HOLDFAST_ROOM_NETWORKS", "10.0.0.0/16"), ("HOLDFAST_ROOM_CA_FILE", "a.pem")];
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[good[0]], "HOLDFAST_ROOM_CA_FILE"),
            (&[good[1]], "HOLDFAST_ROOM_NETWORKS"),
            (&[("HOLDFAST_ROOM_NETWORKS", " "), good[1]], "HOLDFAST_ROOM_NETWORKS"),
            (&[("HOLDFAST_ROOM_NETWORKS", "10.0.0.0/16,"), good[1]], "HOLDFAST_ROOM_NETWORKS"),
            (&[good[0], good[1], ("HOLDFAST_ROOM_CONNECTIONS", "0")], "HOLDFAST_ROOM_CONNECTIONS"),
            (&[good[0], good[1], ("HOLDFAST_ROOM_CONNECTIONS", "many")], "HOLDFAST_ROOM_CONNECTIONS"),
        ];
        for (given, variable) in cases {
            assert_eq!(read(given).expect_err("illegal").variable, variable, "{given:?}");
        }
    }
}
