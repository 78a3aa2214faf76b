//! The wiring at work on MiniStack, with a small script in place of every function.
//!
//! Each test has an endpoint of its own, so they run side by side. Nothing is slept for: every wait ends at the first
//! observation that satisfies it, or at a deadline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::{Value, json};

use super::*;
use crate::recorder::{Call, Effect, Fault, Upstreams};
use crate::zips::package_bytes;

const HOME: &str = "eu-west-1";
const PRIMARY: &str = "eu-central-1";
const BOOTSTRAP: &[u8] = include_bytes!("tests/bootstrap.py");
/// Far above what anything here takes, because other tests and compilers share the machine.
const DEADLINE: Duration = Duration::from_secs(60);

struct Site {
    endpoint: Endpoint,
    recorder: Recorder,
    wiring: Wiring,
    settings: Settings,
    packages: BTreeMap<String, Package>,
    deployed: Deployed,
}

impl Site {
    async fn with_sweeps(every: &str) -> Self {
        let endpoint = Endpoint::start(HOME, None).await.expect("MiniStack");
        let wiring = Wiring::holdfast().expect("a wiring");
        let upstreams = Upstreams { endpoint: endpoint.url().to_owned(), rds: None };
        let recorder =
            Recorder::start(upstreams, wiring.functions.keys().map(String::as_str)).await.expect("a recorder");
        let package = |files: &[String]| {
            let files = files.iter().map(|name| (name.clone(), b"pem".to_vec())).collect();
            package_bytes(BOOTSTRAP, &files).expect("a package")
        };
        let packages =
            wiring.functions.iter().map(|(name, function)| (name.clone(), package(&function.files))).collect();
        let settings = Settings::new(HOME)
            .with("sweep_every", every)
            .with("room_subnet_group", "room")
            .with("room_security_groups", "sg-1")
            .with("room_networks", "127.0.0.1/32");
        let deployed = deploy(&endpoint, &wiring, &plan(&[]), &settings, &packages, Some(&recorder)).await;
        let deployed = deployed.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        Self { endpoint, recorder, wiring, settings, packages, deployed }
    }

    async fn without_sweeps() -> Self {
        Self::with_sweeps("rate(1 day)").await
    }

    /// What this function was given so far.
    async fn inputs(&self, function: &str) -> Vec<Value> {
        let (s3, bucket) = (self.endpoint.s3(HOME), &self.deployed.buckets["ledger"]);
        let listed = s3
            .list_objects_v2()
            .bucket(bucket)
            .prefix(format!("inputs/holdfast-{function}/"))
            .send()
            .await
            .expect("a listing");
        let mut inputs = Vec::new();
        for object in listed.contents() {
            let got = s3.get_object().bucket(bucket).key(object.key().expect("a key")).send().await.expect("an object");
            let bytes = got.body.collect().await.expect("a body").into_bytes();
            inputs.push(serde_json::from_slice(&bytes).expect("JSON"));
        }
        inputs
    }

    async fn input(&self, function: &str, matches: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("an input of {function}"), async || self.inputs(function).await.into_iter().find(&matches))
            .await
    }

    async fn put_event(&self, region: &str, bus: &str, source: &str, detail_type: &str, detail: Value) {
        let client = aws_sdk_eventbridge::Client::new(&self.endpoint.config(region));
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(source)
            .detail_type(detail_type)
            .detail(detail.to_string());
        let answer = client.put_events().entries(entry.build()).send().await.expect("an answer");
        assert_eq!(answer.failed_entry_count(), 0, "{answer:?}");
    }

    fn calls_of(&self, function: &str, action: &str) -> Vec<Call> {
        self.recorder.calls().into_iter().filter(|call| call.function == function && call.action() == action).collect()
    }

    async fn schedule_names(&self) -> Vec<String> {
        let client = aws_sdk_scheduler::Client::new(&self.endpoint.config(HOME));
        let listed = client.list_schedules().send().await.expect("a listing");
        let mut names: Vec<String> =
            listed.schedules().iter().filter_map(|schedule| schedule.name().map(str::to_owned)).collect();
        names.sort();
        names
    }
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn plan(schedules: &[(&str, &str)]) -> PlanArtifact {
    let schedules: Vec<Value> = schedules
        .iter()
        .map(|(function, expression)| json!({"function": function, "expression": expression, "time_zone": "UTC"}))
        .collect();
    let json =
        json!({"sha256": format!("{:064}", schedules.len()), "schedules": schedules, "regions": [PRIMARY, HOME]});
    PlanArtifact::read(json.to_string().into_bytes()).expect("a plan")
}

#[tokio::test]
async fn a_sweep_starts_its_function_again_and_again_through_the_recorder() {
    let site = Site::with_sweeps("rate(1 second)").await;
    let sweeps =
        eventually("two sweeps", async || Some(site.inputs("snapshot").await).filter(|inputs| inputs.len() >= 2)).await;
    assert!(sweeps.iter().all(|input| *input == json!({"holdfast": "sweep"})), "{sweeps:?}");
    let calls = site.calls_of("snapshot", "s3:PutObject");
    assert!(calls.len() >= 2, "every call passes the recorder");
    assert_eq!((calls[0].status, calls[0].region.as_str()), (Some(200), HOME));
    assert!(
        calls[0]
            .resource
            .as_deref()
            .is_some_and(|resource| resource.starts_with("holdfast-ledger/inputs/holdfast-snapshot/"))
    );
    assert!(site.recorder.summary()["snapshot"]["s3:PutObject"] >= 2);
    site.input("restore-test", |input| *input == json!({"holdfast": "sweep"})).await;
    let logs = site.deployed.function_logs(&site.endpoint, "snapshot").await.expect("logs");
    assert!(logs.iter().any(|line| line.contains(r#"input {"holdfast": "sweep"}"#)), "{logs:?}");
}

#[tokio::test]
async fn a_new_plan_replaces_the_schedules_of_the_old_one_and_both_its_objects() {
    let site = Site::without_sweeps().await;
    let sweeps = ["alert-sweep", "restore-test-sweep", "snapshot-sweep"];
    assert_eq!(site.schedule_names().await, sweeps);
    let first = plan(&[("snapshot", "cron(0 2 * * ? *)"), ("snapshot", "cron(0 3 * * ? *)")]);
    redeploy_plan(&site.endpoint, &site.wiring, &first, &site.deployed).await.expect("deployed");
    assert_eq!(site.schedule_names().await.len(), 5);
    let second = plan(&[("restore-test", "rate(1 second)")]);
    redeploy_plan(&site.endpoint, &site.wiring, &second, &site.deployed).await.expect("deployed");
    assert_eq!(site.schedule_names().await.len(), 4, "the sweeps and one of the plan");
    for key in ["plan.json".to_owned(), format!("plans/{}.json", second.sha256), format!("plans/{}.json", first.sha256)]
    {
        site.endpoint.s3(HOME).head_object().bucket("holdfast-ledger").key(&key).send().await.expect(&key);
    }
    site.input("restore-test", |input| *input == json!({"holdfast": "sweep"})).await;
}

#[tokio::test]
async fn an_rds_event_of_any_region_reaches_the_home_region_with_the_region_it_came_from() {
    let site = Site::without_sweeps().await;
    let detail = json!({"SourceIdentifier": "orders", "EventID": "RDS-EVENT-0042"});
    site.put_event(PRIMARY, "default", "aws.rds", "RDS DB Snapshot Event", detail.clone()).await;
    for function in ["snapshot", "restore-test"] {
        let event = site.input(function, |_| true).await;
        assert_eq!((&event["region"], &event["detail"]), (&json!(PRIMARY), &detail), "{function}");
        assert_eq!(event["source"], "aws.rds");
    }
    site.put_event(HOME, "default", "aws.rds", "RDS DB Instance Event", json!({"SourceIdentifier": "hf-rt-1"})).await;
    let event = site.input("restore-test", |event| event["detail-type"] == "RDS DB Instance Event").await;
    assert_eq!(event["region"], HOME);
    assert_eq!(site.inputs("snapshot").await.len(), 1, "instance events are not for snapshot");
}

#[tokio::test]
async fn a_finding_on_the_bus_reaches_alert_through_the_topic() {
    let site = Site::without_sweeps().await;
    site.put_event(HOME, "holdfast", "holdfast", "Finding", json!({"title": "no snapshot"})).await;
    let input = site.input("alert", |_| true).await;
    let notification = &input["Records"][0]["Sns"];
    assert_eq!(notification["TopicArn"], site.deployed.topics["holdfast-findings"]);
    let event: Value = serde_json::from_str(notification["Message"].as_str().expect("text")).expect("JSON");
    assert_eq!(event["detail"], json!({"title": "no snapshot"}));
    site.put_event(HOME, "holdfast", "holdfast", "Restore Test Ready", json!({"run": "r1"})).await;
    let input = site.input("verify", |_| true).await;
    assert_eq!(input["detail"], json!({"run": "r1"}));
}

#[tokio::test]
async fn a_failure_is_retried_then_told_to_alert_and_kept_as_a_dead_letter_with_its_reason() {
    let site = Site::without_sweeps().await;
    site.put_event(HOME, "default", "aws.rds", "RDS DB Snapshot Event", json!({"then": "fail"})).await;
    let letters = eventually("two dead letters", async || {
        Some(site.deployed.dead_letters(&site.endpoint).await.expect("letters")).filter(|letters| letters.len() >= 2)
    });
    let letters = letters.await;
    let mut functions: Vec<&str> = letters.iter().filter_map(|letter| letter.function.as_deref()).collect();
    functions.sort_unstable();
    assert_eq!(functions, ["holdfast-restore-test", "holdfast-snapshot"]);
    assert_eq!(letters[0].reason.as_deref(), Some("Permanent: told to fail"));
    assert_eq!(letters[0].content["detail"], json!({"then": "fail"}));
    assert_eq!(site.inputs("snapshot").await.len(), 3, "one attempt and two retries");
    assert_eq!(
        site.deployed.dead_letters(&site.endpoint).await.expect("letters").len(),
        2,
        "reading takes nothing away"
    );
    // Alert hears of it, fails as well (the word is still in there), and what it could not tell lies in the fallback queue.
    let fallback = eventually("a fallback letter", async || {
        site.deployed.fallback_letters(&site.endpoint).await.expect("letters").pop()
    })
    .await;
    assert_eq!(fallback.function.as_deref(), Some("holdfast-alert"));
}

#[tokio::test]
async fn a_function_at_a_url_is_there_for_whoever_opts_in() {
    let site = Site::without_sweeps().await;
    assert!(!site.deployed.functions.contains_key("acknowledge"), "nobody opted in");
    let (settings, plan) = (site.settings.clone().with("acknowledge_secret", "keys"), plan(&[]));
    for time in ["first", "second"] {
        let again = deploy(&site.endpoint, &site.wiring, &plan, &settings, &site.packages, Some(&site.recorder));
        let again = again.await.unwrap_or_else(|error| panic!("the {time} time: {error}"));
        let name = &again.functions["acknowledge"].name;
        let lambda = aws_sdk_lambda::Client::new(&site.endpoint.config(HOME));
        let url = lambda.get_function_url_config().function_name(name).send().await.expect("a URL");
        assert_eq!(url.auth_type().as_str(), "NONE");
        assert_eq!(again.functions["acknowledge"].environment["HOLDFAST_ACKNOWLEDGE_SECRET"], "keys");
    }
}

#[tokio::test]
async fn a_second_deployment_changes_only_what_differs() {
    let site = Site::without_sweeps().await;
    let settings = site.settings.clone().with_variable("alert", "SLACK_URL", "http://127.0.0.1:1");
    let again = deploy(&site.endpoint, &site.wiring, &plan(&[]), &settings, &site.packages, Some(&site.recorder))
        .await
        .expect("deployed");
    assert_eq!((&again.topics, &again.queues), (&site.deployed.topics, &site.deployed.queues));
    for (name, function) in &site.deployed.functions {
        assert_eq!(again.functions[name].arn, function.arn);
    }
    let lambda = aws_sdk_lambda::Client::new(&site.endpoint.config(HOME));
    let alert = lambda.get_function_configuration().function_name("holdfast-alert").send().await.expect("alert");
    let variables = alert.environment().and_then(|environment| environment.variables()).expect("variables");
    assert_eq!(variables["SLACK_URL"], "http://127.0.0.1:1");
    assert_eq!(variables["HOLDFAST_FALLBACK_TOPIC_ARN"], site.deployed.topics["holdfast-fallback"]);
    again.start(&site.endpoint, "alert", &json!({"once": true})).await.expect("started");
    site.input("alert", |input| input["once"] == true).await;
    site.put_event(HOME, "holdfast", "holdfast", "Finding", json!({})).await;
    site.input("alert", |input| input.get("Records").is_some()).await;
    assert_eq!(site.inputs("alert").await.len(), 2, "no subscription and no target was made twice");
}

#[tokio::test]
async fn faults_throttle_lose_answers_and_break_connections_as_often_as_asked() {
    let endpoint = Endpoint::start(HOME, None).await.expect("MiniStack");
    let upstreams = Upstreams { endpoint: endpoint.url().to_owned(), rds: Some("http://127.0.0.1:9".into()) };
    let recorder = Recorder::start(upstreams, ["snapshot"]).await.expect("a recorder");
    let s3 = Endpoint::at(recorder.url("snapshot").expect("a listener")).s3("us-east-1");
    s3.create_bucket().bucket("bucket").send().await.expect("a bucket");
    let slow_down = Effect::Respond { status: 503, code: "SlowDown".into() };
    recorder.add_fault("snapshot", Fault::next("s3", "PutObject", slow_down));
    recorder.add_fault("snapshot", Fault::next("s3", "PutObject", Effect::LoseAnswer));
    s3.put_object().bucket("bucket").key("k").body(b"1".to_vec().into()).send().await.expect("the SDK's third attempt");
    recorder.add_fault("snapshot", Fault::next("s3", "*", Effect::Reset).times(3));
    s3.head_object().bucket("bucket").key("k").send().await.expect_err("three resets are one too many");
    recorder.add_fault("snapshot", Fault::next("s3", "GetObject", Effect::Delay(Duration::from_millis(300))));
    let got = s3.get_object().bucket("bucket").key("k").send().await.expect("late, and whole");
    assert_eq!(got.body.collect().await.expect("a body").into_bytes().as_ref(), b"1");

    let calls = recorder.calls();
    let seen: Vec<_> = calls.iter().map(|call| (call.action(), call.status, call.error.as_deref())).collect();
    let put = || "s3:PutObject".to_owned();
    let expected_puts =
        [(put(), Some(503), Some("SlowDown")), (put(), Some(200), Some("AnswerLost")), (put(), Some(200), None)];
    assert_eq!(seen[1..4], expected_puts);
    assert_eq!(seen[4], ("s3:HeadObject".to_owned(), None, Some("ConnectionReset")));
    let last = calls.last().expect("the get");
    assert!(last.action() == "s3:GetObject" && last.duration >= Duration::from_millis(300));

    // RDS has a server of its own, which nobody runs here: the call must not have gone to the endpoint.
    let config =
        aws_sdk_rds::config::Builder::from(&Endpoint::at(recorder.url("snapshot").expect("a listener")).config(HOME));
    let rds = aws_sdk_rds::Client::from_conf(
        config.retry_config(aws_sdk_rds::config::retry::RetryConfig::disabled()).build(),
    );
    rds.describe_db_instances().send().await.expect_err("no RDS server");
    let last = recorder.calls().pop().expect("a call");
    assert_eq!(
        (last.action().as_str(), last.error.as_deref()),
        ("rds:DescribeDBInstances", Some("EndpointUnreachable"))
    );
}

#[tokio::test]
async fn nothing_is_left_when_the_endpoint_goes_not_even_a_running_function() {
    let site = Site::without_sweeps().await;
    site.deployed.start(&site.endpoint, "alert", &json!({})).await.expect("started");
    site.input("alert", |_| true).await;
    let ministack = site.endpoint.ministack().expect("our own");
    let (log, url) = (ministack.log_file(), ministack.url().to_owned());
    let group =
        rustix::process::Pid::from_raw(i32::try_from(ministack.process_group()).expect("an id")).expect("not zero");
    assert!(rustix::process::test_kill_process_group(group).is_ok());
    assert!(log.exists());
    drop(site);
    eventually("the end of the process group", async || rustix::process::test_kill_process_group(group).err()).await;
    let address = url.trim_start_matches("http://").to_owned();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the port is free");
    assert!(!log.parent().expect("a directory").exists(), "the working directory is gone");
}
