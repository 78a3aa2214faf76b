//! Misfortunes, as they come down.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::inventory::{Database, DbStatus};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use holdfast_ledger::{PLAN_KEY, plan_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::functions::Function;
use crate::misfortune::{Misfortune, PointWanted};
use crate::witness::ends::SOMEBODYS;

use super::deliver::{Delivery, Sort};
use super::rds::Later;
use super::{Event, Life, shared};

impl Life<'_> {
    pub(super) fn misfortune(&mut self, line: usize) {
        let Some(what) = self.script.lines.get(line).map(|line| line.what.clone()) else { return };
        *self.counts.faults.entry(what.sort()).or_default() += 1;
        let now = self.world.now();
        self.world.state().witness.befell(now, &what);
        self.world.state().changed_for(what.seen_by(), "a misfortune came");
        match &what {
            Misfortune::Crash { .. }
            | Misfortune::Hang { .. }
            | Misfortune::Fail { .. }
            | Misfortune::Lost { .. }
            | Misfortune::Doubled { .. }
            | Misfortune::Late { .. }
            | Misfortune::SnapshotFails { .. }
            | Misfortune::SnapshotSlow { .. }
            | Misfortune::RestoreFails { .. }
            | Misfortune::RestoreSlow { .. }
            | Misfortune::DeletionSlow { .. } => self.world.state().weather.waits(what),
            Misfortune::Cold { function } => {
                self.idle.remove(function);
            }
            Misfortune::Slow { minutes, .. }
            | Misfortune::Skew { minutes, .. }
            | Misfortune::Throttled { minutes, .. }
            | Misfortune::Unreachable { minutes, .. }
            | Misfortune::Stale { minutes, .. }
            | Misfortune::NoSweeps { minutes, .. }
            | Misfortune::SnapshotQuota { minutes, .. }
            | Misfortune::InstanceQuota { minutes, .. }
            | Misfortune::KeyDisabled { minutes, .. }
            | Misfortune::Damaged { minutes, .. }
            | Misfortune::OthersStop { minutes, .. }
            | Misfortune::Channel { minutes, .. } => {
                let minutes = *minutes;
                self.spell(what, minutes);
            }
            Misfortune::HomeDown { minutes } => self.home_goes_down(*minutes),
            Misfortune::Malformed { function } => {
                self.deliver(*function, json!({ "nobody": "can read this" }), Sort::Kept);
            }
            Misfortune::Database { resource, status, minutes } => {
                if let Some((region, database)) = self.database(resource) {
                    self.world.cloud.set_database_status(&region, &database, DbStatus::read(status));
                    self.heals_after(&what.clone(), resource, *minutes);
                }
            }
            Misfortune::Gone { resource, minutes } => {
                if let Some((region, database)) = self.database(resource) {
                    match &database {
                        Database::Instance(id) => self.world.cloud.remove_instance(&region, id),
                        Database::Cluster(id) => self.world.cloud.remove_cluster(&region, id),
                    }
                    self.heals_after(&what.clone(), resource, *minutes);
                }
            }
            Misfortune::LogsStuck { resource, minutes } => {
                if let Some((_, database)) = self.database(resource) {
                    let now = self.world.now();
                    self.world.state().logs_stuck.insert(database.id().to_owned(), now - SignedDuration::from_mins(5));
                    self.heals_after(&what.clone(), resource, *minutes);
                }
            }
            Misfortune::RecoveryPointDeleted { resource } => self.delete_newest(resource),
            Misfortune::ForeignSnapshot { resource } => self.foreign_snapshot(resource),
            Misfortune::ForeignRoom { region } => self.foreign_room(region),
            Misfortune::RoomDeleted { resource } => self.delete_room_by_hand(resource),
            Misfortune::RestoreTestNow { resource, request, from } => {
                let ask = restore_test(resource, request, *from, self.world.now());
                self.world.state().witness.costs.asked_for(resource);
                self.deliver(Function::RestoreTest, ask, Sort::Kept);
            }
            Misfortune::SnapshotNow { resource, request } => {
                let ask = json!({ "holdfast": "snapshot-now", "resource": resource, "request": request,
                    "reason": "to see", "keep": "30d" });
                self.deliver(Function::Snapshot, ask, Sort::Kept);
            }
            Misfortune::Acknowledged { by, way } => self.acknowledge(by, *way),
            Misfortune::AlertTest => {
                self.deliver(Function::Alert, json!({ "holdfast": "alert-test", "by": "jane" }), Sort::Kept);
            }
            Misfortune::Deploy { plan } => {
                if (1..=self.plans.len()).contains(plan) {
                    self.deploy(plan - 1);
                }
            }
        }
    }

    fn spell(&mut self, what: Misfortune, minutes: u32) {
        let until = self.world.now() + SignedDuration::from_mins(minutes.into());
        self.push(until, Event::Later(Later::Shown { to: what.seen_by(), what: "a misfortune is over" }));
        self.world.state().weather.lasts(until, what);
    }

    /// Whatever runs there dies with the region.
    fn home_goes_down(&mut self, minutes: u32) {
        self.spell(Misfortune::HomeDown { minutes }, minutes);
        let all: Vec<u64> = self.invocations.keys().copied().collect();
        for id in all {
            self.end(id, Err(super::killed_by_luck()));
        }
        self.idle.clear();
    }

    fn heals_after(&mut self, what: &Misfortune, resource: &str, minutes: u32) {
        self.spell(what.clone(), minutes);
        let heals = Later::Heals { resource: resource.to_owned() };
        self.after(SignedDuration::from_mins(minutes.into()), Event::Later(heals));
    }

    /// The database is there again, and well.
    pub(super) fn heal(&mut self, resource: &str) {
        let Some((region, database)) = self.database(resource) else { return };
        self.world.state().logs_stuck.remove(database.id());
        let stands = match &database {
            Database::Instance(id) => self.world.cloud.has_instance(&region, id),
            Database::Cluster(id) => self.world.cloud.has_cluster(&region, id),
        };
        if !stands {
            self.stand(resource);
        }
        self.world.cloud.set_database_status(&region, &database, DbStatus::Available);
    }

    fn database(&self, resource: &str) -> Option<(Region, Database)> {
        let plan = self.plans[self.current].plan();
        let (_, found) = plan.resources.iter().find(|(name, _)| name.as_str() == resource)?;
        Some((found.region.clone(), Database::of(&found.target)?))
    }

    fn delete_newest(&mut self, resource: &str) {
        let points: BTreeMap<_, _> = {
            let state = self.world.state();
            let of = state.witness.points.iter().filter(|(_, point)| point.resource == resource);
            of.filter_map(|(id, point)| Some((point.available_at?, id.clone()))).collect()
        };
        let newest = points.into_iter().next_back();
        if let (Some((_, id)), Some((region, _))) = (newest, self.database(resource)) {
            self.world.cloud.remove_snapshot(&region, &id);
            let now = self.world.now();
            self.world.state().weather.felt(now);
        }
    }

    fn foreign_snapshot(&mut self, resource: &str) {
        let number = self.world.state().next();
        let id = format!("by-hand-{number}").parse::<DbSnapshotId>();
        let owner = Tags::from([("owner".into(), "somebody".into())]);
        match (self.database(resource), id) {
            (Some((region, Database::Instance(instance))), Ok(id)) => {
                self.world.cloud.add_snapshot(&region, &id, &instance, owner);
            }
            (Some((region, Database::Cluster(cluster))), Ok(id)) => {
                self.world.cloud.add_cluster_snapshot(&region, &id, &cluster, owner);
            }
            (None, _) | (_, Err(_)) => {}
        }
    }

    fn foreign_room(&mut self, region: &str) {
        let number = self.world.state().next();
        let id = format!("{SOMEBODYS}{number}").parse::<DbInstanceId>();
        if let (Ok(region), Ok(id)) = (region.parse::<Region>(), id) {
            self.world.cloud.add_instance(&region, &id);
        }
    }

    fn delete_room_by_hand(&mut self, resource: &str) {
        let room = {
            let state = self.world.state();
            let mut rooms = state.rooms.iter().filter(|(_, facts)| facts.resource == resource);
            rooms.next().map(|(id, facts)| (facts.region.clone(), id.clone()))
        };
        if let Some((region, room)) = room {
            self.world.cloud.remove_instance(&region, &room);
            if let Ok(cluster) = room.as_str().parse() {
                self.world.cloud.remove_cluster(&region, &cluster);
            }
            self.room_is_gone(&room);
            let now = self.world.now();
            self.world.state().weather.felt(now);
        }
    }

    /// A new plan is uploaded, and its schedules with it.
    pub(super) fn deploy(&mut self, plan: usize) {
        let now = self.world.now();
        self.current = plan;
        self.deployed.push((now, plan));
        let compiled = &self.plans[plan];
        self.world.cloud.put_object(&plan_key(compiled.sha()), compiled.to_json());
        self.world.cloud.put_object(PLAN_KEY, compiled.to_json());
        self.world.state().witness.deployed(now, compiled.plan());
        self.world.state().weather.felt(now);
        self.world.state().changed_for(&Function::ALL, "another plan holds");
        self.stand_all();
        for place in 0..self.plans[plan].schedules().len() {
            self.schedule(plan, place);
        }
    }

    /// From now on nothing goes wrong any more, and what is broken is mended.
    pub(super) fn calm_down(&mut self) {
        let now = self.world.now();
        self.stormy = false;
        self.queue.retain(|_, event| !matches!(event, Event::Misfortune(_)));
        let at_once: Vec<(Timestamp, u64)> =
            self.queue.iter().filter(|(_, event)| ends_with_the_storm(event)).map(|(key, _)| *key).collect();
        for key in at_once {
            if let Some(event) = self.queue.remove(&key) {
                self.push(now, event);
            }
        }
        self.world.state().weather.clear(now);
        self.world.state().changed_for(&Function::ALL, "all is well from now on");
        let resources: Vec<String> =
            self.plans[self.current].plan().resources.keys().map(ToString::to_string).collect();
        resources.iter().for_each(|resource| self.heal(resource));
        // Copies of damaged data would fail for as long as they are kept, and rightly; whoever looks for the end of things wants them sound.
        self.world.state().damaged_points.clear();
        self.ask_again();
        self.tick_soon();
    }
}

impl Life<'_> {
    /// Whoever asked for a restore test by hand asks once more, when all is well: nobody else would ever end what the first one told.
    fn ask_again(&mut self) {
        let asked = |line: &crate::script::Line| {
            let Misfortune::RestoreTestNow { resource, from, .. } = &line.what else { return None };
            Some((resource.clone(), *from))
        };
        let resources: BTreeSet<_> = self.script.lines.iter().filter_map(asked).collect();
        for ((resource, from), in_hours) in resources.into_iter().zip(30..) {
            let request = from.map_or_else(|| "again".to_owned(), |from| format!("again-from-{from}"));
            let ask = restore_test(&resource, &request, from, self.world.now());
            self.world.state().witness.costs.asked_for(&resource);
            let (function, payload) = (Function::RestoreTest, shared(ask));
            let delivery = Delivery { function, payload, sort: Sort::Kept, attempt: 0, audit: None };
            // One after the other, so that none waits for a room for longer than it may.
            self.after(SignedDuration::from_hours(in_hours), Event::Deliver(delivery));
        }
    }
}

fn ends_with_the_storm(event: &Event) -> bool {
    matches!(
        event,
        Event::Later(
            Later::Heals { .. }
                | Later::QuotaEnds { .. }
                | Later::SnapshotDone { .. }
                | Later::RoomUp { .. }
                | Later::RoomGone { .. }
        )
    )
}

/// What somebody sends who wants a restore test now.
fn restore_test(resource: &str, request: &str, from: Option<PointWanted>, now: Timestamp) -> Value {
    let mut ask =
        json!({ "holdfast": "restore-test-now", "resource": resource, "request": request, "reason": "to see" });
    match from {
        None => {}
        Some(PointWanted::Time) => ask["from"] = json!({ "time": (now - SignedDuration::from_hours(1)).to_string() }),
        Some(from) => ask["from"] = from.to_string().into(),
    }
    ask
}
