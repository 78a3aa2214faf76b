//! What a person sees while the drill works: a spinner on a terminal, plain lines elsewhere. Everything goes to standard error;
//! standard output is the report's.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::Step;

/// The stage that steps are shown on.
#[derive(Debug)]
pub struct Stage {
    terminal: bool,
    steps: Vec<Step>,
}

/// Tells what a step is at.
#[derive(Debug, Clone)]
pub struct Spinner {
    bar: Option<ProgressBar>,
    name: String,
}

impl Spinner {
    /// Shows what the step is at. Off a terminal only the beginning and the end of a step are shown.
    pub fn say(&self, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}  {}", self.name, style(words).dim()));
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), steps: Vec::new() }
    }
}

impl Stage {
    /// Runs one step and shows it: how it is called, what came of it, how long it took.
    ///
    /// # Errors
    /// The step's own, after it was shown as failed.
    pub async fn step<T>(&mut self, name: &str, work: impl AsyncFnOnce(&Spinner) -> Result<(T, String)>) -> Result<T> {
        let spinner = self.spin(name);
        let began = Instant::now();
        let done = work(&spinner).await;
        if let Some(bar) = &spinner.bar {
            bar.finish_and_clear();
        }
        let (ok, detail) = match &done {
            Ok((_, words)) => (true, words.clone()),
            Err(error) => (false, format!("{error:#}")),
        };
        self.show(name, ok, &detail, Some(began.elapsed()));
        done.map(|(value, _)| value)
    }

    /// Shows something that needed no time, and went well.
    pub fn note(&mut self, name: &str, detail: &str) {
        self.show(name, true, detail, None);
    }

    /// Shows whether something is as it must be.
    pub fn check(&mut self, name: &str, ok: bool, detail: &str) {
        self.show(name, ok, detail, None);
    }

    /// Every step so far.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.steps.clone()
    }

    fn spin(&self, name: &str) -> Spinner {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(look) = ProgressStyle::with_template("{spinner:.cyan} {msg}  ({elapsed:.dim})") {
                bar.set_style(look);
            }
            bar.set_message(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Spinner { bar, name: name.into() }
    }

    fn show(&mut self, name: &str, ok: bool, detail: &str, took: Option<Duration>) {
        let mark = if ok { style("✓").green().for_stderr() } else { style("✗").red().for_stderr() };
        let seconds = took.map_or_else(String::new, |took| format!("{:.1} s", took.as_secs_f64()));
        eprintln!("{mark} {name:<28} {:>8}  {detail}", style(seconds).dim().for_stderr());
        self.steps.push(Step {
            name: name.into(),
            ok,
            detail: detail.into(),
            seconds: took.map(|took| took.as_secs_f64()),
        });
    }
}
