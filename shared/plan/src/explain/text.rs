//! An explanation as a person reads it.

use std::fmt;

use super::{CalendarLine, Explanation, ResourceAnswers};
use crate::table::Table;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, environment, from, days, time_zone, .. } = self;
        writeln!(f, "{plan} ({environment}): {days} days from {from}, times in {time_zone}")?;
        self.calendar(f)?;
        self.answers(f)?;
        if !self.elsewhere.is_empty() {
            writeln!(f, "\nCovered elsewhere")?;
            let mut table = Table::new(&["name", "what", "by", "owner"], &[]);
            self.elsewhere.iter().for_each(|row| table.row(row.clone()));
            write!(f, "{table}")?;
        }
        if !self.owners.is_empty() {
            writeln!(f, "\nOwners")?;
            let mut table = Table::new(&["owner", "contact", "resources"], &[]);
            self.owners.iter().for_each(|row| table.row(row.clone()));
            write!(f, "{table}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn calendar(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_utc = self.time_zone == "UTC";
        let cells = |day: &str, line: &CalendarLine| {
            let mut cells = vec![day.to_owned(), line.at.clone()];
            if !in_utc {
                cells.push(line.utc.clone());
            }
            cells.extend([line.what.to_owned(), line.who.clone(), line.how.clone()]);
            cells
        };
        let headings: &[&str] =
            if in_utc { &["day", "at", "what", "who", "how"] } else { &["day", "at", "UTC", "what", "who", "how"] };
        let mut table = Table::new(headings, &[]);
        let every =
            self.every_day.iter().enumerate().map(|(nth, line)| (if nth == 0 { "every day" } else { "" }, line));
        every.for_each(|(day, line)| table.row(cells(day, line)));
        for days in &self.calendar {
            let lines = days.lines.iter().enumerate();
            lines.for_each(|(nth, line)| table.row(cells(if nth == 0 { &days.days } else { "" }, line)));
        }
        writeln!(f, "\nCalendar")?;
        if self.every_day.is_empty() && self.calendar.is_empty() {
            writeln!(f, "  nothing begins by itself in these days")?;
        } else {
            write!(f, "{table}")?;
        }
        for line in &self.unscheduled {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }

    fn answers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nObjectives, by the plan's own arithmetic")?;
        let headings = ["resource", "loss of", "rpo", "promised by", "lost at most", "verdict", "rto", "measured by"];
        let mut table = Table::new(&headings, &[]);
        for alike in &self.objectives {
            for (nth, loss) in alike.losses.iter().enumerate() {
                let also = if loss.also > 0 { format!(" (and {} more)", loss.also) } else { String::new() };
                let promised = if loss.promised_by.is_empty() { "nothing" } else { &loss.promised_by };
                let none = || "-".to_owned();
                let measured = if loss.rto.is_none() {
                    none()
                } else if loss.measured_by.is_empty() {
                    "nothing".to_owned()
                } else {
                    loss.measured_by.clone()
                };
                table.row([
                    if nth == 0 { alike.names() } else { String::new() },
                    loss.loss.to_owned(),
                    loss.rpo.clone().unwrap_or_else(none),
                    format!("{promised}{also}"),
                    loss.lost_at_most.clone(),
                    loss.verdict.to_owned(),
                    loss.rto.clone().unwrap_or_else(none),
                    measured,
                ]);
            }
        }
        write!(f, "{table}")?;
        let replica = |alike: &ResourceAnswers| alike.losses.iter().any(|loss| loss.promised_by.starts_with("standby"));
        if self.objectives.iter().any(replica) {
            writeln!(
                f,
                "  A standby repeats a wrong DELETE as soon as it catches up: against mistakes only the other lines help."
            )?;
        }
        Ok(())
    }
}
