//! The parameters that are not simply replayed, each with its reason; and what works in the background.

/// What becomes of a value of the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It cannot stand in a room.
    Never(&'static str),
    /// It takes memory: a number is left to the room's class, a formula over the class stays.
    Sized,
    /// It cannot stand in a room with this value.
    NotIf(&'static str, &'static str),
    /// A list of libraries, of which only the quiet ones are loaded.
    Libraries,
}

/// Background work, and how it is turned off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Off {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    pub(super) why: &'static str,
}

/// What is known of an engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) off: &'static [Off],
    by_name: &'static [(&'static str, Rule)],
    by_prefix: &'static [(&'static str, Rule)],
}

impl Rules {
    pub(super) fn rule(&self, name: &str) -> Option<&'static Rule> {
        let named = self.by_name.iter().find(|(rule_of, _)| *rule_of == name);
        named.or_else(|| self.by_prefix.iter().find(|(prefix, _)| name.starts_with(prefix))).map(|(_, rule)| rule)
    }
}

/// The rules of an engine; none of one that we do not know.
pub(super) fn of(engine: &str) -> Option<Rules> {
    match engine {
        "postgres" | "aurora-postgresql" => Some(POSTGRESQL),
        "docdb" => Some(DOCUMENTDB),
        _ => None,
    }
}

/// Libraries that hook into statements and start no process of their own. Left out are, of those that RDS offers (source: RDS User Guide,
/// "Using PostgreSQL extensions with Amazon RDS for PostgreSQL"), `pg_cron` (a scheduler), `pglogical` and `pgactive` (replication),
/// `pg_partman_bgw` (maintenance), `pg_prewarm` (reads the source's hot blocks at the start, and so falsifies what is measured) and
/// `pg_transport` (moves databases to another server).
const QUIET: [&str; 11] = [
    "auto_explain",
    "orafce",
    "passwordcheck",
    "pg_bigm",
    "pg_hint_plan",
    "pg_similarity",
    "pg_stat_statements",
    "pg_tle",
    "pgaudit",
    "plprofiler",
    "plrust",
];

/// Whether a library starts nothing by itself.
pub(super) fn is_quiet(library: &str) -> bool {
    QUIET.contains(&library)
}

const OF_A_LIBRARY_LEFT_OUT: Rule = Rule::Never("its library is not loaded in a room");

const POSTGRESQL: Rules = Rules {
    off: &[
        Off {
            name: "max_logical_replication_workers",
            value: "0",
            // source: PostgreSQL documentation, "Logical Replication", "Configuration Settings"
            why: "no subscription may take over the replication slot of its original",
        },
        Off {
            name: "autovacuum",
            value: "0",
            // What an index-only count can see depends on pages being all-visible, and VACUUM sets that (source: PostgreSQL documentation,
            // "Visibility Map"). Against wraparound PostgreSQL vacuums all the same.
            why: "pages stay as they were restored until the checks vacuum them",
        },
    ],
    by_name: &[
        ("shared_preload_libraries", Rule::Libraries),
        ("session_preload_libraries", Rule::Libraries),
        // Memory. `effective_cache_size` is none: it allocates nothing and makes plans as they are at the source (source: PostgreSQL
        // documentation, "Query Planning"). An instance that its class cannot bear becomes `incompatible-parameters` (source: RDS User Guide,
        // "Viewing Amazon RDS DB instance status").
        ("shared_buffers", Rule::Sized),
        ("huge_pages", Rule::Sized),
        ("max_connections", Rule::Sized),
        ("work_mem", Rule::Sized),
        ("maintenance_work_mem", Rule::Sized),
        ("autovacuum_work_mem", Rule::Sized),
        ("logical_decoding_work_mem", Rule::Sized),
        ("temp_buffers", Rule::Sized),
        ("wal_buffers", Rule::Sized),
        ("min_dynamic_shared_memory", Rule::Sized),
        ("rds.pg_stat_ramdisk_size", Rule::Sized),
        // source: RDS User Guide, "Using a custom DNS server for outbound network access"
        ("rds.custom_dns_resolution", Rule::Never("a room has no DNS server of its own, and reaches nobody")),
        // source: PostgreSQL documentation, "Replication": a commit would wait for a standby for ever
        ("synchronous_standby_names", Rule::Never("a room has no standby, and a commit would wait for it")),
        // source: Aurora User Guide, "Managing RPOs for Aurora PostgreSQL–based global databases"
        ("rds.global_db_rpo", Rule::Never("a room has no secondary region, and a commit would wait for it")),
        // source: RDS User Guide, "Restricting installation of PostgreSQL extensions"
        ("rds.allowed_extensions", Rule::Never("the checks install extensions that the list may not name")),
        ("default_transaction_read_only", Rule::Never("the checks install extensions")),
        // source: pg_tle documentation, "clientauth": functions of the source's would judge every login
        ("pg_tle.enable_clientauth", Rule::Never("functions of the source's would judge the login of the checks")),
        ("rds.enable_pgactive", OF_A_LIBRARY_LEFT_OUT),
    ],
    by_prefix: &[
        ("cron.", OF_A_LIBRARY_LEFT_OUT),
        ("pglogical.", OF_A_LIBRARY_LEFT_OUT),
        ("pgactive.", OF_A_LIBRARY_LEFT_OUT),
        ("pg_partman_bgw.", OF_A_LIBRARY_LEFT_OUT),
        ("pg_prewarm.", OF_A_LIBRARY_LEFT_OUT),
    ],
};

const DOCUMENTDB: Rules = Rules {
    // source: DocumentDB Developer Guide, "Amazon DocumentDB cluster parameters reference"
    off: &[Off {
        name: "ttl_monitor",
        value: "disabled",
        why: "it would delete documents that have expired since, while they are checked",
    }],
    by_name: &[("tls", Rule::NotIf("disabled", "the checks connect over TLS, or not at all"))],
    by_prefix: &[],
};
