//! A real document database: SecantusDB, which speaks MongoDB's protocol on WiredTiger, over TLS and with SCRAM.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use holdfast_localcloud::postgres::Authority;
use holdfast_localcloud::venv::Venv;
use mongodb::Client;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::{ClientOptions, Credential, ServerAddress, Tls, TlsOptions};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use verify::config::Config;
use verify::room::{DocumentDoor, Language, RoomAddress};

const REQUIREMENTS: &str = include_str!("requirements.txt");

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A Python process that loads its libraries on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// 2026-11-20T01:50:00Z, ten minutes before the recovery point of `support::Desk`.
pub(crate) const NEWEST_MS: i64 = 1_795_139_400_000;

/// Files of a server with data in them, made once for all tests that go at the same time.
pub(crate) struct Prepared {
    venv: Venv,
    dir: TempDir,
}

impl Prepared {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let venv = tokio::task::spawn_blocking(|| Venv::ensure("secantusdb", REQUIREMENTS)).await??;
        let dir = TempDir::new()?;
        let prepared = Self { venv, dir };
        // Users are made while nobody must be one, and so without TLS, on loopback.
        let open = Process::start(&prepared.venv, &prepared.home(), &[]).await?;
        let mut options = ClientOptions::default();
        options.hosts = vec![ServerAddress::Tcp { host: "127.0.0.1".into(), port: Some(open.port) }];
        let client = answering(options).await?;
        fill(&client).await?;
        client.shutdown().immediate(true).await;
        open.stop().await?;
        Ok(prepared)
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// A copy of them, damaged or not, and a server on it.
    pub(crate) async fn restore(self: &Arc<Self>, damage: Option<&str>) -> anyhow::Result<Copy> {
        let dir = TempDir::new()?;
        let home = dir.path().join("home");
        copy_dir(&self.home(), &home)?;
        if let Some(damage) = damage {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify/documents/damage.py");
            let done = Command::new(self.venv.python()).arg(script).arg(&home).arg(damage).output().await?;
            anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let authority = Authority::generate()?;
        let certificate = authority.issue()?;
        let file = |name: &str, text: &str| -> anyhow::Result<String> {
            let path = dir.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path.display().to_string())
        };
        let ca_file = file("ca.pem", authority.certificate_pem())?;
        let (certificate, key) =
            (file("server.pem", &certificate.certificate_pem)?, file("server.key", &certificate.key_pem)?);
        let tls = ["--auth", "--enable-test-commands", "--tls-cert-file", &certificate, "--tls-key-file", &key];
        let process = Process::start(&self.venv, &home, &tls).await?;
        let copy = Copy { process, ca_file, _dir: dir, _prepared: Arc::clone(self) };
        // Until it answers.
        copy.client("master").await?.shutdown().immediate(true).await;
        Ok(copy)
    }
}

/// A running copy. Dropping it ends the server and removes its files.
pub(crate) struct Copy {
    pub(crate) process: Process,
    ca_file: String,
    _dir: TempDir,
    _prepared: Arc<Prepared>,
}

impl Copy {
    pub(crate) fn address(&self) -> RoomAddress {
        RoomAddress {
            host: "localhost".into(),
            port: self.process.port,
            user: "master".into(),
            database: "shop".into(),
            language: Language::Documents,
        }
    }

    pub(crate) fn door(&self) -> anyhow::Result<DocumentDoor> {
        door(&self.ca_file, "127.0.0.1/32,::1/128")
    }

    pub(crate) async fn client(&self, user: &str) -> anyhow::Result<Client> {
        let mut options = ClientOptions::default();
        options.hosts = vec![ServerAddress::Tcp { host: "localhost".into(), port: Some(self.process.port) }];
        options.credential =
            Some(Credential::builder().username(user.to_owned()).password(PASSWORD.to_owned()).build());
        options.tls = Some(Tls::Enabled(TlsOptions::builder().ca_file_path(PathBuf::from(&self.ca_file)).build()));
        answering(options).await
    }

    /// Has the server answer the next of these commands with an error, or break the connection.
    pub(crate) async fn fail(&self, command: &str, times: i32, how: Document) -> anyhow::Result<()> {
        let client = self.client("master").await?;
        let mut data = doc! { "failCommands": [command], "appName": "holdfast-verify" };
        data.extend(how);
        let set = doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": data };
        client.database("admin").run_command(set).await?;
        client.shutdown().immediate(true).await;
        Ok(())
    }
}

pub(crate) fn door(ca_file: &str, networks: &str) -> anyhow::Result<DocumentDoor> {
    let config = Config::read(|name| match name {
        "HOLDFAST_ROOM_NETWORKS" => Some(networks.to_owned()),
        "HOLDFAST_ROOM_CA_FILE" => Some(ca_file.to_owned()),
        _ => None,
    })?;
    Ok(DocumentDoor::new(&config)?)
}

/// A server process.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    async fn start(venv: &Venv, home: &Path, further: &[&str]) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(venv.program("secantusd-py"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--log-level", "ERROR", "--cache-size", "64M"])
            .arg("--storage-path")
            .arg(home)
            .args(further)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, port })
    }

    /// As an administrator stops it: its files are whole.
    async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().ok_or_else(|| anyhow::anyhow!("it has ended by itself"))?;
        Command::new("kill").arg(pid.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }

    /// As a machine that fails.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// A client of a server that answers, as soon as it does.
async fn answering(mut options: ClientOptions) -> anyhow::Result<Client> {
    options.direct_connection = Some(true);
    options.server_selection_timeout = Some(START_TIMEOUT);
    options.heartbeat_freq = Some(Duration::from_millis(500));
    let client = Client::with_options(options)?;
    client.database("admin").run_command(doc! { "ping": 1 }).await?;
    Ok(client)
}

async fn fill(client: &Client) -> anyhow::Result<()> {
    let shop = client.database("shop");
    let orders: Vec<Document> = (0..1_000)
        .map(|number| {
            doc! {
                "_id": number, "email": format!("a{number}@example.com"), "tags": ["x", number % 3],
                "created_at": DateTime::from_millis(NEWEST_MS - i64::from(number) * 1_000),
                "lines": [{ "sku": "s-1", "price": Bson::Double(1.5) }],
            }
        })
        .collect();
    shop.collection("orders").insert_many(orders).await?;
    shop.collection("Odd name.v2").insert_one(doc! { "a": 1 }).await?;
    let indexes = [
        doc! { "key": { "email": 1 }, "name": "email_1", "unique": true },
        doc! { "key": { "tags": 1, "created_at": -1 }, "name": "tags_created" },
        doc! { "key": { "vip": 1 }, "name": "vip_1", "sparse": true },
        doc! { "key": { "created_at": 1 }, "name": "recent", "partialFilterExpression": { "_id": { "$lt": 10 } } },
    ];
    shop.run_command(doc! { "createIndexes": "orders", "indexes": indexes.to_vec() }).await?;
    shop.run_command(doc! { "create": "cheap", "viewOn": "orders", "pipeline": [] }).await?;
    let crm = client.database("crm");
    crm.collection("people").insert_one(doc! { "name": "somebody" }).await?;
    let admin = client.database("admin");
    let user = |name: &str, role: &str, on: &str| {
        doc! { "createUser": name, "pwd": PASSWORD, "roles": [{ "role": role, "db": on }] }
    };
    admin.run_command(user("master", "root", "admin")).await?;
    admin.run_command(user("narrow", "read", "shop")).await?;
    Ok(())
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
