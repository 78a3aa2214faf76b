//! Problems as people read them.

use std::io;

use holdfast_plan::{Compiled, Problem, Severity};

/// What is said of a plan that is accepted: warnings, then what is not carried out yet.
pub(crate) fn say_of(out: &mut impl io::Write, compiled: &Compiled, colours: bool) -> io::Result<()> {
    let problems: Vec<Problem> = compiled.warnings().iter().chain(compiled.notices()).cloned().collect();
    say(out, &problems, colours)
}

/// A line with place, code and path, aligned over the file, and the sentence beneath it.
pub(crate) fn say(out: &mut impl io::Write, problems: &[Problem], colours: bool) -> io::Result<()> {
    let Some(first) = problems.first() else { return Ok(()) };
    let (bold, red, yellow, blue, dim, plain) = if colours {
        ("\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "", "", "", "")
    };
    let width = problems.iter().map(|problem| problem.place().chars().count()).max().unwrap_or(0);
    for problem in problems {
        let (colour, word) = match problem.severity {
            Severity::Error => (red, "error  "),
            Severity::Warning => (yellow, "warning"),
            Severity::Notice => (blue, "notice "),
        };
        let (place, code) = (problem.place(), problem.code);
        let path = if problem.path.is_empty() { "(the file)" } else { &problem.path };
        writeln!(out, "{dim}{place:<width$}{plain}  {colour}{word} {code}{plain}  {bold}{path}{plain}")?;
        writeln!(out, "{:width$}  {}", "", problem.sentence())?;
    }
    let of = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings, notices) = (of(Severity::Error), of(Severity::Warning), of(Severity::Notice));
    let (errors, warnings) = (count(errors, "error"), count(warnings, "warning"));
    let notices = if notices == 0 { String::new() } else { format!(", {}", count(notices, "notice")) };
    writeln!(out, "{}: {errors}, {warnings}{notices}", first.file)
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
