//! A proxy between each function and the endpoint. It writes down every AWS call, and can make calls fail.
//!
//! One listener per function, so that a call needs no mark to be attributed. Calls to RDS go to our own RDS server, all
//! others to the endpoint. Nothing is verified and nothing but the connection is changed: bytes go through as they came.

mod call;
mod caller;
mod connection;
mod fault;
mod proxy;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use call::Asked;

pub use call::Call;
pub use caller::Killed;
pub use fault::{Effect, Fault};

/// A drill makes a few thousand calls; a runaway loop must not take the machine's memory.
const CALLS_MAX: usize = 200_000;

/// Where the proxy sends what it receives.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// The endpoint, for everything but RDS.
    pub endpoint: String,
    /// The RDS server; the endpoint when there is none.
    pub rds: Option<String>,
}

/// The proxy and what it wrote down. Stops listening when dropped.
#[derive(Debug)]
pub struct Recorder {
    record: Arc<Record>,
    listeners: BTreeMap<String, Listener>,
}

#[derive(Debug)]
struct Listener {
    url: String,
    task: JoinHandle<()>,
}

/// What all listeners write into.
#[derive(Debug, Default)]
struct Record {
    calls: Mutex<Vec<Call>>,
    killed: Mutex<Vec<Killed>>,
    faults: Mutex<Vec<(String, Fault)>>,
}

/// The proxy could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for calls of {function} on a free loopback port")]
pub struct RecorderError {
    function: String,
    #[source]
    source: io::Error,
}

impl Recorder {
    /// Starts one listener for each function.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start<'a>(
        upstreams: Upstreams,
        functions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RecorderError> {
        let record = Arc::new(Record::default());
        let mut listeners = BTreeMap::new();
        for function in functions {
            let failed = |source| RecorderError { function: function.to_owned(), source };
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
            let url = format!("http://{}", socket.local_addr().map_err(failed)?);
            let proxy = proxy::Proxy::new(function, upstreams.clone(), Arc::clone(&record));
            let task = tokio::spawn(async move { proxy.serve(socket).await });
            listeners.insert(function.to_owned(), Listener { url, task });
        }
        Ok(Self { record, listeners })
    }

    /// What this function must use as `AWS_ENDPOINT_URL`; none for a function that was not named at the start.
    #[must_use]
    pub fn url(&self, function: &str) -> Option<&str> {
        self.listeners.get(function).map(|listener| listener.url.as_str())
    }

    /// Every call so far, in the order of their answers.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.record.calls).clone()
    }

    /// Every process that was killed for a call, in order.
    #[must_use]
    pub fn killed(&self) -> Vec<Killed> {
        lock(&self.record.killed).clone()
    }

    /// Function → `service:Operation` → number of calls.
    #[must_use]
    pub fn summary(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut summary: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for call in lock(&self.record.calls).iter() {
            *summary.entry(call.function.clone()).or_default().entry(call.action()).or_default() += 1;
        }
        summary
    }

    /// Makes the next matching calls of this function go wrong. Faults are tried in the order they were added.
    pub fn add_fault(&self, function: &str, fault: Fault) {
        lock(&self.record.faults).push((function.to_owned(), fault));
    }

    /// Lets everything through again.
    pub fn clear_faults(&self) {
        lock(&self.record.faults).clear();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for listener in self.listeners.values() {
            listener.task.abort();
        }
    }
}

impl Record {
    fn write_down(&self, call: Call) {
        let mut calls = lock(&self.calls);
        if calls.len() < CALLS_MAX {
            calls.push(call);
        } else {
            tracing::warn!(function = call.function, "more than {CALLS_MAX} calls; no more are written down");
        }
    }

    /// The effect of the first fault that comes down on this call, used up once.
    fn next_effect(&self, function: &str, asked: &Asked, body: &[u8]) -> Option<Effect> {
        let mut faults = lock(&self.faults);
        let mut own = faults.iter_mut().filter(|(of, _)| of == function);
        own.find_map(|(_, fault)| fault.meet(asked, body))
    }
}

/// A panic elsewhere leaves a list of calls as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
