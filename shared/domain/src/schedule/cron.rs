//! AWS's own rules for the six fields, and what they come to.
//!
//! Every field is checked and expanded into plain values here. Where AWS's guide is silent the narrower reading is taken, because
//! a schedule refused here is a message and one refused by AWS is a failed deployment.

use super::pattern::{DayRule, Days, Pattern, Times, YEARS};

/// An expression that AWS would accept.
pub(super) struct Checked {
    /// As AWS takes it: upper case, one space between the fields.
    pub(super) expression: String,
    /// What it names.
    pub(super) pattern: Pattern,
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
    min: YEARS.start().unsigned_abs(),
    max: YEARS.end().unsigned_abs(),
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
    let times = Times { minutes: bits(&MINUTES, minutes)?, hours: narrow(bits(&HOURS, hours)?) };
    let rule = month_days(day_of_month)?;
    let months = narrow(bits(&MONTH, month)?);
    let rule = match rule {
        Some(rule) => rule,
        None => week_days(day_of_week)?,
    };
    let days = Days { years: years(year)?, months, rule };
    Ok(Checked { expression: format!("cron({})", fields.join(" ")), pattern: Pattern { times, days } })
}

/// None for `?`: then the weekday says which days.
fn month_days(text: &str) -> Result<Option<DayRule>, String> {
    Ok(Some(match text {
        "?" => return Ok(None),
        "L" => DayRule::Last,
        "LW" => DayRule::LastWorkingDay,
        _ => match text.strip_suffix('W') {
            Some(day) => DayRule::NearestWorkingDay(small(value(&DAY_OF_MONTH, text, day)?)),
            None => DayRule::OfMonth(narrow(bits(&DAY_OF_MONTH, text)?)),
        },
    }))
}

fn week_days(text: &str) -> Result<DayRule, String> {
    if text == "L" {
        // The last day of the week. AWS's week runs from SUN = 1 to SAT = 7.
        return Ok(DayRule::OfWeek(1 << 7));
    }
    if let Some(day) = text.strip_suffix('L') {
        return Ok(DayRule::LastOfWeek(small(value(&DAY_OF_WEEK, text, day)?)));
    }
    if let Some((day, nth)) = text.split_once('#') {
        let day = small(value(&DAY_OF_WEEK, text, day)?);
        return match nth {
            "1" | "2" | "3" | "4" | "5" => Ok(DayRule::NthOfWeek(day, nth.parse().unwrap_or_default())),
            _ => Err(refused(&DAY_OF_WEEK, text)),
        };
    }
    Ok(DayRule::OfWeek(narrow(bits(&DAY_OF_WEEK, text)?)))
}

/// One bit per year, from the first that AWS knows.
fn years(text: &str) -> Result<[u64; 4], String> {
    let mut bits = [0; 4];
    for value in plain(&YEAR, text)? {
        let nth = usize::from(value - YEAR.min);
        if let Some(word) = bits.get_mut(nth / 64) {
            *word |= 1 << (nth % 64);
        }
    }
    Ok(bits)
}

/// The values of a field whose largest is below 64, one bit each.
fn bits(field: &Field, text: &str) -> Result<u64, String> {
    Ok(plain(field, text)?.into_iter().fold(0, |bits, value| bits | 1 << value))
}

/// Bits of a field whose values are known to fit.
fn narrow<T: TryFrom<u64> + Default>(bits: u64) -> T {
    T::try_from(bits).unwrap_or_default()
}

/// A value of a day, which is at most 31.
fn small(value: u16) -> i8 {
    i8::try_from(value).unwrap_or_default()
}

/// The values of a list of values, ranges and steps; some may stand in it twice.
fn plain(field: &Field, text: &str) -> Result<Vec<u16>, String> {
    if text == "*" {
        return Ok((field.min..=field.max).collect());
    }
    let mut chosen = Vec::new();
    for item in text.split(',') {
        chosen.extend(expand(field, text, item)?);
    }
    Ok(chosen)
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

/// One value: a number within bounds, or a word. `05` is a minute; no table of AWS shows a value with more digits than its
/// field's largest, such as `005` or a weekday `06`.
fn value(field: &Field, text: &str, word: &str) -> Result<u16, String> {
    let named = field.words.iter().position(|known| *known == word).and_then(|at| u16::try_from(at).ok());
    let digits_max = field.max.to_string().len();
    named
        .map(|at| field.min + at)
        .or_else(|| number(word).filter(|_| word.len() <= digits_max))
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
