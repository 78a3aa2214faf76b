//! AWS's own rules for the six fields, and their translation into what croner reads.
//!
//! Croner accepts what AWS refuses (both day fields set, two `#`, the year 2300), fails on ranges that wrap (`20-2`), and finds
//! nothing for a lone `L` weekday. So every field is checked and expanded into plain values here; where AWS's guide is silent
//! the narrower reading is taken, because a schedule refused here is a message and one refused by AWS is a failed deployment.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

/// An expression that AWS would accept.
pub(super) struct Checked {
    /// As AWS takes it: upper case, one space between the fields.
    pub(super) expression: String,
    /// The same as croner takes it, every field expanded.
    pattern: String,
}

impl Checked {
    /// Compiles the pattern for searching.
    pub(super) fn compile(&self) -> Result<Cron, CronError> {
        CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            // AWS counts weekdays from 1 = SUN, as Quartz does.
            .alternative_weekdays(true)
            .sloppy_ranges(true)
            .build()
            .parse(&self.pattern)
    }
}

/// One of the six fields: its name, its bounds and the words that stand for values from `min` on.
struct Field {
    name: &'static str,
    min: u16,
    max: u16,
    words: &'static [&'static str],
    /// Whether `a-b` with a > b goes over the end: hours and days come round again, years do not.
    wraps: bool,
    /// Whether `/` is allowed; AWS's reference does not list it for day-of-week.
    steps: bool,
    allowed: &'static str,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const MINUTES: Field =
    Field { name: "minutes", min: 0, max: 59, words: &[], wraps: true, steps: true, allowed: "0-59 and , - * /" };
const HOURS: Field =
    Field { name: "hours", min: 0, max: 23, words: &[], wraps: true, steps: true, allowed: "0-23 and , - * /" };
const DAY_OF_MONTH: Field = Field {
    name: "day-of-month",
    min: 1,
    max: 31,
    words: &[],
    wraps: true,
    steps: true,
    allowed: "1-31 and , - * / or ? alone, L alone, LW alone, or one day with W such as 15W",
};
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    words: &MONTHS,
    wraps: true,
    steps: true,
    allowed: "1-12 or JAN-DEC and , - * /",
};
const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    min: 1,
    max: 7,
    words: &WEEKDAYS,
    wraps: true,
    steps: false,
    allowed: "1-7 or SUN-SAT and , - * or ? alone, L alone, one day with L such as 5L, or one day with # and 1-5 such as 2#1",
};
const YEAR: Field = Field {
    name: "year",
    min: 1970,
    max: 2199,
    words: &[],
    wraps: false,
    steps: true,
    allowed: "1970-2199 and , - * /",
};

/// The longest expression that is looked at; EventBridge Scheduler takes 256 characters
/// (source: EventBridge Scheduler API Reference, `CreateSchedule`, `ScheduleExpression`).
const EXPRESSION_MAX: usize = 256;

/// Checks an expression by AWS's rules and expands it.
pub(super) fn check(expression: &str) -> Result<Checked, String> {
    const SHAPE: &str = "cron(minutes hours day-of-month month day-of-week year) is wanted, such as cron(0 2 * * ? *)";
    if expression.len() > EXPRESSION_MAX {
        return Err(format!("it is longer than the {EXPRESSION_MAX} characters that EventBridge Scheduler takes"));
    }
    let Some(inner) = expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')) else {
        return Err(SHAPE.into());
    };
    let inner = inner.to_ascii_uppercase();
    let fields: Vec<&str> = inner.split_ascii_whitespace().collect();
    let &[minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
        return Err(format!("it has {} fields, not 6: {SHAPE}", fields.len()));
    };
    match (day_of_month, day_of_week) {
        ("?", "?") => return Err("day-of-month and day-of-week are both ?, but exactly one of them must be".into()),
        ("?", _) | (_, "?") => {}
        (_, _) => {
            return Err(format!(
                "day-of-month is {day_of_month} and day-of-week is {day_of_week}, but exactly one of them must be ?"
            ));
        }
    }
    let pattern = [
        "0".to_owned(),
        plain(&MINUTES, minutes)?,
        plain(&HOURS, hours)?,
        month_days(day_of_month)?,
        plain(&MONTH, month)?,
        week_days(day_of_week)?,
        years(year)?,
    ]
    .join(" ");
    Ok(Checked { expression: format!("cron({})", fields.join(" ")), pattern })
}

fn month_days(text: &str) -> Result<String, String> {
    if matches!(text, "?" | "L" | "LW") {
        return Ok(text.to_owned());
    }
    if let Some(day) = text.strip_suffix('W') {
        return Ok(format!("{}W", value(&DAY_OF_MONTH, text, day)?));
    }
    plain(&DAY_OF_MONTH, text)
}

fn week_days(text: &str) -> Result<String, String> {
    if text == "?" {
        return Ok(text.to_owned());
    }
    if text == "L" {
        // The last day of the week. AWS's week runs from SUN = 1 to SAT = 7.
        return Ok("7".into());
    }
    if let Some(day) = text.strip_suffix('L') {
        return Ok(format!("{}L", value(&DAY_OF_WEEK, text, day)?));
    }
    if let Some((day, nth)) = text.split_once('#') {
        let day = value(&DAY_OF_WEEK, text, day)?;
        return match nth {
            "1" | "2" | "3" | "4" | "5" => Ok(format!("{day}#{nth}")),
            _ => Err(refused(&DAY_OF_WEEK, text)),
        };
    }
    plain(&DAY_OF_WEEK, text)
}

/// Croner's own `*` would run to the year 5000; AWS's ends in 2199.
fn years(text: &str) -> Result<String, String> {
    let expanded = plain(&YEAR, text)?;
    Ok(if expanded == "*" { format!("{}-{}", YEAR.min, YEAR.max) } else { expanded })
}

/// Expands a list of values, ranges and steps into sorted values; all of them is `*`.
fn plain(field: &Field, text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok("*".into());
    }
    let mut chosen = vec![false; usize::from(field.max - field.min) + 1];
    for item in text.split(',') {
        for value in expand(field, text, item)? {
            chosen[usize::from(value - field.min)] = true;
        }
    }
    if chosen.iter().all(|chosen| *chosen) {
        return Ok("*".into());
    }
    let values = (field.min..=field.max).zip(chosen).filter(|(_, chosen)| *chosen).map(|(value, _)| value.to_string());
    Ok(values.collect::<Vec<_>>().join(","))
}

/// One item of a list: `5`, `5-9`, `20-2`, `*/15`, `5/15`, `5-50/15`.
fn expand(field: &Field, text: &str, item: &str) -> Result<Vec<u16>, String> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) if field.steps => (range, Some(number(step).ok_or_else(|| refused(field, text))?)),
        Some(_) => return Err(refused(field, text)),
        None => (item, None),
    };
    let (from, to) = if range == "*" {
        if step.is_none() {
            // `*,5` says everything and then something.
            return Err(refused(field, text));
        }
        (field.min, field.max)
    } else if let Some((from, to)) = range.split_once('-') {
        (value(field, text, from)?, value(field, text, to)?)
    } else {
        let from = value(field, text, range)?;
        (from, if step.is_some() { field.max } else { from })
    };
    let step = step.unwrap_or(1);
    if step == 0 || step > field.max {
        return Err(format!("{} is {text}: the step {step} must lie between 1 and {}", field.name, field.max));
    }
    if from > to && !field.wraps {
        return Err(format!("{} is {text}: the range {from}-{to} runs backwards", field.name));
    }
    let size = field.max - field.min + 1;
    let length = if from <= to { to - from } else { size - (from - to) };
    let step_by = usize::from(step);
    Ok((0..=length).step_by(step_by).map(|offset| field.min + (from - field.min + offset) % size).collect())
}

/// One value: a number within bounds, or a word.
fn value(field: &Field, text: &str, word: &str) -> Result<u16, String> {
    let named = field.words.iter().position(|known| *known == word).and_then(|at| u16::try_from(at).ok());
    named
        .map(|at| field.min + at)
        .or_else(|| number(word))
        .filter(|value| (field.min..=field.max).contains(value))
        .ok_or_else(|| refused(field, text))
}

/// Digits alone: `u16::from_str` would take `+5` too.
fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn refused(field: &Field, text: &str) -> String {
    format!("{} is {text}: allowed are {}", field.name, field.allowed)
}
