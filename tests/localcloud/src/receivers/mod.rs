//! Slack, PagerDuty, SES and a signed webhook on loopback: they check what is posted as those services do, remember it, and
//! fail on demand.
//!
//! What is *not* here on purpose: anything lenient. Where a service's documentation leaves a limit open (what a
//! character is, how large a message may be), these receivers take the narrowest reading, so that what passes here
//! passes there.

mod pagerduty;
mod ses;
mod slack;
mod slack_api;
mod webhook;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use pagerduty::PagerDuty;
pub use ses::SesApi;
pub use slack::Slack;
pub use slack_api::SlackApi;
pub use webhook::SignedWebhook;

/// What a receiver does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers this status, and takes nothing.
    Status(u16),
    /// It answers 429 with `Retry-After` in seconds, and takes nothing.
    RetryAfter(u64),
    /// It takes nothing and says nothing, until the client gives up or the receiver is shut down.
    Hang,
    /// It takes the message, and the connection breaks before the answer.
    LostAnswer,
}

/// Something that was posted and taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// When, UTC.
    pub at: Timestamp,
    /// What.
    pub body: Value,
    /// Whether it was without effect, as an answer of 202 does not tell: PagerDuty drops what belongs to no open alert
    /// of the same key.
    pub dropped: bool,
}

/// Something that was posted and refused for what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When, UTC.
    pub at: Timestamp,
    /// With which status.
    pub status: u16,
    /// In which words.
    pub words: String,
}

/// All receivers, each on a port of its own. They end with this value.
#[derive(Debug)]
pub struct Receivers {
    slack: Slack,
    slack_api: SlackApi,
    pagerduty: PagerDuty,
    ses: SesApi,
    webhook: SignedWebhook,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

impl Receivers {
    /// Starts them on free loopback ports.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let inbox = || Inbox::new(stopped.clone());
        let mut servers = Vec::new();
        let (listener, address) = listen().await?;
        let slack = Slack::at(address, inbox());
        servers.push(serve(listener, slack.router(), stopped.clone()));
        let (listener, address) = listen().await?;
        let slack_api = SlackApi::at(address, inbox());
        servers.push(serve(listener, slack_api.router(), stopped.clone()));
        let (listener, address) = listen().await?;
        let pagerduty = PagerDuty::at(address, inbox());
        servers.push(serve(listener, pagerduty.router(), stopped.clone()));
        let (listener, address) = listen().await?;
        let ses = SesApi::at(address, inbox());
        servers.push(serve(listener, ses.router(), stopped.clone()));
        let (listener, address) = listen().await?;
        let webhook = SignedWebhook::at(address, inbox());
        servers.push(serve(listener, webhook.router(), stopped.clone()));
        Ok(Self { slack, slack_api, pagerduty, ses, webhook, stop, servers })
    }

    /// The Slack receiver.
    #[must_use]
    pub fn slack(&self) -> &Slack {
        &self.slack
    }

    /// Slack's Web API.
    #[must_use]
    pub fn slack_api(&self) -> &SlackApi {
        &self.slack_api
    }

    /// Amazon SES.
    #[must_use]
    pub fn ses(&self) -> &SesApi {
        &self.ses
    }

    /// The receiver of signed webhooks.
    #[must_use]
    pub fn webhook(&self) -> &SignedWebhook {
        &self.webhook
    }

    /// The PagerDuty receiver.
    #[must_use]
    pub fn pagerduty(&self) -> &PagerDuty {
        &self.pagerduty
    }

    /// The webhook's URL, as a channel's secret holds it.
    #[must_use]
    pub fn slack_url(&self) -> String {
        self.slack.url()
    }

    /// Where events are posted.
    #[must_use]
    pub fn pagerduty_url(&self) -> String {
        self.pagerduty.url()
    }

    /// A routing key that PagerDuty takes.
    #[must_use]
    pub fn routing_key(&self) -> &'static str {
        pagerduty::ROUTING_KEY
    }

    /// What a PagerDuty channel's secret has to hold so that events arrive here.
    #[must_use]
    pub fn pagerduty_secret(&self) -> String {
        serde_json::json!({ "routing_key": self.routing_key(), "url": self.pagerduty_url() }).to_string()
    }

    /// Ends them and waits until their ports are free.
    ///
    /// # Errors
    /// When a server ended before, with the reason.
    pub async fn shutdown(mut self) -> io::Result<()> {
        self.stop.send_replace(true);
        for server in std::mem::take(&mut self.servers) {
            server.await.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) -> JoinHandle<io::Result<()>> {
    tokio::spawn(async move {
        // An error means that the sender is gone, which is an end too.
        let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        axum::serve(listener, router).with_graceful_shutdown(stop).await
    })
}

/// What a receiver has seen, and what it was told to do. Cheap to clone; clones share.
#[derive(Debug, Clone)]
struct Inbox {
    seen: Arc<Mutex<Seen>>,
    stopped: watch::Receiver<bool>,
}

#[derive(Debug, Default)]
struct Seen {
    received: Vec<Received>,
    refused: Vec<Refused>,
    faults: VecDeque<Fault>,
}

/// A service's judgement of what was posted: the answer, and whether it was taken.
struct Judgement {
    taken: Result<Taken, String>,
    answer: Response,
}

struct Taken {
    body: Value,
    dropped: bool,
}

impl Inbox {
    fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { seen: Arc::default(), stopped }
    }

    fn received(&self) -> Vec<Received> {
        self.seen().received.clone()
    }

    fn refused(&self) -> Vec<Refused> {
        self.seen().refused.clone()
    }

    fn fail_next(&self, times: usize, fault: Fault) {
        self.seen().faults.extend(std::iter::repeat_n(fault, times));
    }

    /// Meets the next fault, or judges, remembers and answers. `words` are the service's own for a status.
    async fn answer(&self, words: fn(u16) -> String, judge: impl FnOnce() -> Judgement) -> Response {
        let fault = self.seen().faults.pop_front();
        match fault {
            Some(Fault::Status(status)) => return status_of(status, words(status)),
            Some(Fault::RetryAfter(seconds)) => return retry_after(seconds, words(429)),
            Some(Fault::Hang) => {
                drop(self.stopped.clone().wait_for(|stopped| *stopped).await);
                return broken_connection();
            }
            Some(Fault::LostAnswer) | None => {}
        }
        let Judgement { taken, answer } = judge();
        let at = Timestamp::now();
        match taken {
            Ok(Taken { body, dropped }) => self.seen().received.push(Received { at, body, dropped }),
            Err(words) => self.seen().refused.push(Refused { at, status: answer.status().as_u16(), words }),
        }
        if fault == Some(Fault::LostAnswer) { broken_connection() } else { answer }
    }

    /// A poisoned lock means that a test panicked while it looked; what is behind it is whole.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn status_of(status: u16, words: String) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), words).into_response()
}

fn retry_after(seconds: u64, words: String) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], words).into_response()
}

/// An answer whose body fails before its first byte: the server closes the connection and has sent nothing of it.
fn broken_connection() -> Response {
    let nothing = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(nothing))
}

/// Characters as the services may count them at most: UTF-16 units.
fn characters(text: &str) -> usize {
    text.encode_utf16().count()
}
