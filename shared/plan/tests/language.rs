//! The language as people and machines meet it: messages, the compiled form, and what hostile input does.

#![cfg(feature = "yaml")]

use holdfast_domain::Requirement;
use holdfast_domain::plan::Due;
use holdfast_plan::{Compiled, Problems, Severity, read_yaml, read_yaml_bytes};
use proptest::prelude::*;

const ORDERS: &str = include_str!("plans/orders.yaml");

fn good(text: &str) -> Compiled {
    read_yaml("plan.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn bad(text: &str) -> Problems {
    read_yaml("plan.yaml", text).expect_err("this plan has mistakes")
}

/// The sample plan with one text replaced.
fn orders_with(from: &str, to: &str) -> String {
    assert!(ORDERS.contains(from), "the sample has no {from}");
    ORDERS.replacen(from, to, 1)
}

/// The one message that a change of the sample brings.
fn message(from: &str, to: &str) -> String {
    let problems = bad(&orders_with(from, to));
    assert_eq!(problems.as_slice().len(), 1, "{problems}");
    problems.to_string()
}

#[test]
fn every_mistake_is_told_at_once_with_place_value_and_what_is_allowed() {
    let problems = bad(include_str!("plans/mistakes.yaml"));
    insta::assert_snapshot!("mistakes", problems);
    let places: Vec<_> = problems.as_slice().iter().map(|problem| (problem.line, problem.column)).collect();
    assert!(places.is_sorted());
    for problem in problems.as_slice() {
        assert!(problem.line.is_some() && !problem.allowed.is_empty(), "{problem}");
    }
}

#[test]
fn the_sample_becomes_the_plan_it_says() {
    let compiled = good(ORDERS);
    assert!(compiled.warnings().is_empty());
    let plan = compiled.plan();
    assert_eq!((plan.name.as_str(), plan.environment.as_str(), plan.home.as_str()), ("boom-card", "prod", "eu-west-1"));
    let orders = &plan.resources[&"orders-db".parse().expect("legal")];
    assert_eq!(orders.snapshots.len(), 2);
    let every = &orders.restore_tests[&"every".parse().expect("legal")];
    assert_eq!(every.due, Due::After("daily".parse().expect("legal")));
    assert_eq!(orders.checks.integrity, Some(Requirement::Required));
    let schedules: Vec<_> = compiled.schedules().iter().map(|s| (s.function.as_str(), s.expression.as_str())).collect();
    assert_eq!(
        schedules,
        [
            ("restore-test", "cron(0 6 ? * 2#1 *)"),
            ("snapshot", "cron(0 2 * * ? *)"),
            ("snapshot", "cron(0 2 ? * SUN *)")
        ]
    );
    let regions: Vec<_> = compiled.regions().iter().map(ToString::to_string).collect();
    assert_eq!(regions, ["eu-central-1", "eu-west-1"]);
}

#[test]
fn the_compiled_form_is_stable_and_reads_back() {
    let compiled = good(ORDERS);
    insta::assert_snapshot!("plan_json", String::from_utf8(compiled.to_json()).expect("JSON is text"));
    let read = Compiled::from_json(&compiled.to_json()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(read, compiled);
    assert_eq!(read.to_json(), compiled.to_json());
}

#[test]
fn spelling_does_not_change_the_identity_and_meaning_does() {
    let sha = good(ORDERS).sha().clone();
    for (from, to) in [
        ("rooms_max: 2\n", ""),
        ("rpo: 24h", "rpo: 1d"),
        ("region: eu-central-1\n", "# the primary region\n"),
        ("integrity: full", "integrity: { requirement: required, level: full }"),
        ("size_min: 1GB", "size_min: 1000MB"),
        ("cron(0 2 ? * SUN *)", "cron(0  2 ? * sun *)"),
        ("name: boom-card\nenvironment: prod\n", "environment: prod\nname: 'boom-card'\n"),
        ("rows_min: 1, ", ""),
        ("time_zone: UTC  ", "time_zone: 'UTC'  "),
        ("limit 50\"", "limit 50;\""),
    ] {
        assert_eq!(good(&orders_with(from, to)).sha(), &sha, "{from} -> {to}");
    }
    for (from, to) in [
        ("rooms_max: 2", "rooms_max: 3"),
        ("keep: 7d", "keep: 8d"),
        ("time_zone: UTC  ", "time_zone: Etc/GMT+1  "),
        ("critical: [oncall, ops]", "critical: [ops, oncall]"),
        ("integrity: full", "integrity: { requirement: best_effort, level: full }"),
        ("id: boom-card-prod", "id: boom-card-live"),
    ] {
        assert_ne!(good(&orders_with(from, to)).sha(), &sha, "{from} -> {to}");
    }
}

#[test]
fn a_compiled_plan_that_was_touched_is_refused() {
    let json = String::from_utf8(good(ORDERS).to_json()).expect("JSON is text");
    for (from, to) in [
        ("\"keep\":\"7d\"", "\"keep\":\"9d\""),
        ("\"regions\":[\"eu-central-1\",\"eu-west-1\"]", "\"regions\":[\"eu-central-1\"]"),
        ("\"function\":\"snapshot\"", "\"function\":\"restore-test\""),
        ("\"home\":\"eu-west-1\",\"plan\"", "\"home\":\"eu-west-2\",\"plan\""),
        ("\"sha256\":\"", "\"sha256\":\"0"),
        ("\"sha256\":", "\"sha265\":"),
        ("\"rooms_max\":2", "\"rooms_max\":2,\"rooms_max\":2"),
        ("\"rooms_max\":2,", ""),
    ] {
        assert!(json.contains(from), "{from}");
        assert!(Compiled::from_json(json.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
    }
    for nothing in ["", "{}", "[]", "null", "7", "{\"plan\":{}}", "\u{feff}{}", &"[".repeat(100_000)] {
        assert!(Compiled::from_json(nothing.as_bytes()).is_err());
    }
    assert!(Compiled::from_json(&vec![b' '; 5 * 1024 * 1024]).is_err());
}

#[test]
fn one_mistake_gives_one_message() {
    for (from, to, wanted) in [
        (
            "version: 1",
            "version: 2",
            "plan.yaml:2:10: HF025 version: 2 is not a version of the plan language: version: 1 is wanted",
        ),
        ("version: 1", "version: \"1\"", "HF025"),
        ("id: boom-card-prod", "id: hf-prod", "HF019"),
        ("after: daily", "after: hourly", "one of daily, weekly is wanted"),
        ("keep: 7d", "keep: 23h", "HF022 resources.orders-db.snapshots.daily.keep: 23h is too short: at least 1d"),
        ("keep: 7d", "keep: 40000d", "is too long"),
        ("time_zone: UTC", "#", "HF012"),
        ("rooms_max: 2", "rooms_max: 41", "a whole number from 1 to 40"),
        ("rooms_max: 2", "rooms_max: two", "HF009"),
        ("name: boom-card", "name: 7", "7 stands here: a text is wanted"),
        ("{ slack: \"secret:holdfast/slack\" }", "{ slack: \"https://hooks.slack.com/services/T0/B0/XXXX\" }", "HF021"),
        ("integrity: full", "integrity: ~", "nothing stands here: a text is wanted"),
        ("    snapshots:\n", "    pitr: { window: 7d }\n    snapshots:\n", "there is no field pitr here"),
        ("keep: 7d, size_min: 1GB", "keep: 7d, size: 1GB", "there is no field size here"),
        (
            "routes:",
            "routes:\n    urgent: [ops]",
            "there is no field urgent here: allowed are info, low, high, critical",
        ),
    ] {
        if from == "time_zone: UTC" {
            // Three schedules miss their zone, each at its own place.
            assert_eq!(bad(&orders_with(from, to)).as_slice().len(), 3);
            continue;
        }
        let message = message(from, to);
        assert!(message.contains(wanted), "{from} -> {to}: {message}");
    }
}

#[test]
fn a_pasted_secret_is_never_shown() {
    let key = "0123456789abcdef0123456789abcdeX";
    let problems = bad(&orders_with("secret:holdfast/pagerduty", key));
    assert!(!problems.to_string().contains(key));
    assert!(problems.as_slice().iter().all(|problem| !problem.value.contains(key)));
}

#[test]
fn an_objective_that_no_schedule_meets_is_a_warning_and_names_the_nearest_plan() {
    let compiled = good(&orders_with("rpo: 24h", "rpo: 15m"));
    let [warning] = compiled.warnings() else { panic!("{:?}", compiled.warnings()) };
    assert_eq!(warning.severity, Severity::Warning);
    assert_eq!(
        warning.to_string(),
        "plan.yaml:14:24: warning HF023 resources.orders-db.objectives.rpo: rpo 15m cannot be met by snapshots that lie up to 1d \
         apart (from 2026-01-01T02:00:00Z to 2026-01-02T02:00:00Z): rpo: 1d, or snapshots at most 15m apart"
    );
    // In Berlin one night in March has no 02:00, and EventBridge Scheduler skips it.
    let berlin = good(&orders_with("time_zone: UTC", "time_zone: Europe/Berlin"));
    let message = &berlin.warnings()[0].message;
    assert!(message.contains("47h apart (from 2026-03-28T01:00:00Z to 2026-03-30T00:00:00Z)"), "{message}");
    // At 04:00 only the night in October is longer, by its hour.
    let later = orders_with("time_zone: UTC", "time_zone: Europe/Berlin").replace("cron(0 2 ", "cron(0 4 ");
    assert!(good(&later).warnings()[0].message.contains("25h apart"));
    // A gap in the working week is found behind many firings without one.
    let week = orders_with("cron(0 2 * * ? *)", "cron(*/5 * ? * MON-FRI *)").replace("rpo: 24h", "rpo: 1h");
    let message = good(&week).warnings()[0].message.clone();
    assert!(
        message.contains("apart (from 2026-01-04T02:00:00Z") || message.contains("apart (from 2026-01-02T23:55:00Z"),
        "{message}"
    );
}

#[test]
fn hostile_yaml_is_refused_with_a_place() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    let deep_flow = format!("a: {}", "[".repeat(100_000));
    let deep_block: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 200))).collect();
    let deep_list = "- ".repeat(50_000);
    for (text, wanted) in [
        (bomb, "plan.yaml:1:7: HF001 anchors and aliases are not read"),
        ("a: *nowhere", "HF001"),
        ("a: !!str 7", "tags are not read"),
        ("%YAML 1.1\n---\na: 1", "HF001"),
        ("version: 1\n---\nversion: 1", "a second document begins"),
        ("version:\n\t- 1", "plan.yaml:2:"),
        ("? [a, b]\n: 7", "a key must be text"),
        ("a: 1\n b: 2", "plan.yaml:2:"),
        ("a: [1, 2", "HF001"),
        ("a: \"x", "HF001"),
        ("version: 1\nversion: 1", "HF005 version: the key version stands twice here, first in line 1"),
        ("<<: { version: 1 }", "there is no field << here"),
        ("- version: 1", "a map with version"),
        ("", "name is missing"),
        ("\0", "HF001"),
        (deep_flow.as_str(), "HF001"),
        (deep_block.as_str(), "HF0"),
        (deep_list.as_str(), "HF001"),
    ] {
        let problems = bad(text).to_string();
        let shown: String = text.chars().take(40).collect();
        assert!(problems.contains(wanted), "{shown}: {problems}");
        assert!(problems.starts_with("plan.yaml:"), "{shown}: {problems}");
    }
    let large = format!("version: 1\nname: {}", "x".repeat(10 * 1024 * 1024));
    assert!(bad(&large).to_string().contains("larger than the 1048576 bytes that are read"));
    let problems = read_yaml_bytes("plan.yaml", b"version: 1\nname: \xc3\xa4\xff\n").expect_err("not UTF-8");
    assert_eq!(problems.to_string(), "plan.yaml:2:8: HF001 the byte 0xff is not UTF-8: save the file as UTF-8");
}

#[test]
fn many_resources_are_read_in_a_moment() {
    let (head, tail) = ORDERS.split_once("resources:\n").expect("the sample has resources");
    let (_, alerts) = tail.split_once("\nalerts:").expect("the sample has alerts");
    let resource = |n: usize| {
        format!(
            "  r{n}:\n    kind: rds-instance\n    id: r{n}\n    objectives: {{ rpo: 24h, rto: 2h }}\n    snapshots: {{ often: {{ \
             at: \"cron(* * * * ? *)\", keep: 1d }} }}\n"
        )
    };
    let resources: String = (0..200).map(resource).collect();
    let compiled = good(&format!("{head}resources:\n{resources}\nalerts:{alerts}"));
    assert_eq!(compiled.plan().resources.len(), 200);
    assert_eq!(compiled.schedules().len(), 1);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        drop(read_yaml("plan.yaml", &text));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(read_yaml_bytes("plan.yaml", &bytes));
        drop(Compiled::from_json(&bytes));
    }

    /// Damage to a good plan finds more of the decoder than noise does.
    #[test]
    fn a_damaged_plan_is_read_or_refused(at in 0..ORDERS.len(), length in 0_usize..40, text in "[-a-z0-9:{}\\[\\]\"' \n#]{0,12}") {
        let end = (at + length).min(ORDERS.len());
        if let (Some(before), Some(after)) = (ORDERS.get(..at), ORDERS.get(end..))
            && let Ok(compiled) = read_yaml("plan.yaml", &format!("{before}{text}{after}"))
        {
            let read = Compiled::from_json(&compiled.to_json());
            prop_assert_eq!(read.as_ref().map(Compiled::plan), Ok(compiled.plan()));
        }
    }
}
