//! From a life that broke something to the few lines that did.

use jiff::SignedDuration;

use crate::life::{Lived, live};
use crate::script::{Line, Script};
use crate::wiring::Wiring;
use crate::witness::Invariant;

/// How often a shorter life is tried at most.
const TRIES_MAX: usize = 1_500;

/// The shortest script found that breaks the same invariant.
#[must_use]
pub fn shrink(script: &Script, wiring: &Wiring, broken: Invariant) -> Script {
    let mut shrinker = Shrinker { wiring, broken, tries: 0, best: script.clone() };
    loop {
        let before = (shrinker.best.lines.len(), shrinker.best.plans.concat().len(), shrinker.best.lasts);
        shrinker.shorter();
        shrinker.fewer_lines();
        shrinker.fewer_resources();
        let after = (shrinker.best.lines.len(), shrinker.best.plans.concat().len(), shrinker.best.lasts);
        if before == after || shrinker.tries >= TRIES_MAX {
            return shrinker.best;
        }
    }
}

struct Shrinker<'a> {
    wiring: &'a Wiring,
    broken: Invariant,
    tries: usize,
    best: Script,
}

impl Shrinker<'_> {
    /// Keeps the script if it still breaks the same.
    fn keep_if_broken(&mut self, script: Script) -> bool {
        self.tries += 1;
        if self.tries > TRIES_MAX {
            return false;
        }
        let Ok(Lived { violation, .. }) = live(&script, self.wiring, None) else { return false };
        let broken = violation.is_some_and(|violation| violation.invariant == self.broken);
        if broken {
            self.best = script;
        }
        broken
    }

    /// Fewer days: what comes after the storm's end is of no account.
    fn shorter(&mut self) {
        for share in [8, 4, 2] {
            let lasts = SignedDuration::from_secs(self.best.lasts.as_secs() / share);
            let lines: Vec<Line> = self.best.lines.iter().filter(|line| line.at < lasts).cloned().collect();
            if lasts.as_secs() > 3_600 && self.keep_if_broken(Script { lasts, lines, ..self.best.clone() }) {
                return;
            }
        }
    }

    /// Zeller and Hildebrandt's ddmin.
    fn fewer_lines(&mut self) {
        let mut size = self.best.lines.len().div_ceil(2);
        while size >= 1 {
            let mut from = 0;
            while from < self.best.lines.len() {
                let mut script = self.best.clone();
                let until = (from + size).min(script.lines.len());
                script.lines.drain(from..until);
                if !self.keep_if_broken(script) {
                    from += size;
                }
            }
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
    }

    /// Takes resources away, and plans that are never deployed.
    fn fewer_resources(&mut self) {
        let deployed = |script: &Script, plan: usize| {
            script.lines.iter().any(|line| line.what.to_string() == format!("deploy plan={plan}"))
        };
        while self.best.plans.len() > 1 && !deployed(&self.best, self.best.plans.len()) {
            self.best.plans.pop();
        }
        for name in self.best.plans.iter().flat_map(|plan| resources(plan)).collect::<Vec<_>>() {
            let mut script = self.best.clone();
            script.plans.iter_mut().for_each(|plan| *plan = without(plan, &name));
            self.keep_if_broken(script);
        }
    }
}

/// The names of a plan's resources: two spaces in, under `resources:`.
fn resources(plan: &str) -> Vec<String> {
    let under = plan.lines().skip_while(|line| *line != "resources:").skip(1);
    let own = under.take_while(|line| line.starts_with("  "));
    own.filter_map(|line| Some(line.strip_prefix("  ")?.strip_suffix(':')?.to_owned()))
        .filter(|name| !name.starts_with(' '))
        .collect()
}

/// The plan without one resource.
fn without(plan: &str, name: &str) -> String {
    let (mut kept, mut out) = (String::new(), false);
    for line in plan.lines() {
        let begins = line.starts_with("  ") && !line.starts_with("   ");
        if begins || !line.starts_with(' ') {
            out = begins && line == format!("  {name}:");
        }
        if !out {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
