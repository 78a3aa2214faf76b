//! Function output, for a test that must say why. One call of CloudWatch Logs, by hand: not worth an SDK.

use serde::Deserialize;
use serde_json::json;

use super::error::{DeployError, call};
use crate::endpoint::Endpoint;

const PAGES_MAX: usize = 100;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Page {
    events: Vec<Event>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    message: String,
}

pub(super) async fn read(endpoint: &Endpoint, region: &str, function: &str) -> Result<Vec<String>, DeployError> {
    let client = reqwest::Client::builder().no_proxy().build().map_err(call("read the logs of", function))?;
    let (mut lines, mut token) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let mut request = json!({ "logGroupName": format!("/aws/lambda/{function}") });
        if let Some(token) = token {
            request["nextToken"] = json!(token);
        }
        let answer = client
            .post(endpoint.url())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            // Local endpoints read the region out of the signature and verify nothing.
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential=test/20260101/{region}/logs/aws4_request, SignedHeaders=host, Signature=0"))
            .body(request.to_string());
        let answer = answer.send().await.map_err(call("read the logs of", function))?;
        let status = answer.status();
        let body = answer.text().await.map_err(call("read the logs of", function))?;
        if body.contains("ResourceNotFoundException") {
            return Ok(Vec::new()); // the group comes with the first invocation
        }
        if !status.is_success() {
            return Err(call("read the logs of", function)(format!("{status}: {body}")));
        }
        let page: Page = serde_json::from_str(&body).map_err(call("read the logs of", function))?;
        lines.extend(page.events.into_iter().map(|event| event.message));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(lines)
}
