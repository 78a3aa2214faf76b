//! A slot: the instant at which a rule is due, and the names that follow from it.
//!
//! Names are a function of plan, environment, resource and slot alone. A second delivery of the same trigger therefore
//! makes the same name and finds the first one's work.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::names::{DbInstanceId, DbSnapshotId, Environment, NameError, PlanName, ResourceName, RunId};

/// Prefix of everything that Holdfast makes.
pub const OURS: &str = "hf-";
/// Prefix of everything that lives only as long as a restore test.
pub const TEMPORARY: &str = "hf-rt-";

/// An instant to the second at which something was due, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(Timestamp);

impl Slot {
    /// The slot of an instant; what is below the second is cut off.
    #[must_use]
    pub fn at(instant: Timestamp) -> Self {
        Self(Timestamp::from_second(instant.as_second()).unwrap_or(instant))
    }

    /// The instant.
    #[must_use]
    pub fn instant(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Slot {
    /// `20261120t020000z`: legal in every AWS identifier, and sorts as time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y%m%dt%H%M%Sz"))
    }
}

impl FromStr for Slot {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        read(text).map(Self).ok_or_else(|| NameError {
            sort: "slot",
            value: text.chars().take(80).collect(),
            allowed: "UTC as 20261120t020000z",
        })
    }
}

/// Read by hand: every sweep reads the slot of every recovery point.
fn read(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    let [date @ .., b't', _, _, _, _, _, _, b'z'] = bytes else { return None };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_i16, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i16::from(digit - b'0')))
    };
    let small = |digits: &[u8]| number(digits).and_then(|number| i8::try_from(number).ok());
    let (year, month, day) = (number(&date[..4])?, small(&date[4..6])?, small(&date[6..8])?);
    let (hour, minute, second) = (small(&bytes[9..11])?, small(&bytes[11..13])?, small(&bytes[13..15])?);
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// The name of the recovery point of one resource and slot: `hf-{resource}-{slot}-{8 hex}`.
///
/// At most 3 + 40 + 1 + 16 + 1 + 8 = 69 characters, under the 255 of an RDS DB snapshot identifier.
#[must_use]
pub fn db_snapshot_id(plan: &PlanName, environment: &Environment, resource: &ResourceName, slot: Slot) -> DbSnapshotId {
    let hash = short_hash(&[plan.as_str(), environment.as_str(), resource.as_str(), &slot.to_string()]);
    legal(format!("{OURS}{resource}-{slot}-{hash}"))
}

/// The most characters of a DB cluster snapshot's identifier (source: RDS API Reference, `CreateDBClusterSnapshot`). A DB snapshot's may
/// have 255.
const CLUSTER_SNAPSHOT_MAX: usize = 63;

/// The name of the recovery point of one resource and slot where it is a DB cluster: the same, with as much of the resource's name as
/// fits. The hash stands for all of it.
#[must_use]
pub fn db_cluster_snapshot_id(
    plan: &PlanName,
    environment: &Environment,
    resource: &ResourceName,
    slot: Slot,
) -> DbSnapshotId {
    let hash = short_hash(&[plan.as_str(), environment.as_str(), resource.as_str(), &slot.to_string()]);
    let rest = format!("-{slot}-{hash}");
    let room = CLUSTER_SNAPSHOT_MAX - OURS.len() - rest.len();
    let name: String = resource.as_str().chars().take(room).collect();
    // Two hyphens side by side are not legal.
    legal(format!("{OURS}{}{rest}", name.trim_end_matches('-')))
}

/// The name of the recovery point that a person asked for: `hf-{resource}-now-{8 hex of plan, environment, resource and request}`. The same
/// request is the same recovery point.
///
/// At most 3 + 40 + 5 + 8 = 56 characters, legal for instances and clusters.
#[must_use]
pub fn requested_snapshot_id(
    plan: &PlanName,
    environment: &Environment,
    resource: &ResourceName,
    request: &str,
) -> DbSnapshotId {
    let hash = short_hash(&[plan.as_str(), environment.as_str(), resource.as_str(), "now", request]);
    legal(format!("{OURS}{resource}-now-{hash}"))
}

/// The name of a run's temporary database: `hf-rt-{resource}-{12 hex of plan, environment and run}`.
///
/// At most 6 + 40 + 1 + 12 = 59 characters, under the 63 of an RDS DB instance identifier.
#[must_use]
pub fn room_id(plan: &PlanName, environment: &Environment, resource: &ResourceName, run: &RunId) -> DbInstanceId {
    let hash = long_hash(&[plan.as_str(), environment.as_str(), run.as_str()]);
    legal(format!("{TEMPORARY}{resource}-{}", &hash[..12]))
}

/// Eight hex digits that stand for all the parts together, in this order.
#[must_use]
pub fn short_hash(parts: &[&str]) -> String {
    long_hash(parts)[..8].to_owned()
}

fn long_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // A separator that no name contains, so that ("ab", "c") and ("a", "bc") differ.
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names made of legal names are legal; the assertion is the proof's last line.
fn legal<T>(name: String) -> T
where
    T: TryFrom<String, Error = NameError>,
{
    match T::try_from(name) {
        Ok(name) => name,
        Err(error) => unreachable!("a derived name is always legal: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> (PlanName, Environment, ResourceName) {
        ("boom-card".parse().expect("legal"), "prod".parse().expect("legal"), "a".repeat(40).parse().expect("legal"))
    }

    #[test]
    fn the_longest_names_stay_legal_and_differ_by_each_part() {
        let (plan, environment, resource) = names();
        let slot: Slot = "20261120t020000z".parse().expect("legal");
        let id = db_snapshot_id(&plan, &environment, &resource, slot);
        assert_eq!(id.as_str().len(), 69);
        let other = db_snapshot_id(&plan, &"staging".parse().expect("legal"), &resource, slot);
        assert_ne!(id, other);
        let run: RunId = format!("{resource}.first-monday.{slot}").parse().expect("legal");
        assert_eq!(room_id(&plan, &environment, &resource, &run).as_str().len(), 59);
    }

    #[test]
    fn the_parts_of_a_hash_do_not_run_into_each_other() {
        assert_eq!(short_hash(&["ab", "c"]).len(), 8);
        assert_ne!(short_hash(&["ab", "c"]), short_hash(&["a", "bc"]));
        assert_ne!(short_hash(&["ab", "c"]), short_hash(&["c", "ab"]));
        assert_ne!(short_hash(&["ab"]), short_hash(&["ab", ""]));
    }

    #[test]
    fn every_run_of_every_plan_and_environment_has_a_room_of_its_own() {
        let resource: ResourceName = "orders".parse().expect("legal");
        let room = |plan: &str, environment: &str, run: &str| {
            let (plan, environment) = (plan.parse().expect("legal"), environment.parse().expect("legal"));
            room_id(&plan, &environment, &resource, &run.parse().expect("legal"))
        };
        let one = room("shop", "prod", "orders.daily.20261120t020000z");
        assert_eq!(one, room("shop", "prod", "orders.daily.20261120t020000z"), "twice is once");
        for other in [
            room("shop", "prod", "orders.daily.20261121t020000z"),
            room("shop", "prod", "orders.weekly.20261120t020000z"),
            room("shop", "staging", "orders.daily.20261120t020000z"),
            room("shop-two", "prod", "orders.daily.20261120t020000z"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_recovery_point_that_was_asked_for_is_named_by_its_request() {
        let (plan, environment, resource) = names();
        let asked = |request: &str| requested_snapshot_id(&plan, &environment, &resource, request);
        assert_eq!(asked("before-release"), asked("before-release"));
        assert_ne!(asked("before-release"), asked("after-release"));
        assert_eq!(asked("before-release").as_str().len(), 56);
        let staging = "staging".parse().expect("legal");
        assert_ne!(asked("a"), requested_snapshot_id(&plan, &staging, &resource, "a"));
    }

    #[test]
    fn a_slot_reads_back_what_it_writes() {
        let slot = Slot::at("2026-11-20T02:00:00.5Z".parse().expect("a time"));
        assert_eq!(slot.to_string(), "20261120t020000z");
        assert_eq!(slot.instant().to_string(), "2026-11-20T02:00:00Z");
        assert_eq!(slot.to_string().parse::<Slot>().expect("legal"), slot);
        assert!("yesterday".parse::<Slot>().is_err());
    }

    #[test]
    fn nothing_but_a_slot_is_read_as_one() {
        for text in [
            "",
            "20261120",
            "20261120T020000Z",
            "2026-11-20T02:00:00Z",
            "20261120t020000z ",
            "+2261120t020000z",
            "20261320t020000z",
            "20260230t020000z",
            "20261120t240000z",
            "20261120t020060z",
            "20261120t02000\u{664}",
        ] {
            assert!(text.parse::<Slot>().is_err(), "{text:?}");
        }
    }

    fn any_slot() -> impl Strategy<Value = Slot> {
        // From 2020 to 2100, to the nanosecond.
        (1_577_836_800..4_102_444_800_i64, 0..1_000_000_000_i32)
            .prop_map(|(second, nanosecond)| Slot::at(Timestamp::new(second, nanosecond).expect("a time")))
    }

    /// Everything that a name may follow from; all of it legal.
    fn any_names() -> impl Strategy<Value = (PlanName, Environment, ResourceName, Slot)> {
        let word = || "[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,12}){0,2}".prop_filter("at most 40", |word| word.len() <= 40);
        let resource = word().prop_filter("a resource's", |word| word.parse::<ResourceName>().is_ok());
        (word(), word(), resource, any_slot()).prop_map(|(plan, environment, resource, slot)| {
            (plan.parse().expect("legal"), environment.parse().expect("legal"), resource.parse().expect("legal"), slot)
        })
    }

    proptest! {
        #[test]
        fn every_slot_reads_back_and_sorts_as_time(one in any_slot(), other in any_slot()) {
            prop_assert_eq!(one.to_string().parse::<Slot>(), Ok(one));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        /// Making a name panics if it is not legal, so that it is made is half of what is tested here.
        #[test]
        fn every_name_is_ours_and_names_its_resource_and_slot((plan, environment, resource, slot) in any_names()) {
            let point = db_snapshot_id(&plan, &environment, &resource, slot);
            prop_assert!(point.as_str().starts_with(&format!("{OURS}{resource}-{slot}-")), "{point}");
            let run: RunId = format!("{resource}.every.{slot}").parse().expect("legal");
            let room = room_id(&plan, &environment, &resource, &run);
            prop_assert!(room.as_str().starts_with(&format!("{TEMPORARY}{resource}-")), "{room}");
        }

        #[test]
        fn every_cluster_snapshot_has_a_name_that_aws_takes((plan, environment, resource, slot) in any_names()) {
            let id = db_cluster_snapshot_id(&plan, &environment, &resource, slot);
            prop_assert!(id.as_str().len() <= CLUSTER_SNAPSHOT_MAX && !id.as_str().contains("--"), "{id}");
            prop_assert!(id.as_str().starts_with(OURS) && !id.as_str().starts_with(TEMPORARY), "{id}");
            prop_assert!(id.as_str().contains(&slot.to_string()), "{id}");
            let asked = requested_snapshot_id(&plan, &environment, &resource, "before-release");
            prop_assert!(asked.as_str().len() <= CLUSTER_SNAPSHOT_MAX, "{asked}");
            prop_assert!(!asked.as_str().starts_with(TEMPORARY), "{asked}");
        }

        #[test]
        fn names_are_the_same_exactly_when_everything_they_stand_for_is(one in any_names(), other in any_names(), same in any::<bool>()) {
            let other = if same { one.clone() } else { other };
            let point = |(plan, environment, resource, slot): &_| db_snapshot_id(plan, environment, resource, *slot);
            prop_assert_eq!(point(&one) == point(&other), one == other);
        }
    }
}
