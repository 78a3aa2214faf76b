//! Single values: texts, names, numbers, durations, sizes, words.

use std::fmt::Display;
use std::str::FromStr;

use holdfast_domain::names::NameError;
use jiff::SignedDuration;

use super::names::nearest;
use super::reader::{Place, join, one_of};
use crate::language::{Shape, Table};
use crate::node::{Entry, Value};
use crate::problem::{Log, Said, code, cut};
use crate::units;

impl<'n> Place<'n> {
    /// A text. A bare number is refused as one, so that `id: 0042` never silently loses its zeros.
    pub(super) fn text(&self, log: &mut Log) -> Option<&'n str> {
        if let Value::Text(text) = &self.node.value {
            return Some(text);
        }
        match &self.node.value {
            Value::Number(number) => self.wrong_sort(&format!("a text, such as \"{number}\" in quotes,"), log),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                self.wrong_sort("a text", log)
            }
        }
        None
    }

    /// A name of the domain.
    pub(super) fn name<T: FromStr<Err = NameError>>(&self, log: &mut Log) -> Option<T> {
        match self.text(log)?.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let (message, allowed) = name_refused(&error);
                self.refuse(code::NAME, message, allowed, log);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn bool(&self, log: &mut Log) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.wrong_sort("true or false", log);
        None
    }

    /// A whole number within the bounds that a field's table gives it.
    pub(super) fn count_of(&self, table: &Table, field: &str, log: &mut Log) -> Option<u32> {
        let Some(Shape::Count(min, max)) = table.field(field).map(|field| &field.shape) else {
            unreachable!("{}.{field} is not a count in its table", table.name)
        };
        u32::try_from(self.count(*min, *max, log)?).ok()
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, min: u64, max: u64, log: &mut Log) -> Option<u64> {
        let number = match &self.node.value {
            Value::Number(text) => text.parse().ok().filter(|number| (min..=max).contains(number)),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        if number.is_none() {
            let message = format!("{} is not a number that is allowed here", self.node.shown());
            let allowed = if max == u64::MAX {
                format!("a whole number from {min} is wanted")
            } else {
                format!("a whole number from {min} to {max} is wanted")
            };
            self.refuse(code::NUMBER, message, allowed, log);
        }
        number
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, log: &mut Log) -> Option<SignedDuration> {
        self.unit(code::DURATION, units::read_duration, log)
    }

    /// A percentage below 100.
    pub(super) fn percent(&self, log: &mut Log) -> Option<u8> {
        self.unit(code::NUMBER, units::read_percent, log)
    }

    /// A size with its unit, in bytes.
    pub(super) fn size(&self, log: &mut Log) -> Option<u64> {
        self.unit(code::SIZE, units::read_size, log)
    }

    fn unit<T>(
        &self,
        code: &'static str,
        read: impl Fn(&str) -> Result<T, (String, String)>,
        log: &mut Log,
    ) -> Option<T> {
        // What is neither text nor number is not a value with a unit either, and is named by its sort.
        let text = self.node.shown();
        match read(&text) {
            Ok(value) => Some(value),
            Err((what, allowed)) => {
                self.refuse(code, format!("{text} {what}"), allowed, log);
                None
            }
        }
    }

    /// A duration within bounds that are named in the message with their reason.
    pub(super) fn duration_within(
        &self,
        min: SignedDuration,
        max: SignedDuration,
        why: &str,
        log: &mut Log,
    ) -> Option<SignedDuration> {
        let duration = self.duration(log)?;
        if (min..=max).contains(&duration) {
            return Some(duration);
        }
        let allowed = if max == SignedDuration::MAX {
            format!("at least {} is wanted, {why}", units::write_duration(min))
        } else {
            format!("{} to {} is wanted, {why}", units::write_duration(min), units::write_duration(max))
        };
        let sort = if duration < min { "short" } else { "long" };
        self.refuse(code::OUT_OF_BOUNDS, format!("{} is too {sort}", self.node.shown()), allowed, log);
        None
    }

    /// One of some words, each with what it stands for.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], log: &mut Log) -> Option<T> {
        let text = self.text(log)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("{} is not known here", cut(text));
            let allowed = match nearest(text, &known) {
                Some(meant) => format!("perhaps {meant} is meant; {}", one_of(&known)),
                None => one_of(&known),
            };
            self.refuse(code::WORD, message, allowed, log);
        }
        found
    }

    /// The key of one of this map's entries as a name.
    pub(super) fn key<T>(&self, entry: &Entry, log: &mut Log) -> Option<T>
    where
        T: FromStr<Err = NameError> + Display,
    {
        match entry.key.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let (message, allowed) = name_refused(&error);
                let path = join(&self.path, &cut(&entry.key));
                let (mark, value) = (entry.key_mark, entry.key.as_str());
                log.refuse(Said { code: code::NAME, mark, path: &path, value, message, allowed });
                None
            }
        }
    }
}

fn name_refused(error: &NameError) -> (String, String) {
    let value = if error.value.is_empty() { "an empty text".to_owned() } else { cut(&error.value) };
    (format!("{value} is not a legal {}", error.sort), error.allowed.to_owned())
}
