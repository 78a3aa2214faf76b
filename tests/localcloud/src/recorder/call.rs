//! What a request says about itself: service, operation, region and resource, read from the wire as IAM would name them.

use std::time::Duration;

use axum::http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// One AWS call of one function.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Call {
    /// Who called.
    pub function: String,
    /// When the request arrived.
    pub at: jiff::Timestamp,
    /// IAM's prefix of the service, such as `s3`; `unknown` for an unsigned call.
    pub service: String,
    /// The operation, such as `PutObject`.
    pub operation: String,
    /// The region that the call was signed for.
    pub region: String,
    /// Bucket and key, a name or an ARN, when the request has one where we look.
    pub resource: Option<String>,
    /// HTTP status; none when the connection broke first.
    pub status: Option<u16>,
    /// AWS error code of an answer that is one.
    pub error: Option<String>,
    /// From request to answer.
    pub duration: Duration,
}

impl Call {
    /// `service:Operation`.
    #[must_use]
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// What a request says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) region: String,
    pub(super) resource: Option<String>,
}

pub(super) fn asked(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Asked {
    let (service, region) = credential_scope(headers).unwrap_or_else(|| ("unknown".into(), "unknown".into()));
    let (operation, resource) = if service == "s3" {
        s3_operation(method, uri, headers)
    } else if let Some(target) = header(headers, "x-amz-target") {
        (target.rsplit('.').next().unwrap_or(target).to_owned(), json_resource(body))
    } else {
        query_operation(body).unwrap_or_else(|| (format!("{method} {}", uri.path()), None))
    };
    Asked { service, operation, region, resource }
}

/// `AWS4-HMAC-SHA256 Credential=AKID/20261120/eu-central-1/rds/aws4_request, …` → service and region.
fn credential_scope(headers: &HeaderMap) -> Option<(String, String)> {
    let authorization = header(headers, "authorization")?;
    let credential = authorization.split("Credential=").nth(1)?.split(',').next()?;
    let mut parts = credential.split('/').skip(2);
    let (region, service) = (parts.next()?, parts.next()?);
    // Two services sign under another name than IAM gives them.
    let service = match service {
        "monitoring" => "cloudwatch",
        "email" => "ses",
        other => other,
    };
    Some((service.to_owned(), region.to_owned()))
}

fn query_operation(body: &[u8]) -> Option<(String, Option<String>)> {
    const NAMES: [&str; 7] = [
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "TargetDBInstanceIdentifier",
        "TopicArn",
        "ResourceName",
        "SecretId",
        "QueueUrl",
    ];
    let pairs: Vec<(String, String)> = reqwest::Url::parse("http://query/")
        .map(|mut url| {
            url.set_query(std::str::from_utf8(body).ok());
            url.query_pairs().into_owned().collect()
        })
        .unwrap_or_default();
    let value_of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Some((value_of("Action")?, NAMES.iter().find_map(|name| value_of(name))))
}

fn json_resource(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let names = ["/SecretId", "/Entries/0/EventBusName", "/TopicArn", "/QueueUrl", "/Name"];
    names.iter().find_map(|name| body.pointer(name)?.as_str().map(str::to_owned))
}

/// S3 names its operations by method, path and the query's first word.
fn s3_operation(method: &Method, uri: &Uri, headers: &HeaderMap) -> (String, Option<String>) {
    let path = uri.path().trim_start_matches('/');
    let has_key = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let query = uri.query().unwrap_or_default();
    let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    let copies = headers.contains_key("x-amz-copy-source");
    let subresources = [
        "tagging",
        "versioning",
        "object-lock",
        "lifecycle",
        "retention",
        "legal-hold",
        "policy",
        "encryption",
        "location",
    ];
    let subresource = subresources.into_iter().find(|name| asks(name));
    let operation = match (method.as_str(), has_key) {
        (verb, has_key) if subresource.is_some() => s3_subresource(verb, has_key, subresource.unwrap_or_default()),
        ("POST", _) if asks("delete") => "DeleteObjects".into(),
        ("POST", true) if asks("uploads") => "CreateMultipartUpload".into(),
        ("POST", true) if asks("uploadId") => "CompleteMultipartUpload".into(),
        ("PUT", true) if asks("partNumber") && copies => "UploadPartCopy".into(),
        ("PUT", true) if asks("partNumber") => "UploadPart".into(),
        ("PUT", true) if copies => "CopyObject".into(),
        ("PUT", true) => "PutObject".into(),
        ("PUT", false) => "CreateBucket".into(),
        ("GET", true) => "GetObject".into(),
        ("GET", false) if path.is_empty() => "ListBuckets".into(),
        ("GET", false) if asks("versions") => "ListObjectVersions".into(),
        ("GET", false) if asks("list-type") => "ListObjectsV2".into(),
        ("GET", false) => "ListObjects".into(),
        ("HEAD", true) => "HeadObject".into(),
        ("HEAD", false) => "HeadBucket".into(),
        ("DELETE", true) if asks("uploadId") => "AbortMultipartUpload".into(),
        ("DELETE", true) => "DeleteObject".into(),
        ("DELETE", false) => "DeleteBucket".into(),
        (verb, _) => verb.to_owned(),
    };
    (operation, (!path.is_empty()).then(|| path.to_owned()))
}

fn s3_subresource(verb: &str, has_key: bool, subresource: &str) -> String {
    let verb = match verb {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        other => other,
    };
    let name: String = subresource
        .split('-')
        .map(|word| word.split_at_checked(1).map_or_else(String::new, |(first, rest)| first.to_uppercase() + rest))
        .collect();
    format!("{verb}{}{name}", if has_key { "Object" } else { "Bucket" })
}

/// The error code of an answer, from JSON (`__type`) or XML (`<Code>`); none when there is none.
pub(super) fn error_code(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let short = |code: &str| code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).to_owned();
    if let Some(code) = header(headers, "x-amzn-errortype") {
        return Some(short(code));
    }
    let text = std::str::from_utf8(body).ok()?;
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        return ["__type", "code", "Code"].iter().find_map(|key| json.get(key)?.as_str().map(short));
    }
    Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn signed(service: &str) -> (&'static str, String) {
        (
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=test/20261120/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            ),
        )
    }

    #[test]
    fn s3_calls_are_named_by_method_path_and_query() {
        let (name, value) = signed("s3");
        let of = |method: Method, uri: &str, more: &[(&'static str, &str)]| {
            let mut all = vec![(name, value.as_str())];
            all.extend_from_slice(more);
            let asked = asked(&method, &uri.parse().expect("a path"), &headers(&all), b"");
            assert_eq!((asked.service.as_str(), asked.region.as_str()), ("s3", "eu-central-1"));
            (asked.operation, asked.resource.unwrap_or_default())
        };
        let expected = [
            (Method::GET, "/b/plan.json?x-id=GetObject", "GetObject", "b/plan.json"),
            (Method::PUT, "/b/a/b.json?x-id=PutObject", "PutObject", "b/a/b.json"),
            (Method::HEAD, "/b/a", "HeadObject", "b/a"),
            (Method::DELETE, "/b/a?x-id=DeleteObject", "DeleteObject", "b/a"),
            (Method::GET, "/b?list-type=2&prefix=runs%2F", "ListObjectsV2", "b"),
            (Method::GET, "/b/?list-type=2", "ListObjectsV2", "b/"),
            (Method::PUT, "/b/a?partNumber=1&uploadId=x", "UploadPart", "b/a"),
            (Method::POST, "/b/?delete", "DeleteObjects", "b/"),
            (Method::GET, "/b?versioning", "GetBucketVersioning", "b"),
            (Method::PUT, "/b/a?legal-hold", "PutObjectLegalHold", "b/a"),
        ];
        for (method, uri, operation, resource) in expected {
            assert_eq!(of(method, uri, &[]), (operation.to_owned(), resource.to_owned()), "{uri}");
        }
        assert_eq!(of(Method::PUT, "/b/a", &[("x-amz-copy-source", "b/c")]).0, "CopyObject");
    }

    #[test]
    fn query_and_json_calls_are_named_by_action_and_target() {
        let (name, value) = signed("rds");
        let body = b"Action=CreateDBSnapshot&Version=2014-10-31&DBSnapshotIdentifier=hf-1";
        let asked_rds = asked(&Method::POST, &"/".parse().expect("a path"), &headers(&[(name, &value)]), body);
        assert_eq!(asked_rds.operation, "CreateDBSnapshot");
        assert_eq!(asked_rds.resource.as_deref(), Some("hf-1"));
        let (name, value) = signed("monitoring");
        let target = ("x-amz-target", "GraniteServiceVersion20100801.PutMetricData");
        let asked = asked(
            &Method::POST,
            &"/".parse().expect("a path"),
            &headers(&[(name, &value), target]),
            br#"{"Name":"n"}"#,
        );
        assert_eq!((asked.service.as_str(), asked.operation.as_str()), ("cloudwatch", "PutMetricData"));
        assert_eq!(asked.resource.as_deref(), Some("n"));
    }

    #[test]
    fn an_unsigned_call_is_written_down_as_unknown() {
        let asked = asked(&Method::GET, &"/latest".parse().expect("a path"), &HeaderMap::new(), b"");
        assert_eq!((asked.service.as_str(), asked.operation.as_str()), ("unknown", "GET /latest"));
    }

    #[test]
    fn error_codes_are_read_from_every_protocol() {
        let none = HeaderMap::new();
        let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>DBSnapshotNotFound</Code></Error></ErrorResponse>";
        assert_eq!(error_code(&none, xml).as_deref(), Some("DBSnapshotNotFound"));
        assert_eq!(
            error_code(&none, br#"{"__type":"com.amazon#ResourceNotFoundException"}"#).as_deref(),
            Some("ResourceNotFoundException")
        );
        let typed = headers(&[("x-amzn-errortype", "ConflictException:http://internal/")]);
        assert_eq!(error_code(&typed, b"").as_deref(), Some("ConflictException"));
        assert_eq!(error_code(&none, b""), None);
    }
}
