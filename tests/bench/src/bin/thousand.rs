//! A thousand databases through the real adapter, measured: calls, seconds, and the memory of the process that is the function.
//!
//! ```sh
//! cargo run -p holdfast-bench --bin thousand                # 10 calls a second, 20 at once, 100 ms an answer
//! cargo run -p holdfast-bench --bin thousand -- 10 20 100    # the same, said
//! ```
//!
//! Another process plays RDS over HTTP on loopback: it answers a page of a listing as AWS documents it, after the time that is said, and
//! refuses with `Throttling` what comes faster than the rate. So everything of the function is real but the ledger and the bus, which are
//! small and kept in this process's own memory: they count. The rate is our assumption, for AWS publishes none; the pace of the adapter is
//! what keeps to it.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aws_sdk_rds::config::{Credentials, Region, SharedCredentialsProvider};
use holdfast_aws::Rds;
use holdfast_domain::{ResourceName, Slot, slot};
use holdfast_ledger::PLAN_KEY;
use holdfast_ports::{Clock, Entropy, Password};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::Trigger;
use jiff::{SignedDuration, Timestamp};
use snapshot::{Kept, Ports, handle};

const COUNT: usize = 1_000;
const DAYS: i64 = 7;
const PAGE: usize = 100;
const NOON: &str = "2026-11-20T12:00:00Z";
const TWO: &str = "2026-11-21T02:00:20Z";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number =
        |index: usize, default: u64| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    if arguments.first().is_some_and(|word| word == "serve") {
        return serve(number(1, 10), number(2, 20), Duration::from_millis(number(3, 100)));
    }
    let (rate, burst, latency) = (number(0, 10), number(1, 20), number(2, 100));
    let mut server = Command::new(env::current_exe().expect("this program"))
        .args(["serve", &rate.to_string(), &burst.to_string(), &latency.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
    println!(
        "simulated RDS: {rate} calls a second, {burst} at once, {latency} ms an answer; {COUNT} databases, {DAYS} snapshots each"
    );
    measure(line.trim(), u32::try_from(rate).expect("a small rate"));
    server.kill().expect("the server ends");
    server.wait().expect("the server has ended");
}

/// The function, three times: the first sweep, one in which nothing is due, and one in which everything is.
fn measure(url: &str, rate: u32) {
    println!("before anything: {}", memory());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cloud = MemoryCloud::at(NOON.parse().expect("a time"));
    cloud.put_object(PLAN_KEY, plan());
    println!("with the plan of {COUNT} resources: {}", memory());
    let credentials = Credentials::new("test", "test", None, None, "bench");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(aws_sdk_rds::config::SharedAsyncSleep::new(Tokio))
        .endpoint_url(url)
        .build();
    let rds = Rds::paced(&config, rate);
    let kept = Kept::default();
    let system = Running { since: Mutex::new((NOON.parse().expect("a time"), Instant::now())) };
    let ports = Ports { objects: &cloud, rds: &rds, bus: &cloud, system: &system };
    for what in ["the first sweep", "a sweep with nothing due", "a sweep with all of them due", "the next one"] {
        if what.ends_with("all of them due") {
            *system.since.lock().unwrap_or_else(PoisonError::into_inner) =
                (TWO.parse().expect("a time"), Instant::now());
        }
        let begun = Instant::now();
        let outcome = runtime.block_on(handle(&ports, &kept, &Trigger::Sweep, Duration::from_secs(60)));
        let took = begun.elapsed().as_secs_f64();
        let words = match outcome {
            Ok(outcome) => format!(
                "{} taken; {:?}",
                outcome.taken.len(),
                outcome.left.lines().map(|l| l.chars().take(60).collect::<String>()).collect::<Vec<_>>()
            ),
            Err(error) => format!("failed: {}", error.to_string().chars().take(200).collect::<String>()),
        };
        println!("{what}: {took:.1} s, {}, {words}", memory());
    }
    println!("calls that RDS answered, by operation, and refused:\n{}", get(url, "/counts"));
}

/// A clock that is set to a time and runs on from there as clocks do, so that the function meets its deadline.
struct Running {
    since: Mutex<(Timestamp, Instant)>,
}

impl Clock for Running {
    fn now(&self) -> Timestamp {
        let (then, since) = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        then + SignedDuration::try_from(since.elapsed()).unwrap_or_default()
    }
}

impl Entropy for Running {
    fn nonce(&self) -> String {
        holdfast_aws::System.nonce()
    }

    fn password(&self) -> Password {
        holdfast_aws::System.password()
    }
}

#[derive(Debug)]
struct Tokio;

impl aws_sdk_rds::config::AsyncSleep for Tokio {
    fn sleep(&self, duration: Duration) -> aws_sdk_rds::config::Sleep {
        aws_sdk_rds::config::Sleep::new(tokio::time::sleep(duration))
    }
}

/// Resident memory now and at most, as the kernel counts it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).expect("a number") / 1024.0
    };
    format!("{:.1} MB resident, {:.1} MB at most", of("VmRSS:"), of("VmHWM:"))
}

fn name(number: usize) -> ResourceName {
    format!("db-{number:04}").parse().expect("legal")
}

fn plan() -> Vec<u8> {
    let one = |number| {
        format!(
            "  {name}:\n    kind: rds-instance\n    id: shop-{name}\n    objectives: {{ rpo: 24h, rto: 2h }}\n    \
             snapshots:\n      daily: {{ at: \"cron(0 2 * * ? *)\", keep: 7d }}\n",
            name = name(number)
        )
    };
    let resources: String = (0..COUNT).map(one).collect();
    let text = format!(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n\
         quotas: {{ db_snapshots: 20000, db_instances: 2000 }}\nresources:\n{resources}alerts:\n  \
         channels: {{ ops: {{ slack: \"secret:holdfast/slack\" }} }}\n  routes: {{ high: [ops] }}\n"
    );
    holdfast_plan::read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).to_json()
}

/// RDS, in another process.
struct Served {
    rate: f64,
    burst: f64,
    latency: Duration,
    bucket: Mutex<(f64, Instant)>,
    counts: Mutex<BTreeMap<String, usize>>,
}

fn serve(rate: u64, burst: u64, latency: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("a reader");
    #[expect(clippy::cast_precision_loss, reason = "rates are small")]
    let (rate, burst) = (rate as f64, burst as f64);
    let bucket = Mutex::new((burst, Instant::now()));
    let served = Arc::new(Served { rate, burst, latency, bucket, counts: Mutex::default() });
    for stream in listener.incoming().flatten() {
        let served = Arc::clone(&served);
        thread::spawn(move || while answer(&served, &stream).is_some() {});
    }
}

/// Answers one request of a connection; nothing when it is over.
fn answer(served: &Served, stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut length, mut first) = (0, String::new());
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = if first.starts_with("GET") {
        (200, format!("{:#?}", served.counts.lock().unwrap_or_else(PoisonError::into_inner)))
    } else {
        served.respond(&String::from_utf8_lossy(&body))
    };
    let head = format!("HTTP/1.1 {status} OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", text.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())).ok()
}

impl Served {
    fn respond(&self, form: &str) -> (u16, String) {
        let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let action = field("Action").unwrap_or_default().to_owned();
        if !self.admits() {
            self.count("Throttling");
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
            return (400, error.into());
        }
        self.count(&action);
        thread::sleep(self.latency);
        let from: usize = field("Marker").and_then(|marker| marker.parse().ok()).unwrap_or_default();
        match action.as_str() {
            "DescribeDBInstances" => (200, page(&action, "DBInstances", from, COUNT, instance)),
            // Those of AWS Backup are told only to who asks for them; there are none.
            "DescribeDBSnapshots" if field("SnapshotType").is_some() => {
                (200, page(&action, "DBSnapshots", 0, 0, snapshot_xml))
            }
            "DescribeDBSnapshots" => {
                let all = COUNT * usize::try_from(DAYS).unwrap_or_default();
                (200, page(&action, "DBSnapshots", from, all, snapshot_xml))
            }
            _ => (200, format!("<{action}Response><{action}Result/></{action}Response>")),
        }
    }

    fn admits(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        bucket.0 = (bucket.0 + now.duration_since(bucket.1).as_secs_f64() * self.rate).min(self.burst);
        bucket.1 = now;
        let admitted = bucket.0 >= 1.0;
        if admitted {
            bucket.0 -= 1.0;
        }
        admitted
    }

    fn count(&self, what: &str) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what.to_owned()).or_default() += 1;
    }
}

fn page(action: &str, list: &str, from: usize, all: usize, item: fn(usize) -> String) -> String {
    let until = (from + PAGE).min(all);
    let items: String = (from..until).map(item).collect();
    let marker = if until < all { format!("<Marker>{until}</Marker>") } else { String::new() };
    format!("<{action}Response><{action}Result>{marker}<{list}>{items}</{list}></{action}Result></{action}Response>")
}

fn instance(number: usize) -> String {
    let id = format!("shop-{}", name(number));
    format!(
        "<DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier><DBInstanceArn>arn:aws:rds:eu-central-1:123456789012:db:{id}</DBInstanceArn>\
         <DBInstanceStatus>available</DBInstanceStatus><Engine>postgres</Engine><EngineVersion>15.8</EngineVersion><MasterUsername>app</MasterUsername>\
         <Endpoint><Address>{id}.example.rds.amazonaws.com</Address><Port>5432</Port></Endpoint><AllocatedStorage>20</AllocatedStorage>\
         <DBInstanceClass>db.t4g.medium</DBInstanceClass><BackupRetentionPeriod>7</BackupRetentionPeriod><PreferredBackupWindow>00:00-00:30</PreferredBackupWindow>\
         <StorageEncrypted>true</StorageEncrypted><VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-0123456789abcdef0</VpcSecurityGroupId><Status>active</Status></VpcSecurityGroupMembership></VpcSecurityGroups>\
         <TagList><Tag><Key>owner</Key><Value>shop</Value></Tag><Tag><Key>environment</Key><Value>prod</Value></Tag></TagList></DBInstance>"
    )
}

fn snapshot_xml(index: usize) -> String {
    let days = usize::try_from(DAYS).unwrap_or(1);
    let resource = name(index / days);
    let last: Timestamp = "2026-11-20T02:00:00Z".parse().expect("a time");
    let at = last - SignedDuration::from_hours(24 * i64::try_from(index % days).unwrap_or_default());
    let (slot, plan, environment) = (Slot::at(at), "shop".parse().expect("legal"), "prod".parse().expect("legal"));
    let id = slot::db_snapshot_id(&plan, &environment, &resource, slot);
    format!(
        "<DBSnapshot><DBSnapshotIdentifier>{id}</DBSnapshotIdentifier><DBSnapshotArn>arn:aws:rds:eu-central-1:123456789012:snapshot:{id}</DBSnapshotArn>\
         <DBInstanceIdentifier>shop-{resource}</DBInstanceIdentifier><Status>available</Status><SnapshotType>manual</SnapshotType>\
         <SnapshotCreateTime>{at}</SnapshotCreateTime><Engine>postgres</Engine><EngineVersion>15.8</EngineVersion><Encrypted>true</Encrypted>\
         <AllocatedStorage>20</AllocatedStorage><FullSnapshotSizeInBytes>1073741824</FullSnapshotSizeInBytes><TagList>\
         <Tag><Key>holdfast:plan</Key><Value>shop</Value></Tag><Tag><Key>holdfast:environment</Key><Value>prod</Value></Tag>\
         <Tag><Key>holdfast:resource</Key><Value>{resource}</Value></Tag><Tag><Key>holdfast:rules</Key><Value>daily</Value></Tag>\
         <Tag><Key>holdfast:slot</Key><Value>{slot}</Value></Tag></TagList></DBSnapshot>"
    )
}

/// A GET by hand, so that counting needs no client.
fn get(url: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the server");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).expect("a request");
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
}
