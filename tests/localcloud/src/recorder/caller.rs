//! Who is at the other end of a connection, and its end.
//!
//! Killing is the one misfortune that a function cannot handle: no error path runs, no connection is closed in order. The process is found
//! by the socket that its request came through, so that of several warm ones the very one dies that asked.

use rustix::process::{Pid, Signal, kill_process};

use super::connection::Ends;
use crate::sockets;

/// A process that was killed after a call of its was carried out.
#[derive(Debug, Clone)]
pub struct Killed {
    /// Of which function.
    pub function: String,
    /// `service:Operation` of the call.
    pub action: String,
    /// What AWS answered, and nobody heard; none when it did not answer.
    pub status: Option<u16>,
    /// When, UTC.
    pub at: jiff::Timestamp,
    /// The process.
    pub pid: u32,
    /// Ports of this machine that it held connections to when it died.
    pub connected_to: Vec<u16>,
}

/// Kills whoever holds the other end, and says which process that was and what it was connected to.
pub(super) fn kill(ends: Ends) -> Option<(u32, Vec<u16>)> {
    let established = sockets::established();
    let own = std::process::id();
    let is_other_end = |socket: &&sockets::Socket| (socket.local_port, socket.remote_port) == (ends.theirs, ends.ours);
    let asking = established.iter().find(is_other_end)?;
    let pid = sockets::holder(asking).filter(|pid| *pid != own)?;
    let held = sockets::held_by(pid, &established);
    kill_process(Pid::from_raw(i32::try_from(pid).ok()?)?, Signal::KILL).ok()?;
    Some((pid, held.iter().map(|socket| socket.remote_port).collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_process_at_the_other_end_dies_and_none_beside_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let call = || {
            let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo asked >&3; read -r _ <&3");
            let mut bash = Command::new("bash");
            let child = bash.args(["-c", &script]).stdin(Stdio::null()).spawn().expect("bash");
            let (mut connection, peer) = listener.accept().expect("a caller");
            connection.read_exact(&mut [0; 6]).expect("it asks");
            (child, connection, Ends { theirs: peer.port(), ours: port })
        };
        let (mut asking, _held, ends) = call();
        let (mut beside, other, _) = call();
        assert_eq!(kill(ends), Some((asking.id(), vec![port])));
        assert_eq!(asking.wait().expect("it ends").signal(), Some(Signal::KILL.as_raw()));
        drop(other);
        assert_eq!(beside.wait().expect("it ends").signal(), None, "the other one ends by itself");
    }
}
