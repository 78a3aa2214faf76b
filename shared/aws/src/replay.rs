//! AWS on the other side of the wire, played from a script: the whole SDK runs (protocol, signing, retries, timeouts), only the network
//! does not. Waits pass at once.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_rds::config::{AsyncSleep, Credentials, SharedCredentialsProvider, Sleep};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use holdfast_ports::{Class, PortError};
use reqwest::Url;

/// What comes back for one request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// This.
    Http { status: u16, headers: Vec<(&'static str, &'static str)>, body: String },
    /// The connection broke; the request may have arrived.
    Lost,
    /// Nothing, ever.
    Silent,
}

/// An answer without headers.
pub(crate) fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer::Http { status, headers: vec![], body: body.into() }
}

/// An error of the JSON protocols (source: Smithy, "AWS JSON 1.1 protocol").
pub(crate) fn json_error(status: u16, code: &str, message: &str) -> Answer {
    answer(status, serde_json::json!({ "__type": code, "message": message }).to_string())
}

/// A request as it went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    fn read(request: &HttpRequest) -> Self {
        let url: Url = request.uri().parse().expect("a URL");
        Self {
            method: request.method().to_owned(),
            host: url.host_str().expect("a host").to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        }
    }

    /// The body of a request of the Query protocol, without action and version, which the SDK writes.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        let url: Url = format!("http://form/?{}", self.body).parse().expect("a form");
        url.query_pairs().into_owned().filter(|(name, _)| name != "Version").collect()
    }

    /// The body of a request of the JSON protocols.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The operation of a request of the JSON protocols.
    pub(crate) fn target(&self) -> &str {
        self.headers.get("x-amz-target").expect("a target")
    }
}

/// The script, and what was said to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// Whether the last answer stands for all that follow.
    for_ever: bool,
    requests: Vec<Request>,
}

impl Replay {
    /// One answer for each request, in order. A request more is a mistake.
    pub(crate) fn of(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), ..Script::default() })))
    }

    /// The same answer for every request.
    pub(crate) fn always(answer: Answer) -> Self {
        let replay = Self::of([answer]);
        replay.script().for_ever = true;
        replay
    }

    /// What a function would load, but for this on the other side.
    pub(crate) fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        let keys = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "replay");
        SdkConfig::builder()
            .behavior_version(crate::behavior())
            .timeout_config(crate::timeouts())
            .retry_config(aws_config::retry::RetryConfig::standard())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .sleep_impl(NoWait)
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }

    /// Every request so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script().requests.clone()
    }

    /// The only request.
    pub(crate) fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().expect("one")
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut script = self.script();
        let request = Request::read(&request);
        let answer = if script.for_ever { script.answers.front().cloned() } else { script.answers.pop_front() };
        let answer = answer.unwrap_or_else(|| panic!("no answer was recorded for {request:?}"));
        script.requests.push(request);
        match answer {
            Answer::Http { status, headers, body } => {
                let mut response = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body));
                for (name, value) in headers {
                    response.headers_mut().insert(name, value);
                }
                HttpConnectorFuture::ready(Ok(response))
            }
            Answer::Lost => HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset by peer".into()))),
            Answer::Silent => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

/// Sleeps no time at all, but lets everybody else go first, once for every second: a timeout meets only what never answers, also when
/// tokio makes a busy task wait for its next turn.
#[derive(Debug, Clone, Copy)]
struct NoWait;

impl AsyncSleep for NoWait {
    fn sleep(&self, duration: Duration) -> Sleep {
        let mut turns = duration.as_secs();
        Sleep::new(std::future::poll_fn(move |context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

/// Everything that a log could show of an error: its words, its causes, and its debug form.
pub(crate) fn all_words(error: &PortError) -> String {
    let mut words = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    words
}

/// The attempts of one call (source: AWS SDKs and Tools Reference Guide, "Retry behavior").
pub(crate) const ATTEMPTS: usize = 3;

/// That a failure is one that may have happened, so that whoever called does not take it for a no.
#[track_caller]
pub(crate) fn assert_may_have_happened(error: &PortError) {
    assert_eq!(error.kind, holdfast_ports::PortErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.class(), Class::Transient, "{error:?}");
}
