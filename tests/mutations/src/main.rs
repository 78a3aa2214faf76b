//! The `mutations` command: plants every bug of the list in a copy of the tree, one at a time, and says which tests find it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use holdfast_mutations::outcome::{Kept, Outcome, Outcomes};
use holdfast_mutations::planted::{self, Planted};
use holdfast_mutations::report::{self, Row};
use holdfast_mutations::round::{Round, SIMULATION, Simulation, package_of, rounds};
use holdfast_mutations::run::{Came, Place};
use holdfast_mutations::tree::{InPlace, Tree};

/// Plants known bugs in a copy of the tree and says which tests find them
#[derive(Debug, Parser)]
#[command(
    name = "mutations",
    after_help = "\
Exit code: 0, every bug was found; 1, one survived or cannot be used; 2, nothing could be said.

Examples:
  cargo mutations                       # all of them
  cargo mutations --of snapshot         # those of one package
  cargo mutations --only ID --only ID --expected
  cargo mutations --resume              # go on where an earlier run was cut short, in the same copy
  cargo mutations --last --markdown     # what the last run saw, as docs/mutations.md has it
  cargo mutations --only-simulation     # what the simulation alone finds"
)]
struct Arguments {
    /// Only the bug of this id; may be given several times
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Only bugs in this package; may be given several times
    #[arg(long, value_name = "PACKAGE")]
    of: Vec<String>,
    /// Names the bugs and does nothing
    #[arg(long)]
    list: bool,
    /// Shows what the last run saw and does nothing
    #[arg(long)]
    last: bool,
    /// Goes on in the copy that is there, with the bugs that have no outcome yet
    #[arg(long)]
    resume: bool,
    /// Runs only the tests that are expected to find the bug: quick, and harsher than all of them
    #[arg(long)]
    expected: bool,
    /// Runs the simulation alone against each bug; the outcomes are shown and not kept
    #[arg(long)]
    only_simulation: bool,
    /// Virtual years that are simulated against a bug that no test found; 0 leaves the simulation out
    #[arg(long, default_value_t = 5)]
    years: u32,
    /// The simulation's first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minutes that building or running one package's tests may take
    #[arg(long, default_value_t = 15)]
    minutes: u64,
    /// JSON instead of a table
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Markdown instead of a table
    #[arg(long)]
    markdown: bool,
    /// Where the copy, what is built and the outcomes are kept
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the tree has no root")?;
    let all = planted::all(&root.join("tests/mutations/planted"))?;
    let wanted = wanted(&all, arguments)?;
    let scratch = arguments.scratch.clone().unwrap_or_else(|| root.join("target/mutations"));
    let path = scratch.join("outcomes.json");
    let mut outcomes = Outcomes::read(&path)?;
    if !arguments.list && !arguments.last {
        std::fs::create_dir_all(&scratch)?;
        let lock = File::create(scratch.join("lock"))?;
        ensure!(lock.try_lock().is_ok(), "another run is at work in {}", scratch.display());
        let bench = Bench::set_up(root, &scratch, arguments)?;
        let keep = (!arguments.only_simulation).then_some(path.as_path());
        bench.try_all(&wanted, &mut outcomes, arguments.resume, keep).await?;
    }
    let rows: Vec<Row<'_>> = wanted
        .iter()
        .map(|planted| {
            let kept = outcomes.0.get(&planted.id).filter(|kept| kept.fingerprint == planted.fingerprint());
            Row { planted, kept: kept.filter(|_| !arguments.list) }
        })
        .collect();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        report::json(&mut out, &rows)?;
    } else if arguments.markdown {
        report::markdown(&mut out, &rows)?;
    } else {
        report::table(&mut out, &rows)?;
    }
    Ok(arguments.list || rows.iter().all(|row| row.kept.is_some_and(|kept| kept.outcome.is_found())))
}

fn wanted<'a>(all: &'a [Planted], arguments: &Arguments) -> Result<Vec<&'a Planted>> {
    for id in &arguments.only {
        ensure!(all.iter().any(|planted| planted.id == *id), "no planted bug is called {id}; `--list` names them");
    }
    let wanted: Vec<&Planted> = all
        .iter()
        .filter(|planted| arguments.only.is_empty() || arguments.only.contains(&planted.id))
        .filter(|planted| {
            arguments.of.is_empty()
                || package_of(&planted.file).is_some_and(|package| arguments.of.iter().any(|of| of == package))
        })
        .collect();
    ensure!(!wanted.is_empty(), "no planted bug is in {}", arguments.of.join(" or "));
    Ok(wanted)
}

/// Which rounds pass without a bug, and why the others do not. What fails without a bug would find every bug.
type Sound = BTreeMap<String, Result<(), String>>;

/// The copy, and how bugs are tried in it.
struct Bench {
    tree: Tree,
    place: Place,
    simulation: Option<Simulation>,
    expected: bool,
    only_simulation: bool,
}

impl Bench {
    fn set_up(root: &Path, scratch: &Path, arguments: &Arguments) -> Result<Self> {
        let (copy, logs) = (scratch.join("tree"), scratch.join("logs"));
        std::fs::create_dir_all(&logs)?;
        let tree = if arguments.resume { Tree::as_it_is(&copy)? } else { Tree::copied(root, &copy)? };
        let simulation = Simulation::of(&tree.root, arguments.years, arguments.seed);
        if simulation.is_none() {
            eprintln!("without the simulation");
        }
        let limit = Duration::from_secs(arguments.minutes * 60);
        let place = Place { tree: tree.root.clone(), target: scratch.join("target"), logs, limit };
        let Arguments { expected, only_simulation, .. } = *arguments;
        Ok(Self { tree, place, simulation, expected, only_simulation })
    }

    fn rounds(&self, planted: &Planted) -> Vec<Round> {
        let mut rounds = rounds(&planted.file, &planted.found_by, self.simulation.as_ref());
        if self.only_simulation {
            rounds.retain(|round| round.of == SIMULATION);
        }
        if self.expected {
            rounds.retain(|round| round.of == planted.found_by);
        }
        rounds
    }

    /// Tries every bug. An outcome is kept as soon as it is known.
    async fn try_all(
        &self,
        wanted: &[&Planted],
        outcomes: &mut Outcomes,
        resume: bool,
        keep: Option<&Path>,
    ) -> Result<()> {
        let known = |outcomes: &Outcomes, planted: &Planted| {
            let kept = outcomes.0.get(&planted.id);
            kept.is_some_and(|kept| kept.tree == self.tree.id && kept.fingerprint == planted.fingerprint())
        };
        let left: Vec<&&Planted> = wanted.iter().filter(|planted| !(resume && known(outcomes, planted))).collect();
        for planted in &left {
            outcomes.0.remove(&planted.id);
        }
        let mut sound = Sound::default();
        for (at, planted) in left.iter().enumerate() {
            let begun = Instant::now();
            let outcome = self.try_one(planted, &mut sound).await?;
            let seconds = begun.elapsed().as_secs();
            let word = if outcome.is_found() { "found" } else { "NOT FOUND" };
            eprintln!("{:3} of {}  {word:9}  {seconds:4} s  {}", at + 1, left.len(), planted.id);
            let kept = Kept { fingerprint: planted.fingerprint(), tree: self.tree.id.clone(), seconds, outcome };
            outcomes.0.insert(planted.id.clone(), kept);
            if let Some(path) = keep {
                outcomes.write(path)?;
            }
        }
        Ok(())
    }

    async fn try_one(&self, planted: &Planted, sound: &mut Sound) -> Result<Outcome> {
        let (mut survived, mut in_place) = (Vec::new(), None);
        let mut outcome = None;
        for round in self.rounds(planted) {
            if !sound.contains_key(&round.name) {
                in_place.take().map_or(Ok(()), InPlace::take_out)?;
                sound.insert(round.name.clone(), self.is_sound(&round).await?);
            }
            if let Some(Err(why)) = sound.get(&round.name) {
                outcome = Some(Outcome::Unusable { why: why.clone() });
                break;
            }
            if in_place.is_none() {
                match self.tree.plant(planted) {
                    Ok(planted) => in_place = Some(planted),
                    Err(error) => return Ok(Outcome::Unusable { why: format!("{error:#}") }),
                }
            }
            let by = round.name.clone();
            outcome = match self.place.run(&round, &planted.id).await? {
                Came::Passed => None,
                Came::Failed(tests) => Some(Outcome::Found { by, tests }),
                Came::Hung => Some(Outcome::Hung { by }),
                Came::NotBuilt(why) => Some(Outcome::Unusable { why }),
            };
            if outcome.is_some() {
                break;
            }
            survived.push(round.name);
        }
        in_place.take().map_or(Ok(()), InPlace::take_out)?;
        Ok(outcome.unwrap_or(Outcome::Survived { rounds: survived }))
    }

    /// Whether a round passes without a bug, or why not.
    async fn is_sound(&self, round: &Round) -> Result<Result<(), String>> {
        let (begun, name) = (Instant::now(), &round.name);
        let why = match self.place.run(round, "unchanged").await? {
            Came::Passed => {
                eprintln!("{name} passes without a bug, in {} s", begun.elapsed().as_secs());
                return Ok(Ok(()));
            }
            Came::Failed(tests) => format!("{name} fails without a bug: {}", tests.join(", ")),
            Came::Hung => format!("{name} does not end without a bug; give it more --minutes"),
            Came::NotBuilt(why) => format!("{name} does not compile without a bug: {why}"),
        };
        eprintln!("{why}");
        Ok(Err(why))
    }
}
