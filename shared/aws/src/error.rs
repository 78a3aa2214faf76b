//! SDK errors as port errors: AWS's error codes decide, the HTTP status where there is none that we know.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use holdfast_ports::{PortError, PortErrorKind};

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
    let answered = error.as_service_error().is_some();
    let read = PortError::new(kind, operation, subject, message);
    // A service's answer is wholly in its code and message; what failed before one is in the chain.
    if answered { read } else { read.caused_by(error) }
}

fn words_without_code<E>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> String {
    match (error, status) {
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
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NoSuchBucket"
        | "NotFound" => PortErrorKind::NotFound,
        "DBInstanceAlreadyExists" | "DBSnapshotAlreadyExists" | "ResourceExistsException" => {
            PortErrorKind::AlreadyExists
        }
        "PreconditionFailed" | "ConditionalRequestConflict" => PortErrorKind::PreconditionFailed,
        "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidDBSnapshotState"
        | "InvalidDBSnapshotStateFault" => PortErrorKind::InvalidState,
        "InstanceQuotaExceeded"
        | "SnapshotQuotaExceeded"
        | "StorageQuotaExceeded"
        | "InsufficientDBInstanceCapacity"
        | "LimitExceededException" => PortErrorKind::QuotaExceeded,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException" => PortErrorKind::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "KMSKeyNotAccessibleFault" => PortErrorKind::AccessDenied,
        "InternalFailure" | "InternalError" | "InternalServiceError" | "InternalException" | "ServiceUnavailable" => {
            PortErrorKind::Unavailable
        }
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

/// An answer that lacks what its API documents.
pub(crate) fn incomplete(operation: &'static str, subject: &str, field: &str) -> PortError {
    PortError::new(PortErrorKind::Invalid, operation, subject, format!("the answer has no legal {field}"))
}
