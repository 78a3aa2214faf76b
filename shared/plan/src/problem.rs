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
    /// The plan is taken; this part of it is not carried out yet.
    Notice,
}

impl Severity {
    /// The word used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
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
        match self.severity {
            Severity::Error => {}
            Severity::Warning | Severity::Notice => write!(f, "{} ", self.severity.as_str())?,
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

/// A place in the source, from 1; absent in JSON. Every value and every key has one, so it is kept small: no file that is read has
/// as many lines or columns as this could count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark(Option<(u32, u32)>);

impl Mark {
    pub(crate) fn at(line: usize, column: usize) -> Self {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self(Some((small(line), small(column))))
    }

    pub(crate) fn line(self) -> Option<usize> {
        self.0.and_then(|(line, _)| usize::try_from(line).ok())
    }

    pub(crate) fn column(self) -> Option<usize> {
        self.0.and_then(|(_, column)| usize::try_from(column).ok())
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $is:literal;)+) => {
        /// The stable codes. A code's meaning never changes; a retired one is not given out again.
        pub(crate) mod code {
            // Functions read no source and judge no plan.
            $(#[cfg_attr(not(feature = "yaml"), allow(dead_code))] pub(crate) const $name: &str = $code;)+

            /// Every code with what it says in a few words, as `docs/plan.md` lists them.
            #[cfg(test)]
            pub(crate) const ALL: &[(&str, &str)] = &[$(($code, $is)),+];
        }
    };
}

codes! {
    UNREADABLE = "HF001", "the file cannot be read";
    UNKNOWN_FIELD = "HF002", "unknown field";
    MISSING = "HF003", "a required field is missing";
    WRONG_SORT = "HF004", "another sort of value is wanted";
    TWICE = "HF005", "stands twice";
    NAME = "HF006", "not a legal name";
    DURATION = "HF007", "not a duration";
    SIZE = "HF008", "not a size";
    NUMBER = "HF009", "not a number that is allowed";
    WORD = "HF010", "not a known word";
    SCHEDULE = "HF011", "not a schedule";
    TIME_ZONE = "HF012", "not a time zone";
    EMPTY = "HF013", "an empty policy";
    EITHER_OR = "HF014", "both or neither of two fields";
    NO_SUCH = "HF015", "no such rule, channel, owner, account or stream";
    NOTHING_PROVED = "HF016", "nothing would be proved";
    NEVER_CHECKED = "HF017", "checks that never run";
    SAME_TARGET = "HF018", "one thing in two resources";
    OURS = "HF019", "the prefix `hf-` is ours";
    SQL = "HF020", "not a query that reads";
    SECRET = "HF021", "not the name of a secret";
    OUT_OF_BOUNDS = "HF022", "a duration out of bounds";
    // HF023 is retired: it was a warning of what HF040 refuses.
    NOT_AS_COMPILED = "HF024", "`plan.json` was changed after it was compiled";
    VERSION = "HF025", "another version of the language";
    NOBODY_TOLD = "HF026", "warning: findings that reach nobody";
    KIND = "HF027", "not for this kind of resource";
    TEXT = "HF028", "not a text that can be shown";
    ADDRESS = "HF029", "not an address";
    ARN = "HF030", "not the ARN of a role";
    KMS_KEY = "HF031", "not a KMS key";
    SAME_PLACE = "HF032", "a copy where the original already is";
    ORDER = "HF033", "tiers out of order";
    TIME_OF_DAY = "HF034", "not a time of day, or no span of time";
    NEVER_QUIET = "HF035", "a severity that never waits";
    TRANSPORT = "HF036", "a transport that AWS does not offer";
    NOT_CARRIED_OUT = "HF037", "notice: not carried out yet";
    INSTANT = "HF038", "not an instant";
    FILTER = "HF039", "not a filter";
    NOT_KEPT = "HF040", "an objective that the plan's own lines cannot keep";
    UNPROVEN = "HF041", "warning: an objective that no line of the plan proves";
    EVERYTHING_LOST = "HF042", "warning: lost whole with the region or the account";
    LAG = "HF043", "warning: point-in-time recovery at the edge of its own interval (X6)";
    RTO = "HF044", "warning: a recovery time that no restore can promise (X7)";
    TOO_YOUNG = "HF045", "warning: a tier before S3 allows it (X1)";
    MINIMUM_CHARGE = "HF046", "warning: a tier that costs more than it saves, or is never reached (X2)";
    MFA_DELETE = "HF047", "MFA delete beside lifecycle rules (X3)";
    ONE_RETENTION = "HF048", "automated backups kept for two different times (X4)";
    QUOTA = "HF049", "more snapshots than the account may have (X5)";
    FRESH = "HF050", "warning: data older than the recovery point objective would pass (X8)";
    ERASURE = "HF051", "warning: erased persons in copies that nobody can delete (X9)";
    NO_LOCK = "HF052", "a lock on snapshots, which have none (X10)";
    FORBIDDEN_REGION = "HF053", "a region that the resource does not allow (B37)";
    LOST_HOUR = "HF054", "warning: a time that the clocks leave out";
    OVERLAP = "HF055", "runs overlap that must not (M1)";
    NOTHING_TO_RESTORE = "HF056", "a restore test that finds nothing";
    ENVIRONMENTS = "HF057", "a lesser environment keeps as long (N2)";
    NO_ESCALATION = "HF058", "warning: escalation to nobody (B30)";
    STREAM = "HF059", "a compliance stream without a key or an account of its own (B34)";
    ROOMS = "HF060", "warning: more DB instances than the account may have";
    MANY = "HF070", "more problems than are shown";
}

/// More problems than anybody reads at once; a file of a million slips must not become a million messages.
const PROBLEMS_MAX: usize = 1_000;

/// Problems of one file as they are found.
#[derive(Debug)]
pub(crate) struct Log {
    file: String,
    problems: Vec<Problem>,
    /// How many were found beyond those that are kept.
    beyond: usize,
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
        Self { file: file.to_owned(), problems: Vec::new(), beyond: 0 }
    }

    pub(crate) fn refuse(&mut self, said: Said<'_>) {
        self.add(Severity::Error, said);
    }

    pub(crate) fn warn(&mut self, said: Said<'_>) {
        self.add(Severity::Warning, said);
    }

    #[cfg(feature = "yaml")]
    pub(crate) fn notice(&mut self, said: Said<'_>) {
        self.add(Severity::Notice, said);
    }

    fn add(&mut self, severity: Severity, said: Said<'_>) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.beyond += 1;
            return;
        }
        self.problems.push(Problem {
            file: self.file.clone(),
            line: said.mark.line(),
            column: said.mark.column(),
            severity,
            code: said.code,
            path: said.path.to_owned(),
            value: cut(said.value),
            message: said.message,
            allowed: said.allowed,
        });
    }

    /// An empty log of the same file.
    #[cfg(feature = "yaml")]
    pub(crate) fn again(&self) -> Self {
        Self::new(&self.file)
    }

    /// Every problem by place, errors or not.
    #[cfg(feature = "yaml")]
    pub(crate) fn all(self) -> Vec<Problem> {
        self.refused().0
    }

    /// Whether an error was found.
    pub(crate) fn refuses(&self) -> bool {
        self.beyond > 0 || self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether an error was found that keeps something of the plan from being understood. A transport that AWS does not offer is understood
    /// well enough.
    #[cfg(feature = "yaml")]
    pub(crate) fn misreads(&self) -> bool {
        let error = |problem: &Problem| problem.severity == Severity::Error && problem.code != code::TRANSPORT;
        self.beyond > 0 || self.problems.iter().any(error)
    }

    /// The warnings if there is nothing else, all problems by place otherwise.
    pub(crate) fn close(self) -> Result<Vec<Problem>, Problems> {
        let refuses = self.refuses();
        let problems = self.refused();
        if refuses { Err(problems) } else { Ok(problems.0) }
    }

    /// The problems so far, of which the caller knows that one is an error.
    pub(crate) fn refused(mut self) -> Problems {
        // Stable: problems of one place, and of a source without places, keep the order in which they were found.
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        if let Some(last) = self.problems.last().filter(|_| self.beyond > 0).cloned() {
            let message =
                format!("{} more problems were found than the {PROBLEMS_MAX} that are told at once", self.beyond);
            let (severity, code, allowed) = (Severity::Error, code::MANY, "mend these first".to_owned());
            let (path, value) = (String::new(), String::new());
            self.problems.push(Problem { severity, code, path, value, message, allowed, ..last });
        }
        Problems(self.problems)
    }
}

/// A value as messages show it: on one line, at most 80 characters.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let one_line: String = text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN_MAX).is_some() { format!("{one_line}…") } else { one_line }
}

#[cfg(test)]
mod tests {
    use super::code::ALL;

    const REFERENCE: &str = include_str!("../../../docs/plan.md");
    const EXPLAINED: &str = include_str!("../../../docs/plan-codes.md");

    #[test]
    fn every_code_is_explained_and_every_explained_code_exists() {
        let codes: Vec<String> = ALL.iter().map(|(code, is)| format!("{code}: {is}")).collect();
        let headings: Vec<&str> = EXPLAINED.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, codes, "docs/plan-codes.md");
        let rows: Vec<&str> = REFERENCE.lines().filter(|line| line.starts_with("| HF")).collect();
        let wanted: Vec<String> = ALL.iter().map(|(code, is)| format!("| {code} | {is} |")).collect();
        assert_eq!(rows, wanted, "docs/plan.md");
    }

    #[test]
    fn a_code_is_given_out_once_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
