//! The settings of a DB instance and of a DB cluster, as a table each: which actions take them, what they default to, and what a
//! restore does to them.
//!
//! Source: the parameters of `CreateDBInstance`, `RestoreDBInstanceFromDBSnapshot` and `ModifyDBInstance`, the fields of
//! `DBInstance` and `PendingModifiedValues`, and the same of DB clusters (Amazon RDS API Reference). Settings are kept as the text the request carried:
//! nothing here acts on most of them, and the answer must repeat them.

use std::collections::BTreeMap;

use super::errors::ApiError;
use super::query::Request;

/// The value's type on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Integer,
}

/// What a restored instance has, and whether the restore call may say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnRestore {
    /// The request's, else the source's.
    Inherit,
    /// The request's, else the default of a new instance.
    Reset,
    /// The source's; not a parameter.
    Keep,
    /// The default of a new instance; not a parameter.
    Forget,
}

/// When a modification takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnModify {
    Now,
    /// In the maintenance window unless `ApplyImmediately`; seen in `PendingModifiedValues` until then.
    Pending,
    /// Not a parameter.
    Never,
}

/// Where the answer shows a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Under the parameter's name.
    Plain,
    /// Under another name.
    As(&'static str),
    /// In a structure of its own.
    Nested,
}

struct Setting {
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    restore: OnRestore,
    modify: OnModify,
    shown: Shown,
}

const fn row(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    restore: OnRestore,
    modify: OnModify,
    shown: Shown,
) -> Setting {
    Setting { name, kind, default, restore, modify, shown }
}

use Kind::{Boolean, Integer, Text};
use OnModify::{Never, Now, Pending};
use OnRestore::{Forget, Inherit, Keep, Reset};
use Shown::{As, Nested, Plain};

/// All settings of one kind of resource.
pub(crate) struct Table(&'static [Setting]);

/// Of a DB instance.
pub(crate) const INSTANCE: Table = Table(&[
    row("DBInstanceClass", Text, None, Inherit, Pending, Plain),
    row("AllocatedStorage", Integer, Some("20"), Inherit, Pending, Plain),
    row("StorageType", Text, Some("gp3"), Inherit, Pending, Plain),
    row("Iops", Integer, None, Inherit, Pending, Plain),
    row("StorageThroughput", Integer, None, Inherit, Pending, Plain),
    row("MaxAllocatedStorage", Integer, None, Keep, Now, Plain),
    row("StorageEncrypted", Boolean, Some("false"), Keep, Never, Plain),
    row("KmsKeyId", Text, None, Keep, Never, Plain),
    row("BackupRetentionPeriod", Integer, Some("1"), Inherit, Pending, Plain),
    row("PreferredBackupWindow", Text, Some("03:00-03:30"), Inherit, Now, Plain),
    row("PreferredMaintenanceWindow", Text, Some("sun:04:00-sun:04:30"), Keep, Now, Plain),
    row("BackupTarget", Text, Some("region"), Reset, Never, Plain),
    row("CopyTagsToSnapshot", Boolean, Some("false"), Reset, Now, Plain),
    row("DeletionProtection", Boolean, Some("false"), Reset, Now, Plain),
    row("AvailabilityZone", Text, None, Reset, Never, Plain),
    row("MultiAZ", Boolean, Some("false"), Reset, Pending, Plain),
    row("PubliclyAccessible", Boolean, None, Reset, Now, Plain),
    row("NetworkType", Text, Some("IPV4"), Inherit, Now, Plain),
    row("EnableCustomerOwnedIp", Boolean, Some("false"), Reset, Now, As("CustomerOwnedIpEnabled")),
    row("DBSubnetGroupName", Text, None, Reset, Pending, Nested),
    row("DBParameterGroupName", Text, None, Reset, Now, Nested),
    row("OptionGroupName", Text, None, Reset, Now, Nested),
    row("AutoMinorVersionUpgrade", Boolean, Some("true"), Inherit, Now, Plain),
    row("LicenseModel", Text, Some("postgresql-license"), Inherit, Pending, Plain),
    row("EngineLifecycleSupport", Text, Some("open-source-rds-extended-support"), Reset, Never, Plain),
    row("CACertificateIdentifier", Text, Some("rds-ca-rsa2048-g1"), Reset, Now, Plain),
    row("EnableIAMDatabaseAuthentication", Boolean, Some("false"), Reset, Now, As("IAMDatabaseAuthenticationEnabled")),
    row("CustomIamInstanceProfile", Text, None, Reset, Never, Plain),
    row("DedicatedLogVolume", Boolean, Some("false"), Inherit, Pending, Plain),
    row("PromotionTier", Integer, None, Forget, Now, Plain),
    row("CharacterSetName", Text, None, Keep, Never, Plain),
    row("Timezone", Text, None, Keep, Never, Plain),
    row("MonitoringInterval", Integer, Some("0"), Forget, Now, Plain),
    row("MonitoringRoleArn", Text, None, Forget, Now, Plain),
    row("DatabaseInsightsMode", Text, Some("standard"), Forget, Now, Plain),
    row("EnablePerformanceInsights", Boolean, Some("false"), Forget, Now, As("PerformanceInsightsEnabled")),
    row("PerformanceInsightsKMSKeyId", Text, None, Forget, Now, Plain),
    row("PerformanceInsightsRetentionPeriod", Integer, None, Forget, Now, Plain),
]);

/// Of a DB cluster.
pub(crate) const CLUSTER: Table = Table(&[
    row("BackupRetentionPeriod", Integer, Some("1"), Inherit, Now, Plain),
    row("PreferredBackupWindow", Text, Some("03:00-03:30"), Inherit, Now, Plain),
    row("PreferredMaintenanceWindow", Text, Some("sun:04:00-sun:04:30"), Keep, Now, Plain),
    row("StorageEncrypted", Boolean, Some("false"), Keep, Never, Plain),
    row("KmsKeyId", Text, None, Inherit, Never, Plain),
    row("StorageType", Text, None, Inherit, Now, Plain),
    row("EngineMode", Text, Some("provisioned"), Inherit, Never, Plain),
    row("CopyTagsToSnapshot", Boolean, Some("false"), Reset, Now, Plain),
    row("DeletionProtection", Boolean, Some("false"), Reset, Now, Plain),
    row("DBSubnetGroupName", Text, None, Reset, Never, As("DBSubnetGroup")),
    row("DBClusterParameterGroupName", Text, None, Reset, Now, As("DBClusterParameterGroup")),
    row("NetworkType", Text, Some("IPV4"), Inherit, Now, Plain),
    row("EnableIAMDatabaseAuthentication", Boolean, Some("false"), Reset, Now, As("IAMDatabaseAuthenticationEnabled")),
    row("EngineLifecycleSupport", Text, Some("open-source-rds-extended-support"), Reset, Never, Plain),
]);

impl Table {
    /// The names of all settings that creation takes.
    pub(crate) fn create_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|setting| setting.name)
    }

    /// The names of all settings that a restore takes.
    pub(crate) fn restore_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|setting| matches!(setting.restore, Inherit | Reset)).map(|setting| setting.name)
    }

    /// The names of all settings that a modification takes.
    pub(crate) fn modify_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|setting| setting.modify != Never).map(|setting| setting.name)
    }

    /// Settings of a new resource.
    pub(crate) fn for_create(&self, request: &Request) -> Result<Settings, ApiError> {
        self.build(request, |setting, given| given.or_else(|| setting.default.map(str::to_owned)))
    }

    /// Settings of a resource restored from one with `source`.
    pub(crate) fn for_restore(&self, request: &Request, source: &Settings) -> Result<Settings, ApiError> {
        self.build(request, |setting, given| {
            let default = || setting.default.map(str::to_owned);
            match setting.restore {
                Inherit => given.or_else(|| source.text(setting.name).map(str::to_owned)),
                Reset => given.or_else(default),
                Keep => source.text(setting.name).map(str::to_owned),
                Forget => default(),
            }
        })
    }

    /// What a modification changes at once, and what it leaves pending.
    pub(crate) fn for_modify(&self, request: &Request, current: &Settings) -> Result<(Settings, Settings), ApiError> {
        let given = self.build(request, |setting, given| {
            given.filter(|value| current.text(setting.name) != Some(value.as_str()))
        })?;
        let (pending, now) = given
            .0
            .into_iter()
            .partition(|(name, _)| self.0.iter().any(|setting| setting.name == *name && setting.modify == Pending));
        Ok((Settings(now), Settings(pending)))
    }

    /// Names and values as the answer shows them, without those in structures of their own.
    pub(crate) fn fields<'a>(&self, settings: &'a Settings) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.0.iter().filter_map(|setting| {
            let name = match setting.shown {
                Plain => setting.name,
                As(name) => name,
                Nested => return None,
            };
            Some((name, settings.text(setting.name)?))
        })
    }

    fn build(
        &self,
        request: &Request,
        choose: impl Fn(&Setting, Option<String>) -> Option<String>,
    ) -> Result<Settings, ApiError> {
        let mut values = BTreeMap::new();
        for setting in self.0 {
            let given = setting.kind.read(request, setting.name)?;
            if let Some(value) = choose(setting, given) {
                values.insert(setting.name, value);
            }
        }
        Ok(Settings(values))
    }
}

/// Settings by their parameter's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// An integer setting; 0 where there is none.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    pub(crate) fn set_default(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.entry(name).or_insert_with(|| value.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over everything in `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Forgets every setting that `other` has with the same value: those that have been applied.
    pub(crate) fn remove_applied(&mut self, other: &Self) {
        self.0.retain(|name, value| other.text(name) != Some(value.as_str()));
    }

    /// Names and values as `PendingModifiedValues` shows them, which nests nothing.
    pub(crate) fn pending_fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl Kind {
    /// Reads and checks a value.
    fn read(self, request: &Request, name: &str) -> Result<Option<String>, ApiError> {
        match self {
            Text => Ok(request.text(name).map(str::to_owned)),
            Boolean => Ok(request.boolean(name)?.map(|value| value.to_string())),
            Integer => Ok(request.parsed::<u64>(name, "an integer")?.map(|value| value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Request;
    use super::{CLUSTER, INSTANCE};

    fn request(pairs: &[(&str, &str)]) -> Result<Request, super::ApiError> {
        let action = ("Action".to_owned(), "A".to_owned());
        Request::parse(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).chain([action]).collect())
    }

    #[test]
    fn a_restore_forgets_protection_and_groups_and_keeps_storage_and_key() -> Result<(), super::ApiError> {
        let source = INSTANCE.for_create(&request(&[
            ("DBInstanceClass", "db.m5.large"),
            ("DeletionProtection", "true"),
            ("MultiAZ", "true"),
            ("AllocatedStorage", "100"),
            ("StorageEncrypted", "true"),
            ("DBParameterGroupName", "tuned"),
            ("BackupRetentionPeriod", "7"),
        ])?)?;
        let restored = INSTANCE.for_restore(&request(&[("BackupRetentionPeriod", "0")])?, &source)?;
        assert!(!restored.is_true("DeletionProtection") && !restored.is_true("MultiAZ"));
        assert_eq!(restored.text("DBParameterGroupName"), None);
        assert!(restored.is_true("StorageEncrypted"));
        assert_eq!((restored.number("AllocatedStorage"), restored.number("BackupRetentionPeriod")), (100, 0));
        Ok(())
    }

    #[test]
    fn a_modification_to_the_same_value_changes_nothing() -> Result<(), super::ApiError> {
        let current = INSTANCE.for_create(&request(&[("DBInstanceClass", "db.t4g.micro")])?)?;
        let given = [("DBInstanceClass", "db.t4g.micro"), ("AllocatedStorage", "30"), ("DeletionProtection", "true")];
        let (now, pending) = INSTANCE.for_modify(&request(&given)?, &current)?;
        assert_eq!(INSTANCE.fields(&now).collect::<Vec<_>>(), [("DeletionProtection", "true")]);
        assert_eq!(pending.pending_fields().collect::<Vec<_>>(), [("AllocatedStorage", "30")]);
        Ok(())
    }

    #[test]
    fn a_restored_cluster_keeps_retention_and_key_and_loses_protection_and_groups() -> Result<(), super::ApiError> {
        let source = CLUSTER.for_create(&request(&[
            ("BackupRetentionPeriod", "7"),
            ("StorageEncrypted", "true"),
            ("KmsKeyId", "alias/ours"),
            ("DeletionProtection", "true"),
            ("DBSubnetGroupName", "private"),
        ])?)?;
        let restored = CLUSTER.for_restore(&request(&[])?, &source)?;
        assert_eq!((restored.number("BackupRetentionPeriod"), restored.text("KmsKeyId")), (7, Some("alias/ours")));
        assert!(restored.is_true("StorageEncrypted") && !restored.is_true("DeletionProtection"));
        assert_eq!(restored.text("DBSubnetGroupName"), None);
        Ok(())
    }
}
