//! How long a finding takes from the bus to the receivers, with warm functions on the local cloud: prints the machine, the
//! number of findings, median and 95th percentile. A command of its own, not part of any test.
//!
//! ```sh
//! cargo run -p holdfast-e2e --example alert_latency
//! ```

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use holdfast_localcloud::build::Profile;
use holdfast_localcloud::cloud::{HOME, LocalCloud, Options};
use holdfast_localcloud::postgres::{Binaries, Search};
use holdfast_localcloud::receivers::Received;
use holdfast_localcloud::venv;
use jiff::Timestamp;
use serde_json::json;

/// Findings that are measured, after those that warm the way.
const FINDINGS: usize = 50;
const WARMING: usize = 5;

/// How long one may take before the measurement is given up.
const WITHIN: Duration = Duration::from_secs(30);

const PLAN: &str = r#"
version: 1
name: bench
environment: local
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 1
resources:
  orders:
    kind: rds-instance
    id: orders
    region: eu-central-1
    objectives: { rpo: 25h, rto: 4h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
alerts:
  channels:
    oncall: { pagerduty: "secret:holdfast/pagerduty" }
    ops: { slack: "secret:holdfast/slack" }
  routes: { critical: [oncall, ops], high: [oncall, ops] }
"#;

#[tokio::main]
async fn main() -> Result<()> {
    let plan = holdfast_plan::read_yaml("plan.yaml", PLAN).map_err(|problems| anyhow!("{problems}"))?;
    let search = Search { cache_dir: venv::cache_dir().ok(), ..Search::default() };
    let binaries = tokio::task::spawn_blocking(move || Binaries::find(&search)).await??;
    // As on AWS: the sweep must not be what delivers.
    let options = Options { sweep_every: "rate(1 minute)".into(), ..Options::new(binaries) };
    let mut cloud = LocalCloud::start(options).await?;
    let outcome = async {
        let ca_pem = cloud.rds.ca_pem().to_owned();
        let packages =
            tokio::task::spawn_blocking(move || LocalCloud::packages(&ca_pem, Profile::Dev, |_| {})).await??;
        cloud.deploy(&plan, &packages).await?;
        measure(&cloud).await
    };
    let outcome = outcome.await;
    cloud.shutdown().await?;
    outcome
}

async fn put(cloud: &LocalCloud, detail: &serde_json::Value) -> Result<()> {
    let bus = cloud.deployed.buses.get("holdfast").context("nothing is deployed")?;
    let entry = PutEventsRequestEntry::builder().event_bus_name(bus).source("holdfast").detail_type("Finding");
    let client = aws_sdk_eventbridge::Client::new(&cloud.endpoint.config(HOME));
    let answer = client.put_events().entries(entry.detail(detail.to_string()).build()).send().await?;
    ensure!(answer.failed_entry_count() == 0, "the bus did not take it: {answer:?}");
    Ok(())
}

async fn measure(cloud: &LocalCloud) -> Result<()> {
    let (mut slack, mut pagerduty) = (Vec::new(), Vec::new());
    for n in 0..WARMING + FINDINGS {
        // Each of a root of its own, so that none folds into another.
        let cause = format!("bench/local/latency/finding-{n}");
        let title = format!("finding {n}");
        let put_at = Timestamp::now();
        let detail = json!({ "cause": cause, "state": "open", "severity": "high", "title": title, "threatens": "nothing",
            "next_step": "nothing", "facts": [], "seen_at": put_at });
        put(cloud, &detail).await?;
        let receivers = &cloud.receivers;
        let heard = async {
            loop {
                let of = |all: Vec<Received>| {
                    all.into_iter().find(|one| one.body.to_string().contains(&format!("{cause}/1"))).map(|one| one.at)
                };
                if let (Some(one), Some(other)) =
                    (of(receivers.slack().received()), of(receivers.pagerduty().received()))
                {
                    return (one, other);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let heard = tokio::time::timeout(WITHIN, heard).await;
        let (at_slack, at_pagerduty) = heard.with_context(|| format!("{cause} did not arrive within {WITHIN:?}"))?;
        if n >= WARMING {
            slack.push(at_slack.duration_since(put_at));
            pagerduty.push(at_pagerduty.duration_since(put_at));
        }
    }
    println!("machine: {}", machine());
    println!("functions: dev profile, warm; way: PutEvents → rule → SNS → alert → receiver");
    for (name, mut took) in [("Slack", slack), ("PagerDuty", pagerduty)] {
        took.sort();
        let at = |share: f64| took.get(((took.len() - 1) as f64 * share).round() as usize).copied().unwrap_or_default();
        println!(
            "{name}: n {}, median {} ms, p95 {} ms, most {} ms",
            took.len(),
            at(0.5).as_millis(),
            at(0.95).as_millis(),
            at(1.0).as_millis()
        );
    }
    Ok(())
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m.to_owned()));
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    format!("{} × {}, load {load} while measuring", cores, model.unwrap_or_else(|| "unknown processor".into()))
}
