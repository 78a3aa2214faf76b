//! A resource: what it is, where, what is taken of it, where it is copied, how it is proved.

use crate::chance::Chance;

use super::{HOME, REGIONS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Instance,
    Aurora,
    DocumentDb,
    /// Nothing is done for it: it stands for all kinds that functions leave alone.
    Bucket,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Instance => "rds-instance",
            Self::Aurora => "aurora-cluster",
            Self::DocumentDb => "docdb-cluster",
            Self::Bucket => "bucket",
        }
    }

    pub(super) fn is_database(self) -> bool {
        self != Self::Bucket
    }
}

#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) region: String,
    pub(super) encrypted: bool,
    pub(super) overlap: bool,
    pub(super) rules: Vec<Rule>,
    /// Who else takes recovery points of it.
    pub(super) external: Option<&'static str>,
    pub(super) pitr: Option<Pitr>,
    pub(super) copies: Vec<Copy>,
    pub(super) tests: Vec<Test>,
    pub(super) checks: &'static str,
    /// Who is told of it, if not whom the plan names.
    pub(super) routes: Option<String>,
    /// An owner, a runbook, a priority, a standby: what is shown, and decides nothing.
    pub(super) labels: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// `at: "cron(…)"`, or `on: demand`.
    pub(super) due: String,
    pub(super) keep: &'static str,
    pub(super) takes_max: Option<i64>,
    pub(super) size_min: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Pitr {
    pub(super) replicate_to: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) region: String,
    /// In another account: people may make it, and no function of ours looks there.
    pub(super) elsewhere: bool,
    pub(super) of_daily: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) name: &'static str,
    pub(super) due: String,
    pub(super) from: &'static str,
    pub(super) region: Option<String>,
    pub(super) class: &'static str,
    pub(super) deadline: &'static str,
}

impl Resource {
    /// How many days it takes until each of its rules had its turn, and a day more.
    pub(super) fn turn_days(&self) -> i64 {
        let dues = self.rules.iter().map(|rule| &rule.due).chain(self.tests.iter().map(|test| &test.due));
        let days = dues.map(|due| {
            if due.contains('#') {
                37
            } else if due.contains(" ? * ") {
                9
            } else {
                3
            }
        });
        days.max().unwrap_or(3)
    }
}

/// One that is legal whatever else there is.
pub(super) fn plain(chance: &mut Chance, number: u64, regions: &[String]) -> Resource {
    Resource {
        name: format!("db-{number}"),
        kind: Kind::Instance,
        region: chance.pick(regions),
        encrypted: false,
        overlap: false,
        rules: vec![rule("daily", "at: \"cron(0 2 * * ? *)\"".into(), "7d")],
        external: None,
        pitr: None,
        copies: Vec::new(),
        tests: Vec::new(),
        checks: CHECKS_SQL[0],
        routes: None,
        labels: false,
    }
}

fn rule(name: &'static str, due: String, keep: &'static str) -> Rule {
    Rule { name, due, keep, takes_max: None, size_min: false }
}

pub(super) fn resource(chance: &mut Chance, number: u64, regions: &[String], channels: &[String]) -> Resource {
    use Kind::{Aurora, Bucket, DocumentDb, Instance};
    let kind = if chance.one_in(25) {
        Bucket
    } else {
        chance.pick(&[Instance, Instance, Instance, Instance, Aurora, Aurora, DocumentDb])
    };
    let region = chance.pick(regions);
    let external =
        (kind.is_database() && chance.one_in(7)).then(|| chance.pick(&["rds", "awsbackup", "manual", "any"]));
    let rules = if external.is_some() { Vec::new() } else { rules(chance, kind) };
    let pitr = (kind.is_database() && chance.one_in(3)).then(|| pitr(chance, kind, &region));
    let copies =
        if external.is_none() && kind.is_database() && chance.one_in(4) { copies(chance, &region) } else { Vec::new() };
    let mut drawn = Resource {
        name: format!("db-{number}"),
        kind,
        region,
        encrypted: chance.one_in(3),
        overlap: chance.one_in(5) && rules.iter().all(|rule| rule.takes_max.is_some()),
        rules,
        external,
        pitr,
        copies,
        tests: Vec::new(),
        checks: chance.pick(if kind == DocumentDb { &CHECKS_DOCUMENTS } else { &CHECKS_SQL }),
        routes: (channels.len() > 1 && chance.one_in(6)).then(|| chance.pick(channels)),
        labels: chance.one_in(5),
    };
    if kind.is_database() && !chance.one_in(5) {
        drawn.tests = tests(chance, &drawn);
    }
    drawn
}

fn rules(chance: &mut Chance, kind: Kind) -> Vec<Rule> {
    let (hour, minute) = (chance.between(0, 23), chance.pick(&[0, 0, 0, 30, 17]));
    let zone = if chance.one_in(5) {
        format!(", time_zone: {}", chance.pick(&["Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
    } else {
        String::new()
    };
    let at = |cron: String| format!("at: \"cron({cron})\"{zone}");
    let mut rules = Vec::new();
    if chance.one_in(4) {
        let often = at(format!("{minute} 0/{} * * ? *", chance.pick(&[3, 4, 6])));
        rules.push(Rule { takes_max: Some(60), ..rule("often", often, "2d") });
    }
    let keep = chance.pick(&["7d", "7d", "{ daily: 7, weekly: 3 }", "10d"]);
    rules.push(rule("daily", at(format!("{minute} {hour} * * ? *")), keep));
    if chance.one_in(2) {
        let day = chance.pick(&["SUN", "MON", "WED"]);
        rules.push(rule("weekly", at(format!("{minute} {hour} ? * {day} *")), "28d"));
    }
    if chance.one_in(6) {
        rules.push(rule("wanted", "on: demand".into(), "30d"));
    }
    for rule in &mut rules {
        rule.takes_max = if chance.one_in(3) { Some(chance.pick(&[60, 120, 360])) } else { rule.takes_max };
        rule.size_min = kind == Kind::Instance && chance.one_in(5);
    }
    rules
}

fn pitr(chance: &mut Chance, kind: Kind, region: &str) -> Pitr {
    // AWS replicates those of DB instances alone.
    let replicated = kind == Kind::Instance && chance.one_in(3);
    Pitr { replicate_to: replicated.then(|| another(chance, region)) }
}

/// Any region but this.
fn another(chance: &mut Chance, region: &str) -> String {
    let others: Vec<&str> = REGIONS.iter().chain([&HOME]).copied().filter(|other| *other != region).collect();
    chance.pick(&others).to_owned()
}

fn copies(chance: &mut Chance, region: &str) -> Vec<Copy> {
    let to = another(chance, region);
    let mut copies = vec![Copy { region: to.clone(), elsewhere: false, of_daily: chance.one_in(3) }];
    if chance.one_in(3) {
        copies.push(Copy { region: to, elsewhere: true, of_daily: false });
    }
    copies
}

fn tests(chance: &mut Chance, of: &Resource) -> Vec<Test> {
    let class = match of.kind {
        Kind::Instance | Kind::Bucket => "db.t4g.medium",
        Kind::Aurora | Kind::DocumentDb => "db.r6g.large",
    };
    let deadline = chance.pick(&["90m", "240m", "240m", "720m", "2d"]);
    let copied = of.copies.iter().find(|copy| !copy.elsewhere).map(|copy| copy.region.clone());
    let mut tests = Vec::new();
    if !of.rules.is_empty() && chance.one_in(2) {
        let from = chance.pick(&["latest", "latest", "random", "oldest"]);
        let region = copied.clone().filter(|_| chance.one_in(3));
        tests.push(Test { name: "every", due: "after: daily".into(), from, region, class, deadline });
    }
    if tests.is_empty() || chance.one_in(2) {
        let (minute, hour) = (chance.between(0, 59), chance.between(0, 23));
        let froms: &[&str] = if of.pitr.is_some() {
            &["latest", "random", "oldest", "pitr", "pitr"]
        } else {
            &["latest", "random", "oldest"]
        };
        let due = match chance.below(40) {
            0 => format!("at: \"cron({minute} {hour} ? * 2#1 *)\""),
            1..=20 => format!("at: \"cron({minute} {hour} * * ? *)\""),
            _ => format!("at: \"cron({minute} {hour} ? * {} *)\"", chance.pick(&["MON", "SAT"])),
        };
        let from = chance.pick(froms);
        // A moment is restored where the database stands.
        let region = copied.filter(|_| from != "pitr" && chance.one_in(2));
        tests.push(Test { name: "planned", due, from, region, class, deadline });
    }
    tests
}

/// What damage shows in first, and what it does not.
const CHECKS_SQL: [&str; 4] = [
    "{ integrity: full }",
    "{ integrity: full }",
    "{ integrity: { level: full, requirement: required }, fresh: { sql: \"select max(at) from t1\", age_max: 30h, requirement: best_effort } }",
    "{ integrity: full, sql: { smoke: { sql: \"select 1\", rows_min: 1, within: 2s } }, migrations: { tool: alembic }, \
     counts: { t2: { table: public.t2, shrink_max: 5% } }, immutable: { t3: { table: public.t3, before: at, requirement: best_effort } } }",
];
const CHECKS_DOCUMENTS: [&str; 3] = [
    "{ integrity: full }",
    "{ integrity: full }",
    "{ integrity: full, documents: { users: { collection: app.t2, filter: '{}', documents_min: 1, shrink_max: 5% } } }",
];
