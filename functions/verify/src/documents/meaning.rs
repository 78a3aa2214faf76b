//! What an error of a document database means for the check that met it. One table; the rule is that of PostgreSQL's side: damage that
//! the server reports is a failure, whatever kept the check from running is *not run*, and a lost server is neither.

use mongodb::error::{Error, ErrorKind};

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The data is damaged.
    Damage,
    /// The limit came first.
    Cut,
    /// The role may not.
    Forbidden,
    /// No server of this sort can.
    Unsupported,
    /// The check could not run for another reason.
    NotRun,
    /// The server, or the connection to it, is gone.
    Lost,
}

/// Numbers that mean something to us (source: MongoDB's `error_codes.yml`; MongoDB manual, "Error Codes"; DocumentDB takes its numbers
/// from there, and 303 for what it does not support). Every other number kept a check from running.
const CODES: &[(i32, Meaning)] = &[
    (1, Meaning::Damage), // InternalError: the server's own broken assumptions, which a check that only reads meets over broken data
    (22, Meaning::Damage), // InvalidBSON: our own commands are legal, so a stored document is not
    (288, Meaning::Damage), // ChecksumMismatch
    (301, Meaning::Damage), // DataCorruptionDetected: an index that names a document which is not there
    (364, Meaning::Damage), // InvalidBSONColumn: a packed time series
    (430, Meaning::Damage), // IndexKeyOrderViolation
    (50, Meaning::Cut),   // MaxTimeMSExpired
    (202, Meaning::Cut),  // NetworkInterfaceExceededTimeLimit
    (262, Meaning::Cut),  // ExceededTimeLimit
    (13, Meaning::Forbidden), // Unauthorized
    (59, Meaning::Unsupported), // CommandNotFound
    (115, Meaning::Unsupported), // CommandNotSupported
    (235, Meaning::Unsupported), // InternalErrorNotSupported
    (238, Meaning::Unsupported), // NotImplemented
    (303, Meaning::Unsupported), // DocumentDB's "Feature not supported"
    (6, Meaning::Lost),   // HostUnreachable
    (7, Meaning::Lost),   // HostNotFound
    (89, Meaning::Lost),  // NetworkTimeout
    (91, Meaning::Lost),  // ShutdownInProgress
    (189, Meaning::Lost), // PrimarySteppedDown
    (279, Meaning::Lost), // ClientDisconnect
    (9_001, Meaning::Lost), // SocketException
    (10_107, Meaning::Lost), // NotWritablePrimary
    (11_600, Meaning::Lost), // InterruptedAtShutdown
    (11_602, Meaning::Lost), // InterruptedDueToReplStateChange
    (13_435, Meaning::Lost), // NotPrimaryNoSecondaryOk
    (13_436, Meaning::Lost), // NotPrimaryOrSecondary
];

pub(crate) fn meaning(error: &Error) -> Meaning {
    let kind = error.kind.as_ref();
    if let ErrorKind::Command(refused) = kind {
        return CODES.iter().find(|(code, _)| *code == refused.code).map_or(Meaning::NotRun, |(_, meaning)| *meaning);
    }
    // A reply is a document that holds the stored ones; one that cannot be read is none because of what is stored.
    if matches!(kind, ErrorKind::Bson(_) | ErrorKind::BsonDeserialization(_)) {
        return Meaning::Damage;
    }
    let is_about_the_connection = matches!(
        kind,
        ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::Shutdown
    );
    if is_about_the_connection { Meaning::Lost } else { Meaning::NotRun }
}

/// An error as people read it.
pub(crate) fn said(error: &Error) -> String {
    let kind = error.kind.as_ref();
    if let ErrorKind::Command(refused) = kind {
        let number = format!("{} {}", refused.code, refused.code_name);
        return format!("the server says: {} (code {})", refused.message, number.trim_end());
    }
    if matches!(kind, ErrorKind::Bson(_) | ErrorKind::BsonDeserialization(_)) {
        return format!("what the server sent is no legal BSON: {kind}");
    }
    kind.to_string()
}

#[cfg(test)]
mod tests {
    use mongodb::error::CommandError;

    use super::*;

    fn refused(code: i32) -> Error {
        let reply = serde_json::json!({ "code": code, "codeName": "Name", "errmsg": "words" });
        let command: CommandError = serde_json::from_value(reply).expect("an error");
        ErrorKind::Command(command).into()
    }

    #[test]
    fn each_number_means_one_thing_and_every_other_one_kept_the_check_from_running() {
        for (code, wanted) in [
            (301, Meaning::Damage),
            (22, Meaning::Damage),
            (1, Meaning::Damage),
            (50, Meaning::Cut),
            (13, Meaning::Forbidden),
            (59, Meaning::Unsupported),
            (115, Meaning::Unsupported),
            (303, Meaning::Unsupported),
            (91, Meaning::Lost),
            (11_600, Meaning::Lost),
            (2, Meaning::NotRun),
            (8, Meaning::NotRun),
            (26, Meaning::NotRun),
            (43, Meaning::NotRun),
            (11_601, Meaning::NotRun),
        ] {
            assert_eq!(meaning(&refused(code)), wanted, "{code}");
        }
        let mut numbers: Vec<i32> = CODES.iter().map(|(code, _)| *code).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len(), "no number stands twice");
    }

    #[test]
    fn a_broken_connection_is_a_lost_server_and_no_finding() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(meaning(&Error::from(broken)), Meaning::Lost);
    }

    #[test]
    fn an_error_is_told_with_its_number() {
        assert_eq!(said(&refused(13)), "the server says: words (code 13 Name)");
    }
}
