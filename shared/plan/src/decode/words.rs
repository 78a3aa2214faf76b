//! Words that stand for something, in both directions: the decoder reads them, the encoder writes them.

use holdfast_domain::plan::{ExternalMaker, MigrationTool, Overlap, ResourceKind, StorageClass};
use holdfast_domain::{Requirement, Severity};
use jiff::civil::Weekday;

/// Words and what they stand for.
pub(crate) type Words<T> = &'static [(&'static str, T)];

pub(crate) const KINDS: Words<ResourceKind> = &[
    ("rds-instance", ResourceKind::RdsInstance),
    ("aurora-cluster", ResourceKind::AuroraCluster),
    ("docdb-cluster", ResourceKind::DocDbCluster),
    ("bucket", ResourceKind::Bucket),
    ("terraform-state", ResourceKind::TerraformState),
    ("secrets", ResourceKind::Secrets),
    ("redis", ResourceKind::Redis),
    ("postgres-dump", ResourceKind::PostgresDump),
    ("mongo-dump", ResourceKind::MongoDump),
];

pub(crate) const REQUIREMENTS: Words<Requirement> =
    &[("required", Requirement::Required), ("best_effort", Requirement::BestEffort)];

pub(crate) const OVERLAPS: Words<Overlap> = &[("allowed", Overlap::Allowed), ("forbidden", Overlap::Forbidden)];

pub(crate) const MAKERS: Words<ExternalMaker> = &[
    ("any", ExternalMaker::Any),
    ("rds", ExternalMaker::Rds),
    ("awsbackup", ExternalMaker::AwsBackup),
    ("manual", ExternalMaker::Manual),
];

pub(crate) const CLASSES: Words<StorageClass> = &[
    ("standard-ia", StorageClass::StandardIa),
    ("glacier-ir", StorageClass::GlacierIr),
    ("glacier", StorageClass::Glacier),
    ("deep-archive", StorageClass::DeepArchive),
];

pub(crate) const TOOLS: Words<MigrationTool> = &[
    ("alembic", MigrationTool::Alembic),
    ("django", MigrationTool::Django),
    ("drizzle", MigrationTool::Drizzle),
    ("flyway", MigrationTool::Flyway),
    ("liquibase", MigrationTool::Liquibase),
    ("prisma", MigrationTool::Prisma),
    ("rails", MigrationTool::Rails),
    ("sqlx", MigrationTool::Sqlx),
];

pub(crate) const WEEKDAYS: Words<Weekday> = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(crate) const SEVERITIES: Words<Severity> =
    &[("critical", Severity::Critical), ("high", Severity::High), ("low", Severity::Low), ("info", Severity::Info)];

/// The words alone.
pub(crate) fn known<T>(words: Words<T>) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

/// The word for a value.
pub(crate) fn word_for<T: PartialEq>(words: Words<T>, value: &T) -> &'static str {
    match words.iter().find(|(_, meaning)| meaning == value) {
        Some((word, _)) => word,
        None => unreachable!("every value has its word"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_severity_has_the_domains_word() {
        assert_eq!(KINDS.len(), ResourceKind::ALL.len());
        for kind in ResourceKind::ALL {
            assert_eq!(word_for(KINDS, &kind), kind.as_str());
        }
        for severity in Severity::ALL {
            assert_eq!(word_for(SEVERITIES, &severity), severity.as_str());
        }
    }
}
