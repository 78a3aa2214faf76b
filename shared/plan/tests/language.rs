//! The language as people and machines meet it: messages, the compiled form, and what hostile input does.

#![cfg(feature = "yaml")]

use holdfast_domain::Requirement;
use holdfast_domain::plan::Due;
use holdfast_plan::{Compiled, Problems, ScheduledFunction, Severity, read_yaml};

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

/// What is wrong in the parts of the language beyond a DB instance's first needs.
#[test]
fn slips_everywhere_are_told_at_once() {
    let problems = bad(include_str!("plans/slips.yaml"));
    insta::assert_snapshot!("slips", problems);
    for problem in problems.as_slice() {
        assert!(problem.line.is_some() && !problem.allowed.is_empty(), "{problem}");
    }
    assert!(!problems.to_string().contains("swordfish"), "a connection string is never shown");
}

#[test]
fn only_a_room_of_aurora_is_sized_by_aws() {
    let from = "from: latest, instance_class: db.t4g.medium";
    let serverless = "from: latest, instance_class: db.serverless";
    let refused = message(from, serverless);
    assert!(refused.contains("instance_class: db.serverless is not for kind rds-instance"), "{refused}");
    assert!(refused.contains("legal on aurora-cluster"), "{refused}");
    let aurora = orders_with(from, serverless).replace("kind: rds-instance", "kind: aurora-cluster");
    good(&aurora);
    for close in ["db.serverlesss", "serverless", "db.serverless.large-"] {
        let changed = aurora.replace("db.serverless", close);
        assert_eq!(read_yaml("plan.yaml", &changed).is_ok(), close.matches('.').count() == 2, "{close}");
    }
}

/// What stands in the table of `carried_out.rs`, as people read it.
#[test]
fn what_no_function_carries_out_is_told_once_for_each_part() {
    let compiled = good(include_str!("plans/whole.yaml"));
    let notices: Vec<String> = compiled.notices().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("notices", notices.join("\n"));
    assert!(compiled.notices().iter().all(|notice| notice.severity == Severity::Notice && notice.line.is_some()));
    let parts: std::collections::BTreeSet<_> = compiled.notices().iter().map(|notice| &notice.path).collect();
    assert_eq!(parts.len(), notices.len());
    assert!(good(ORDERS).notices().iter().all(|notice| notice.path.ends_with(".keep")), "the rest of the sample works");
}

#[test]
fn the_heartbeat_starts_alert_and_several_rules_start_a_function_once() {
    let compiled = good(include_str!("plans/whole.yaml"));
    let of = |function: ScheduledFunction| -> Vec<_> {
        let schedules = compiled.schedules().iter().filter(|schedule| schedule.function == function);
        schedules.map(|schedule| (schedule.expression.as_str(), schedule.time_zone.as_str())).collect()
    };
    assert_eq!(of(ScheduledFunction::Alert), [("cron(0 8 * * ? *)", "Europe/Berlin")]);
    // `media` and `state` are both due at three.
    assert_eq!(of(ScheduledFunction::Snapshot).iter().filter(|(at, _)| *at == "cron(0 3 * * ? *)").count(), 1);
}

#[test]
fn a_compiled_plan_brings_no_remarks_back() {
    let compiled = good(include_str!("plans/whole.yaml"));
    let read = Compiled::from_json(&compiled.to_json()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(read.warnings().is_empty() && read.notices().is_empty(), "it was judged when it was compiled");
    assert_eq!((read.plan(), read.to_json()), (compiled.plan(), compiled.to_json()));
}

#[test]
fn a_million_slips_are_a_thousand_messages() {
    let slips: String = (0..5_000).map(|n| format!("slip{n}: 1\n")).collect();
    let problems = bad(&format!("{slips}{ORDERS}"));
    assert_eq!(problems.as_slice().len(), 1_001);
    let last = problems.as_slice().last().map(ToString::to_string).unwrap_or_default();
    assert!(last.contains("HF070 4000 more problems were found than the 1000 that are told at once"), "{last}");
}

#[test]
fn the_sample_becomes_the_plan_it_says() {
    let compiled = good(ORDERS);
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
    assert_eq!(read.plan(), compiled.plan());
    assert_eq!((read.schedules(), read.regions()), (compiled.schedules(), compiled.regions()));
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
    assert!(Compiled::from_json(&vec![b' '; 33 * 1024 * 1024]).is_err());
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
        ("name: boom-card", "name: 7", "7 stands here: a text, such as \"7\" in quotes, is wanted"),
        ("{ slack: \"secret:holdfast/slack\" }", "{ slack: \"https://hooks.slack.com/services/T0/B0/XXXX\" }", "HF021"),
        ("integrity: full", "integrity: ~", "nothing stands here: a text is wanted"),
        (
            "    snapshots:\n",
            "    pitrr: { window: 7d }\n    snapshots:\n",
            "there is no field pitrr here, perhaps pitr is meant",
        ),
        ("    snapshots:\n", "    pitr: { window: 36d }\n    snapshots:\n", "36d is too long: 1d to 35d is wanted"),
        ("keep: 7d, size_min: 1GB", "keep: 7d, size: 1GB", "there is no field size here"),
        (
            "routes:",
            "routes:\n    urgent: [ops]",
            "there is no field urgent here: allowed are critical, high, low, info",
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
    let quotas = "quotas: { db_snapshots: 1000000 }\n";
    let compiled = good(&format!("{head}{quotas}resources:\n{resources}\nalerts:{alerts}"));
    assert_eq!(compiled.plan().resources.len(), 200);
    assert_eq!(compiled.schedules().len(), 1);
}
