//! A life as text: plans, and what goes wrong when. Short enough to be read, and all there is: the same script is the same life.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use crate::misfortune::Misfortune;

/// One line: when, and what goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// After the life's beginning.
    pub at: SignedDuration,
    /// What.
    pub what: Misfortune,
}

/// A whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it once broke, in a sentence; empty for a fresh one.
    pub says: String,
    /// What the few things follow from that no line says: how long a call takes, at which second of its minute a sweep comes.
    pub seed: u64,
    /// When it begins.
    pub begins: Timestamp,
    /// How long things go wrong.
    pub lasts: SignedDuration,
    /// How long it is calm afterwards.
    pub calm: SignedDuration,
    /// The plans, as `plan.yaml`; the first holds from the beginning.
    pub plans: Vec<String>,
    /// What goes wrong, in order.
    pub lines: Vec<Line>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn write_span(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let (days, rest) = (seconds / DAY, seconds % DAY);
    format!("{days}d {:02}:{:02}:{:02}", rest / HOUR, rest % HOUR / MINUTE, rest % MINUTE)
}

fn read_span(days: &str, clock: &str) -> Option<SignedDuration> {
    let days: i64 = days.strip_suffix('d')?.parse().ok()?;
    let parts: Vec<i64> = clock.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    Some(SignedDuration::from_secs(days * DAY + hours * HOUR + minutes * MINUTE + seconds))
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.says.lines() {
            writeln!(f, "# {line}")?;
        }
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "begins {}", self.begins)?;
        writeln!(f, "lasts {}", write_span(self.lasts))?;
        writeln!(f, "calm {}", write_span(self.calm))?;
        for plan in &self.plans {
            writeln!(f, "plan")?;
            for line in plan.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        writeln!(f, "misfortunes")?;
        for line in &self.lines {
            writeln!(f, "  {} {}", write_span(line.at), line.what)?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut script = Self {
            says: String::new(),
            seed: 0,
            begins: Timestamp::UNIX_EPOCH,
            lasts: SignedDuration::ZERO,
            calm: SignedDuration::ZERO,
            plans: Vec::new(),
            lines: Vec::new(),
        };
        let mut section = "";
        for (number, line) in text.lines().enumerate() {
            let wrong = |why: &str| format!("line {}: {why}: {line:?}", number + 1);
            if let Some(indented) = line.strip_prefix("  ") {
                match section {
                    "plan" => {
                        let plan = script.plans.last_mut().ok_or_else(|| wrong("no plan begins before it"))?;
                        plan.push_str(indented);
                        plan.push('\n');
                    }
                    _ => {
                        let mut words = indented.splitn(3, ' ');
                        let (days, clock) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
                        let at = read_span(days, clock).ok_or_else(|| wrong("no time such as 3d 04:05:06"))?;
                        let what = words.next().unwrap_or("").parse().map_err(|error: String| wrong(&error))?;
                        script.lines.push(Line { at, what });
                    }
                }
                continue;
            }
            let span = |rest: &str| {
                let (days, clock) = rest.split_once(' ').unwrap_or((rest, ""));
                read_span(days, clock).ok_or_else(|| wrong("no span such as 3d 04:05:06"))
            };
            match line.split_once(' ').unwrap_or((line, "")) {
                ("", _) => {}
                ("#", says) => {
                    script.says.push_str(says);
                    script.says.push('\n');
                }
                ("seed", rest) => script.seed = rest.parse().map_err(|_| wrong("no number"))?,
                ("begins", rest) => script.begins = rest.parse().map_err(|_| wrong("no instant"))?,
                ("lasts", rest) => script.lasts = span(rest)?,
                ("calm", rest) => script.calm = span(rest)?,
                ("plan", _) => {
                    section = "plan";
                    script.plans.push(String::new());
                }
                ("misfortunes", _) => section = "misfortunes",
                _ => return Err(wrong("it begins with none of # seed begins lasts calm plan misfortunes")),
            }
        }
        script.says = script.says.trim_end().to_owned();
        Ok(script)
    }
}
