//! Which tests are run against a bug, and in which order: those of the package that is expected to find it, then its own package's, then
//! those of whatever stands on it, then the simulation. The first that fails has found it.

use std::path::Path;

/// Packages and the folders they lie in.
const PACKAGES: [(&str, &str); 9] = [
    ("holdfast-domain", "shared/domain/"),
    ("holdfast-wire", "shared/wire/"),
    ("holdfast-plan", "shared/plan/"),
    ("holdfast-ledger", "shared/ledger/"),
    ("holdfast-testkit", "shared/testkit/"),
    ("snapshot", "functions/snapshot/"),
    ("restore-test", "functions/restore-test/"),
    ("verify", "functions/verify/"),
    ("alert", "functions/alert/"),
];

/// The word for the simulation where a package's name may stand.
pub const SIMULATION: &str = "simulation";

/// What no bug is in is built once, so that it may take longer to build and run several times as fast: a time zone is asked for a million
/// times, and most of a property test is the making of its cases. Not everything: the rest is built for as long as it would save.
const QUICK: [&str; 12] = [
    "--config",
    "profile.dev.debug=false",
    "--config",
    "profile.dev.package.jiff.opt-level=1",
    "--config",
    "profile.dev.package.jiff-core.opt-level=1",
    "--config",
    "profile.dev.package.proptest.opt-level=1",
    "--config",
    "profile.dev.package.granit-parser.opt-level=1",
    "--config",
    "profile.dev.package.serde_json.opt-level=1",
];

/// Some tests that are run together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// What it is, in words.
    pub name: String,
    /// Whose tests: a package's, or the simulation.
    pub of: String,
    /// Arguments of cargo that build what is run.
    pub build: Vec<String>,
    /// Arguments of cargo that run it.
    pub run: Vec<String>,
}

/// The package that a file is part of.
#[must_use]
pub fn package_of(file: &str) -> Option<&'static str> {
    PACKAGES.into_iter().find(|(_, folder)| file.starts_with(folder)).map(|(package, _)| package)
}

/// The rounds for a bug, in order; each at most once. None for a file that is in no package with rounds.
#[must_use]
pub fn rounds(file: &str, found_by: &str, simulation: Option<&Simulation>) -> Vec<Round> {
    let Some(own) = package_of(file) else { return Vec::new() };
    let mut names = vec![found_by, own];
    names.extend(standing_on(own));
    names.push(SIMULATION);
    let mut rounds: Vec<Round> = Vec::new();
    for name in names {
        let of_name =
            if name == SIMULATION { simulation.map(Simulation::round).into_iter().collect() } else { tests_of(name) };
        rounds.extend(of_name.into_iter().filter(|round| !rounds.contains(round)).collect::<Vec<_>>());
    }
    rounds
}

/// The packages that may behave otherwise when this one does, nearest first.
fn standing_on(package: &str) -> &'static [&'static str] {
    match package {
        "holdfast-domain" => {
            &["holdfast-wire", "holdfast-plan", "holdfast-ledger", "snapshot", "restore-test", "alert"]
        }
        "holdfast-wire" => &["holdfast-ledger", "snapshot", "restore-test", "alert"],
        "holdfast-ledger" | "holdfast-testkit" => &["snapshot", "restore-test", "alert"],
        _ => &[],
    }
}

/// The tests of a package, without examples and documentation; what takes minutes is a round of its own, after the others. Functions come
/// without their binary, and so without any SDK; of `verify` comes what needs no PostgreSQL.
fn tests_of(package: &str) -> Vec<Round> {
    let round = |name: &str, targets: &str, only: &str| {
        let targets = format!("test --package {package} {targets}");
        let cargo: Vec<String> = QUICK.into_iter().chain(targets.split(' ')).map(Into::into).collect();
        let with = |more: &str| cargo.iter().cloned().chain(more.split_terminator(' ').map(Into::into)).collect();
        Round { name: name.into(), of: package.into(), build: with("--quiet --no-run"), run: with(only) }
    };
    match package {
        "holdfast-domain" => vec![
            round(package, "--lib --test vocabulary", ""),
            round("holdfast-domain, firings compared", "--test cron", ""),
        ],
        "snapshot" => vec![
            round(package, "--no-default-features --tests", "-- --skip year::"),
            round("snapshot, a year of bad luck", "--no-default-features --tests", "-- year::"),
        ],
        "restore-test" | "alert" => vec![round(package, "--no-default-features --tests", "")],
        "verify" => vec![round(package, "--no-default-features --lib", "")],
        _ => vec![round(package, "--tests", "")],
    }
}

/// The simulation, as far as it is run against one bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Virtual years.
    pub years: u32,
    /// The first seed.
    pub seed: u64,
}

impl Simulation {
    /// The simulation, if the tree has one.
    #[must_use]
    pub fn of(tree: &Path, years: u32, seed: u64) -> Option<Self> {
        (years > 0 && tree.join("tests/simulation/Cargo.toml").is_file()).then_some(Self { years, seed })
    }

    fn round(&self) -> Round {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(Into::into).collect() };
        let (years, seed) = (self.years, self.seed);
        Round {
            name: SIMULATION.into(),
            of: SIMULATION.into(),
            build: words("build --quiet --profile sim --package holdfast-simulation --bin sim"),
            // The first thing that breaks is enough, and nobody reads a shorter script of it.
            run: words(&format!("sim --years {years} --seed {seed} --findings 1 --whole --scripts ../logs/simulation")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, found_by: &str, simulation: Option<&Simulation>) -> Vec<String> {
        rounds(file, found_by, simulation).into_iter().map(|round| round.name).collect()
    }

    #[test]
    fn whoever_is_expected_to_find_a_bug_is_asked_first_and_everybody_once() {
        let simulation = Simulation { years: 1, seed: 1 };
        let (snapshot, year) = ("snapshot", "snapshot, a year of bad luck");
        assert_eq!(names("functions/snapshot/src/decide.rs", snapshot, None), [snapshot, year]);
        assert_eq!(
            names("functions/snapshot/src/decide.rs", SIMULATION, Some(&simulation)),
            [SIMULATION, snapshot, year]
        );
        assert_eq!(
            names("shared/ledger/src/record.rs", "alert", Some(&simulation)),
            ["alert", "holdfast-ledger", snapshot, year, "restore-test", SIMULATION]
        );
        assert!(names("README.md", "snapshot", None).is_empty());
    }
}
