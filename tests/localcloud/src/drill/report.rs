//! What came of a drill: a table for people, JSON for machines.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;

/// One step of the drill.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// What it was.
    pub name: String,
    /// Whether it behaved as it must.
    pub ok: bool,
    /// What came of it.
    pub detail: String,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// One rehearsed recovery.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsal {
    /// The plan's name of the resource.
    pub resource: String,
    /// The restored recovery point.
    pub recovery_point: String,
    /// `passed`, `failed` or `inconclusive`.
    pub verdict: String,
    /// The verdict that the drill had to see.
    pub expected: String,
    /// Why, most telling first.
    pub reasons: Vec<String>,
    /// How many checks passed.
    pub checks_passed: usize,
    /// How many there were.
    pub checks_total: usize,
    /// Recovery time as measured, in seconds.
    pub recovery_time_seconds: Option<f64>,
    /// Its objective, in seconds.
    pub rto_seconds: f64,
    /// Recovery point age as measured, in seconds.
    pub recovery_point_age_seconds: f64,
    /// Its objective, in seconds.
    pub rpo_seconds: f64,
    /// Seconds from the request to each phase.
    pub phases_seconds: BTreeMap<String, f64>,
    /// Whether the temporary database and its secret are gone.
    pub room_gone: bool,
}

impl Rehearsal {
    /// The phases in the order in which they were reached, in seconds since the request.
    fn phases(&self) -> String {
        let mut phases: Vec<(&String, &f64)> = self.phases_seconds.iter().collect();
        phases.sort_by(|a, b| a.1.total_cmp(b.1));
        let words: Vec<String> =
            phases.into_iter().map(|(name, at)| format!("{} {at:.1} s", name.replace('_', " "))).collect();
        words.join(" · ")
    }

    fn is_as_expected(&self) -> bool {
        self.verdict == self.expected && self.room_gone
    }
}

/// What `pg_amcheck` says of the damaged recovery point.
#[derive(Debug, Clone, Serialize)]
pub struct SecondOpinion {
    /// The command, without its login.
    pub command: String,
    /// Its exit code; absent where this machine has no `pg_amcheck`.
    pub exit_code: Option<i32>,
    /// What it printed.
    pub output: String,
}

/// An alert as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct Arrived {
    /// `Slack`, `PagerDuty`.
    pub receiver: String,
    /// Its first line.
    pub title: String,
}

/// The user's own database, as it was copied.
#[derive(Debug, Clone, Serialize)]
pub struct Copied {
    /// Its address, without the password.
    pub source: String,
    /// Its server's version.
    pub postgresql: String,
    /// `physical` or `logical`.
    pub method: String,
    /// With what, or why not physically.
    pub why: String,
    /// Bytes of data.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What a reader of the verdict has to know about the copy.
    pub notes: Vec<String>,
}

/// Everything that came of a drill.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether every step behaved as it must.
    pub ok: bool,
    /// How long it took in all, in seconds, builds included.
    pub seconds: f64,
    /// Version of PostgreSQL.
    pub postgresql: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The user's own database, if the drill was with one.
    pub copied: Option<Copied>,
    /// The rehearsed recoveries.
    pub rehearsals: Vec<Rehearsal>,
    /// What `pg_amcheck` says of the damaged one.
    pub second_opinion: Option<SecondOpinion>,
    /// The alerts that arrived.
    pub alerts: Vec<Arrived>,
    /// Every AWS call that each function made: function, operation, times.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Report {
    pub(super) fn new(
        steps: Vec<Step>,
        rehearsals: Vec<Rehearsal>,
        second_opinion: Option<SecondOpinion>,
        alerts: Vec<Arrived>,
        calls: BTreeMap<String, BTreeMap<String, u64>>,
        postgresql: String,
        took: Duration,
    ) -> Self {
        let ok = steps.iter().all(|step| step.ok) && rehearsals.iter().all(Rehearsal::is_as_expected);
        Self {
            ok,
            seconds: took.as_secs_f64(),
            postgresql,
            steps,
            copied: None,
            rehearsals,
            second_opinion,
            alerts,
            calls,
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            "resource",
            "verdict",
            "checks",
            "recovery time",
            "RTO",
            "recovery point age",
            "RPO",
            "room",
        ]);
        for rehearsal in &self.rehearsals {
            let time = rehearsal.recovery_time_seconds;
            table.add_row([
                Cell::new(&rehearsal.resource),
                Cell::new(&rehearsal.verdict),
                right(format!("{}/{}", rehearsal.checks_passed, rehearsal.checks_total)),
                right(time.map_or_else(|| "not measured".into(), |time| format!("{time:.1} s"))),
                Cell::new(objective(time, rehearsal.rto_seconds)),
                right(format!("{:.1} s", rehearsal.recovery_point_age_seconds)),
                Cell::new(objective(time.map(|_| rehearsal.recovery_point_age_seconds), rehearsal.rpo_seconds)),
                Cell::new(if rehearsal.room_gone { "gone" } else { "STILL THERE" }),
            ]);
        }
        table
    }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn objective(measured: Option<f64>, limit: f64) -> String {
    let limit_words =
        if limit >= 3600.0 { format!("{:.0} h", limit / 3600.0) } else { format!("{:.0} min", limit / 60.0) };
    match measured {
        None => format!("{limit_words}, unproved"),
        Some(value) if value <= limit => format!("{limit_words}, met"),
        Some(_) => format!("{limit_words}, MISSED"),
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = self.bytes.div_ceil(1 << 20);
        let Self { source, postgresql, method, why, seconds, .. } = self;
        write!(f, "{source}, PostgreSQL {postgresql}: a {method} copy of {mebibytes} MiB in {seconds:.1} s ({why})")?;
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        write!(
            f,
            "\n  the objectives are the drill's, not yours; times are this machine's, with everything on one disk"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table())?;
        for rehearsal in &self.rehearsals {
            writeln!(f, "{:<12} {}", rehearsal.resource, rehearsal.phases())?;
        }
        for rehearsal in self.rehearsals.iter().filter(|rehearsal| rehearsal.verdict != "passed") {
            writeln!(f, "\n{} {}, and here is why:", rehearsal.resource, rehearsal.verdict)?;
            for reason in &rehearsal.reasons {
                writeln!(f, "  {reason}")?;
            }
        }
        if let Some(opinion) = &self.second_opinion {
            let words = match opinion.exit_code {
                Some(0) => "exit 0, nothing found".to_owned(),
                Some(code) => format!("exit {code}: {}", opinion.output.trim()),
                None => opinion.output.clone(),
            };
            writeln!(f, "\n{} on the same recovery point: {words}", opinion.command)?;
        }
        for alert in &self.alerts {
            writeln!(f, "{:<10} {}", alert.receiver, alert.title)?;
        }
        if let Some(copied) = &self.copied {
            writeln!(f, "\n{copied}")?;
        }
        let words = match (self.ok, self.copied.is_some()) {
            (true, false) => "every step behaved as it must",
            (false, false) => "NOT every step behaved as it must",
            (true, true) => "a recovery point of your data was restored, read in full and PASSED",
            (false, true) => "your data did NOT pass, or a step did not behave as it must",
        };
        write!(f, "\n{words}; {:.0} s in all", self.seconds)
    }
}
