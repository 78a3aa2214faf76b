//! What can be kept, what cannot, and what nobody can say.

use crate::judge::tests::{DATABASE, DUMPS, assert_said, check, said, said_of};

#[test]
fn what_arithmetic_cannot_keep_is_refused_with_the_nearest_that_it_can() {
    let at = "resources.orders.objectives";
    let rpo = format!("error {at}.rpo: ");
    let region = format!("error {at}.region.rpo: ");
    let account = format!("error {at}.account.rpo: ");
    check(
        "HF040",
        DATABASE,
        &[
            ("rpo: 24h", "rpo: 24h", &[]),
            (
                "rpo: 24h",
                "rpo: 12h",
                &[(
                    &rpo,
                    &[
                        "snapshots daily lie up to 1d apart (from 2026-01-01T02:00:00Z to",
                        "rpo: 1d, or",
                        "at most 12h apart, or pitr: { window: 7d, lag_max: 10m }",
                    ],
                )],
            ),
            // The night on which 02:00 does not exist.
            ("keep: 7d }", "time_zone: Europe/Berlin, keep: 7d }", &[(&rpo, &["47h apart", "2026-03-28T01:00:00Z"])]),
            ("rpo: 24h", "rpo: 5h", &[(&rpo, &["pitr"])]),
            (
                "rto: 4h }",
                "rto: 4h, region: { rpo: 24h, rto: 8h } }",
                &[(&region, &["nothing leaves eu-central-1", "copies: [{ region: eu-west-1"])],
            ),
            ("rto: 4h }", "rto: 4h, account: { rpo: 24h, rto: 8h } }", &[(&account, &["nothing leaves the account"])]),
        ],
    );
    let continuous = DATABASE.replace("rpo: 24h", "rpo: 15m") + "pitr: { window: 7d, lag_max: 15m }\n";
    assert_said(&said("HF040", &continuous), &[], "point-in-time recovery carries it");
    let standby = DATABASE.replace("rpo: 24h", "rpo: 1m") + "standby: { id: r, region: eu-central-1, lag_max: 30s }\n";
    assert_said(&said("HF040", &standby), &[], "a standby carries it");
    let demand = DATABASE.replace("at: \"cron(0 2 * * ? *)\"", "on: demand");
    assert_said(
        &said("HF041", &demand),
        &[(
            "warning resources.orders.objectives.rpo: ",
            &["when somebody asks for one may keep it, but no line says when"],
        )],
        "on demand",
    );
}

#[test]
fn a_daily_copy_means_a_day_lost_with_the_region() {
    let with = |rpo: &str, copy: &str| {
        DATABASE.replace("rto: 4h }", &format!("rto: 4h, region: {{ rpo: {rpo}, rto: 8h }} }}"))
            + &format!("copies: [{{ region: eu-west-1, kms_key: alias/k, keep: 14d{copy} }}]\n")
    };
    let at = "resources.orders.objectives.region.rpo";
    assert_said(
        &said("HF040", &with("4h", ", within: 1h")),
        &[(&format!("error {at}"), &["1d apart", "a copy may take 1h", "rpo: 25h"])],
        "too slow",
    );
    assert_said(&said("HF040", &with("28h", ", within: 4h")), &[], "in time");
    assert_said(&said("HF041", &with("28h", ", within: 4h")), &[], "in time");
    assert_said(
        &said("HF041", &with("28h", "")),
        &[(&format!("warning {at}"), &["no line says how soon a copy is complete"])],
        "unbounded",
    );
    assert_said(
        &said("HF041", &with("26h", ", within: 4h")),
        &[(&format!("warning {at}"), &["its lines allow 28h", "within: 2h"])],
        "sometimes",
    );
    // A copy beside the source does not outlive the region, one in another account does not have to leave it.
    let account = "accounts: { dr: { id: \"210987654321\", role: \"arn:aws:iam::210987654321:role/holdfast\" } }";
    let there = with("28h", ", within: 4h, account: dr").replace("region: eu-west-1, kms", "region: eu-central-1, kms");
    assert_said(
        &said_of("HF040", account, &[("orders", &there)]),
        &[(&format!("error {at}"), &["nothing leaves eu-central-1"])],
        "same region",
    );
    let replicated = DATABASE.replace("rto: 4h }", "rto: 4h, region: { rpo: 1h, rto: 8h } }")
        + "pitr: { window: 7d, lag_max: 10m, replicate_to: eu-west-1 }\n";
    assert_said(&said("HF041", &replicated), &[(&format!("warning {at}"), &["AWS states no lag"])], "replicated");
}

#[test]
fn what_happens_once_promises_nothing_and_is_not_refused() {
    let once = DATABASE.replace("cron(0 2 * * ? *)", "cron(7 12 20 11 ? 2026)");
    let at = "warning resources.orders.objectives.rpo: ";
    assert_said(&said("HF041", &once), &[(at, &["snapshots daily, once may keep it, but no line says when"])], "once");
    assert_said(&said("HF040", &once), &[], "once");
}

#[test]
fn external_recovery_points_prove_an_objective_by_what_is_said_of_them() {
    let external = |said: &str| {
        DATABASE.replace("snapshots:\n  daily: { at: \"cron(0 2 * * ? *)\", keep: 7d }", &format!("snapshots: {said}"))
    };
    let at = "resources.orders.objectives.rpo";
    assert_said(
        &said("HF041", &external("external")),
        &[(&format!("warning {at}"), &["no line says how far apart", "every: 1d"])],
        "bare",
    );
    assert_said(&said("HF041", &external("{ external: rds, every: 24h, keep: 30d }")), &[], "every day");
    assert_said(
        &said("HF040", &external("{ external: any, every: 48h }")),
        &[(&format!("error {at}"), &["may lie 2d back"])],
        "too seldom",
    );
}

#[test]
fn point_in_time_recovery_at_its_own_interval_is_unproven() {
    let with = |rpo: &str, pitr: &str| DATABASE.replace("rpo: 24h", &format!("rpo: {rpo}")) + pitr + "\n";
    for (rpo, pitr, begins, holds) in [
        ("5m", "pitr: { window: 7d }", "warning resources.orders.objectives.rpo", "every 5m"),
        ("5m", "pitr: { window: 7d, lag_max: 5m }", "warning resources.orders.objectives.rpo", "standby: {"),
        (
            "5m",
            "pitr: { window: 7d, lag_max: 10m }",
            "warning resources.orders.pitr.lag_max",
            "told only after rpo 5m is broken",
        ),
        (
            "15m",
            "pitr: { window: 7d, lag_max: 20m }",
            "warning resources.orders.pitr.lag_max",
            "lag_max: 15m, or rpo: 20m",
        ),
        ("15m", "pitr: { window: 7d }", "warning resources.orders.pitr", "lag_max: 15m beside window"),
    ] {
        assert_said(&said("HF043", &with(rpo, pitr)), &[(begins, &[holds, "(X6)"])], pitr);
    }
    assert_said(&said("HF043", &with("15m", "pitr: { window: 7d, lag_max: 15m }")), &[], "in time");
    assert_said(&said("HF043", &with("24h", "pitr: { window: 7d, lag_max: 2d }")), &[], "the snapshots carry it");
    let standby =
        with("5m", "pitr: { window: 7d, lag_max: 10m }\nstandby: { id: r, region: eu-central-1, lag_max: 1m }");
    assert_said(&said("HF043", &standby), &[], "a standby carries it");
}

#[test]
fn what_would_be_lost_whole_is_said_once_per_plan() {
    let resources: Vec<String> = (0..5).map(|nth| DATABASE.replace("orders-prod", &format!("db-{nth}"))).collect();
    let names = ["a", "b", "c", "d", "e"];
    let resources: Vec<(&str, &str)> = names.into_iter().zip(resources.iter().map(String::as_str)).collect();
    let wanted: &[(&str, &[&str])] = &[
        ("warning resources: 5 of 5 resources would be lost whole with the region (a, b, c and 2 more)", &[]),
        ("warning resources: 5 of 5 resources would be lost whole with the account", &[]),
    ];
    assert_said(&said_of("HF042", "", &resources), wanted, "nothing leaves");
    let copied = DATABASE.to_owned() + "copies: [{ region: eu-west-1, kms_key: alias/k, keep: 14d, within: 1h }]\n";
    assert_said(
        &said("HF042", &copied),
        &[("warning resources: 1 of 1 resources would be lost whole with the account", &[])],
        "copied",
    );
    assert_said(
        &said("HF042", &DUMPS.replace("400d", "30d")),
        &[("warning resources: 1 of 1", &["the region"]), ("warning", &["the account"])],
        "dumps",
    );
}
