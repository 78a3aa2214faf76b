//! What is legal on which kind of resource, and why not elsewhere. The schema is made of the same table.

use holdfast_domain::plan::ResourceKind::{
    self, AuroraCluster, Bucket, DocDbCluster, MongoDump, PostgresDump, RdsInstance, Secrets, TerraformState,
};

use super::reader::Place;
use crate::problem::{Log, code};

/// A part of a resource that only some kinds can have.
#[derive(Debug)]
pub(crate) struct Legal {
    /// The field, or `field.field`.
    pub(crate) part: &'static str,
    pub(crate) kinds: &'static [ResourceKind],
    /// Why no other kind can have it.
    because: &'static str,
}

/// Databases of which AWS takes snapshots.
pub(super) const AWS_DATABASES: &[ResourceKind] = &[RdsInstance, AuroraCluster, DocDbCluster];
const DATABASES: &[ResourceKind] = &[RdsInstance, AuroraCluster, DocDbCluster, PostgresDump, MongoDump];
const SQL: &[ResourceKind] = &[RdsInstance, AuroraCluster, PostgresDump];
const DOCUMENTS: &[ResourceKind] = &[DocDbCluster, MongoDump];

const SPEAKS_SQL: &str = "it is asked in SQL, which only a PostgreSQL answers";

/// Every part that is not legal on all kinds.
pub(crate) const LEGAL: &[Legal] = &[
    Legal { part: "pitr", kinds: AWS_DATABASES, because: "AWS makes continuous backups of its own databases only" },
    Legal {
        part: "standby",
        kinds: AWS_DATABASES,
        because: "only a database of AWS has a replica that can be promoted",
    },
    Legal {
        part: "restore_tests",
        kinds: DATABASES,
        because: "restore tests bring up a database; other kinds have none in this version",
    },
    Legal {
        part: "checks",
        kinds: DATABASES,
        because: "checks ask a restored database; other kinds have none in this version",
    },
    Legal {
        part: "tiers",
        kinds: &[Bucket, TerraformState, PostgresDump, MongoDump],
        because: "only objects in S3 have storage classes; snapshots have no colder one",
    },
    Legal { part: "bucket", kinds: &[Bucket, TerraformState], because: "it says how a bucket keeps its versions" },
    Legal {
        part: "checks.integrity",
        kinds: &[RdsInstance, AuroraCluster, PostgresDump, DocDbCluster],
        because: "the data of a MongoDB dump is read back whole when it is restored; ask for documents",
    },
    Legal { part: "checks.fresh", kinds: SQL, because: SPEAKS_SQL },
    Legal { part: "checks.sql", kinds: SQL, because: SPEAKS_SQL },
    Legal { part: "checks.migrations", kinds: SQL, because: SPEAKS_SQL },
    Legal { part: "checks.immutable", kinds: SQL, because: SPEAKS_SQL },
    Legal { part: "checks.counts", kinds: SQL, because: SPEAKS_SQL },
    Legal { part: "checks.documents", kinds: DOCUMENTS, because: "only a document database has collections" },
];

/// Events tell of changes to these (source: EventBridge User Guide, "Events from AWS services"; S3 and Secrets Manager).
const ON_CHANGE: Legal = Legal {
    part: "on: change",
    kinds: &[Bucket, TerraformState, Secrets],
    because: "a database changes all the time; take a schedule, or on: demand",
};
const EXTERNAL_RDS: Legal = Legal {
    part: "external: rds",
    kinds: AWS_DATABASES,
    because: "RDS makes automated backups of its own databases only",
};
/// A room of this class is restored with a range of capacity (source: Aurora User Guide, "Creating a DB cluster that uses Aurora
/// Serverless v2").
const SERVERLESS: Legal = Legal {
    part: "instance_class: db.serverless",
    kinds: &[AuroraCluster],
    because: "AWS sizes the members of Aurora clusters by itself; any other restored database has a class of a size",
};

/// Refuses a part that the kind cannot have. A kind that was refused itself is not held against its parts.
pub(super) fn check(part: &str, place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<()> {
    match LEGAL.iter().find(|legal| legal.part == part) {
        Some(legal) => legal.check(place, kind, log),
        None => Some(()),
    }
}

pub(super) fn check_on_change(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<()> {
    ON_CHANGE.check(place, kind, log)
}

pub(super) fn check_external_rds(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<()> {
    EXTERNAL_RDS.check(place, kind, log)
}

pub(super) fn check_serverless(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<()> {
    SERVERLESS.check(place, kind, log)
}

impl Legal {
    fn check(&self, place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<()> {
        let Some(kind) = kind.filter(|kind| !self.kinds.contains(kind)) else { return Some(()) };
        let part = self.part.strip_prefix("checks.").unwrap_or(self.part);
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let message = format!("{part} is not for kind {}: {}", kind.as_str(), self.because);
        place.refuse(code::KIND, message, format!("legal on {}", kinds.join(", ")), log);
        None
    }
}
