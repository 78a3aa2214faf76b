//! What rooms cost: how many there are, for how long, and how many at once. The forecast of a plan (`plan forecast`) reckons that each firing
//! of a restore test, or of the rule that it follows, has one room until the test's deadline; so no test may have more.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Due, Plan};
use holdfast_domain::{DbInstanceId, Schedule, Slot};
use holdfast_plan::Compiled;
use jiff::{SignedDuration, Timestamp};

use crate::witness::acts::Point;
use crate::witness::{Invariant, Witness};
use crate::world::RoomFacts;

/// How long after it was due a restore test still begins: one that was due before the plan was deployed may yet come.
const CAUGHT_UP: SignedDuration = SignedDuration::from_hours(24);
/// How long a plan that was replaced may still be at work in an invocation, or hold rooms that it gave away.
const LINGERS: SignedDuration = SignedDuration::from_hours(1);
/// How long it must have been calm for the number of rooms at once to be judged: a listing that is old, or a crash, may hide one.
const CALM: SignedDuration = SignedDuration::from_hours(2);

/// What rooms came to.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    /// Those that stand, also while RDS deletes them.
    standing: BTreeSet<DbInstanceId>,
    /// How many were made for a resource, and how long they stood before they were asked to go.
    of: BTreeMap<String, (u64, SignedDuration)>,
    /// How often somebody asked for one by hand.
    asked: BTreeMap<String, u64>,
    /// How many there may be at once, since when; and how many before that.
    most: Option<(u32, Timestamp)>,
    before: u32,
}

impl Rooms {
    /// Another plan holds.
    pub(crate) fn deployed(&mut self, now: Timestamp, plan: &Plan) {
        self.before = self.most.map_or(0, |(most, _)| most);
        self.most = Some((plan.rooms_max, now));
    }

    pub(crate) fn asked_for(&mut self, resource: &str) {
        *self.asked.entry(resource.to_owned()).or_default() += 1;
    }
}

impl Witness {
    /// A room is being restored: one more at once.
    pub(crate) fn room_stands(
        &mut self,
        now: Timestamp,
        calm_since: Option<Timestamp>,
        room: &DbInstanceId,
        facts: &RoomFacts,
    ) {
        self.room_holds(room, facts.damaged);
        self.costs.standing.insert(room.clone());
        self.costs.of.entry(facts.resource.clone()).or_default().0 += 1;
        let Some((most, since)) = self.costs.most else { return };
        let most = if now < since + LINGERS { most.max(self.costs.before) } else { most };
        let count = self.costs.standing.len();
        let calm = calm_since.is_none_or(|calm| calm + CALM < now);
        let few = count <= usize::try_from(most).unwrap_or(usize::MAX);
        self.must(now, Invariant::Cost, few || !calm, || {
            format!("{room} is the room number {count} at once, and the plan has {most} at most")
        });
    }

    /// Nothing is left of a room.
    pub(crate) fn room_gone(&mut self, now: Timestamp, room: &DbInstanceId, facts: &RoomFacts) {
        self.costs.standing.remove(room);
        let stood = facts.asked_to_go_at.unwrap_or(now).duration_since(facts.made_at);
        if let Some((_, all)) = self.costs.of.get_mut(&facts.resource) {
            *all += stood;
        }
    }
}

/// No more rooms, and for no longer, than the plans in force foresaw.
pub(crate) fn look(witness: &mut Witness, plans: &[Compiled], deployed: &[(Timestamp, usize)], end: Timestamp) {
    let rooms: Vec<_> = witness.costs.of.iter().map(|(name, of)| (name.clone(), *of)).collect();
    for (name, (count, stood)) in rooms {
        let mut foreseen = (0, SignedDuration::ZERO);
        let mut longest = BY_HAND;
        for (place, (from, plan)) in deployed.iter().enumerate() {
            let until = deployed.get(place + 1).map_or(end, |(next, _)| *next);
            let found = plans[*plan].plan().resources.iter().find(|(of, _)| of.as_str() == name);
            for test in found.iter().flat_map(|(_, resource)| resource.restore_tests.values()) {
                let firings = match &test.due {
                    Due::At(at) => firings(at, (*from, until)),
                    Due::After(rule) => taken(witness, &name, rule.as_str(), (*from, until)),
                };
                foreseen.0 += firings;
                foreseen.1 += times(test.deadline, firings);
                longest = longest.max(test.deadline);
            }
        }
        let asked = witness.costs.asked.get(&name).copied().unwrap_or(0);
        let most = (foreseen.0 + asked, foreseen.1 + times(longest, asked));
        witness.must(end, Invariant::Cost, count <= most.0, || {
            format!("{name} had {count} rooms; its plans foresaw {}, and {asked} were asked for", foreseen.0)
        });
        // Rooms go a little after their deadline: that is the third invariant's.
        let allowed = most.1 + times(SignedDuration::from_mins(35), count) + times(longest, u64::from(count > 0));
        witness.must(end, Invariant::Cost, stood <= allowed, || {
            format!("the rooms of {name} stood for {stood:#} in all, and {:#} were foreseen", most.1)
        });
    }
}

/// As long as a test by hand has that no rule says more of.
const BY_HAND: SignedDuration = SignedDuration::from_hours(4);

fn times(time: SignedDuration, count: u64) -> SignedDuration {
    time.saturating_mul(i32::try_from(count).unwrap_or(i32::MAX))
}

/// How often a test may begin in a span: whenever it is due, and once for what is caught up with.
fn firings(schedule: &Schedule, (from, until): (Timestamp, Timestamp)) -> u64 {
    let all = schedule.firings_from(from - CAUGHT_UP).map(|firing| firing.at).take_while(|at| *at < until);
    u64::try_from(all.count()).unwrap_or(u64::MAX)
}

/// How many recovery points of a rule there were to be tested in a span. That is one for each of its firings, and another one for each that
/// somebody deleted: then the next of another rule serves it.
fn taken(witness: &Witness, resource: &str, rule: &str, (from, until): (Timestamp, Timestamp)) -> u64 {
    let serves = |point: &&Point| point.resource == resource && point.rules.contains(rule);
    let slots = witness.points.values().filter(serves).filter_map(|point| point.slot);
    let in_span = slots.map(Slot::instant).filter(|at| *at >= from - CAUGHT_UP && *at < until);
    u64::try_from(in_span.count()).unwrap_or(u64::MAX)
}
