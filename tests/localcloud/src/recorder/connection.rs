//! Connections that a handler can break.
//!
//! HTTP has no way to say "no answer": the only honest lost answer is a connection that ends. The listener hands out
//! connections with a switch, and the switch reaches the handler as connection information, with who is at the other end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Ends one connection at its next write.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    ends: Ends,
    broken: Arc<AtomicBool>,
}

/// The two ports that only one connection has: a port of its own at the other end may serve several connections to different ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) theirs: u16,
    pub(super) ours: u16,
}

impl Switch {
    pub(super) fn ends(&self) -> Ends {
        self.ends
    }

    pub(super) fn break_connection(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// A loopback listener whose connections have a switch.
pub(super) struct Breakable(pub(super) TcpListener);

pub(super) struct Connection {
    stream: TcpStream,
    switch: Switch,
}

impl Listener for Breakable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // A connection that is gone already has no ports, and nobody is found by them.
        let ours = stream.local_addr().map_or(0, |own| own.port());
        let switch = Switch { ends: Ends { theirs: address.port(), ours }, broken: Arc::default() };
        (Connection { stream, switch }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Breakable>> for Switch {
    fn connect_info(connection: IncomingStream<'_, Breakable>) -> Self {
        connection.io().switch.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
