//! What a local cloud must not leave behind.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use holdfast_localcloud::cloud::LocalCloud;

use crate::processes::{is_alive, of_group};
use crate::watch::{Look, eventually};

/// What was killed is gone when the kernel has come to it, and a port is free when its task has been dropped.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Processes, ports and the directory of a living cloud.
#[derive(Debug, Clone)]
pub struct Leftovers {
    servers: Vec<u32>,
    group: Option<u32>,
    ports: Vec<u16>,
    directory: PathBuf,
}

impl Leftovers {
    /// Everything that a living cloud has to take away when it ends.
    #[must_use]
    pub fn of(cloud: &LocalCloud) -> Self {
        let recorders = cloud.deployed.functions.keys().filter_map(|name| cloud.recorder.url(name).map(str::to_owned));
        let (slack, pagerduty) = (cloud.receivers.slack_url(), cloud.receivers.pagerduty_url());
        let urls =
            [cloud.endpoint.url().to_owned(), cloud.rds.endpoint(), slack, pagerduty].into_iter().chain(recorders);
        Self {
            servers: cloud.rds.processes(),
            group: cloud.endpoint.ministack().map(|ministack| ministack.process_group()),
            ports: urls.filter_map(|url| port_of(&url)).collect(),
            directory: cloud.work_dir().to_owned(),
        }
    }

    /// What there is, for a check that there is something to leave.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let processes = self.servers.iter().filter(|pid| is_alive(**pid)).count();
        (
            processes,
            self.group.map_or(0, |group| of_group(group).len()),
            self.ports.iter().filter(|port| answers(**port)).count(),
        )
    }

    /// Waits until all of it is gone.
    ///
    /// # Errors
    /// What is still there.
    pub async fn are_gone(&self) -> Result<()> {
        eventually("no process, port or directory is left", GONE_WITHIN, async || {
            let left = self.left();
            Ok(Look::at(left.is_empty(), || left.join(", ")))
        })
        .await
    }

    fn left(&self) -> Vec<String> {
        let servers = self.servers.iter().filter(|pid| is_alive(**pid)).map(|pid| format!("PostgreSQL process {pid}"));
        let group = self.group.map(of_group).unwrap_or_default();
        let group = group.into_iter().map(|pid| format!("process {pid} of the endpoint or its functions"));
        let ports = self.ports.iter().filter(|port| answers(**port)).map(|port| format!("port {port}"));
        let directory = self.directory.exists().then(|| format!("directory {}", self.directory.display()));
        servers.chain(group).chain(ports).chain(directory).collect()
    }
}

/// `http://127.0.0.1:4566/path` → 4566.
fn port_of(url: &str) -> Option<u16> {
    url.strip_prefix("http://")?.split('/').next()?.parse::<SocketAddr>().ok().map(|address| address.port())
}

fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(200)).is_ok()
}
