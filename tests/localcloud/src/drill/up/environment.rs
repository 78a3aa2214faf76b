//! The environment in which a function that is not deployed works against the local cloud: `cargo lambda watch`, a debugger, the AWS CLI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::cloud::{HOME, LocalCloud};
use crate::deploy::SERVICES;
use crate::wiring::{Value, Wiring};

/// Variables for functions outside Lambda. `cargo lambda watch` gives all functions one environment, so theirs are united.
///
/// Shown, it is a text that a shell can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// For every function.
    pub environment: BTreeMap<String, String>,
    /// Beyond that, by function: what the wiring calls by one name and gives several values.
    pub functions: BTreeMap<String, BTreeMap<String, String>>,
}

impl Environment {
    /// The environment of what is deployed on this cloud. Writes the files that the wiring puts beside a function's binary into the
    /// cloud's working directory.
    ///
    /// # Errors
    /// When such a file cannot be written.
    pub fn of(cloud: &LocalCloud) -> Result<Self> {
        let wiring = Wiring::holdfast()?;
        let mut by_function = BTreeMap::new();
        for (name, function) in &wiring.functions {
            let Some(deployed) = cloud.deployed.functions.get(name) else { continue };
            // Deployed functions reach AWS through their recorders, which others would only confuse.
            let own = deployed.environment.iter().filter(|(variable, _)| function.environment.contains_key(*variable));
            let mut own: BTreeMap<String, String> =
                own.map(|(variable, value)| (variable.clone(), value.clone())).collect();
            for (variable, value) in &function.environment {
                if let Value::File(file) = value {
                    own.insert(variable.clone(), written(cloud, file)?);
                }
            }
            by_function.insert(name.clone(), own);
        }
        let (mut environment, functions) = unite(by_function);
        environment.extend(aws(cloud.endpoint.url(), &cloud.rds.endpoint()));
        Ok(Self { environment, functions })
    }
}

/// Writes the certificates of the local RDS, which is what every file of the wiring holds here, and gives the absolute path.
fn written(cloud: &LocalCloud, file: &str) -> Result<String> {
    let path = cloud.work_dir().join(file);
    std::fs::write(&path, cloud.rds.ca_pem()).with_context(|| format!("cannot write {}", path.display()))?;
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))
}

/// Splits what all functions that know a variable agree on from what they do not.
fn unite(
    by_function: BTreeMap<String, BTreeMap<String, String>>,
) -> (BTreeMap<String, String>, BTreeMap<String, BTreeMap<String, String>>) {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (variable, value) in by_function.values().flatten() {
        values.entry(variable).or_default().insert(value);
    }
    let agreed: BTreeSet<String> =
        values.iter().filter(|(_, values)| values.len() == 1).map(|(name, _)| (*name).to_owned()).collect();
    let mut shared = BTreeMap::new();
    let mut own = BTreeMap::new();
    for (function, variables) in by_function {
        let (same, different): (BTreeMap<_, _>, BTreeMap<_, _>) =
            variables.into_iter().partition(|(name, _)| agreed.contains(name));
        shared.extend(same);
        if !different.is_empty() {
            own.insert(function, different);
        }
    }
    (shared, own)
}

/// Where AWS is, as every SDK and the AWS CLI read it. Each service is named, and so is what could lead elsewhere: nothing that the
/// caller's shell has set before may win and reach a real account.
fn aws(endpoint: &str, rds: &str) -> BTreeMap<String, String> {
    let of_service = |service: &str| if service == "RDS" { rds } else { endpoint };
    let services =
        SERVICES.iter().map(|service| (format!("AWS_ENDPOINT_URL_{service}"), of_service(service).to_owned()));
    let others = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"),
        ("AWS_REGION", HOME),
        ("AWS_DEFAULT_REGION", HOME),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    services.chain(others.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            writeln!(f, "export {name}={}", quoted(value))?;
        }
        for (function, variables) in &self.functions {
            // One shell has one value of a name; which function it works on is the person's choice.
            writeln!(f, "# for {function} alone:")?;
            for (name, value) in variables {
                writeln!(f, "# export {name}={}", quoted(value))?;
            }
        }
        Ok(())
    }
}

/// A value as a POSIX shell reads it back.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_functions_agree_on_is_shared_and_the_rest_stays_their_own() {
        let (shared, own) = unite(BTreeMap::from([
            ("alert".to_owned(), variables(&[("BUS", "holdfast"), ("LEVEL", "info"), ("TOPIC", "fallback")])),
            ("verify".to_owned(), variables(&[("BUS", "holdfast"), ("LEVEL", "debug")])),
        ]));
        assert_eq!(shared, variables(&[("BUS", "holdfast"), ("TOPIC", "fallback")]));
        assert_eq!(own["alert"], variables(&[("LEVEL", "info")]));
        assert_eq!(own["verify"], variables(&[("LEVEL", "debug")]));
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let value = "it's $HOME; \"and\" `more`\nlines \\";
        let odd = Environment {
            environment: variables(&[("ODD", value), ("EMPTY", ""), ("PLAIN", "http://127.0.0.1:4566")]),
            functions: BTreeMap::from([("verify".to_owned(), variables(&[("ODD", "other")]))]),
        };
        let text = odd.to_string();
        assert!(text.contains("export PLAIN=http://127.0.0.1:4566\n"), "{text}");
        let script = format!("{text}printf '%s|%s' \"$ODD\" \"$EMPTY\"");
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&shell.stdout), format!("{value}|"));
    }

    #[test]
    fn every_way_to_another_endpoint_is_closed() {
        let aws = aws("http://127.0.0.1:1", "http://127.0.0.1:2");
        assert_eq!(aws["AWS_ENDPOINT_URL_RDS"], "http://127.0.0.1:2");
        for service in SERVICES.iter().filter(|service| **service != "RDS") {
            assert_eq!(aws[&format!("AWS_ENDPOINT_URL_{service}")], "http://127.0.0.1:1", "{service}");
        }
    }
}
