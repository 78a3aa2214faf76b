//! Connections over the loopback address and who holds them, as Linux shows them (sources: `proc_pid_net(5)`, `/proc/net/tcp`;
//! `proc_pid_fd(5)`).

use std::fs;
use std::path::Path;

/// One end of an established connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its own port.
    pub local_port: u16,
    /// The port at the other end.
    pub remote_port: u16,
    /// As a link in `/proc/{pid}/fd` names it.
    file: String,
}

/// Both ends of every connection over 127.0.0.1.
#[must_use]
pub fn established() -> Vec<Socket> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).filter_map(row).collect()
}

/// The process that holds a socket; the first, if several do.
#[must_use]
pub fn holder(socket: &Socket) -> Option<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let mut processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.find(|pid| open_files(*pid).contains(&socket.file))
}

/// Those of some sockets that a process holds.
#[must_use]
pub fn held_by(pid: u32, sockets: &[Socket]) -> Vec<Socket> {
    let files = open_files(pid);
    sockets.iter().filter(|socket| files.contains(&socket.file)).cloned().collect()
}

/// `0: 0100007F:1F90 0100007F:C350 01 … inode`: addresses are little-endian hex, and `01` is established.
fn row(line: &str) -> Option<Socket> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let port = |column: usize| u16::from_str_radix(columns.get(column)?.strip_prefix("0100007F:")?, 16).ok();
    let (local_port, remote_port, inode) = (port(1)?, port(2)?, columns.get(9)?);
    (columns.get(3) == Some(&"01")).then(|| Socket { local_port, remote_port, file: format!("socket:[{inode}]") })
}

/// What a process has open. Nothing, if it is not ours to see.
fn open_files(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).into_iter().flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.ok()?.path()).ok()?.to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn both_ends_of_a_connection_are_seen_with_who_holds_them_while_it_stands() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let own = std::process::id();
        let of_port = || {
            let mut seen = held_by(own, &established());
            seen.retain(|socket| socket.remote_port == port);
            seen
        };
        assert_eq!(of_port(), []);
        let connection = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let seen = of_port();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0].local_port, connection.local_addr().expect("an address").port());
        assert_eq!(holder(&seen[0]), Some(own));
        assert_eq!(row("  sl  local_address rem_address   st"), None);
    }
}
