//! Plans for tests: a few databases, each with one rule for snapshots and one for restore tests, due already.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, anyhow};
use holdfast_plan::Compiled;
use jiff::{Timestamp, ToSpan as _, Unit, ZonedRound, tz::TimeZone};

/// The plan's name.
pub const PLAN: &str = "shop";
/// Its environment.
pub const ENVIRONMENT: &str = "e2e";

/// A plan to be.
#[derive(Debug, Clone)]
pub struct Draft {
    /// When every rule is due. Cut to the minute.
    pub due: Timestamp,
    /// Restore tests at once.
    pub rooms_max: u32,
    /// The databases.
    pub databases: Vec<Database>,
}

/// A database of the plan. Its instance has the same name as its resource.
#[derive(Debug, Clone)]
pub struct Database {
    /// The plan's name of it.
    pub name: &'static str,
    /// How long its restore test may take.
    pub deadline: &'static str,
    /// A query that its copy must answer, besides what is checked of every database.
    pub question: Option<&'static str>,
    /// Who takes its recovery points, in the plan's word, if somebody else than Holdfast does.
    pub taken_by: Option<&'static str>,
}

impl Database {
    /// A database that nothing is wrong with.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        Self { name, deadline: "4m", question: None, taken_by: None }
    }

    /// Its restore test must end by then.
    #[must_use]
    pub fn with_deadline(self, deadline: &'static str) -> Self {
        Self { deadline, ..self }
    }

    /// Its copy must answer this too.
    #[must_use]
    pub fn with_question(self, sql: &'static str) -> Self {
        Self { question: Some(sql), ..self }
    }

    /// Its recovery points are taken by somebody else: `awsbackup`.
    #[must_use]
    pub fn taken_by(self, maker: &'static str) -> Self {
        Self { taken_by: Some(maker), ..self }
    }

    fn write(&self, cron: &str, text: &mut String) -> std::fmt::Result {
        let Self { name, deadline, question, taken_by } = self;
        writeln!(text, "  {name}:")?;
        writeln!(text, "    kind: rds-instance")?;
        writeln!(text, "    id: {name}")?;
        writeln!(text, "    objectives: {{ rpo: 24h, rto: 15m }}")?;
        let due = match taken_by {
            None => {
                writeln!(text, "    snapshots:\n      daily: {{ at: \"{cron}\", keep: 7d }}")?;
                "after: daily".to_owned()
            }
            Some(maker) => {
                writeln!(text, "    snapshots: {{ external: {maker}, every: 24h, keep: 30d }}")?;
                format!("at: \"{cron}\"")
            }
        };
        let rule = format!("{due}, from: latest, instance_class: db.t4g.medium, deadline: {deadline}");
        writeln!(text, "    restore_tests:\n      every: {{ {rule} }}")?;
        writeln!(text, "    checks:\n      integrity: full\n      sql:")?;
        writeln!(text, "        orders: {{ sql: \"select id from orders limit 5\", rows_min: 5 }}")?;
        question.map_or(Ok(()), |sql| writeln!(text, "        question: {{ sql: \"{sql}\", rows_min: 1 }}"))
    }
}

impl Draft {
    /// Due since the last full minute: whatever sweeps first takes it, and no test waits for the next one.
    #[must_use]
    pub fn due_now(databases: impl Into<Vec<Database>>) -> Self {
        Self { due: Timestamp::now(), rooms_max: 20, databases: databases.into() }
    }

    /// Due at the first full minute before which there is time to deploy.
    ///
    /// # Errors
    /// At the end of time.
    pub fn due_soon(databases: impl Into<Vec<Database>>) -> Result<Self> {
        // The minute is cut off below; so this is 25 to 85 s from now, and a deployment takes 5 on a quiet machine.
        let due = Timestamp::now().checked_add(85.seconds())?;
        Ok(Self { due, ..Self::due_now(databases) })
    }

    /// Restore tests at once.
    #[must_use]
    pub fn with_rooms_max(self, rooms_max: u32) -> Self {
        Self { rooms_max, ..self }
    }

    /// The full minute at which every rule is due.
    ///
    /// # Errors
    /// At the end of time.
    pub fn minute(&self) -> Result<Timestamp> {
        let to_minute = ZonedRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Trunc);
        Ok(self.due.to_zoned(TimeZone::UTC).round(to_minute)?.timestamp())
    }

    /// The plan as a person would write it.
    ///
    /// # Errors
    /// At the end of time.
    pub fn yaml(&self) -> Result<String> {
        // With its date: a daily rule would be due yesterday too.
        let cron = self.minute()?.to_zoned(TimeZone::UTC).strftime("cron(%-M %-H %-d %-m ? %Y)").to_string();
        let mut text = format!("version: 1\nname: {PLAN}\nenvironment: {ENVIRONMENT}\ntime_zone: UTC\n");
        writeln!(text, "regions: {{ home: {}, primary: eu-central-1 }}", holdfast_localcloud::cloud::HOME)?;
        writeln!(text, "rooms_max: {}\nresources:", self.rooms_max)?;
        for database in &self.databases {
            database.write(&cron, &mut text)?;
        }
        text.push_str(
            "alerts:\n  channels:\n    oncall: { pagerduty: \"secret:holdfast/pagerduty\" }\n    ops: { slack: \"secret:holdfast/slack\" }\n",
        );
        text.push_str("  routes:\n    critical: [oncall, ops]\n    high: [oncall, ops]\n    info: [ops]\n");
        Ok(text)
    }

    /// The plan, checked and compiled.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn compile(&self) -> Result<Compiled> {
        let text = self.yaml()?;
        holdfast_plan::read_yaml("plan.yaml", &text)
            .map_err(|problems| anyhow!("{problems}"))
            .context("the test's plan")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_becomes_a_legal_plan_due_at_its_minute() {
        let databases = [
            Database::named("a"),
            Database::named("b").with_deadline("1m").with_question("select pg_sleep(1)"),
            Database::named("c").taken_by("awsbackup"),
        ];
        let draft = Draft { due: "2026-11-20T02:05:17Z".parse().expect("a time"), ..Draft::due_now(databases) };
        let compiled = draft.compile().expect("a legal plan");
        let (_, first) = compiled.plan().resources.first_key_value().expect("a resource");
        let at = first.snapshots.values().next().and_then(|rule| rule.schedule()).expect("a schedule");
        assert_eq!(at.next_after(draft.due - 1.hour()), Some("2026-11-20T02:05:00Z".parse().expect("a time")));
        assert_eq!(at.next_after(draft.due), None, "due once");
    }
}
