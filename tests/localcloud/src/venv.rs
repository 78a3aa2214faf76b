//! Python virtual environments with pinned hashes, kept in a cache and shared by all drills of one user.
//!
//! A virtual environment holds absolute paths, so it cannot be built elsewhere and renamed into place. Instead a lock file
//! keeps two drills apart and a marker, written last, says that the environment is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fingerprint;

/// The directory of the cache that holds the environments.
const VENVS: &str = "venvs";

const PYTHON_MINIMUM: (u32, u32) = (3, 10);

/// Newest last: `python3` is what the user chose, the others are what may lie beside an old one.
const PYTHON_CANDIDATES: [&str; 6] = ["python3", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"];

/// A virtual environment that holds exactly the pinned requirements.
#[derive(Debug, Clone)]
pub struct Venv {
    dir: PathBuf,
}

/// Why there is no virtual environment.
#[derive(Debug, thiserror::Error)]
pub enum VenvError {
    /// No interpreter is new enough.
    #[error("no python3 >= {}.{} with venv and pip on PATH: install one (Debian: `apt install python3-venv`, macOS: `brew install python3`)", PYTHON_MINIMUM.0, PYTHON_MINIMUM.1)]
    NoPython,
    /// Neither `HOLDFAST_CACHE`, `XDG_CACHE_HOME` nor `HOME` is set.
    #[error("no cache directory: set HOLDFAST_CACHE to a directory that may be written")]
    NoCache,
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// `venv` or `pip` failed.
    #[error("cannot {step} for {name} in {dir}: {output}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// The environment's name.
        name: String,
        /// The environment's directory.
        dir: PathBuf,
        /// The last lines the command wrote.
        output: String,
    },
}

impl Venv {
    /// The environment of these requirements (the text of a `requirements.txt` with a hash for every file), installed on first use.
    ///
    /// Blocks while it installs, or while another process does.
    ///
    /// # Errors
    /// When no Python is new enough, the cache cannot be written, or pip refuses a file.
    pub fn ensure(name: &str, requirements: &str) -> Result<Self, VenvError> {
        Self::ensure_in(&cache_dir()?, name, requirements)
    }

    /// As [`Venv::ensure`], in a cache directory of the caller's choice.
    ///
    /// # Errors
    /// As [`Venv::ensure`].
    pub fn ensure_in(cache: &Path, name: &str, requirements: &str) -> Result<Self, VenvError> {
        let python = find_python(&PYTHON_CANDIDATES)?;
        let venv = Self::located(cache, name, requirements, &python.identity);
        fs::create_dir_all(cache.join(VENVS)).map_err(io_error("create", cache))?;
        let marker = venv.dir.join(".complete");
        if marker.exists() {
            return Ok(venv);
        }
        let lock_path = venv.dir.with_extension("lock");
        let lock = File::create(&lock_path).map_err(io_error("create", &lock_path))?;
        lock.lock().map_err(io_error("lock", &lock_path))?;
        if !marker.exists() {
            venv.install(name, requirements, &python.program)?;
            fs::write(&marker, &python.identity).map_err(io_error("write", &marker))?;
        }
        Ok(venv)
    }

    /// The environment's interpreter.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.dir.join("bin").join("python")
    }

    /// A program that one of the requirements installed.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Other requirements or another interpreter: another directory.
    fn located(cache: &Path, name: &str, requirements: &str, python: &str) -> Self {
        let key = fingerprint::of_parts(&[requirements.as_bytes(), python.as_bytes()]);
        Self { dir: cache.join(VENVS).join(format!("{name}-{}", &key[..16])) }
    }

    fn install(&self, name: &str, requirements: &str, python: &str) -> Result<(), VenvError> {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).map_err(io_error("remove the unfinished", &self.dir))?;
        }
        let step = |step, command: &mut Command| {
            let output = command.output().map_err(io_error("run python in", &self.dir))?;
            if output.status.success() {
                return Ok(());
            }
            Err(VenvError::Step { step, name: name.into(), dir: self.dir.clone(), output: last_lines(&output) })
        };
        step("create a virtual environment", Command::new(python).args(["-m", "venv"]).arg(&self.dir))?;
        let list = self.dir.join("requirements.txt");
        fs::write(&list, requirements).map_err(io_error("write", &list))?;
        // Wheels only: nothing that was downloaded may run before its hash was checked and it was asked for.
        let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
        let pins = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement"];
        step("install the pinned packages", Command::new(self.python()).args(options).args(pins).arg(&list))
    }
}

struct Python {
    program: String,
    /// Version and prefix: an environment is bound to both.
    identity: String,
}

fn find_python(candidates: &[&str]) -> Result<Python, VenvError> {
    const PROBE: &str = "import sys, venv, ensurepip; print(*sys.version_info[:3], sys.base_prefix)";
    for candidate in candidates {
        let Ok(output) = Command::new(candidate).args(["-c", PROBE]).output() else { continue };
        let identity = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut numbers = identity.split(' ').map_while(|word| word.parse::<u32>().ok());
        if let (true, Some(major), Some(minor)) = (output.status.success(), numbers.next(), numbers.next())
            && (major, minor) >= PYTHON_MINIMUM
        {
            return Ok(Python { program: (*candidate).to_owned(), identity });
        }
    }
    Err(VenvError::NoPython)
}

/// Where downloads are kept from one run to the next.
///
/// # Errors
/// When the environment names neither a cache nor a home directory.
pub fn cache_dir() -> Result<PathBuf, VenvError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HOLDFAST_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("holdfast")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("holdfast")))
        .ok_or(VenvError::NoCache)
}

fn last_lines(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VenvError {
    let path = path.to_owned();
    move |source| VenvError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_new_enough_python_the_error_says_what_to_install() {
        let error =
            find_python(&["holdfast-no-such-python"]).map(|python| python.program).expect_err("none of that name");
        assert!(error.to_string().contains("python3 >= 3.10"), "{error}");
        assert!(!error.to_string().contains('\n'));
    }

    #[test]
    fn a_package_without_a_hash_is_refused_and_leaves_no_complete_environment() {
        let cache = tempfile::tempdir().expect("a directory");
        let error = Venv::ensure_in(cache.path(), "bare", "six==1.17.0\n").expect_err("no hash");
        assert!(error.to_string().contains("--require-hashes"), "{error}");
        let made: Vec<_> =
            fs::read_dir(cache.path().join(VENVS)).expect("a listing").flatten().map(|entry| entry.path()).collect();
        assert!(!made.is_empty() && made.iter().all(|dir| !dir.join(".complete").exists()), "{made:?}");
    }

    #[test]
    fn an_environment_is_made_once_even_by_two_at_the_same_time() {
        let cache = tempfile::tempdir().expect("a directory");
        let ensure = || Venv::ensure_in(cache.path(), "empty", "# nothing\n").expect("an environment");
        let stamp = |venv: &Venv| {
            fs::metadata(venv.dir.join(".complete")).and_then(|marker| marker.modified()).expect("a time")
        };
        let (first, second) = std::thread::scope(|scope| {
            let (first, second) = (scope.spawn(ensure), scope.spawn(ensure));
            (first.join().expect("no panic"), second.join().expect("no panic"))
        });
        let made = stamp(&first);
        assert!(first.python().exists() && first.dir == second.dir);
        assert_eq!(stamp(&ensure()), made, "a later call finds it");
    }

    #[test]
    fn other_requirements_or_another_python_is_another_environment() {
        let of = |requirements, python| Venv::located(Path::new("cache"), "x", requirements, python).dir;
        assert_eq!(of("a", "3 11"), of("a", "3 11"));
        assert_ne!(of("a", "3 11"), of("b", "3 11"));
        assert_ne!(of("a", "3 11"), of("a", "3 12"));
    }
}
