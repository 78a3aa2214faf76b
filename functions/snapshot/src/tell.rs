//! From what stands now and what people were told before to what they are told next. Pure.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::inventory::Database;
use holdfast_domain::plan::Resource;
use holdfast_domain::{Cause, Finding, FindingState, Plan, ResourceName, Severity};
use holdfast_ledger::{Told, Watch};
use jiff::{SignedDuration, Timestamp};

use crate::decide::{Condition, State, Words};

/// After how long what still stands is told again, so that a message that was lost on its way costs no more than this.
pub const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// What people are told next.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// What stands: new, in new words, or told long ago. By cause.
    pub opened: BTreeMap<Cause, (ResourceName, Words)>,
    /// What is over, with the words that end it. By cause.
    pub resolved: BTreeMap<Cause, (Told, String)>,
}

impl News {
    /// Compares what stands with what was told. `conditions` are those of resources that were looked at; what was told of any other stays,
    /// unless nobody will ever look at it under this plan.
    #[must_use]
    pub fn of(plan: &Plan, conditions: &[(ResourceName, Condition)], watch: &Watch, now: Timestamp) -> Self {
        let mut news = Self::default();
        let mut known = BTreeSet::new();
        let told_of: BTreeSet<&ResourceName> = watch.told.values().map(|told| &told.resource).collect();
        for (resource, condition) in conditions {
            // Mostly nothing stands and nothing was told: no cause is written out only to be looked up among none.
            if !matches!(condition.state, State::Stands(_)) && !told_of.contains(resource) {
                continue;
            }
            let cause = condition.topic.cause(plan, resource);
            let told = watch.told.get(&cause);
            known.insert(cause.clone());
            match (&condition.state, told) {
                (State::Stands(words), told) if told.is_none_or(|told| is_news(told, words, now)) => {
                    news.opened.insert(cause, (resource.clone(), words.clone()));
                }
                (State::Clear(words), Some(told)) => {
                    news.resolved.insert(cause, (told.clone(), words.clone()));
                }
                (State::Stands(_), _) | (State::Unclear, _) | (State::Clear(_), None) => {}
            }
        }
        for (cause, told) in watch.told.iter().filter(|(cause, _)| !known.contains(*cause)) {
            if let Some(words) = departed(plan, cause, &told.resource) {
                news.resolved.insert(cause.clone(), (told.clone(), words));
            }
        }
        news
    }

    /// Writes down that people are about to be told, before they are: whoever is killed in between tells them again, and nothing is ever
    /// told that is not remembered, for that could never be over.
    pub fn intend(&self, watch: &mut Watch, now: Timestamp) {
        for (cause, (resource, words)) in &self.opened {
            let since = watch.told.get(cause).map_or(now, |told| told.since);
            let told = Told {
                resource: resource.clone(),
                title: words.title.clone(),
                severity: words.severity,
                since,
                announced_at: None,
            };
            watch.told.insert(cause.clone(), told);
        }
    }

    /// Writes down that they were told.
    pub fn done(&self, watch: &mut Watch, now: Timestamp) {
        for (cause, (_, words)) in &self.opened {
            if let Some(told) = watch.told.get_mut(cause).filter(|told| told.title == words.title) {
                told.announced_at = Some(now);
            }
        }
        for (cause, (before, _)) in &self.resolved {
            // Another invocation may have told something newer meanwhile.
            if watch.told.get(cause) == Some(before) {
                watch.told.remove(cause);
            }
        }
    }

    /// What goes onto the bus, in order.
    #[must_use]
    pub fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let opened = self.opened.iter().map(|(cause, (resource, words))| words.finding(cause.clone(), resource, now));
        let resolved = self.resolved.iter().flat_map(|(cause, (told, words))| {
            // What was never certain to have been told is told now, and then that it is over.
            let stood = told.announced_at.is_none().then(|| Finding {
                state: FindingState::Open,
                seen_at: told.since,
                ..ended(cause, told, told.title.clone(), now)
            });
            stood.into_iter().chain([ended(cause, told, words.clone(), now)])
        });
        opened.chain(resolved).collect()
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.resolved.is_empty()
    }
}

/// Why nobody will ever look again at what was told: it left the plan, is no database there any more, or the plan is called otherwise.
fn departed(plan: &Plan, cause: &Cause, resource: &ResourceName) -> Option<String> {
    let Plan { name, environment, .. } = plan;
    if !cause.as_str().starts_with(Cause::of_resource(name, environment, resource, "").as_str()) {
        return Some(format!("the plan is called {name}/{environment} now"));
    }
    let is_none = |named: &Resource| Database::of(&named.target).is_none();
    let no_database = || format!("{resource} is no database in the plan any more");
    plan.lacks(resource, None)
        .or_else(|| plan.resources.get(resource).filter(|named| is_none(named)).map(|_| no_database()))
}

fn is_news(told: &Told, words: &Words, now: Timestamp) -> bool {
    told.title != words.title
        || told.severity != words.severity
        || told.announced_at.is_none_or(|at| now.duration_since(at) >= AGAIN_AFTER)
}

fn ended(cause: &Cause, told: &Told, title: String, now: Timestamp) -> Finding {
    Finding {
        cause: cause.clone(),
        state: FindingState::Resolved,
        severity: told.severity.max(Severity::Low),
        resource: Some(told.resource.clone()),
        part: None,
        title,
        threatens: "nothing".into(),
        next_step: "nothing".into(),
        facts: vec![("stood since".into(), told.since.to_string())],
        seen_at: now,
    }
}
