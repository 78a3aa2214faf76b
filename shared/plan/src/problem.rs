//! What is wrong with a plan: where, what stands there, and what is allowed. All of it at once.

use std::error::Error;
use std::fmt;

use serde::Serialize;

/// Whether a problem refuses the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The plan is refused.
    Error,
    /// The plan is taken; somebody should look.
    Warning,
}

/// One thing that is wrong with a plan.
///
/// `Display` gives one line: `plan.yaml:12:14: HF007 resources.orders-db.snapshots.daily.keep: "7" is not …: … is wanted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as it was named to us.
    pub file: String,
    /// Line, from 1; absent where the source has no places (JSON).
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// Whether it refuses the plan.
    pub severity: Severity,
    /// Stable code: what sort of problem it is (see `docs/plan.md`).
    pub code: &'static str,
    /// Where in the plan: `resources.orders-db.snapshots.daily.keep`; empty for the file as a whole.
    pub path: String,
    /// What stands there, cut to 80 characters; empty if nothing does.
    pub value: String,
    /// What is wrong with it, naming the value.
    pub message: String,
    /// What is allowed instead, or the nearest plan that is; may be empty.
    pub allowed: String,
}

impl Problem {
    /// `plan.yaml:12:14`, or the file alone.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            (_, _) => self.file.clone(),
        }
    }

    /// Message and what is allowed, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.allowed.is_empty() { self.message.clone() } else { format!("{}: {}", self.message, self.allowed) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place())?;
        if self.severity == Severity::Warning {
            f.write_str("warning ")?;
        }
        write!(f, "{} ", self.code)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.sentence())
    }
}

/// Why a plan was refused: every problem, by place. At least one is an error; warnings stand among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems in the order of the file.
    #[must_use]
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl Error for Problems {}

/// A place in the source, from 1; absent in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark(pub(crate) Option<(usize, usize)>);

/// The stable codes. A code's meaning never changes; a retired one is not given out again.
pub(crate) mod code {
    pub(crate) const UNREADABLE: &str = "HF001";
    pub(crate) const UNKNOWN_FIELD: &str = "HF002";
    pub(crate) const MISSING: &str = "HF003";
    pub(crate) const WRONG_SORT: &str = "HF004";
    pub(crate) const TWICE: &str = "HF005";
    pub(crate) const NAME: &str = "HF006";
    pub(crate) const DURATION: &str = "HF007";
    pub(crate) const SIZE: &str = "HF008";
    pub(crate) const NUMBER: &str = "HF009";
    pub(crate) const WORD: &str = "HF010";
    pub(crate) const SCHEDULE: &str = "HF011";
    pub(crate) const TIME_ZONE: &str = "HF012";
    pub(crate) const EMPTY: &str = "HF013";
    pub(crate) const EITHER_OR: &str = "HF014";
    pub(crate) const NO_SUCH: &str = "HF015";
    pub(crate) const NOTHING_PROVED: &str = "HF016";
    pub(crate) const NEVER_CHECKED: &str = "HF017";
    pub(crate) const SAME_INSTANCE: &str = "HF018";
    pub(crate) const OURS: &str = "HF019";
    pub(crate) const SQL: &str = "HF020";
    pub(crate) const SECRET: &str = "HF021";
    pub(crate) const OUT_OF_BOUNDS: &str = "HF022";
    pub(crate) const RPO: &str = "HF023";
    pub(crate) const NOT_AS_COMPILED: &str = "HF024";
    pub(crate) const VERSION: &str = "HF025";
    pub(crate) const NOBODY_TOLD: &str = "HF026";
}

/// Problems of one file as they are found.
#[derive(Debug)]
pub(crate) struct Log {
    file: String,
    problems: Vec<Problem>,
}

/// What one problem says; the log adds file and severity.
pub(crate) struct Said<'a> {
    pub(crate) code: &'static str,
    pub(crate) mark: Mark,
    pub(crate) path: &'a str,
    pub(crate) value: &'a str,
    pub(crate) message: String,
    pub(crate) allowed: String,
}

impl Log {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: Vec::new() }
    }

    pub(crate) fn refuse(&mut self, said: Said<'_>) {
        self.add(Severity::Error, said);
    }

    pub(crate) fn warn(&mut self, said: Said<'_>) {
        self.add(Severity::Warning, said);
    }

    fn add(&mut self, severity: Severity, said: Said<'_>) {
        let Mark(place) = said.mark;
        self.problems.push(Problem {
            file: self.file.clone(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            severity,
            code: said.code,
            path: said.path.to_owned(),
            value: cut(said.value),
            message: said.message,
            allowed: said.allowed,
        });
    }

    /// The warnings if there is nothing else, all problems by place otherwise.
    pub(crate) fn close(mut self) -> Result<Vec<Problem>, Problems> {
        // Stable: problems of one place, and of a source without places, keep the order in which they were found.
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        if self.problems.iter().any(|problem| problem.severity == Severity::Error) {
            Err(Problems(self.problems))
        } else {
            Ok(self.problems)
        }
    }

    /// The problems so far, of which the caller knows that one is an error.
    pub(crate) fn refused(mut self) -> Problems {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        Problems(self.problems)
    }
}

/// A value as messages show it: on one line, at most 80 characters.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let one_line: String = text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN_MAX).is_some() { format!("{one_line}…") } else { one_line }
}
