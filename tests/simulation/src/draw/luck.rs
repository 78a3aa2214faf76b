//! Which misfortunes come, how often, and each with all its particulars.

use jiff::SignedDuration;

use crate::chance::Chance;
use crate::functions::Function;
use crate::misfortune::{Broken, Misfortune, PointWanted, Refusal, Way};
use crate::script::Line;

use super::plan::{Drawn, Plans};

/// A sort of misfortune: draws one.
type Sort = fn(&mut Chance, &Plans) -> Option<Misfortune>;

/// What comes down on calls, invocations and channels.
const OF_CALLS: &[Sort] = &[
    |c, _| Some(Misfortune::Crash { function: function(c), call: small(c, 40) }),
    |c, _| Some(Misfortune::Crash { function: function(c), call: small(c, 12) }),
    |c, _| Some(Misfortune::Hang { function: function(c), call: small(c, 30) }),
    |c, _| Some(Misfortune::Cold { function: function(c) }),
    |c, _| Some(Misfortune::Slow { function: function(c), times: small(c, 200), minutes: minutes(c, 30) }),
    |c, _| Some(Misfortune::Skew { function: function(c), seconds: seconds(c), minutes: minutes(c, 600) }),
    |c, _| Some(fail(c, Refusal::Throttled)),
    |c, _| Some(fail(c, Refusal::Unavailable)),
    |c, _| Some(fail(c, Refusal::AnswerLost)),
    |c, _| Some(fail(c, Refusal::AccessDenied)),
    |c, p| Some(Misfortune::Throttled { region: c.pick(&p.regions), minutes: minutes(c, 60) }),
    |c, p| Some(Misfortune::Unreachable { region: c.pick(&p.regions), minutes: minutes(c, 480) }),
    |c, p| Some(Misfortune::Stale { region: c.pick(&p.regions), seconds: small(c, 240), minutes: minutes(c, 240) }),
    |c, _| Some(Misfortune::HomeDown { minutes: minutes(c, 600) }),
    |c, _| Some(Misfortune::NoSweeps { function: swept(c), minutes: minutes(c, 300) }),
    |c, _| Some(Misfortune::Lost { function: function(c) }),
    |c, _| Some(doubled(c)),
    |c, _| Some(Misfortune::Late { function: function(c), seconds: small(c, 3_600) }),
    |c, _| Some(Misfortune::Malformed { function: swept(c) }),
    |c, p| Some(Misfortune::RoomDeleted { resource: resource(c, p)? }),
    |c, _| Some(Misfortune::Acknowledged { by: c.pick(&["jane", "joe"]).to_owned(), way: way(c) }),
    |c, p| Some(Misfortune::Channel { channel: c.pick(&p.channels), how: broken(c), minutes: minutes(c, 240) }),
    |_, _| Some(Misfortune::AlertTest),
];

/// What comes down on databases, snapshots and restores, and what people do to them.
const OF_THE_WORLD: &[Sort] = &[
    |c, p| Some(Misfortune::SnapshotFails { resource: resource(c, p)? }),
    |c, p| Some(Misfortune::SnapshotSlow { resource: resource(c, p)?, minutes: minutes(c, 1_500) }),
    |c, p| Some(Misfortune::RestoreFails { resource: resource(c, p)?, status: status_of_room(c) }),
    |c, p| Some(Misfortune::RestoreSlow { resource: resource(c, p)?, minutes: minutes(c, 900) }),
    |c, p| Some(Misfortune::DeletionSlow { resource: resource(c, p)?, minutes: minutes(c, 300) }),
    |c, p| Some(Misfortune::SnapshotQuota { region: c.pick(&p.regions), minutes: minutes(c, 600) }),
    |c, p| Some(Misfortune::InstanceQuota { region: c.pick(&p.regions), minutes: minutes(c, 400) }),
    |c, p| Some(Misfortune::KeyDisabled { resource: resource(c, p)?, minutes: minutes(c, 2_000) }),
    |c, p| Some(Misfortune::Database { resource: resource(c, p)?, status: status(c), minutes: minutes(c, 2_000) }),
    |c, p| Some(Misfortune::Gone { resource: resource(c, p)?, minutes: minutes(c, 1_500) }),
    |c, p| Some(Misfortune::Damaged { resource: resource(c, p)?, minutes: minutes(c, 3_000) }),
    |c, p| Some(Misfortune::LogsStuck { resource: resource(c, p)?, minutes: minutes(c, 300) }),
    |c, p| Some(Misfortune::RecoveryPointDeleted { resource: resource(c, p)? }),
    |c, p| Some(Misfortune::ForeignSnapshot { resource: resource(c, p)? }),
    |c, p| {
        let external: Vec<&Drawn> = p.resources.iter().filter(|drawn| drawn.is_external).collect();
        let resource = (!external.is_empty()).then(|| c.pick(&external).name.clone())?;
        Some(Misfortune::OthersStop { resource, minutes: minutes(c, 4_000) })
    },
    |c, p| by_hand(c, p),
    |c, p| by_hand(c, p),
];

fn function(chance: &mut Chance) -> Function {
    chance.pick(&Function::ALL)
}

fn swept(chance: &mut Chance) -> Function {
    chance.pick(&[Function::Snapshot, Function::RestoreTest, Function::Alert])
}

fn small(chance: &mut Chance, most: u64) -> u32 {
    // Most are small.
    let bound = chance.below(most) + 1;
    u32::try_from(chance.below(bound) + 1).unwrap_or(1)
}

fn minutes(chance: &mut Chance, most: u64) -> u32 {
    small(chance, most)
}

fn seconds(chance: &mut Chance) -> i32 {
    i32::try_from(chance.between(-30, 30)).unwrap_or(0)
}

fn resource(chance: &mut Chance, plans: &Plans) -> Option<String> {
    (!plans.resources.is_empty()).then(|| chance.pick(&plans.resources).name)
}

fn doubled(chance: &mut Chance) -> Misfortune {
    Misfortune::Doubled { function: function(chance), seconds: small(chance, 900) - 1, look: false }
}

fn way(chance: &mut Chance) -> Option<Way> {
    chance.pick(&[None, Some(Way::Slack), Some(Way::Hand)])
}

fn fail(chance: &mut Chance, how: Refusal) -> Misfortune {
    let function = function(chance);
    let services: &[&str] = match function {
        Function::Snapshot => &["s3", "s3", "rds", "events"],
        Function::RestoreTest => &["s3", "s3", "rds", "events", "secretsmanager"],
        Function::Verify | Function::Acknowledge => &["s3", "events", "secretsmanager"],
        Function::Alert => &["s3", "secretsmanager", "webhook", "ses"],
    };
    let service = chance.pick(services).to_owned();
    Misfortune::Fail { function, service, how, calls: small(chance, 6) }
}

fn status(chance: &mut Chance) -> String {
    chance
        .pick(&[
            "stopped",
            "modifying",
            "storage-full",
            "rebooting",
            "inaccessible-encryption-credentials",
            "upgrading",
        ])
        .to_owned()
}

fn status_of_room(chance: &mut Chance) -> String {
    chance
        .pick(&["restore-error", "incompatible-network", "incompatible-restore", "insufficient-capacity", "failed"])
        .to_owned()
}

fn broken(chance: &mut Chance) -> Broken {
    chance.pick(&[Broken::Down, Broken::Limited, Broken::Failing, Broken::Silent])
}

fn by_hand(chance: &mut Chance, plans: &Plans) -> Option<Misfortune> {
    let request = format!("now-{}", chance.below(10_000));
    if plans.resources.is_empty() {
        return None;
    }
    let Drawn { name, region, is_tested, is_continuous, .. } = chance.pick(&plans.resources);
    Some(match chance.below(3) {
        0 if is_tested => {
            let froms: &[_] = if is_continuous { &[PointWanted::Pitr, PointWanted::Time] } else { &[] };
            let wanted = [PointWanted::Random, PointWanted::Oldest].iter().chain(froms).copied().collect::<Vec<_>>();
            let from = chance.one_in(2).then(|| chance.pick(&wanted));
            Misfortune::RestoreTestNow { resource: name, request, from }
        }
        1 => Misfortune::ForeignRoom { region },
        _ => Misfortune::SnapshotNow { resource: name, request },
    })
}

pub(super) fn lines(chance: &Chance, plans: &Plans, lasts: SignedDuration) -> Vec<Line> {
    let mut climate = chance.apart("climate");
    // A third of the sorts or so, and between one in two days and two in an hour.
    let share = climate.between(1, 3).unsigned_abs();
    // Some lives are compared with their twins: nothing comes down on calls there, and much is doubled.
    let is_compared = climate.one_in(6);
    let of_calls = if is_compared { &[] } else { OF_CALLS };
    let mut some: Vec<Sort> =
        of_calls.iter().chain(OF_THE_WORLD).copied().filter(|_| climate.below(4) < share).collect();
    if is_compared {
        let doubled: Sort = |c, _| Some(doubled(c));
        some.extend(vec![doubled; some.len() + 1]);
    }
    let every_mins = climate.pick(&[30, 60, 120, 240, 720, 1_440, 2_880]);
    let mut lines = Vec::new();
    let mut when = chance.apart("when");
    let total = lasts.as_secs();
    if !some.is_empty() {
        let count = total / 60 / every_mins;
        for _ in 0..count {
            let at = SignedDuration::from_secs(when.between(0, total - 1));
            let sort = when.pick(&some);
            if let Some(what) = sort(&mut when, plans) {
                lines.push(Line { at, what });
            }
        }
    }
    for plan in 2..=plans.texts.len() {
        let at = SignedDuration::from_secs(when.between(0, total - 1));
        lines.push(Line { at, what: Misfortune::Deploy { plan } });
    }
    lines.sort_by_key(|line| line.at);
    // Plans come in their order.
    let mut number = 1;
    for line in &mut lines {
        if let Misfortune::Deploy { plan } = &mut line.what {
            number += 1;
            *plan = number;
        }
    }
    lines
}
