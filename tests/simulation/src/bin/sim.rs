//! `sim`: lives lives until the time is over, and shows what broke, in as few lines as break it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use holdfast_simulation::draw::{Wanted, script};
use holdfast_simulation::script::Script;
use holdfast_simulation::shrink::shrink;
use holdfast_simulation::wiring::Wiring;
use holdfast_simulation::{Counts, Lived, Step, WIRING, live};

/// Every call clones what it shows, so that a third of a life's time would go into small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lives virtual years with everything that goes wrong in them, and checks that the invariants of docs/architecture.md hold.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo sim                              one minute of fresh lives
  cargo sim --minutes 3                  the same for longer, as CI does
  cargo sim --years 200 --seed 7         200 estate-years from seed 7 on
  cargo sim --seed 7                     the one life of seed 7, again and again the same
  cargo sim --replay life.txt --step     a script, step by step, with what each changed")]
struct Arguments {
    /// For so many minutes of real time.
    #[arg(long)]
    minutes: Option<f64>,
    /// For so many estate-years of virtual time.
    #[arg(long)]
    years: Option<f64>,
    /// The first life's seed. Alone, that one life.
    #[arg(long)]
    seed: Option<u64>,
    /// A script, as a failing life leaves it.
    #[arg(long, conflicts_with_all = ["minutes", "years", "seed"])]
    replay: Option<PathBuf>,
    /// Shows each step and what it changed.
    #[arg(long, conflicts_with_all = ["minutes", "years"])]
    step: bool,
    /// So many resources at most.
    #[arg(long, default_value_t = 200)]
    resources: u64,
    /// So many days of storm at most, and a quarter of that at least.
    #[arg(long, default_value_t = 90)]
    days: i64,
    /// Lives at once; as many as there are processors if not said.
    #[arg(long)]
    threads: Option<usize>,
    /// Where scripts of failing lives go.
    #[arg(long, default_value = "target/simulation")]
    scripts: PathBuf,
    /// Goes on after a finding, up to so many.
    #[arg(long, default_value_t = 3)]
    findings: u64,
    /// Leaves a failing life as it is.
    #[arg(long)]
    whole: bool,
    /// The table as JSON.
    #[arg(long)]
    json: bool,
    /// Prints the script of the seed and lives nothing.
    #[arg(long)]
    script: bool,
}

fn main() -> ExitCode {
    // A function that panics is a finding; its message is enough.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let wiring = Wiring::read(WIRING).map_err(|error| anyhow!("infra/wiring.yaml: {error}"))?;
    let wanted = Wanted { resources_max: arguments.resources.max(1), days_max: arguments.days.max(2) };
    if let Some(path) = &arguments.replay {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let script: Script = text.parse().map_err(|error| anyhow!("{}: {error}", path.display()))?;
        return one(arguments, &wiring, &script, &path.display().to_string());
    }
    match (arguments.seed, arguments.minutes, arguments.years) {
        (Some(seed), None, None) => {
            let script = script(seed, wanted);
            if arguments.script {
                print!("{script}");
                return Ok(true);
            }
            one(arguments, &wiring, &script, &format!("seed {seed}"))
        }
        (seed, minutes, years) => {
            let first = seed.unwrap_or_else(fresh);
            let minutes = minutes.or(years.is_none().then_some(1.0));
            let century = Century::new(arguments, wanted, first, minutes, years);
            century.live(&wiring)
        }
    }
}

/// A seed that nobody had: the one thing here that cannot be had again, which is why it is printed.
fn fresh() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |since| u64::try_from(since.as_millis() % 1_000_000_000).unwrap_or(1)) * 1_000
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let text = output.ok().filter(|output| output.status.success());
    text.map_or_else(|| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// One life, by itself.
fn one(arguments: &Arguments, wiring: &Wiring, script: &Script, name: &str) -> Result<bool> {
    let begun = Instant::now();
    let mut show = |step: &Step| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{} {}", step.at, step.words);
        for change in &step.changes {
            let _ = writeln!(out, "    {change}");
        }
    };
    let watcher: Option<holdfast_simulation::Watcher<'_>> = if arguments.step { Some(&mut show) } else { None };
    let lived = live(script, wiring, watcher).map_err(|error| anyhow!("{error}"))?;
    let sound = lived.violation.is_none();
    if let Some(violation) = &lived.violation {
        eprintln!("{name}, commit {}: {violation}", commit());
        if !arguments.whole && arguments.replay.is_none() {
            let path = save(arguments, wiring, script, &lived)?;
            eprintln!("  shrunk: {}", path.display());
        }
    }
    table(arguments, &lived.counts, 1, begun.elapsed());
    Ok(sound)
}

/// Shrinks a failing life and writes its script down.
fn save(arguments: &Arguments, wiring: &Wiring, script: &Script, lived: &Lived) -> Result<PathBuf> {
    let Some(violation) = &lived.violation else { return Err(anyhow!("nothing broke")) };
    let mut shrunk = if arguments.whole { script.clone() } else { shrink(script, wiring, violation.invariant) };
    let again = live(&shrunk, wiring, None).map_err(|error| anyhow!("{error}"))?;
    let words = again.violation.map_or_else(|| violation.to_string(), |violation| violation.to_string());
    shrunk.says = format!("{words}\nof seed {}, commit {}", script.seed, commit());
    fs::create_dir_all(&arguments.scripts)?;
    let path: &Path = &arguments.scripts.join(format!("{}.txt", script.seed));
    fs::write(path, shrunk.to_string())?;
    Ok(path.to_owned())
}

/// Many lives, one after the other on each thread.
struct Century<'a> {
    arguments: &'a Arguments,
    wanted: Wanted,
    first: u64,
    until: Option<Instant>,
    years: Option<f64>,
    next: AtomicU64,
    found: AtomicU64,
    over: AtomicBool,
    counts: Mutex<(Counts, u64)>,
}

impl<'a> Century<'a> {
    fn new(arguments: &'a Arguments, wanted: Wanted, first: u64, minutes: Option<f64>, years: Option<f64>) -> Self {
        Self {
            arguments,
            wanted,
            first,
            until: minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(minutes * 60.0)),
            years,
            next: AtomicU64::new(first),
            found: AtomicU64::new(0),
            over: AtomicBool::new(false),
            counts: Mutex::default(),
        }
    }

    fn live(&self, wiring: &Wiring) -> Result<bool> {
        let begun = Instant::now();
        eprintln!("lives from seed {} on, commit {}", self.first, commit());
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = self.arguments.threads.unwrap_or(processors).max(1);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(wiring, begun));
            }
        });
        let (counts, lives) = self.counts.lock().map(|kept| kept.clone()).unwrap_or_default();
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        table(self.arguments, &counts, lives, begun.elapsed());
        Ok(self.found.load(Ordering::Relaxed) == 0)
    }

    fn work(&self, wiring: &Wiring, begun: Instant) {
        while !self.over.load(Ordering::Relaxed) && self.until.is_none_or(|until| Instant::now() < until) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let script = script(seed, self.wanted);
            match live(&script, wiring, None) {
                Ok(lived) => self.take(wiring, seed, &script, &lived, begun),
                Err(error) => eprintln!("seed {seed}: no life: {error}"),
            }
        }
    }

    fn take(&self, wiring: &Wiring, seed: u64, script: &Script, lived: &Lived, begun: Instant) {
        if let Some(violation) = &lived.violation {
            let found = self.found.fetch_add(1, Ordering::Relaxed) + 1;
            if found >= self.arguments.findings {
                self.over.store(true, Ordering::Relaxed);
            }
            eprintln!("\nseed {seed}, commit {}: {violation}", commit());
            match save(self.arguments, wiring, script, lived) {
                Ok(path) => eprintln!("  shrunk: {}", path.display()),
                Err(error) => eprintln!("  not shrunk: {error:#}"),
            }
        }
        let Ok(mut kept) = self.counts.lock() else { return };
        kept.0.add(&lived.counts);
        kept.1 += 1;
        let years = years(&kept.0);
        if self.years.is_some_and(|wanted| years >= wanted) {
            self.over.store(true, Ordering::Relaxed);
        }
        if std::io::stderr().is_terminal() {
            let speed = years / begun.elapsed().as_secs_f64() * 60.0;
            eprint!("\r\x1b[K{} lives, {years:.1} estate-years, {speed:.1} a minute", kept.1);
        }
    }
}

fn years(counts: &Counts) -> f64 {
    counts.lived.as_secs_f64() / (365.25 * 86_400.0)
}

fn table(arguments: &Arguments, counts: &Counts, lives: u64, took: Duration) {
    let (years, minutes) = (years(counts), took.as_secs_f64() / 60.0);
    let total = |of: &BTreeMap<&'static str, u64>| of.values().sum::<u64>();
    if arguments.json {
        let sweeps = counts.sweeps.iter().map(|((function, why), count)| (format!("{function}: {why}"), *count));
        let sweeps: BTreeMap<String, u64> = sweeps.collect();
        let checks: BTreeMap<&str, u64> = counts.checks.iter().map(|(of, count)| (of.words(), *count)).collect();
        let json = serde_json::json!({
            "lives": lives, "estate_years": years, "resource_years": counts.resource_days / 365.25,
            "estate_years_a_minute": years / minutes, "steps": counts.steps, "calls": counts.calls,
            "invocations": counts.invocations, "failed": counts.failed, "sweeps": sweeps, "sweeps_left_out": counts.skipped,
            "sweeps_audited": counts.audited, "messages": counts.told, "faults": counts.faults, "checks": checks,
        });
        println!("{json}");
        return;
    }
    let row = |name: &str, value: String| println!("{name:<44} {value}");
    row("lives", lives.to_string());
    row("estate-years", format!("{years:.2} ({:.1} a minute)", years / minutes));
    row("resource-years", format!("{:.1}", counts.resource_days / 365.25));
    row("steps", counts.steps.to_string());
    row("calls", counts.calls.to_string());
    row("invocations", format!("{} ({} failed)", total(&counts.invocations), total(&counts.failed)));
    for (name, count) in &counts.invocations {
        row(&format!("  {name}"), format!("{count} ({} failed)", counts.failed.get(name).copied().unwrap_or(0)));
    }
    row("sweeps", counts.sweeps.values().sum::<u64>().to_string());
    for ((function, why), count) in &counts.sweeps {
        row(&format!("  {function}: {why}"), count.to_string());
    }
    row("sweeps left out", format!("{} ({} carried out to see)", counts.skipped, counts.audited));
    row("messages to people", counts.told.to_string());
    row("misfortunes", counts.faults.values().sum::<u64>().to_string());
    for (sort, count) in &counts.faults {
        row(&format!("  {sort}"), count.to_string());
    }
    row("checks", counts.checks.values().sum::<u64>().to_string());
    for (invariant, count) in &counts.checks {
        row(&format!("  {}", invariant.words()), count.to_string());
    }
}
