//! How the copy is to be made: physically when it can be, else logically, else not, and why. Pure.

use super::source::Source;
use super::words::bytes;

/// Copies of the data that exist at once: the local instance, its snapshot, and the instance restored from that.
const COPIES: u64 = 3;
/// WAL, the system catalogs of an empty cluster, and the functions themselves.
const ROOM_BYTES: u64 = 1 << 30;
/// `min_wal_size` is left at its default of 80 MB, and must be at least two segments.
const WAL_SEGMENT_BYTES_MAX: u64 = 32 << 20;
/// The only page size that packaged servers are built with.
const BLOCK_BYTES: u32 = 8192;
/// A fast checkpoint writes at most what the shared buffers hold, all at once. Of this much a disk of today feels nothing; of more, a
/// production server might, so it gets a spread one, which takes up to 0.9 × `checkpoint_timeout`, 4.5 minutes by default.
const FAST_CHECKPOINT_BYTES_MAX: u64 = 1 << 30;

/// Extensions that do something by themselves, in a schema of their own, and are no data: a logical copy goes without them. They
/// cannot be created unless their library is preloaded, which it never is in a copy.
pub(super) const SCHEDULERS: [(&str, &str); 2] = [("pg_cron", "cron"), ("pg_net", "net")];

/// Whether the source talks over the replication protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Replication {
    /// It does.
    Allowed,
    /// It does not, in its words.
    Refused(String),
    /// The role may not replicate, so there was nothing to ask.
    NotAsked,
}

/// What this machine has for the copy. Programs are of the source's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    pub(super) pg_basebackup: bool,
    pub(super) pg_dump: bool,
    pub(super) pg_restore: bool,
    /// Version of the C library, where it says so.
    pub(super) glibc: Option<String>,
    /// Whether the database's locale is installed.
    pub(super) has_locale: bool,
    /// The database's extensions that are not installed.
    pub(super) extensions_missing: Vec<String>,
    /// Free where copies are going to lie, and where that is.
    pub(super) free_bytes: u64,
    pub(super) directory: String,
}

/// How.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// `pg_basebackup`: the files themselves, all databases, damage included.
    Physical,
    /// `pg_dump` of the one database; and what stood against the other.
    Logical { because: String },
}

/// Neither is possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no physical copy: {physical}; no logical copy: {logical}")]
pub(super) struct Impossible {
    physical: String,
    logical: String,
}

/// Chooses.
///
/// # Errors
/// When neither copy can be made, with all that stands against either.
pub(super) fn choose(source: &Source, replication: &Replication, here: &Here) -> Result<Choice, Impossible> {
    let physical = against_physical(source, replication, here).join("; ");
    if physical.is_empty() {
        return Ok(Choice::Physical);
    }
    let logical = against_logical(source, here).join("; ");
    if logical.is_empty() { Ok(Choice::Logical { because: physical }) } else { Err(Impossible { physical, logical }) }
}

/// What the copies need in all.
pub(super) fn needed_bytes(data_bytes: u64) -> u64 {
    data_bytes.saturating_mul(COPIES).saturating_add(ROOM_BYTES)
}

/// The checkpoint that a physical copy begins with: `fast` or `spread`.
pub(super) fn checkpoint(source: &Source) -> &'static str {
    if source.shared_buffers_bytes <= FAST_CHECKPOINT_BYTES_MAX { "fast" } else { "spread" }
}

/// The role's right comes first and alone: without it nothing else is worth knowing.
fn against_physical(source: &Source, replication: &Replication, here: &Here) -> Vec<String> {
    match replication {
        Replication::NotAsked => return vec![format!("the role {} has no REPLICATION attribute", source.role)],
        Replication::Refused(words) => return vec![format!("the source refuses the replication protocol ({words})")],
        Replication::Allowed => {}
    }
    let mut against = Vec::new();
    if !here.pg_basebackup {
        against.push(missing_program("pg_basebackup", source));
    }
    if source.tablespaces > 0 {
        against.push("the source has tablespaces, whose files lie outside its data directory".into());
    }
    if source.block_bytes != BLOCK_BYTES {
        against.push(format!("the source has pages of {} bytes, the server here of {BLOCK_BYTES}", source.block_bytes));
    }
    if source.wal_segment_bytes > WAL_SEGMENT_BYTES_MAX {
        against.push(format!("the source has WAL segments of {}", bytes(source.wal_segment_bytes)));
    }
    if source.sorts_by_libc() {
        against.extend(against_locale(source, here));
    }
    against.extend(against_space(source.cluster_bytes, here));
    against
}

/// Indexes on text are in the order of the library that built them. In another order they would look damaged, and be.
fn against_locale(source: &Source, here: &Here) -> Option<String> {
    if !here.has_locale {
        return Some(format!("the locale {} is not installed here", source.database.collate));
    }
    match (&source.glibc, &here.glibc) {
        (Some(theirs), Some(ours)) if theirs != ours => {
            Some(format!("its text is sorted by glibc {theirs}, here by {ours}, and its indexes would be out of order"))
        }
        (Some(_), None) => Some("its text is sorted by a C library, and which one is here cannot be told".into()),
        (Some(_) | None, Some(_)) | (None, None) => None,
    }
}

fn against_logical(source: &Source, here: &Here) -> Vec<String> {
    let mut against: Vec<String> = [("pg_dump", here.pg_dump), ("pg_restore", here.pg_restore)]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| missing_program(name, source))
        .collect();
    if !source.unreadable.is_empty() {
        against.push(format!(
            "the role {} may not read all of {} (pg_read_all_data lets it read tables, BYPASSRLS past row-level security; large objects are \
             granted one by one)",
            source.role,
            source.unreadable.join(", ")
        ));
    }
    let missing: Vec<&str> = essential(&here.extensions_missing).collect();
    if !missing.is_empty() {
        against.push(format!(
            "the extension {} is not installed for PostgreSQL {} here",
            missing.join(", "),
            source.version_major()
        ));
    }
    against.extend(against_space(source.database_bytes, here));
    against
}

fn essential(extensions: &[String]) -> impl Iterator<Item = &str> {
    extensions.iter().map(String::as_str).filter(|name| !SCHEDULERS.iter().any(|(scheduler, _)| scheduler == name))
}

fn against_space(data_bytes: u64, here: &Here) -> Option<String> {
    let needed = needed_bytes(data_bytes);
    (here.free_bytes < needed).then(|| {
        format!(
            "{} of data need {} in {} ({COPIES} copies at once), where {} are free; set TMPDIR to a larger disk",
            bytes(data_bytes),
            bytes(needed),
            here.directory,
            bytes(here.free_bytes)
        )
    })
}

fn missing_program(name: &str, source: &Source) -> String {
    let major = source.version_major();
    format!("{name} {major} is not on this machine (package postgresql-client-{major})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::own::source::Database;

    fn source() -> Source {
        Source {
            version_text: "15.18 (Debian 15.18-0)".into(),
            version_number: 150_018,
            role: "app".into(),
            may_replicate: true,
            database: Database {
                name: "shop".into(),
                collate: "de_DE.UTF-8".into(),
                ctype: "de_DE.UTF-8".into(),
                provider: Some("c".into()),
                locale: None,
            },
            encoding: "UTF8".into(),
            glibc: Some("2.36".into()),
            database_bytes: 1 << 30,
            cluster_bytes: 4 << 30,
            tablespaces: 0,
            block_bytes: 8192,
            wal_segment_bytes: 16 << 20,
            shared_buffers_bytes: 128 << 20,
            extensions: vec!["plpgsql".into()],
            unreadable: Vec::new(),
            tables: 5,
            policy_roles: Vec::new(),
        }
    }

    fn here() -> Here {
        Here {
            pg_basebackup: true,
            pg_dump: true,
            pg_restore: true,
            glibc: Some("2.36".into()),
            has_locale: true,
            extensions_missing: Vec::new(),
            free_bytes: 100 << 30,
            directory: "/tmp".into(),
        }
    }

    #[test]
    fn a_source_that_allows_it_is_copied_physically() {
        assert_eq!(choose(&source(), &Replication::Allowed, &here()), Ok(Choice::Physical));
        let icu = Database { provider: Some("i".into()), ..source().database };
        let elsewhere = Here { has_locale: false, glibc: None, ..here() };
        let sorted_by_icu = Source { database: icu, ..source() };
        assert_eq!(choose(&sorted_by_icu, &Replication::Allowed, &elsewhere), Ok(Choice::Physical));
    }

    #[test]
    fn whatever_stands_against_a_physical_copy_makes_it_a_logical_one_and_is_said() {
        let refused = Replication::Refused("FATAL: no pg_hba.conf entry".into());
        let cases: [(Source, Replication, Here, &str); 9] = [
            (source(), Replication::NotAsked, here(), "app has no REPLICATION"),
            (source(), refused, here(), "no pg_hba.conf entry"),
            (source(), Replication::Allowed, Here { pg_basebackup: false, ..here() }, "postgresql-client-15"),
            (Source { tablespaces: 1, ..source() }, Replication::Allowed, here(), "tablespaces"),
            (Source { block_bytes: 32_768, ..source() }, Replication::Allowed, here(), "32768 bytes"),
            (
                Source { wal_segment_bytes: 64 << 20, ..source() },
                Replication::Allowed,
                here(),
                "WAL segments of 64 MiB",
            ),
            (source(), Replication::Allowed, Here { has_locale: false, ..here() }, "de_DE.UTF-8 is not installed"),
            (source(), Replication::Allowed, Here { glibc: Some("2.31".into()), ..here() }, "glibc 2.36, here by 2.31"),
            (source(), Replication::Allowed, Here { free_bytes: 10 << 30, ..here() }, "need 13 GiB in /tmp"),
        ];
        for (source, replication, here, words) in cases {
            match choose(&source, &replication, &here) {
                Ok(Choice::Logical { because }) => assert!(because.contains(words), "{because}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_can_be_copied_neither_way_is_refused_with_all_that_is_missing() {
        let postgis = Here { extensions_missing: vec!["postgis".into(), "pg_cron".into()], ..here() };
        let cases: [(Source, Here, &str); 5] = [
            (source(), Here { pg_dump: false, ..here() }, "pg_dump 15 is not on this machine"),
            (source(), Here { pg_restore: false, ..here() }, "pg_restore 15 is not on this machine"),
            (source(), postgis, "the extension postgis is not installed for PostgreSQL 15"),
            (Source { unreadable: vec!["hr.pay".into()], ..source() }, here(), "may not read all of hr.pay"),
            (source(), Here { free_bytes: 1 << 30, ..here() }, "1 GiB are free"),
        ];
        for (source, here, words) in cases {
            let refused = choose(&source, &Replication::NotAsked, &here).expect_err(words).to_string();
            assert!(refused.contains(words) && refused.contains("REPLICATION") && !refused.contains('\n'), "{refused}");
        }
        let only_a_scheduler = Here { extensions_missing: vec!["pg_cron".into()], ..here() };
        assert!(choose(&source(), &Replication::NotAsked, &only_a_scheduler).is_ok());
    }

    #[test]
    fn a_server_that_a_fast_checkpoint_could_hurt_gets_a_spread_one() {
        assert_eq!(checkpoint(&source()), "fast");
        assert_eq!(checkpoint(&Source { shared_buffers_bytes: 16 << 30, ..source() }), "spread");
    }
}
