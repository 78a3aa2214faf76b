//! The samples in `events/`: each is read as what its name says, and there is one of everything that starts a function or is said on
//! the bus. `cargo lambda invoke --data-file` sends the same files.
#![allow(clippy::disallowed_methods, reason = "the samples are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use holdfast_wire::{AlertRequest, Message, Notification, NotificationBody, Trigger, read};
use serde_json::Value;

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// Every sample of a directory by its file name, none skipped.
fn samples(dir: &Path) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let files = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"));
    let sample = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, value)
    };
    files.map(sample).collect()
}

fn triggers() -> BTreeMap<String, Trigger> {
    let read_one = |(name, payload): (String, Value)| {
        let trigger = read(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, trigger)
    };
    samples(&events()).into_iter().map(read_one).collect()
}

/// What a trigger brings for the bus: itself, or the findings within notifications.
fn messages(trigger: &Trigger) -> Vec<Message> {
    let finding = |notification: &Notification| match &notification.body {
        NotificationBody::Finding(finding) => Some(Message::Finding(finding.clone())),
        NotificationBody::FunctionFailure(_) | NotificationBody::Alarm(_) => None,
    };
    match trigger {
        Trigger::Bus(message) => vec![message.clone()],
        Trigger::Notifications(notifications) => notifications.iter().filter_map(finding).collect(),
        Trigger::Sweep
        | Trigger::Rds(_)
        | Trigger::RestoreTestNow(_)
        | Trigger::SnapshotNow(_)
        | Trigger::ForAlert(_) => Vec::new(),
    }
}

#[test]
fn every_sample_is_the_trigger_that_its_name_says() {
    let mut shown = String::new();
    for (name, trigger) in triggers() {
        writeln!(shown, "{name}\n{trigger:#?}\n").expect("a string takes everything");
    }
    insta::assert_snapshot!("triggers", shown);
}

#[test]
fn every_malformed_sample_is_refused_with_the_place_and_what_is_allowed() {
    let mut shown = String::new();
    for (name, payload) in samples(&events().join("malformed")) {
        let error = read(&payload).map(|trigger| panic!("{name} was read as {trigger:?}")).expect_err("refused");
        writeln!(shown, "{name}\n{error}\n").expect("a string takes everything");
    }
    insta::assert_snapshot!("malformed", shown);
}

#[test]
fn there_is_a_sample_of_every_trigger_and_of_every_message() {
    let triggers = triggers();
    let sorts: BTreeSet<&str> = triggers
        .values()
        .map(|trigger| match trigger {
            Trigger::Sweep => "sweep",
            Trigger::Rds(_) => "RDS event",
            Trigger::Bus(_) => "bus message",
            Trigger::Notifications(_) => "notification",
            Trigger::RestoreTestNow(_) => "restore test by hand",
            Trigger::SnapshotNow(_) => "recovery point by hand",
            Trigger::ForAlert(AlertRequest::Acknowledge(_)) => "acknowledgement by hand",
            Trigger::ForAlert(AlertRequest::Test(_)) => "try-out of the channels",
        })
        .collect();
    assert_eq!(sorts.len(), 8, "{sorts:?}");
    let said: BTreeSet<&str> = triggers.values().flat_map(messages).map(|message| message.detail_type()).collect();
    assert_eq!(said, BTreeSet::from(Message::DETAIL_TYPES));
}

#[test]
fn a_message_in_a_sample_is_what_a_function_would_send() {
    for (name, payload) in samples(&events()) {
        if payload["source"] != holdfast_wire::SOURCE {
            continue;
        }
        let detail_type = payload["detail-type"].as_str().expect("a detail-type");
        let message = Message::read(detail_type, &payload["detail"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.detail(), payload["detail"], "{name}");
    }
}

#[test]
fn the_readme_names_every_sample_and_no_other() {
    let readme = std::fs::read_to_string(events().join("README.md")).expect("events/README.md");
    let named: BTreeSet<&str> =
        readme.split('`').filter(|word| word.ends_with(".json") && !word.contains([' ', '/', '*'])).collect();
    let there = samples(&events());
    assert_eq!(named, there.keys().map(String::as_str).collect());
}
