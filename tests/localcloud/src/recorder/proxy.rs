//! One listener: receive, let a fault have its way, forward, write down, answer.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, header, request};
use tokio::net::TcpListener;

use super::call::{Asked, Call, asked, error_code};
use super::caller::{self, Killed};
use super::connection::{Breakable, Switch};
use super::fault::Effect;
use super::{Record, Upstreams, lock};

/// Lambda's own limit for code is 50 MB and the functions send kilobytes; no more is held in memory.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Headers that belong to one connection, not to the message (RFC 9110, 7.6.1), and those the next hop's client sets itself.
const NOT_FORWARDED: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[derive(Clone)]
pub(super) struct Proxy {
    function: String,
    upstreams: Upstreams,
    record: Arc<Record>,
    client: reqwest::Client,
}

/// What came of a call. `answer` is none when the function shall see a broken connection.
struct Outcome {
    status: Option<u16>,
    error: Option<String>,
    answer: Option<Response<Body>>,
}

impl Proxy {
    pub(super) fn new(function: &str, upstreams: Upstreams, record: Arc<Record>) -> Self {
        // The default client fails only without a TLS backend, and loopback needs none.
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { function: function.to_owned(), upstreams, record, client: client.build().unwrap_or_default() }
    }

    pub(super) async fn serve(self, socket: TcpListener) {
        let function = self.function.clone();
        let router = Router::new().fallback(handle).with_state(self).into_make_service_with_connect_info::<Switch>();
        if let Err(error) = axum::serve(Breakable(socket), router).await {
            tracing::error!(function, %error, "the recorder stopped listening");
        }
    }

    async fn outcome(&self, asked: &Asked, parts: &request::Parts, body: Bytes, connection: &Switch) -> Outcome {
        match self.record.next_effect(&self.function, asked, &body) {
            Some(Effect::Respond { status, code }) => refusal(asked, &parts.headers, status, code),
            Some(Effect::Reset) => Outcome { status: None, error: Some("ConnectionReset".into()), answer: None },
            Some(Effect::LoseAnswer) => {
                let done = self.forward(asked, parts, body).await;
                Outcome { error: Some("AnswerLost".into()), answer: None, ..done }
            }
            Some(Effect::KillCaller) => {
                let done = self.forward(asked, parts, body).await;
                let error = self.kill(asked, done.status, connection);
                Outcome { error: Some(error.into()), answer: None, ..done }
            }
            Some(Effect::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                self.forward(asked, parts, body).await
            }
            None => self.forward(asked, parts, body).await,
        }
    }

    /// Kills whoever waits for this answer, and says so in the place of an error code.
    fn kill(&self, asked: &Asked, status: Option<u16>, connection: &Switch) -> &'static str {
        let Some((pid, connected_to)) = caller::kill(connection.ends()) else {
            tracing::warn!(function = self.function, "nobody is found at the other end, and nobody was killed");
            return "CallerNotFound";
        };
        let (function, at) = (self.function.clone(), jiff::Timestamp::now());
        let action = format!("{}:{}", asked.service, asked.operation);
        lock(&self.record.killed).push(Killed { function, action, status, at, pid, connected_to });
        "CallerKilled"
    }

    async fn forward(&self, asked: &Asked, parts: &request::Parts, body: Bytes) -> Outcome {
        let rds = self.upstreams.rds.as_deref().filter(|_| asked.service == "rds");
        let upstream = rds.unwrap_or(&self.upstreams.endpoint);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self
            .client
            .request(parts.method.clone(), format!("{upstream}{path}"))
            .headers(forwarded(&parts.headers))
            .body(body);
        let answered = async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answer.bytes().await?))
        };
        match answered.await {
            Ok((status, headers, body)) => answer(status, &headers, body),
            Err(error) => {
                tracing::warn!(function = self.function, %upstream, %error, "the endpoint did not answer");
                Outcome { status: None, error: Some("EndpointUnreachable".into()), answer: None }
            }
        }
    }
}

async fn handle(
    State(proxy): State<Proxy>,
    ConnectInfo(connection): ConnectInfo<Switch>,
    request: Request,
) -> Response<Body> {
    let (at, began) = (jiff::Timestamp::now(), Instant::now());
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        connection.break_connection();
        return Response::default();
    };
    let asked = asked(&parts.method, &parts.uri, &parts.headers, &body);
    let outcome = proxy.outcome(&asked, &parts, body, &connection).await;
    proxy.record.write_down(Call {
        function: proxy.function.clone(),
        at,
        service: asked.service,
        operation: asked.operation,
        region: asked.region,
        resource: asked.resource,
        status: outcome.status,
        error: outcome.error,
        duration: began.elapsed(),
    });
    outcome.answer.unwrap_or_else(|| {
        connection.break_connection();
        Response::default()
    })
}

fn answer(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Outcome {
    let error = if status.is_success() { None } else { error_code(headers, &body) };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = forwarded(headers);
    if let Some(length) = headers.get(header::CONTENT_LENGTH) {
        // The answer to HEAD has a length and no body.
        response.headers_mut().insert(header::CONTENT_LENGTH, length.clone());
    }
    Outcome { status: Some(status.as_u16()), error, answer: Some(response) }
}

/// An AWS error in the words of the protocol that the request speaks.
fn refusal(asked: &Asked, request: &HeaderMap, status: u16, code: String) -> Outcome {
    const MESSAGE: &str = "injected by the recorder";
    let body = if request.contains_key("x-amz-target") {
        serde_json::json!({ "__type": code, "message": MESSAGE }).to_string()
    } else if asked.service == "s3" {
        format!("<Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error>")
    } else {
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error></ErrorResponse>")
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Outcome { status: Some(status), error: Some(code), answer: Some(response) }
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in NOT_FORWARDED {
        headers.remove(name);
    }
    headers
}
