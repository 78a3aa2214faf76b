//! The ports on the in-memory cloud.

use std::future::{Future, ready};

use holdfast_domain::inventory::{DbInstance, DbInstanceStatus, DbSnapshot, DbSnapshotStatus};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region, SecretName};
use holdfast_ports::{
    Answer, Bus, Clock, CreateDbSnapshot, DbInstances, DbSnapshots, Entropy, FallbackTopic, Fetched, KEYS_MAX, Object,
    Objects, Password, PortError, PortErrorKind, Precondition, ReadSecrets, RestoreDbInstance, RoomReset, RoomRestore,
    RoomSecrets, SnapshotTaker, Webhooks,
};
use holdfast_wire::Message;
use jiff::Timestamp;

use crate::memory::{Instance, MemoryCloud, Snapshot, State, new_snapshot};

type Answered<T> = Result<T, PortError>;

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
            let keys: Vec<String> = state.objects.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
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
    fn db_instance(
        &self,
        region: &Region,
        id: &DbInstanceId,
    ) -> impl Future<Output = Answered<Option<DbInstance>>> + Send {
        let key = (region.clone(), id.clone());
        ready(self.call("rds:DescribeDBInstances", id.as_str(), |state| {
            Ok(state.instances.get(&key).map(|i| i.seen.clone()))
        }))
    }

    fn db_instances(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbInstance>>> + Send {
        ready(self.call("rds:DescribeDBInstances", region.as_str(), |state| {
            Ok(state.instances.values().filter(|i| i.seen.region == *region).map(|i| i.seen.clone()).collect())
        }))
    }
}

impl DbSnapshots for MemoryCloud {
    fn db_snapshot(
        &self,
        region: &Region,
        id: &DbSnapshotId,
    ) -> impl Future<Output = Answered<Option<DbSnapshot>>> + Send {
        let key = (region.clone(), id.clone());
        ready(self.call("rds:DescribeDBSnapshots", id.as_str(), |state| {
            Ok(state.snapshots.get(&key).map(|s| s.seen.clone()))
        }))
    }

    fn db_snapshots(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbSnapshot>>> + Send {
        ready(self.call("rds:DescribeDBSnapshots", region.as_str(), |state| {
            Ok(state.snapshots.values().filter(|s| s.seen.region == *region).map(|s| s.seen.clone()).collect())
        }))
    }
}

impl SnapshotTaker for MemoryCloud {
    fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:CreateDBSnapshot";
        ready(self.call(OPERATION, request.id.as_str(), |state| {
            let key = (request.region.clone(), request.id.clone());
            if state.snapshots.contains_key(&key) {
                return refuse(PortErrorKind::AlreadyExists, OPERATION, request.id.as_str(), "it exists");
            }
            match state.instances.get(&(request.region.clone(), request.instance.clone())) {
                None => {
                    return refuse(PortErrorKind::NotFound, OPERATION, request.instance.as_str(), "no such instance");
                }
                Some(instance) if instance.seen.status != DbInstanceStatus::Available => {
                    return refuse(
                        PortErrorKind::InvalidState,
                        OPERATION,
                        request.instance.as_str(),
                        "it is not available",
                    );
                }
                Some(_) => {}
            }
            let mut seen = new_snapshot(&request.region, &request.id, &request.instance, request.tags.clone());
            seen.taken_at = Some(state.now);
            let becomes = Some((state.now + state.timings.snapshot, DbSnapshotStatus::Available));
            state.snapshots.insert(key, Snapshot { seen, becomes });
            state.settle();
            Ok(())
        }))
    }
}

impl RoomRestore for MemoryCloud {
    fn restore_db_instance(&self, request: &RestoreDbInstance) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:RestoreDBInstanceFromDBSnapshot";
        ready(if request.id.as_str().starts_with(TEMPORARY) {
            self.call(OPERATION, request.id.as_str(), |state| restore(state, request, OPERATION))
        } else {
            refuse(PortErrorKind::Invalid, OPERATION, request.id.as_str(), "not a temporary name")
        })
    }

    fn delete_room(&self, region: &Region, id: &DbInstanceId) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:DeleteDBInstance";
        let key = (region.clone(), id.clone());
        ready(if id.as_str().starts_with(TEMPORARY) {
            self.call(OPERATION, id.as_str(), |state| {
                let gone_at = state.now + state.timings.delete;
                if let Some(instance) = state.instances.get_mut(&key)
                    && instance.seen.status != DbInstanceStatus::Deleting
                {
                    instance.seen.status = DbInstanceStatus::Deleting;
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
    let snapshot = match state.snapshots.get(&(request.region.clone(), request.snapshot.clone())) {
        None => return refuse(PortErrorKind::NotFound, operation, request.snapshot.as_str(), "no such snapshot"),
        Some(snapshot) if snapshot.seen.status != DbSnapshotStatus::Available => {
            return refuse(PortErrorKind::InvalidState, operation, request.snapshot.as_str(), "it is not available");
        }
        Some(snapshot) => snapshot,
    };
    let seen = DbInstance {
        region: request.region.clone(),
        id: request.id.clone(),
        arn: format!("arn:aws:rds:{}:000000000000:db:{}", request.region, request.id),
        status: DbInstanceStatus::Busy("creating".into()),
        endpoint: None,
        engine: snapshot.seen.engine.clone(),
        engine_version: snapshot.seen.engine_version.clone(),
        master_user: "app".into(),
        database: Some("app".into()),
        password_pending: false,
        modification_pending: false,
        deletion_protection: false,
        tags: request.tags.clone(),
    };
    let becomes = Some((state.now + state.timings.restore, Some(DbInstanceStatus::Available)));
    state.instances.insert(key, Instance { seen, becomes, password: None, password_at: None });
    state.settle();
    Ok(())
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
                    Some(instance) if instance.seen.status != DbInstanceStatus::Available => {
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

impl Webhooks for MemoryCloud {
    fn post(&self, url: &Password, body: &serde_json::Value) -> impl Future<Output = Answered<Answer>> + Send {
        ready(self.call("webhook", "a webhook", |state| {
            state.posted.push((url.expose().to_owned(), body.clone()));
            let script = state.answers.get_mut(url.expose()).filter(|script| !script.is_empty());
            match script.map(|script| script.remove(0)) {
                None => Ok(Answer { status: 200, retry_after: None, body: "ok".into() }),
                Some(Ok(answer)) => Ok(answer),
                Some(Err(kind)) => refuse(kind, "webhook", "a webhook", "no answer"),
            }
        }))
    }
}

impl FallbackTopic for MemoryCloud {
    fn publish(&self, subject: &str, text: &str) -> impl Future<Output = Answered<()>> + Send {
        ready(self.call("sns:Publish", subject, |state| {
            state.published.push((subject.into(), text.into()));
            Ok(())
        }))
    }
}

fn refuse<T>(kind: PortErrorKind, operation: &'static str, subject: &str, message: &str) -> Answered<T> {
    Err(PortError::new(kind, operation, subject, message))
}
