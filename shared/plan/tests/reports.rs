//! What is made of plans for people: the checker's verdict on everything at once, the calendar, the forecast, the differences.

#![cfg(feature = "yaml")]

use std::collections::{BTreeMap, BTreeSet};

use holdfast_plan::{
    Compiled, ExplainError, ExplainRequest, ForecastError, ForecastRequest, PriceList, Severity, Weight, diff, explain,
    forecast, read_yaml,
};
use jiff::civil::{Date, date};

const BOOM_CARD: &str = include_str!("plans/boom-card.yaml");
const CHANGED: &str = include_str!("plans/boom-card-changed.yaml");

fn plan(text: &str) -> Compiled {
    read_yaml("plan.yaml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn month(from: Date) -> ExplainRequest {
    ExplainRequest { from, days: 30, resource: None, time_zone: None }
}

fn year() -> ForecastRequest {
    ForecastRequest {
        from: date(2026, 12, 1),
        sizes_gb: BTreeMap::from([("orders-db".parse().expect("legal"), 500.0)]),
        change_per_day: 0.02,
        prices: PriceList::built_in().clone(),
    }
}

#[test]
fn every_contradiction_is_told_at_once_with_its_row_and_the_nearest_legal_plan() {
    let problems = read_yaml("plan.yaml", include_str!("plans/contradictions.yaml")).expect_err("nothing but wishes");
    insta::assert_snapshot!("contradictions", problems);
    let text = problems.to_string();
    for row in 1..=11 {
        assert!(text.contains(&format!("(X{row})")), "X{row}");
    }
    for row in ["(M1)", "(B30)", "(B34)", "(B37)", "(N6)", "(N7)"] {
        assert!(text.contains(row), "{row}");
    }
    let codes: BTreeSet<&str> = problems.as_slice().iter().map(|problem| problem.code).collect();
    assert_eq!(codes.len(), 21, "{codes:?}");
    for problem in problems.as_slice() {
        assert!(problem.line.is_some() && !problem.allowed.is_empty(), "{problem}");
    }
}

#[test]
fn a_plan_of_five_minutes_with_a_standby_is_accepted() {
    let compiled = plan(BOOM_CARD);
    let warnings: Vec<&str> = compiled.warnings().iter().map(|problem| problem.code).collect();
    assert_eq!(warnings, ["HF042", "HF042"]);
    assert!(compiled.warnings().iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn the_calendar_says_what_happens_when_and_what_answers_which_objective() {
    let explanation = explain(plan(BOOM_CARD).plan(), &month(date(2026, 12, 1))).expect("a calendar");
    insta::assert_snapshot!("explain", explanation);
    insta::assert_snapshot!("explain_json", serde_json::to_string_pretty(&explanation).expect("JSON"));
}

#[test]
fn the_calendar_of_another_zone_shows_the_change_of_the_clocks() {
    let text = BOOM_CARD.replace("time_zone: UTC", "time_zone: Europe/Berlin").replace("cron(0 2 ", "cron(30 4 ");
    let mut request = month(date(2027, 3, 20));
    request.days = 14;
    request.resource = Some("orders-db".parse().expect("legal"));
    insta::assert_snapshot!("explain_berlin", explain(plan(&text).plan(), &request).expect("a calendar"));
}

#[test]
fn many_resources_and_many_firings_stay_short() {
    let resource = |nth: u32| {
        format!(
            "  db-{nth}:\n    kind: rds-instance\n    id: db-{nth}\n    objectives: {{ rpo: 1h, rto: 4h }}\n    snapshots:\n      \
             hourly: {{ at: \"cron(0 * * * ? *)\", keep: 1d }}\n    restore_tests:\n      every: {{ after: hourly, from: latest, \
             instance_class: db.t4g.medium, deadline: 1h }}\n    checks: {{ integrity: full }}\n"
        )
    };
    let resources: String = (100..400).map(resource).collect();
    let text = format!(
        "version: 1\nname: many\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n\
         quotas: {{ db_snapshots: 10000, db_instances: 400 }}\nresources:\n{resources}alerts:\n  channels: {{ ops: {{ slack: \"secret:s\" }} }}\n  \
         routes: {{ critical: [ops], high: [ops] }}\n"
    );
    insta::assert_snapshot!(
        "explain_many",
        explain(plan(&text).plan(), &month(date(2026, 12, 1))).expect("a calendar")
    );
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let compiled = plan(BOOM_CARD);
    let ask = |change: fn(&mut ExplainRequest)| {
        let mut request = month(date(2026, 12, 1));
        change(&mut request);
        explain(compiled.plan(), &request).expect_err("refused").to_string()
    };
    assert_eq!(ask(|request| request.days = 0), ExplainError::Days(0).to_string());
    assert_eq!(ask(|request| request.days = 367), "a calendar of 367 days cannot be made: 1 to 366 are wanted");
    assert_eq!(
        ask(|request| request.resource = Some("users".parse().expect("legal"))),
        "the plan has no resource users"
    );
    let zone = ask(|request| request.time_zone = Some("Berlin".into()));
    assert_eq!(zone, "\"Berlin\" is not an IANA time zone such as Europe/Berlin");
}

#[test]
fn the_forecast_counts_recovery_points_and_money_and_says_what_it_rests_on() {
    let forecast = forecast(plan(BOOM_CARD).plan(), &year()).expect("a forecast");
    insta::assert_snapshot!("forecast", forecast);
    let total: f64 = forecast.costs.iter().flat_map(|row| &row.cost).sum();
    assert!((forecast.monthly().iter().sum::<f64>() - total).abs() < 1e-6);
}

#[test]
fn the_arithmetic_of_a_forecast_can_be_done_by_hand() {
    let text = |keep: &str, more: &str| {
        format!(
            "version: 1\nname: one\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\nresources:\n  \
             orders-db:\n    kind: rds-instance\n    id: one\n    objectives: {{ rpo: 24h, rto: 4h }}\n    snapshots:\n      \
             daily: {{ at: \"cron(0 0 * * ? *)\", keep: {keep} }}\n{more}alerts:\n  channels: {{ ops: {{ slack: \"secret:s\" }} }}\n  routes: {{ critical: [ops], high: [ops] }}\n"
        )
    };
    let row = |text: &str, what: &str| {
        let forecast = forecast(plan(text).plan(), &year()).expect("a forecast");
        forecast.costs.into_iter().find(|row| row.what == what).unwrap_or_else(|| panic!("no {what}"))
    };
    let close = |is: f64, wanted: f64| assert!((is - wanted).abs() < 0.01, "{is} is not {wanted}");
    // Seven kept: the first is full, six hold 2 % of 500 GB each.
    close(row(&text("7d", ""), "snapshots").quantity[11], 500.0 + 6.0 * 10.0);
    close(row(&text("7d", ""), "snapshots").cost[11], 560.0 * 0.095);
    // As much as the database itself is free.
    close(row(&text("7d", ""), "allowance").quantity[11], -500.0);
    // November has 30 days: thirty changes of 10 GB go to the other region.
    let copy = "    copies: [{ region: eu-west-1, kms_key: alias/k, keep: 7d, within: 4h }]\n";
    close(row(&text("7d", copy), "transfer").quantity[11], 300.0);
    close(row(&text("7d", copy), "transfer").cost[11], 300.0 * 0.02);
    // In December the first is full, and thirty more follow.
    close(row(&text("7d", copy), "transfer").quantity[0], 500.0 + 300.0);
    // One room a month: four hours of a class, and of 500 GB of storage.
    let test = "    restore_tests: { monthly: { at: \"cron(0 6 ? * 2#1 *)\", from: latest, instance_class: db.t4g.medium, deadline: 4h } }\n    checks: { integrity: full }\n";
    close(row(&text("7d", test), "rooms").cost[3], 4.0 * 0.065 + 500.0 * 0.115 * 4.0 / 730.0);
    // A dump is full each time, and moves down the tiers: 40 days in Standard, the other 60 in Glacier.
    let dumps = text("100d", "    tiers: [{ after: 40d, class: glacier }]\n")
        .replace("rds-instance", "postgres-dump")
        .replace("id: one", "id: \"secret:one\"");
    close(row(&dumps, "objects").quantity[11], 100.0 * 500.0);
    close(row(&dumps, "objects").cost[11], 40.0 * 500.0 * 0.023 + 60.0 * 500.0 * 0.0036);
}

#[test]
fn what_cannot_be_forecast_is_refused() {
    let compiled = plan(BOOM_CARD);
    let mut request = year();
    request.change_per_day = 1.5;
    assert!(matches!(forecast(compiled.plan(), &request), Err(ForecastError::OutOfBounds { .. })));
    let mut request = year();
    request.sizes_gb.insert("users".parse().expect("legal"), 1.0);
    let error = forecast(compiled.plan(), &request).expect_err("no such resource");
    assert_eq!(error.to_string(), "a size is given for users, which the plan does not have");
    let mut request = year();
    request.from = Date::MAX;
    assert!(matches!(forecast(compiled.plan(), &request), Err(ForecastError::TooLate(_))));
}

#[test]
fn a_changed_plan_is_compared_in_words_with_the_dangers_first() {
    let differences = diff(&plan(BOOM_CARD), &plan(CHANGED));
    insta::assert_snapshot!("diff", differences);
    assert!(differences.differences.is_sorted());
    // The other way round what was a danger is more.
    let back = diff(&plan(CHANGED), &plan(BOOM_CARD));
    let count = |weight: Weight, of: &holdfast_plan::Differences| {
        of.differences.iter().filter(|each| each.weight == weight).count()
    };
    assert_eq!(count(Weight::More, &back), count(Weight::Danger, &differences));
}

#[test]
fn two_spellings_of_one_plan_do_not_differ() {
    let other = BOOM_CARD.replace("rooms_max: 2\n", "").replace("rpo: 24h", "rpo: 1d");
    assert_ne!(other, BOOM_CARD);
    let differences = diff(&plan(BOOM_CARD), &plan(&other));
    assert!(differences.is_empty(), "{differences}");
    assert_eq!(differences.to_string(), "the plans say the same\n");
}
