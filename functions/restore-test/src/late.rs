//! Telling of rooms that outlive their deadline, and of each once more when it is gone: what is told is remembered before, in the record of
//! the rooms, so that the end of it is told also of a room that no run knows.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{LateRoom, Ledger, LedgerError, ROOMS_KEY, RoomsInUse, Written};
use holdfast_ports::{Bus, Entropy, Objects};
use holdfast_wire::Message;

use crate::observe::{Rooms, Seen};
use crate::reap::{self, Standing};
use crate::{Error, Outcome, Ports};

/// Tells of the rooms that are late now, and of those that were and are gone.
pub(crate) async fn tell<O: Objects, R, S, B: Bus, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    seen: &Seen,
    standing: &Standing<'_>,
    outcome: &mut Outcome,
) {
    let known = known(seen);
    let late = reap::late(&seen.plan, standing, seen.now);
    let regions: BTreeSet<_> = seen.regions.keys().collect();
    let gone = reap::gone(&known, standing, &regions);
    let new: BTreeMap<String, LateRoom> =
        late.iter().map(|room| room.record(seen.now)).filter(|(id, _)| !known.contains_key(id)).collect();
    let told = async {
        if !new.is_empty() {
            change(ports, |rooms| rooms.late.extend(new.clone())).await?;
        }
        let open = late.iter().map(|room| room.finding(&seen.plan, seen.now));
        let over = gone.iter().map(|(id, room)| reap::is_gone(&seen.plan, id, room, seen.now));
        let messages: Vec<Message> = open.chain(over).map(Message::Finding).collect();
        ports.bus.announce(&messages).await?;
        if !gone.is_empty() {
            change(ports, |rooms| rooms.late.retain(|id, room| gone.get(id) != Some(room))).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = told.await {
        outcome.failures.keep("findings about rooms", &error);
    }
}

fn known(seen: &Seen) -> BTreeMap<String, LateRoom> {
    match &seen.rooms {
        Rooms::Unknown | Rooms::None => BTreeMap::new(),
        Rooms::Held(held) => held.body.late.clone(),
    }
}

/// How often a change is tried anew when another invocation wrote in between.
const ATTEMPTS_MAX: usize = 5;

/// Changes the record of the rooms as it is by now: this invocation may have given a room away since it looked.
async fn change<O: Objects, R, S, B, Y: Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    change: impl Fn(&mut RoomsInUse),
) -> Result<(), LedgerError> {
    let ledger = Ledger::new(ports.objects, ports.system);
    for _ in 0..ATTEMPTS_MAX {
        let before = ledger.read::<RoomsInUse>(ROOMS_KEY).await?;
        let mut rooms = before.as_ref().map(|held| held.body.clone()).unwrap_or_default();
        change(&mut rooms);
        let written = match &before {
            Some(held) if held.body == rooms => return Ok(()),
            Some(held) => ledger.replace(held, rooms).await.map(Written::Created),
            None => ledger.create(ROOMS_KEY, rooms).await,
        };
        match written {
            Ok(Written::Created(_)) => return Ok(()),
            Ok(Written::Existed(_)) | Err(LedgerError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(LedgerError::Conflict { key: ROOMS_KEY.into() })
}
