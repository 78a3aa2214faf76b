//! Processes as Linux shows them: which are alive, which belong to a group, which holds a connection.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use holdfast_localcloud::sockets;
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
    let mut sockets = sockets::established();
    sockets.retain(|socket| socket.remote_port == port);
    of_group(group).into_iter().filter(|pid| !sockets::held_by(*pid, &sockets).is_empty()).collect()
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
