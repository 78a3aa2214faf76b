//! How long `plan check` takes, and how much memory: `cargo run --release -p holdfast-plan --example bench_check`.
//!
//! Plans of 100, 1,000 and 10,000 resources are written with rules of every sort, and each is checked by processes of its own,
//! so that one measurement does not carry another's memory. What must hold for 10,000 is under 2 s and under 200 MB; the
//! exit code says whether it does here. This is a benchmark and no test: what it says depends on the machine, so it says which.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

const RESOURCES: [usize; 3] = [100, 1_000, 10_000];
const RUNS: usize = 5;
const SECONDS_MAX: f64 = 2.0;
const MEGABYTES_MAX: f64 = 200.0;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [word, file] if word == "check" => check(Path::new(file)),
        [word, count] if word == "write" => {
            print!("{}", plan(count.parse()?));
            Ok(ExitCode::SUCCESS)
        }
        _ => measure_all(),
    }
}

/// One check in a process of its own: microseconds by the clock and on a processor, peak memory in kB, and what came of it.
#[expect(clippy::disallowed_methods, reason = "this measures time; the checker itself knows none")]
fn check(file: &Path) -> Result<ExitCode, Error> {
    let begun = std::time::Instant::now();
    let bytes = fs::read(file)?;
    let result = holdfast_plan::read_yaml_bytes("plan.yaml", &bytes);
    let taken = begun.elapsed();
    let said = match &result {
        Ok(compiled) => format!(
            "{} schedules, {} warnings, {} notices, plan.json {:.1} MB",
            compiled.schedules().len(),
            compiled.warnings().len(),
            compiled.notices().len(),
            megabytes(compiled.to_json().len())
        ),
        Err(problems) => {
            let error = problems.as_slice().iter().find(|problem| problem.severity == holdfast_plan::Severity::Error);
            format!("REFUSED: {}", error.ok_or("no error is named")?)
        }
    };
    println!("{} {} {} {said}", taken.as_micros(), on_cpu()?.as_micros(), peak_kilobytes()?);
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long this process ran on a processor so far: what the clock would say if nothing else ran.
fn on_cpu() -> Result<Duration, Error> {
    let status = fs::read_to_string("/proc/self/schedstat")?;
    Ok(Duration::from_nanos(status.split(' ').next().ok_or("no schedstat: this needs Linux")?.parse()?))
}

/// The most memory that this process ever had, as Linux counts it.
fn peak_kilobytes() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM: this needs Linux")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn measure_all() -> Result<ExitCode, Error> {
    let directory = env::temp_dir().join(format!("holdfast-bench-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let result = table(&directory);
    fs::remove_dir_all(&directory)?;
    Ok(if result? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a row per size; whether the largest keeps its bounds.
fn table(directory: &Path) -> Result<bool, Error> {
    println!("{}; {}; {}", machine()?, rustc(), if cfg!(debug_assertions) { "DEBUG BUILD" } else { "release build" });
    println!(
        "check = read, decode, judge, compile; best and worst of {RUNS} processes; memory is the process's peak (VmHWM)\n"
    );
    println!("| resources | plan.yaml | lines | seconds, best | seconds, worst | of a processor, best | peak MB | |");
    println!("|---:|---:|---:|---:|---:|---:|---:|---|");
    let mut kept = true;
    for count in RESOURCES {
        let text = plan(count);
        let file = directory.join(format!("{count}.yaml"));
        fs::write(&file, &text)?;
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(measure(&file)?);
        }
        let best = runs.iter().map(|run| run.taken).min().unwrap_or_default();
        let cpu = runs.iter().map(|run| run.on_cpu).min().unwrap_or_default();
        let worst = runs.iter().map(|run| run.taken).max().unwrap_or_default();
        let peak = runs.iter().map(|run| run.kilobytes).max().unwrap_or_default();
        let peak = megabytes(usize::try_from(peak)? * 1024);
        let said = &runs[0].said;
        println!(
            "| {count} | {:.2} MB | {} | {:.3} | {:.3} | {:.3} | {peak:.1} | {said} |",
            megabytes(text.len()),
            text.lines().count(),
            best.as_secs_f64(),
            worst.as_secs_f64(),
            cpu.as_secs_f64()
        );
        // The best: what else ran on the machine is not the checker's.
        kept = best.as_secs_f64() < SECONDS_MAX && peak < MEGABYTES_MAX && !said.starts_with("REFUSED");
    }
    let word = if kept { "kept" } else { "NOT KEPT" };
    println!("\nunder {SECONDS_MAX} s and {MEGABYTES_MAX} MB for {} resources: {word}", RESOURCES[RESOURCES.len() - 1]);
    Ok(kept)
}

struct Run {
    taken: Duration,
    on_cpu: Duration,
    kilobytes: u64,
    said: String,
}

fn measure(file: &Path) -> Result<Run, Error> {
    let output = Command::new(env::current_exe()?).arg("check").arg(file).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut parts = text.trim().splitn(4, ' ');
    let mut next = || parts.next().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned());
    let (taken, on_cpu) = (Duration::from_micros(next()?.parse()?), Duration::from_micros(next()?.parse()?));
    Ok(Run { taken, on_cpu, kilobytes: next()?.parse()?, said: next()?.to_owned() })
}

fn megabytes(bytes: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let bytes = bytes as f64;
    bytes / 1e6
}

fn machine() -> Result<String, Error> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("?");
    Ok(format!("{} × {model}", std::thread::available_parallelism()?))
}

fn rustc() -> String {
    let version = Command::new("rustc").arg("--version").output().map(|output| output.stdout);
    version.ok().and_then(|text| String::from_utf8(text).ok()).map_or("rustc ?".into(), |text| text.trim().to_owned())
}

/// A legal plan of so many resources: every kind in turn, schedules spread over day and week, so that hundreds are distinct.
fn plan(resources: usize) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..resources {
        resource(&mut text, number);
    }
    text.push_str(TAIL);
    text
}

const HEAD: &str = r#"version: 1
name: bench
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1, dr: [eu-west-1] }
owners: { database: dba@example.com, platform: platform@example.com }
accounts: { dr: { id: "210987654321", role: "arn:aws:iam::210987654321:role/holdfast" } }
quotas: { db_snapshots: 1000000, db_cluster_snapshots: 1000000, db_instances: 1000000 }
resources:
"#;

const TAIL: &str = r#"
alerts:
  channels: { oncall: { pagerduty: "secret:holdfast/pagerduty" }, ops: { slack: "secret:holdfast/slack" } }
  routes: { critical: [oncall, ops], high: [oncall, ops], low: [ops], info: [ops] }
  escalate_after: 15m
"#;

/// Writing to a String cannot fail.
fn resource(out: &mut String, n: usize) {
    let (minute, hour, day) = (n * 7 % 60, n / 60 % 24, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"][n % 7]);
    let (zone, nth) = (["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"][n % 4], n % 4 + 1);
    let _ = write!(out, "  r{n}:\n    priority: {}\n    owner: database\n", n % 4 + 1);
    let _ = match n % 5 {
        0 | 1 => write!(
            out,
            r#"    kind: rds-instance
    id: db-{n}
    objectives: {{ rpo: 24h, rto: 4h, region: {{ rpo: 28h, rto: 8h }} }}
    encrypted: true
    pitr: {{ window: {}d, lag_max: 10m }}
    snapshots:
      daily:  {{ at: "cron({minute} {hour} * * ? *)", keep: {}d, size_min: 1GB, takes_max: 2h }}
      weekly: {{ at: "cron({minute} {hour} ? * {day} *)", time_zone: {zone}, keep: {{ weekly: 4, monthly: 12 }} }}
    copies:
      - {{ region: eu-west-1, account: dr, kms_key: alias/holdfast-dr, keep: 30d, within: 4h, of: [daily] }}
    restore_tests:
      monthly: {{ at: "cron({minute} 6 ? * 2#{nth} *)", from: latest, instance_class: db.t4g.medium, deadline: 4h }}
    checks:
      integrity: full
      fresh: {{ sql: "select max(created_at) from events", age_max: 15m }}
      sql: {{ smoke: {{ sql: "select id from users limit 50", rows_min: 1, within: 500ms }} }}
"#,
            n % 35 + 1,
            n % 60 + 1
        ),
        2 => write!(
            out,
            r#"    kind: aurora-cluster
    id: cluster-{n}
    objectives: {{ rpo: 15m, rto: 2h }}
    pitr: {{ window: {}d, lag_max: 10m }}
    snapshots: {{ often: {{ at: "cron({minute} */{} * * ? *)", keep: 7d }} }}
"#,
            n % 35 + 1,
            n % 6 + 1
        ),
        3 => write!(
            out,
            r#"    kind: bucket
    id: bucket-{n}
    objectives: {{ rpo: 24h, rto: 4h }}
    bucket: {{ versions_keep: 90d }}
    snapshots: {{ nightly: {{ at: "cron({minute} {hour} * * ? *)", keep: 30d }} }}
    copies:
      - {{ region: eu-west-1, keep: 90d, within: 4h }}
    tiers:
      - {{ after: 30d, class: standard-ia }}
      - {{ after: 60d, class: glacier }}
"#
        ),
        _ => write!(
            out,
            r#"    kind: postgres-dump
    id: "secret:app-{n}/connection"
    objectives: {{ rpo: 48h, rto: 4h }}
    snapshots: {{ nightly: {{ at: "cron({minute} {hour} * * ? *)", time_zone: {zone}, keep: {{ daily: 30, weekly: 4, monthly: 12 }} }} }}
    restore_tests:
      monthly: {{ at: "cron({minute} 7 ? * {day}#{nth} *)", from: random, instance_class: db.t4g.medium, deadline: 4h }}
    checks: {{ integrity: full }}
"#
        ),
    };
}
