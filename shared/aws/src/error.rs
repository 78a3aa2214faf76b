//! SDK errors as port errors: AWS's error codes decide, the HTTP status where there is none that we know.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use holdfast_ports::{PortError, PortErrorKind};

/// The most pages of one listing: twice what the most items fill, 20,000 in pages of 100.
const PAGES_MAX: usize = 400;

/// Reads an SDK error.
pub(crate) fn read<E>(operation: &'static str, subject: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().map(str::to_owned);
    let kind = code.as_deref().and_then(kind_of_code).unwrap_or_else(|| kind_of_status(status));
    let message = match (&code, error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.clone(),
        (None, _) => words_without_code(&error, status),
    };
    let read = PortError::new(kind, operation, subject, message);
    // A service's refusal is wholly in its code and message; why there is none, or none that can be read, is in the chain.
    if code.is_some() { read } else { read.caused_by(Causes::of(&error)) }
}

/// What caused a failure, in words alone: the SDK's own error holds the whole answer, and printed for a debugger it would show a secret.
#[derive(Debug)]
struct Causes(String);

impl Causes {
    fn of(error: &dyn Error) -> Self {
        let mut words = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            words.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self(words)
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Causes {}

fn words_without_code<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> String {
    match (error, status) {
        (_, Some(status @ 200..=299)) => format!("an answer of HTTP status {status} that cannot be read"),
        (_, Some(status)) => format!("HTTP status {status}"),
        (SdkError::TimeoutError(_), None) => "no answer in time; it may have happened".into(),
        (SdkError::DispatchFailure(_), None) => "the request could not be sent, or its answer was lost".into(),
        (_, None) => "the request could not be made".into(),
    }
}

fn kind_of_code(code: &str) -> Option<PortErrorKind> {
    Some(match code {
        "DBInstanceNotFound"
        | "DBInstanceNotFoundFault"
        | "DBSnapshotNotFound"
        | "DBSnapshotNotFoundFault"
        | "DBClusterNotFoundFault"
        | "DBClusterSnapshotNotFoundFault"
        | "DBInstanceAutomatedBackupNotFound"
        | "DBParameterGroupNotFound"
        | "DBParameterGroupNotFoundFault"
        | "DBClusterParameterGroupNotFound"
        | "DBClusterParameterGroupNotFoundFault"
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NoSuchBucket"
        | "NotFound" => PortErrorKind::NotFound,
        "DBInstanceAlreadyExists"
        | "DBSnapshotAlreadyExists"
        | "DBClusterSnapshotAlreadyExistsFault"
        | "DBClusterAlreadyExistsFault"
        | "DBParameterGroupAlreadyExists"
        | "ResourceExistsException" => PortErrorKind::AlreadyExists,
        "PreconditionFailed" | "ConditionalRequestConflict" => PortErrorKind::PreconditionFailed,
        "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidDBSnapshotState"
        | "InvalidDBSnapshotStateFault"
        | "InvalidDBClusterStateFault"
        | "InvalidDBClusterSnapshotStateFault"
        | "InvalidDBParameterGroupState" => PortErrorKind::InvalidState,
        "InstanceQuotaExceeded"
        | "SnapshotQuotaExceeded"
        | "StorageQuotaExceeded"
        | "DBParameterGroupQuotaExceeded"
        | "InsufficientDBInstanceCapacity"
        | "DBClusterQuotaExceededFault"
        | "InsufficientDBClusterCapacityFault"
        | "InsufficientStorageClusterCapacity"
        | "LimitExceededException" => PortErrorKind::QuotaExceeded,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "KMSThrottlingException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "TooManyRequestsException" => PortErrorKind::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "KMSKeyNotAccessibleFault" => PortErrorKind::AccessDenied,
        // S3 gives `RequestTimeout` the status of a bad request (source: S3 API Reference, "Error responses").
        "InternalFailure"
        | "InternalError"
        | "InternalServiceError"
        | "InternalException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable" => PortErrorKind::Unavailable,
        _ => return None,
    })
}

fn kind_of_status(status: Option<u16>) -> PortErrorKind {
    match status {
        Some(412 | 409) => PortErrorKind::PreconditionFailed,
        Some(404) => PortErrorKind::NotFound,
        Some(403 | 401) => PortErrorKind::AccessDenied,
        Some(429) => PortErrorKind::Throttled,
        Some(400..=499) => PortErrorKind::Invalid,
        // No answer, a broken one, or a 5xx: it may have happened.
        Some(_) | None => PortErrorKind::Unavailable,
    }
}

/// A listing is given whole or not at all: refuses one that goes past the bound on items, or on pages, for a page may be empty.
pub(crate) fn refuse_too_many(
    operation: &'static str,
    subject: &str,
    (items, items_max): (usize, usize),
    pages: usize,
) -> Result<(), PortError> {
    let message = match (items > items_max, pages > PAGES_MAX) {
        (true, _) => format!("more than {items_max} items"),
        (false, true) => format!("more than {PAGES_MAX} pages"),
        (false, false) => return Ok(()),
    };
    Err(PortError::new(PortErrorKind::TooMany, operation, subject, message))
}

/// An answer that lacks what its API documents.
pub(crate) fn incomplete(operation: &'static str, subject: &str, field: &str) -> PortError {
    PortError::new(PortErrorKind::Invalid, operation, subject, format!("the answer has no legal {field}"))
}
