//! Builds the function binaries with the cargo that runs us, in the target directory that everything else uses.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// Which profile the binaries are built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Builds in seconds after a change; what the drill uses.
    #[default]
    Dev,
    /// Builds in minutes; what is deployed.
    Release,
}

/// What happens while cargo builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// One more package is compiled, or was already.
    Compiled {
        /// Packages so far.
        packages: usize,
        /// The package's target.
        name: String,
    },
}

/// Why there are no binaries.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run.
    #[error("cannot run {cargo}")]
    Cargo {
        /// The program.
        cargo: String,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The code does not compile.
    #[error("cargo build of {functions} failed:\n{diagnostics}")]
    Compile {
        /// What was to be built.
        functions: String,
        /// What cargo and rustc said.
        diagnostics: String,
    },
    /// Cargo built, and named no executable for a function.
    #[error("cargo built no executable named {0}: is there a [[bin]] of that name in functions/{0}/Cargo.toml?")]
    NoExecutable(String),
}

/// Builds the binaries of these functions (each a package of the same name) and tells where they lie. Blocks.
///
/// # Errors
/// When cargo does not run, the code does not compile, or a package has no binary of its own name.
pub fn functions(
    names: &[&str],
    profile: Profile,
    mut progress: impl FnMut(Progress),
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let mut command = cargo();
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| BuildError::Cargo { cargo: program.clone(), source };
    command.args(["build", "--message-format=json-render-diagnostics"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    // Cargo unites the features of what is selected: with this crate selected too, every SDK is the one already built for it.
    command.args(["--package", env!("CARGO_PKG_NAME")]);
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    // Both pipes are read at once: cargo stops when either is full.
    let diagnostics = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        })
    });
    let executables = match child.stdout.take() {
        Some(stdout) => executables(BufReader::new(stdout), &mut progress).map_err(failed)?,
        None => BTreeMap::new(),
    };
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        let diagnostics = diagnostics.and_then(|reader| reader.join().ok()).unwrap_or_default();
        return Err(BuildError::Compile { functions: names.join(", "), diagnostics });
    }
    let found = |name: &&str| match executables.get(*name) {
        Some(path) => Ok(((*name).to_owned(), path.clone())),
        None => Err(BuildError::NoExecutable((*name).to_owned())),
    };
    names.iter().map(found).collect()
}

/// The cargo that runs us, at the root of the workspace, as a person has it: without what cargo told *us* about our own package.
///
/// Build scripts that ask for those variables (`ring` does) would see other values than in a person's shell, run again, and have
/// everything above them compiled again: by us, and then once more by the person.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_about_us)) {
        command.env_remove(name);
    }
    command.current_dir(workspace());
    command
}

/// Whether cargo sets this variable for a program that it compiles or runs (The Cargo Book, "Environment variables Cargo sets for
/// crates"). What a person sets to configure cargo is none of these.
fn is_about_us(variable: &str) -> bool {
    const NAMES: [&str; 4] = ["CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"];
    const PREFIXES: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];
    NAMES.contains(&variable) || PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

/// The workspace that this crate was compiled in: the drill always runs from its own sources.
fn workspace() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

/// The part that we read of cargo's messages (The Cargo Book, "External tools", "JSON messages").
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

fn executables(messages: impl BufRead, progress: &mut impl FnMut(Progress)) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut executables = BTreeMap::new();
    let mut packages = 0;
    for line in messages.lines() {
        // Lines that are not JSON come from build scripts and macros.
        let Ok(message) = serde_json::from_str::<Message>(&line?) else { continue };
        let (true, Some(target)) = (message.reason == "compiler-artifact", message.target) else { continue };
        packages += 1;
        progress(Progress::Compiled { packages, name: target.name.clone() });
        if let (Some(executable), true) = (message.executable, target.kind.iter().any(|kind| kind == "bin")) {
            executables.insert(target.name, executable);
        }
    }
    Ok(executables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_those_of_binaries_and_every_artifact_is_progress() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"executable":null}"#,
            "\n",
            "a build script said this\n",
            r#"{"reason":"build-script-executed","package_id":"x"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"alert","kind":["bin"]},"executable":"/t/debug/alert"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        let mut seen = Vec::new();
        let found = executables(messages.as_bytes(), &mut |progress| seen.push(progress)).expect("readable");
        assert_eq!(found, BTreeMap::from([("alert".to_owned(), PathBuf::from("/t/debug/alert"))]));
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn cargo_is_told_nothing_about_us_and_everything_that_a_person_set() {
        let command = cargo();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(
            removed.contains(&"CARGO_PKG_NAME".as_ref()) && removed.contains(&"CARGO_MANIFEST_DIR".as_ref()),
            "{removed:?}"
        );
        for kept in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTFLAGS", "PATH"] {
            assert!(!is_about_us(kept), "{kept}");
        }
    }

    #[test]
    fn a_package_that_is_not_there_fails_with_what_cargo_said() {
        let error = functions(&["no-such-function"], Profile::Dev, |_| {}).expect_err("no such package").to_string();
        assert!(error.contains("no-such-function") && error.contains("did not match any packages"), "{error}");
    }
}
