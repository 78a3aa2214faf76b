//! Random legal plans. What the checker refuses is drawn again: it alone says what is legal.

use std::fmt::Write as _;

use crate::chance::Chance;

/// The plans of a life.
pub(super) struct Plans {
    pub(super) texts: Vec<String>,
    /// Resources of the first, with their kinds and regions.
    pub(super) resources: Vec<(String, &'static str, String)>,
    pub(super) channels: Vec<String>,
    pub(super) regions: Vec<String>,
    /// How many days it takes until every rule has had its turn.
    pub(super) calm_days: i64,
}

#[derive(Clone)]
struct Resource {
    name: String,
    kind: &'static str,
    region: String,
    encrypted: bool,
    overlap: bool,
    rules: Vec<Rule>,
    external: bool,
    pitr: bool,
    tests: Vec<Test>,
    routes: bool,
}

#[derive(Clone)]
struct Rule {
    name: &'static str,
    cron: String,
    keep: String,
    takes_max: Option<i64>,
    size_min: bool,
}

#[derive(Clone)]
struct Test {
    name: &'static str,
    due: String,
    from: &'static str,
    deadline_mins: i64,
}

const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "eu-north-1"];

pub(super) fn plans(chance: &Chance, resources_max: u64) -> Plans {
    for attempt in 0..200 {
        let mut chance = chance.apart(&format!("attempt {attempt}"));
        let drawn = draw(&mut chance, resources_max);
        if drawn.texts.iter().all(|text| holdfast_plan::read_yaml("plan", text).is_ok()) {
            return drawn;
        }
    }
    // The plainest there is; that it is legal is shown by a test.
    let mut chance = chance.apart("plain");
    let mut resource = resource(&mut chance, 1, &[REGIONS[0].to_owned()]);
    resource.kind = "rds-instance";
    (resource.external, resource.pitr, resource.tests) = (false, false, Vec::new());
    resource.rules = vec![rule("daily", 2, 0)];
    finish(vec![vec![resource]], &mut chance)
}

fn draw(chance: &mut Chance, resources_max: u64) -> Plans {
    // Small estates mostly: everything can go wrong with three databases that can with two hundred, and sooner.
    let count = match chance.below(40) {
        0 => chance.below(resources_max) + 1,
        1..=6 => chance.below(resources_max.min(20)) + 1,
        _ => chance.below(resources_max.min(5)) + 1,
    };
    let regions: Vec<String> =
        REGIONS[..usize::try_from(chance.between(1, 3)).unwrap_or(1)].iter().map(|r| (*r).to_owned()).collect();
    let first: Vec<Resource> = (1..=count).map(|number| resource(chance, number, &regions)).collect();
    let mut all = vec![first];
    for _ in 0..chance.below(3) {
        let Some(last) = all.last() else { break };
        let mut next = last.clone();
        change(chance, &mut next, &regions);
        all.push(next);
    }
    finish(all, chance)
}

fn resource(chance: &mut Chance, number: u64, regions: &[String]) -> Resource {
    let kind = chance.pick(&["rds-instance", "rds-instance", "rds-instance", "aurora-cluster", "docdb-cluster"]);
    let external = kind == "rds-instance" && chance.one_in(8);
    let mut rules = Vec::new();
    if !external {
        let hour = chance.between(0, 23);
        let minute = chance.pick(&[0, 0, 0, 30, 17]);
        if chance.one_in(4) {
            rules.push(Rule {
                name: "often",
                cron: format!("cron({minute} 0/{} * * ? *)", chance.pick(&[3, 4, 6])),
                keep: "2d".into(),
                takes_max: Some(60),
                size_min: false,
            });
        }
        rules.push(rule("daily", hour, minute));
        if chance.one_in(2) {
            let weekly = format!("cron({minute} {hour} ? * {} *)", chance.pick(&["SUN", "MON", "WED"]));
            rules.push(Rule { name: "weekly", cron: weekly, keep: "28d".into(), takes_max: None, size_min: false });
        }
        for rule in &mut rules {
            rule.takes_max = if chance.one_in(3) { Some(chance.pick(&[60, 120, 360])) } else { rule.takes_max };
            rule.size_min = kind == "rds-instance" && chance.one_in(5);
        }
    }
    let pitr = kind == "rds-instance" && chance.one_in(3);
    let tests = if kind == "rds-instance" { tests(chance, &rules, pitr) } else { Vec::new() };
    Resource {
        name: format!("db-{number}"),
        kind,
        region: chance.pick(regions),
        encrypted: chance.one_in(3),
        overlap: chance.one_in(5) && rules.iter().all(|rule| rule.takes_max.is_some()),
        rules,
        external,
        pitr,
        tests,
        routes: chance.one_in(6),
    }
}

fn rule(name: &'static str, hour: i64, minute: i64) -> Rule {
    Rule { name, cron: format!("cron({minute} {hour} * * ? *)"), keep: "7d".into(), takes_max: None, size_min: false }
}

fn tests(chance: &mut Chance, rules: &[Rule], pitr: bool) -> Vec<Test> {
    let mut tests = Vec::new();
    let deadline_mins = chance.pick(&[90, 240, 240, 720]);
    if !rules.is_empty() && chance.one_in(2) {
        let from = chance.pick(&["latest", "latest", "random", "oldest"]);
        tests.push(Test { name: "every", due: "after: daily".into(), from, deadline_mins });
    }
    let minute = chance.between(0, 59);
    let hour = chance.between(0, 23);
    if chance.one_in(2) {
        let froms: &[&str] =
            if pitr { &["latest", "random", "oldest", "pitr", "pitr"] } else { &["latest", "random", "oldest"] };
        let day = chance.pick(&["*", "MON", "SAT"]);
        let due = if day == "*" {
            format!("at: \"cron({minute} {hour} * * ? *)\"")
        } else {
            format!("at: \"cron({minute} {hour} ? * {day} *)\"")
        };
        tests.push(Test { name: "planned", due, from: chance.pick(froms), deadline_mins });
    }
    tests
}

/// What people change in a plan.
fn change(chance: &mut Chance, resources: &mut Vec<Resource>, regions: &[String]) {
    let place = usize::try_from(chance.below(resources.len() as u64)).unwrap_or(0);
    match chance.below(5) {
        0 => resources.push(resource(chance, 900 + chance.clone().below(90), regions)),
        1 if resources.len() > 1 => {
            resources.remove(place);
        }
        2 => {
            if let Some(rule) = resources[place].rules.last_mut() {
                rule.cron = format!("cron(0 {} * * ? *)", chance.below(24));
                rule.keep = "9d".into();
            }
        }
        3 => resources[place].tests.clear(),
        _ => {
            let rules = &mut resources[place].rules;
            if rules.len() > 1 && rules[0].name == "often" {
                rules.remove(0);
            }
        }
    }
}

fn finish(all: Vec<Vec<Resource>>, chance: &mut Chance) -> Plans {
    let alerts = alerts(chance);
    let rooms_max = chance.between(1, 4);
    let resources = all.first().into_iter().flatten().map(|r| (r.name.clone(), r.kind, r.region.clone())).collect();
    let weekly = all
        .iter()
        .flatten()
        .any(|r| r.rules.iter().any(|rule| rule.name == "weekly") || r.tests.iter().any(|t| t.due.contains('?')));
    let mut regions: Vec<String> = all.iter().flatten().map(|r| r.region.clone()).collect();
    regions.sort();
    regions.dedup();
    let channels = ["oncall", "siem", "ops", "bot", "team"]
        .iter()
        .filter(|name| alerts.contains(&format!(" {name}:")))
        .map(|name| (*name).to_owned())
        .collect();
    let texts = all.iter().map(|resources| text(resources, rooms_max, &alerts)).collect();
    Plans { texts, resources, channels, regions, calm_days: if weekly { 9 } else { 3 } }
}

fn alerts(chance: &mut Chance) -> String {
    let channels = [
        ("oncall", "{ pagerduty: \"secret:holdfast/pagerduty\" }"),
        ("siem", "{ webhook: \"secret:holdfast/siem\" }"),
        ("ops", "{ slack: \"secret:holdfast/slack\" }"),
        ("bot", "{ slack: \"secret:holdfast/bot\", conversation: C024BE91L }"),
        ("team", "{ email: [team@example.com], from: holdfast@example.com }"),
    ];
    // The first two can tell incidents apart, so one of them is always there to be asked what people know.
    let mut named: Vec<&str> = vec![chance.pick(&["oncall", "siem"])];
    for (name, _) in channels {
        if !named.contains(&name) && chance.one_in(2) {
            named.push(name);
        }
    }
    let turn = usize::try_from(chance.below(named.len() as u64)).unwrap_or(0);
    named.rotate_left(turn);
    let route = named.join(", ");
    let mut text = String::from("alerts:\n  channels:\n");
    for (name, channel) in channels.iter().filter(|(name, _)| named.contains(name)) {
        let _ = writeln!(text, "    {name}: {channel}");
    }
    let _ =
        writeln!(text, "  routes: {{ critical: [{route}], high: [{route}], low: [{route}], info: [{}] }}", named[0]);
    if chance.one_in(2) {
        let _ = writeln!(text, "  escalate_after: {}m", chance.pick(&[5, 15, 60]));
    }
    if chance.one_in(2) {
        let _ = writeln!(text, "  update_every: {}m", chance.pick(&[15, 60, 240]));
    }
    if chance.one_in(2) {
        let _ = writeln!(text, "  report_within: {}h", chance.pick(&[1, 24, 72]));
    }
    if chance.one_in(4) {
        text.push_str(
            "  quiet_hours: { from: \"22:00\", until: \"07:00\", time_zone: Europe/Berlin, severities: [low, info] }\n",
        );
    }
    if chance.one_in(2) {
        let _ = writeln!(text, "  heartbeat: {{ at: \"cron(0 8 * * ? *)\", to: [{}] }}", named[0]);
    }
    text
}

fn text(resources: &[Resource], rooms_max: i64, alerts: &str) -> String {
    let mut text = format!(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n\
         quotas: {{ db_snapshots: 9000, db_cluster_snapshots: 9000, db_instances: 500 }}\nrooms_max: {rooms_max}\nresources:\n"
    );
    for resource in resources {
        one(&mut text, resource);
    }
    text.push_str(alerts);
    text
}

fn one(text: &mut String, resource: &Resource) {
    let Resource { name, kind, region, encrypted, overlap, rules, external, pitr, tests, routes } = resource;
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!("  {name}:\n    kind: {kind}\n    id: shop-{name}\n    region: {region}"));
    line("    objectives: { rpo: 26h, rto: 4h }".into());
    if *encrypted {
        line("    encrypted: true".into());
    }
    if *overlap {
        line("    overlap: forbidden".into());
    }
    if *pitr {
        line("    pitr: { window: 7d, lag_max: 30m }".into());
    }
    if *external {
        line("    snapshots: { external: rds, every: 24h, keep: 20d }".into());
    } else {
        line("    snapshots:".into());
        for Rule { name, cron, keep, takes_max, size_min } in rules {
            let takes = takes_max.map_or_else(String::new, |minutes| format!(", takes_max: {minutes}m"));
            let size = if *size_min { ", size_min: 1GB" } else { "" };
            line(format!("      {name}: {{ at: \"{cron}\", keep: {keep}{takes}{size} }}"));
        }
    }
    if !tests.is_empty() {
        line("    restore_tests:".into());
        for Test { name, due, from, deadline_mins } in tests {
            line(format!(
                "      {name}: {{ {due}, from: {from}, instance_class: db.t4g.medium, deadline: {deadline_mins}m }}"
            ));
        }
    }
    // Whatever somebody may ask to be restored by hand can be proved.
    if !tests.is_empty() || *kind == "rds-instance" {
        line("    checks: { integrity: full }".into());
    }
    if *routes {
        // A resource of its own routes.
        let _ = routes;
    }
}
