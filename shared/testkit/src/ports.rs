//! The ports on the in-memory cloud.

use std::future::{Future, ready};

use holdfast_domain::inventory::{AutomatedBackups, DatabaseKind, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region, SecretName};
use holdfast_ports::{
    Bus, Clock, DbInstances, DbSnapshots, Entropy, Fetched, KEYS_MAX, Object, Objects, Password, PortError,
    PortErrorKind, Precondition, ReadSecrets, RestoreDbInstance, RoomReset, RoomRestore, RoomSecrets, RoomSource,
};
use holdfast_wire::Message;
use jiff::Timestamp;

use crate::memory::{Instance, MemoryCloud, State};

pub(crate) type Answered<T> = Result<T, PortError>;

impl Clock for MemoryCloud {
    fn now(&self) -> Timestamp {
        self.time()
    }
}

impl Entropy for MemoryCloud {
    fn nonce(&self) -> String {
        self.state().next("nonce")
    }

    fn password(&self) -> Password {
        Password::new(self.state().next("password"))
    }
}

impl Objects for MemoryCloud {
    fn get(&self, key: &str, known: Option<&str>) -> impl Future<Output = Answered<Fetched>> + Send {
        ready(self.call("s3:GetObject", key, |state| {
            Ok(match state.objects.get(key) {
                None => Fetched::Missing,
                Some(object) if known == Some(object.etag.as_str()) => Fetched::Unchanged,
                Some(object) => Fetched::Object(object.clone()),
            })
        }))
    }

    fn put(&self, key: &str, bytes: Vec<u8>, when: Precondition) -> impl Future<Output = Answered<String>> + Send {
        ready(self.call("s3:PutObject", key, |state| {
            let current = state.objects.get(key).map(|object| object.etag.as_str());
            let holds = match &when {
                Precondition::Absent => current.is_none(),
                Precondition::Matches(etag) => current == Some(etag),
            };
            if !holds {
                return refuse(
                    PortErrorKind::PreconditionFailed,
                    "s3:PutObject",
                    key,
                    "the precondition does not hold",
                );
            }
            let etag = state.next("etag");
            state.objects.insert(key.into(), Object { bytes, etag: etag.clone() });
            Ok(etag)
        }))
    }

    fn list(&self, prefix: &str) -> impl Future<Output = Answered<Vec<String>>> + Send {
        ready(self.call("s3:ListObjectsV2", prefix, |state| {
            let keys = state.keys_with(prefix);
            if keys.len() > KEYS_MAX {
                return refuse(PortErrorKind::TooMany, "s3:ListObjectsV2", prefix, "more keys than are ever listed");
            }
            Ok(keys)
        }))
    }

    fn delete(&self, key: &str) -> impl Future<Output = Answered<()>> + Send {
        ready(self.call("s3:DeleteObject", key, |state| {
            state.objects.remove(key);
            Ok(())
        }))
    }
}

impl DbInstances for MemoryCloud {
    fn db_instances(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbInstance>>> + Send {
        ready(self.listing("rds:DescribeDBInstances", region, |state| {
            state.instances.values().filter(|i| i.seen.region == *region).map(|i| i.seen.clone()).collect()
        }))
    }
}

impl DbSnapshots for MemoryCloud {
    fn db_snapshots(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbSnapshot>>> + Send {
        ready(self.listing("rds:DescribeDBSnapshots", region, |state| {
            state.snapshots.values().filter(|s| s.seen.region == *region).map(|s| s.seen.clone()).collect()
        }))
    }
}

impl RoomRestore for MemoryCloud {
    fn restore_db_instance(&self, request: &RestoreDbInstance) -> impl Future<Output = Answered<()>> + Send {
        let operation = match &request.source {
            RoomSource::Snapshot(_) => "rds:RestoreDBInstanceFromDBSnapshot",
            RoomSource::PointInTime { .. } => "rds:RestoreDBInstanceToPointInTime",
        };
        ready(if request.id.as_str().starts_with(TEMPORARY) {
            self.call(operation, request.id.as_str(), |state| restore(state, request, operation))
        } else {
            refuse(PortErrorKind::Invalid, operation, request.id.as_str(), "not a temporary name")
        })
    }

    fn delete_room(&self, region: &Region, id: &DbInstanceId) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:DeleteDBInstance";
        let key = (region.clone(), id.clone());
        ready(if id.as_str().starts_with(TEMPORARY) {
            self.call(OPERATION, id.as_str(), |state| {
                let gone_at = state.now + state.timings.delete;
                if let Some(instance) = state.instances.get_mut(&key)
                    && instance.seen.status != DbStatus::Deleting
                {
                    instance.seen.status = DbStatus::Deleting;
                    instance.becomes = Some((gone_at, None));
                }
                state.settle();
                Ok(())
            })
        } else {
            refuse(PortErrorKind::Invalid, OPERATION, id.as_str(), "not a temporary name")
        })
    }
}

fn restore(state: &mut State, request: &RestoreDbInstance, operation: &'static str) -> Answered<()> {
    let key = (request.region.clone(), request.id.clone());
    if state.instances.contains_key(&key) {
        return refuse(PortErrorKind::AlreadyExists, operation, request.id.as_str(), "it exists");
    }
    let group = request.parameter_group.as_deref();
    if group.is_some_and(|name| !state.has_parameter_group(&request.region, DatabaseKind::Instance, name)) {
        return refuse(PortErrorKind::NotFound, operation, request.id.as_str(), "no such parameter group");
    }
    let (engine, engine_version) = match &request.source {
        RoomSource::Snapshot(snapshot) => of_snapshot(state, request, snapshot, operation)?,
        RoomSource::PointInTime { instance, at } => of_point_in_time(state, request, instance, *at, operation)?,
    };
    let seen = DbInstance {
        region: request.region.clone(),
        id: request.id.clone(),
        arn: format!("arn:aws:rds:{}:000000000000:db:{}", request.region, request.id),
        status: DbStatus::Busy("creating".into()),
        endpoint: None,
        engine,
        engine_version,
        master_user: "app".into(),
        database: Some("app".into()),
        password_pending: false,
        modification_pending: false,
        deletion_protection: false,
        parameter_group: Some(request.parameter_group.clone().unwrap_or_else(|| "default.postgres15".into())),
        option_group: Some(request.option_group.clone().unwrap_or_else(|| "default:postgres-15".into())),
        latest_restorable_at: None,
        backups: AutomatedBackups::default(),
        cluster: None,
        encrypted: true,
        kms_key: None,
        tags: request.tags.clone(),
    };
    let becomes = Some((state.now + state.timings.restore, Some(DbStatus::Available)));
    state.instances.insert(key, Instance { seen, becomes, password: None, password_at: None, continuous: false });
    state.settle();
    Ok(())
}

/// Engine and version of what a snapshot holds, if it can be restored.
fn of_snapshot(
    state: &State,
    request: &RestoreDbInstance,
    snapshot: &DbSnapshotId,
    operation: &'static str,
) -> Answered<(String, String)> {
    match state.snapshots.get(&(request.region.clone(), snapshot.clone())) {
        None => refuse(PortErrorKind::NotFound, operation, snapshot.as_str(), "no such snapshot"),
        Some(found) if found.seen.status != DbSnapshotStatus::Available => {
            refuse(PortErrorKind::InvalidState, operation, snapshot.as_str(), "it is not available")
        }
        Some(found) => Ok((found.seen.engine.clone(), found.seen.engine_version.clone())),
    }
}

/// Engine and version of an instance whose continuous backup reaches the instant.
fn of_point_in_time(
    state: &State,
    request: &RestoreDbInstance,
    instance: &DbInstanceId,
    at: Timestamp,
    operation: &'static str,
) -> Answered<(String, String)> {
    match state.instances.get(&(request.region.clone(), instance.clone())) {
        None => refuse(PortErrorKind::NotFound, operation, instance.as_str(), "no such instance"),
        Some(found) if found.seen.latest_restorable_at.is_none_or(|latest| at >= latest) => refuse(
            PortErrorKind::Invalid,
            operation,
            instance.as_str(),
            "the instant is not before the latest restorable time",
        ),
        Some(found) => Ok((found.seen.engine.clone(), found.seen.engine_version.clone())),
    }
}

impl RoomReset for MemoryCloud {
    fn reset_master_password(
        &self,
        region: &Region,
        id: &DbInstanceId,
        password: &Password,
    ) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:ModifyDBInstance";
        let key = (region.clone(), id.clone());
        ready(if id.as_str().starts_with(TEMPORARY) {
            self.call(OPERATION, id.as_str(), |state| {
                let applied_at = state.now + state.timings.modify;
                match state.instances.get_mut(&key) {
                    None => refuse(PortErrorKind::NotFound, OPERATION, id.as_str(), "no such instance"),
                    Some(instance) if instance.seen.status != DbStatus::Available => {
                        refuse(PortErrorKind::InvalidState, OPERATION, id.as_str(), "it is not available")
                    }
                    Some(instance) => {
                        instance.password = Some(password.clone());
                        instance.seen.password_pending = true;
                        instance.password_at = Some(applied_at);
                        state.settle();
                        Ok(())
                    }
                }
            })
        } else {
            refuse(PortErrorKind::Invalid, OPERATION, id.as_str(), "not a temporary name")
        })
    }
}

impl ReadSecrets for MemoryCloud {
    fn secret(&self, name: &SecretName) -> impl Future<Output = Answered<Option<Password>>> + Send {
        ready(self.call("secretsmanager:GetSecretValue", name.as_str(), |state| {
            Ok(state.secrets.get(name).map(|(value, _)| value.clone()))
        }))
    }
}

impl RoomSecrets for MemoryCloud {
    fn keep(
        &self,
        name: &SecretName,
        value: &Password,
        tags: &Tags,
    ) -> impl Future<Output = Answered<Password>> + Send {
        const OPERATION: &str = "secretsmanager:CreateSecret";
        ready(if name.as_str().starts_with(TEMPORARY) {
            self.call(OPERATION, name.as_str(), |state| {
                Ok(state.secrets.entry(name.clone()).or_insert_with(|| (value.clone(), tags.clone())).0.clone())
            })
        } else {
            refuse(PortErrorKind::Invalid, OPERATION, name.as_str(), "not a temporary name")
        })
    }

    fn forget(&self, name: &SecretName) -> impl Future<Output = Answered<()>> + Send {
        ready(if name.as_str().starts_with(TEMPORARY) {
            self.call("secretsmanager:DeleteSecret", name.as_str(), |state| {
                state.secrets.remove(name);
                Ok(())
            })
        } else {
            refuse(PortErrorKind::Invalid, "secretsmanager:DeleteSecret", name.as_str(), "not a temporary name")
        })
    }

    fn kept(&self) -> impl Future<Output = Answered<Vec<(SecretName, Tags)>>> + Send {
        ready(self.call("secretsmanager:ListSecrets", TEMPORARY, |state| {
            let ours = state.secrets.iter().filter(|(name, _)| name.as_str().starts_with(TEMPORARY));
            Ok(ours.map(|(name, (_, tags))| (name.clone(), tags.clone())).collect())
        }))
    }
}

impl Bus for MemoryCloud {
    fn announce(&self, messages: &[Message]) -> impl Future<Output = Answered<()>> + Send {
        ready(if messages.is_empty() {
            Ok(())
        } else {
            self.call("events:PutEvents", messages[0].detail_type(), |state| {
                state.announced.extend_from_slice(messages);
                Ok(())
            })
        })
    }
}

pub(crate) fn refuse<T>(kind: PortErrorKind, operation: &'static str, subject: &str, message: &str) -> Answered<T> {
    Err(PortError::new(kind, operation, subject, message))
}
