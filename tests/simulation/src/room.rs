//! The played room: what `verify` finds behind the door, sound or damaged as what it was restored from was.

use holdfast_domain::inventory::{DatabaseKind, DbStatus};
use holdfast_domain::{DbInstanceId, Outcome};
use holdfast_ports::Password;
use jiff::SignedDuration;
use verify::catalog::{Catalog, Contents, Database, Listing, Table, Tool};
use verify::documents::catalog as documents;
use verify::room::{Examined, Judgement, Language, Opened, Room, RoomAddress, RoomDoor, RoomError};
use verify::work::{Question, Unit, units};

use crate::chance::mix;
use crate::hands::Hands;

/// Inside of a room.
pub(crate) struct Inside {
    hands: Hands,
    room: DbInstanceId,
    language: Language,
}

impl Drop for Inside {
    /// A server notices that a connection broke: the next invocation may come in.
    fn drop(&mut self) {
        if let Some(facts) = self.hands.world.state().rooms.get_mut(&self.room)
            && facts.inside == Some(self.hands.invocation)
        {
            facts.inside = None;
        }
    }
}

impl Hands {
    /// Whether the room answers, and to this password if one is given.
    fn answers(&self, room: &DbInstanceId, password: Option<&Password>) -> Result<bool, RoomError> {
        let lost = |reason: &str| RoomError::Lost { room: room.to_string(), reason: reason.to_owned() };
        let world = &self.world;
        let Some(facts) = world.state().rooms.get(room).cloned() else { return Err(lost("there is no such server")) };
        let mut status = None;
        world
            .cloud
            .edit_instance(&facts.region, room, |seen| status = Some((seen.status.clone(), seen.password_pending)));
        let mut right = world.cloud.instance_password(&facts.region, room);
        if let (DatabaseKind::Cluster, Ok(cluster)) = (facts.kind, room.as_str().parse()) {
            // Its password is the cluster's, and without the cluster nothing stands behind it.
            let of_member = status.take();
            world.cloud.edit_cluster(&facts.region, &cluster, |seen| {
                status = of_member.map(|(status, pending)| (status, pending || seen.password_pending));
            });
            right = world.cloud.cluster_password(&facts.region, &cluster);
        }
        match status {
            Some((DbStatus::Available, false)) => {}
            Some((DbStatus::Available, true)) | None | Some(_) => return Err(lost("it does not answer")),
        }
        if password.is_some_and(|given| right.as_ref().is_none_or(|right| right != given)) {
            return Err(RoomError::NotReady { room: room.to_string(), reason: "the password is not its".into() });
        }
        Ok(facts.damaged)
    }
}

impl RoomDoor for Hands {
    type Room = Inside;

    async fn open(&self, address: &RoomAddress, password: &Password) -> Result<Opened<Inside>, RoomError> {
        self.wait(SignedDuration::from_millis(200)).await;
        let nowhere = || RoomError::Lost { room: address.to_string(), reason: "no such host".into() };
        let id = address.host.strip_suffix(".test").ok_or_else(nowhere)?;
        let room: DbInstanceId = id.parse().map_err(|_| nowhere())?;
        self.answers(&room, Some(password))?;
        let mut state = self.world.state();
        let facts = state.rooms.get_mut(&room).ok_or_else(nowhere)?;
        if facts.inside.is_some_and(|inside| inside != self.invocation) {
            return Ok(Opened::Busy);
        }
        facts.inside = Some(self.invocation);
        Ok(Opened::Room(Inside { hands: self.clone(), room, language: address.language }))
    }
}

/// Three tables without indexes: little enough to be quick, and more than one unit of every stage.
fn catalog() -> Catalog {
    let ready = || Tool::Ready { function: "f".into() };
    let table = |number: u32| Table {
        oid: number,
        schema: "public".into(),
        name: format!("t{number}"),
        access_method: "heap".into(),
        blocks: 1,
        indexes: Vec::new(),
        toast: None,
        has_heirs: false,
    };
    let listing = Listing {
        verify_heapam: ready(),
        bt_index_check: ready(),
        pgstattuple: ready(),
        tid_ranges: true,
        search_path: vec!["public".into()],
        partitioned: vec![],
        tables: (1..=3).map(table).collect(),
        constraints: vec![],
        sequences: vec![],
    };
    Catalog { databases: vec![Database { name: "app".into(), contents: Contents::Listed(listing) }] }
}

/// The same of documents.
fn document_catalog() -> documents::Catalog {
    let collection = |number: u32| documents::Collection {
        name: format!("t{number}"),
        kind: documents::CollectionKind::Documents,
        options: String::new(),
        indexes: documents::Indexes::Listed(Vec::new()),
    };
    let contents = documents::Contents::Listed((1..=3).map(collection).collect());
    let databases = vec![documents::Database { name: "app".into(), contents }];
    let validate = documents::Offer::Unsupported { reason: "no server of this sort can".into() };
    documents::Catalog { databases, unlisted: None, validate }
}

impl Room for Inside {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        self.hands.wait(SignedDuration::from_millis(500)).await;
        self.hands.answers(&self.room, None)?;
        Ok(match self.language {
            Language::Sql => units(&catalog(), question),
            Language::Documents => verify::documents::units::units(&document_catalog(), question),
        })
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        let luck = mix(self.hands.world.seed, format!("{} {}", self.room, unit.check).as_bytes());
        let takes = SignedDuration::from_secs(1 + i64::try_from(luck % 40).unwrap_or(0));
        self.hands.wait(takes.min(limit)).await;
        let damaged = self.hands.answers(&self.room, None)?;
        if takes > limit {
            return Ok(Examined::Cut);
        }
        let fails = damaged && unit.check.contains("t1");
        Ok(Examined::Judged(Judgement {
            outcome: if fails { Outcome::Failed } else { Outcome::Passed },
            detail: if fails { "58 rows are missing from the heap".into() } else { "fine".into() },
            took: takes,
            observed: None,
        }))
    }

    async fn leave(self) {}
}
