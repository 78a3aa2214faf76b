//! Restore tests: when, from which recovery point, where, in what, and until when.

use std::collections::BTreeMap;

use holdfast_domain::plan::{CopyRule, Due, Pitr, ResourceKind, RestoreFrom, RestoreTestRule};
use holdfast_domain::{Region, RuleName};
use jiff::SignedDuration;

use super::context::Context;
use super::copies::rule_reference;
use super::forms::{DURATION, INSTANCE_CLASS, INSTANT, NAME, REGION, SCHEDULE, SERVERLESS_CLASS, ZONE};
use super::kinds;
use super::reader::{Fields, Place};
use super::schedule::{no_zone, schedule};
use super::words::{Words, known};
use crate::language::{Shape, Table, Together, may, must};
use crate::node::Value;
use crate::problem::{Log, code};

/// A restore takes minutes at the least.
const DEADLINE_MIN: SignedDuration = SignedDuration::from_mins(1);
/// A test that takes a week would overlap the next, and pays for a database all that time.
const DEADLINE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(super) const RESTORE_TESTS: Shape = Shape::Named(&NAME, &Shape::Map(&RESTORE_TEST));

pub(crate) static RESTORE_TEST: Table = Table::with(
    "restore-test",
    &[
        may("at", Shape::Like(&SCHEDULE), "The schedule, AWS's cron of six fields"),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone of the schedule; the plan's if left out"),
        may(
            "after",
            Shape::Like(&NAME),
            "In place of a schedule: a snapshot rule of this resource, each of whose recovery points is tested",
        ),
        must(
            "from",
            Shape::Any(&[Shape::Word(|| known(FROM)), Shape::Map(&CHOSEN)]),
            "Which recovery point: latest, random, oldest, pitr (the latest restorable time), or a chosen one",
            "the recovery point to restore, such as from: latest",
        ),
        may("region", Shape::Like(&REGION), "Where: a region that copies go to; the resource's if left out"),
        must(
            "instance_class",
            Shape::Like(&INSTANCE_CLASS),
            "Class of the temporary database; db.serverless for one of Aurora that AWS sizes",
            "the class of the temporary database, such as instance_class: db.t4g.medium",
        ),
        must(
            "deadline",
            Shape::Like(&DURATION),
            "The longest that the whole test may take, 1m to 7d; then it is judged and its database destroyed",
            "the longest that the whole test may take, such as deadline: 4h",
        ),
    ],
    &[Together::One(&["at", "after"]), Together::Beside("time_zone", "at")],
);

static CHOSEN: Table = Table::with(
    "chosen-recovery-point",
    &[
        may("time", Shape::Like(&INSTANT), "An instant within the window of continuous backup"),
        may("recovery_point", Shape::Text, "The recovery point of this identifier"),
    ],
    &[Together::One(&["time", "recovery_point"])],
);

#[derive(Debug, Clone, Copy)]
enum From {
    Latest,
    Random,
    Oldest,
    Pitr,
}

const FROM: Words<From> =
    &[("latest", From::Latest), ("random", From::Random), ("oldest", From::Oldest), ("pitr", From::Pitr)];

/// What of the resource a restore test may name. A part that was refused is absent here and not held against the tests.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The names of the snapshot rules, as written.
    pub(super) rules: &'a [&'a str],
    pub(super) kind: Option<ResourceKind>,
    pub(super) region: Option<&'a Region>,
    pub(super) pitr: Option<Option<&'a Pitr>>,
    pub(super) copies: Option<&'a [CopyRule]>,
}

pub(super) fn restore_tests(
    place: &Place<'_>,
    source: &Source<'_>,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<BTreeMap<RuleName, RestoreTestRule>> {
    place.named("restore_tests", log, |place, log| restore_test(place, source, context, log))
}

fn restore_test(
    place: &Place<'_>,
    source: &Source<'_>,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<RestoreTestRule> {
    let fields = Fields::of(place, &RESTORE_TEST, log)?;
    let due = due(&fields, source.rules, context, log);
    let from = fields.must("from", log, |place, log| from(place, source, log));
    let region = match fields.take("region") {
        Some(place) => region(&place, from.as_ref(), source, log),
        None => source.region.cloned(),
    };
    let instance_class = fields.must("instance_class", log, |place, log| instance_class(place, source.kind, log));
    let why = "the longest that the whole test may take before it is judged and its database destroyed";
    let deadline =
        fields.must("deadline", log, |place, log| place.duration_within(DEADLINE_MIN, DEADLINE_MAX, why, log));
    Some(RestoreTestRule {
        due: due?,
        from: from?,
        region: region?,
        instance_class: instance_class?,
        deadline: deadline?,
    })
}

fn instance_class(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<String> {
    let class = place.instance_class(log)?;
    if class == SERVERLESS_CLASS {
        kinds::check_serverless(place, kind, log)?;
    }
    Some(class)
}

/// Exactly one of `at` and `after`.
fn due(fields: &Fields<'_>, rules: &[&str], context: &Context<'_>, log: &mut Log) -> Option<Due> {
    let allowed = "exactly one of at with a schedule and after with the name of a snapshot rule is wanted";
    match (fields.take("at"), fields.take("after")) {
        (Some(at), None) => schedule(&at, fields, &context.clock, log).map(Due::At),
        (None, Some(after)) => {
            no_zone(fields, "after", "the test follows the recovery point", log);
            rule_reference(&after, rules, log).map(Due::After)
        }
        (Some(_), Some(after)) => {
            after.refuse(code::EITHER_OR, "at and after both stand here", allowed, log);
            None
        }
        (None, None) => {
            fields.place.refuse(code::EITHER_OR, "neither at nor after stands here", allowed, log);
            None
        }
    }
}

fn from(place: &Place<'_>, source: &Source<'_>, log: &mut Log) -> Option<RestoreFrom> {
    let from = if matches!(place.node.value, Value::Map(_)) {
        chosen(place, log)?
    } else {
        match place.word(FROM, log)? {
            From::Latest => RestoreFrom::Latest,
            From::Random => RestoreFrom::Random,
            From::Oldest => RestoreFrom::Oldest,
            From::Pitr => RestoreFrom::Pitr,
        }
    };
    if needs_pitr(&from) && source.pitr == Some(None) {
        let message = "this resource has no pitr, so there is no time to restore to";
        place.refuse(code::NO_SUCH, message, "pitr: { window: 7d } on the resource, or another from", log);
        return None;
    }
    Some(from)
}

fn needs_pitr(from: &RestoreFrom) -> bool {
    match from {
        RestoreFrom::Pitr | RestoreFrom::Time(_) => true,
        RestoreFrom::Latest | RestoreFrom::Random | RestoreFrom::Oldest | RestoreFrom::Chosen(_) => false,
    }
}

fn chosen(place: &Place<'_>, log: &mut Log) -> Option<RestoreFrom> {
    let fields = Fields::of(place, &CHOSEN, log)?;
    match (fields.take("time"), fields.take("recovery_point")) {
        (Some(time), None) => time.instant(log).map(RestoreFrom::Time),
        (None, Some(id)) => id.name(log).map(RestoreFrom::Chosen),
        (time, _) => {
            let message =
                if time.is_some() { "time and recovery_point both stand here" } else { "no recovery point is chosen" };
            place.refuse(code::EITHER_OR, message, "exactly one of time and recovery_point is wanted", log);
            None
        }
    }
}

/// Another region has only what was brought there.
fn region(place: &Place<'_>, from: Option<&RestoreFrom>, source: &Source<'_>, log: &mut Log) -> Option<Region> {
    let region: Region = place.name(log)?;
    if source.region.is_none_or(|own| *own == region) {
        return Some(region);
    }
    let (brought, remedy) = if from.is_some_and(needs_pitr) {
        let Some(pitr) = source.pitr else { return Some(region) };
        let brought = pitr.is_some_and(|pitr| pitr.replicate_to.as_ref() == Some(&region));
        (brought, format!("pitr with replicate_to: {region}"))
    } else {
        let Some(copies) = source.copies else { return Some(region) };
        (copies.iter().any(|copy| copy.region == region), format!("a copy with region: {region}"))
    };
    if brought {
        return Some(region);
    }
    let message = format!("nothing is brought to {region} that could be restored there");
    place.refuse(code::NO_SUCH, message, format!("{remedy}, or the resource's own region, is wanted"), log);
    None
}
