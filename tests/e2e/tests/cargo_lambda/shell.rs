//! A person's shell, into which the environment of `cargo drill up` was read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The shell.
#[derive(Debug)]
pub(crate) struct Shell {
    file: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Shell {
    /// Reads a file of `export` lines, as `. file` does, and asks what the shell then knows.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let mut shell = Command::new("sh");
        let asked = shell.args(["-ec", ". \"$0\"; env -0"]).arg(file).env_clear().output().context("there is no sh")?;
        ensure!(asked.status.success(), "sh cannot read the environment: {}", String::from_utf8_lossy(&asked.stderr));
        let text = String::from_utf8(asked.stdout).context("the environment is not UTF-8")?;
        let variables = text
            .split_terminator('\0')
            .filter_map(|line| line.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        Ok(Self { file: file.to_owned(), variables: variables.collect() })
    }

    /// A variable that must be there.
    pub(crate) fn value(&self, name: &str) -> Result<&str> {
        self.variables.get(name).map(String::as_str).with_context(|| format!("`cargo drill up` exports no {name}"))
    }

    /// A command in this shell. It keeps the process id of the shell.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-ec", ". \"$0\"; exec \"$@\""])
            .arg(&self.file)
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            shell.current_dir(dir);
        }
        shell
    }
}
