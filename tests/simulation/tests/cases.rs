//! What once broke stays mended, and what a seed gives stays what it was.

use std::fs;
use std::path::Path;

use holdfast_simulation::draw::{Wanted, script};
use holdfast_simulation::script::Script;
use holdfast_simulation::wiring::Wiring;
use holdfast_simulation::{WIRING, live};

fn wiring() -> Wiring {
    Wiring::read(WIRING).unwrap_or_else(|error| panic!("{error}"))
}

/// Small enough for every test run; `cargo sim` lives larger ones.
const SMALL: Wanted = Wanted { resources_max: 3, days_max: 6 };

#[test]
fn every_script_that_once_broke_something_is_lived_without_a_finding() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut names: Vec<_> = fs::read_dir(cases).expect("cases").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let wiring = wiring();
    let mut broken = Vec::new();
    for path in names {
        let text = fs::read_to_string(&path).expect("readable");
        let script: Script = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!script.says.is_empty(), "{} does not say what it once broke", path.display());
        let lived = live(&script, &wiring, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        broken.extend(lived.violation.map(|violation| format!("{}: {violation}", path.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_script_says_in_text_all_that_it_is() {
    for seed in 1..=60 {
        let drawn = script(seed, Wanted::default());
        let read: Script = drawn.to_string().parse().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(read, drawn, "seed {seed}");
    }
}

#[test]
fn every_plan_that_is_drawn_is_legal() {
    for seed in 1..=200 {
        for plan in script(seed, Wanted { resources_max: 20, ..SMALL }).plans {
            holdfast_plan::read_yaml("plan", &plan)
                .unwrap_or_else(|problems| panic!("seed {seed}: {problems}\n{plan}"));
        }
    }
}

#[test]
fn whatever_functions_carry_out_is_drawn() {
    let texts: String = (1..=120).map(|seed| script(seed, SMALL).to_string()).collect();
    let all = [
        "kind: rds-instance",
        "kind: aurora-cluster",
        "kind: docdb-cluster",
        "external: rds",
        "external: awsbackup",
        "external: manual",
        "external: any",
        "on: demand",
        "keep: { daily: 7, weekly: 3 }",
        "time_zone: America/New_York",
        "replicate_to: ",
        "account: dr",
        "overlap: forbidden",
        "from: pitr, instance",
        "from: latest, region: ",
        "documents: {",
        "routes: { high: ",
        "pagerduty:",
        "email:",
        "conversation:",
        "quiet_hours:",
        "escalate_after:",
        "2#1",
        "doubled ",
        "others-stop ",
        "way=slack",
        "way=hand",
        "alert-test",
        "from=time",
        "deploy plan=3",
    ];
    let missing: Vec<_> = all.into_iter().filter(|words| !texts.contains(words)).collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
}

#[test]
fn the_same_script_is_the_same_life() {
    let (wiring, script) = (wiring(), script(3, SMALL));
    let lives = [(), ()].map(|()| live(&script, &wiring, None).expect("a life"));
    let [one, other] = lives.map(|lived| format!("{:?}", lived.counts));
    assert_eq!(one, other);
}

#[test]
fn some_seeds_are_lived_without_a_finding() {
    let wiring = wiring();
    for seed in 1..=8 {
        let lived = live(&script(seed, SMALL), &wiring, None).expect("a life");
        assert_eq!(lived.violation, None, "seed {seed}");
        assert!(lived.counts.steps > 100 && !lived.counts.checks.is_empty(), "seed {seed}");
    }
}
