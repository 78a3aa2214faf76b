//! Processes as Linux shows them: which are alive, which belong to a group, which holds a connection.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Whether a process runs. One that has ended and waits for its parent does not.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    group_of(pid).is_some()
}

/// Every living process of a group.
#[must_use]
pub fn of_group(group: u32) -> Vec<u32> {
    all().filter(|pid| group_of(*pid) == Some(group)).collect()
}

/// Every living process whose working directory lies below this one, removed directories included.
#[must_use]
pub fn working_in(directory: &Path) -> Vec<u32> {
    let is_below = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
    all().filter(is_below).filter(|pid| is_alive(*pid)).collect()
}

/// The processes of a group that hold an established connection to a port of this machine.
#[must_use]
pub fn connected_to(group: u32, port: u16) -> Vec<u32> {
    let sockets: Vec<String> = established_to(port).into_iter().map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |pid: &u32| open_files(*pid).iter().any(|file| sockets.contains(file));
    of_group(group).into_iter().filter(holds).collect()
}

/// Sends a signal.
///
/// # Errors
/// When there is no such process, or it is not ours.
pub fn send(pid: u32, signal: Signal) -> Result<()> {
    kill_process(pid_of(pid).context("no legal process id")?, signal)
        .with_context(|| format!("cannot signal process {pid}"))
}

/// The process group of a living process (source: proc_pid_stat(5)).
fn group_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any; after them come state, parent and group.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    match words.next()? {
        "Z" | "X" => None,
        _ => words.nth(1)?.parse().ok(),
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Inodes of established connections to a port, IPv4: local databases listen on 127.0.0.1 (source: proc_pid_net(5), `/proc/net/tcp`).
fn established_to(port: u16) -> Vec<String> {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let remote = format!("0100007F:{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let matching =
        rows.filter(|columns| columns.get(2) == Some(&remote.as_str()) && columns.get(3) == Some(&ESTABLISHED));
    matching.filter_map(|columns| Some((*columns.get(9)?).to_owned())).collect()
}

fn open_files(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).into_iter().flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn who_holds_a_connection_is_found_in_its_group_alone() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let own = std::process::id();
        let group = group_of(own).expect("alive");
        assert!(is_alive(own) && !connected_to(group, port).contains(&own));
        let connection = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        assert!(connected_to(group, port).contains(&own));
        assert_eq!(connected_to(1, port), Vec::<u32>::new());
        drop(connection);
    }
}
