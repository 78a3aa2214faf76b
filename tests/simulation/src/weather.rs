//! What is wrong just now: spells that last, and misfortunes that wait for their occasion.

use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::misfortune::{Broken, Misfortune, Refusal};

/// What comes down on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Well,
    Refused(Refusal),
    Hangs,
}

/// How long what happened in an instant is still felt: Lambda repeats what failed after one minute and after two more (source: Lambda
/// Developer Guide, "How Lambda handles errors and retries with asynchronous invocation"), and a sweep comes within a minute.
const FELT: SignedDuration = SignedDuration::from_mins(6);

/// An invocation that carries nothing out makes a few dozen calls of a tenth of a second each, most of them at once.
const QUIET: SignedDuration = SignedDuration::from_secs(15);

/// However slow it is and whatever its clock says: the next sweep is not further.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Weather {
    spells: Vec<(Timestamp, Misfortune)>,
    waiting: Vec<Misfortune>,
    now: Option<Timestamp>,
    /// When anything that happened was or may still be felt: spans from and until, in order, none touching another.
    felt: Vec<(Timestamp, Timestamp)>,
    /// How many calls met a throttled region: two of three are refused, whoever makes them.
    pub(crate) throttled: u64,
    /// How many waiting misfortunes came down, or a part of one.
    pub(crate) spent: u64,
}

impl Weather {
    /// A spell that lasts until then.
    pub(crate) fn lasts(&mut self, until: Timestamp, what: Misfortune) {
        self.felt(until);
        self.spells.push((until, what));
    }

    /// A misfortune that waits for its occasion.
    pub(crate) fn waits(&mut self, what: Misfortune) {
        self.waiting.push(what);
    }

    /// Something happened that may be felt for a while.
    pub(crate) fn felt(&mut self, at: Timestamp) {
        let from = self.now.map_or(at, |now| now.min(at));
        match self.felt.last_mut() {
            Some((_, until)) if *until >= from => *until = (*until).max(at + FELT),
            Some(_) | None => self.felt.push((from, at + FELT)),
        }
    }

    /// Since when nothing has been wrong, if nothing is.
    pub(crate) fn calm_since(&self) -> Option<Timestamp> {
        self.felt.last().map(|(_, until)| *until)
    }

    /// Spans in which anything was felt, in order.
    pub(crate) fn disturbed(&self) -> &[(Timestamp, Timestamp)] {
        &self.felt
    }

    /// Ends what is over.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        self.now = Some(now);
        self.spells.retain(|(until, _)| *until > now);
    }

    /// Ends everything.
    pub(crate) fn clear(&mut self, now: Timestamp) {
        self.spells.clear();
        self.waiting.clear();
        self.felt(now);
    }

    /// Takes the first waiting misfortune that fits.
    pub(crate) fn meet<T>(&mut self, now: Timestamp, fits: impl Fn(&Misfortune) -> Option<T>) -> Option<T> {
        let (place, met) = self.waiting.iter().enumerate().find_map(|(place, what)| Some((place, fits(what)?)))?;
        self.waiting.remove(place);
        self.spent += 1;
        self.felt(now);
        Some(met)
    }

    fn spell<T>(&self, now: Timestamp, fits: impl Fn(&Misfortune) -> Option<T>) -> Option<T> {
        self.spells.iter().filter(|(until, _)| *until > now).find_map(|(_, what)| fits(what))
    }

    /// Until when the home region is down, if it is.
    pub(crate) fn home_down(&self, now: Timestamp) -> Option<Timestamp> {
        let down =
            |(until, what): &(Timestamp, Misfortune)| matches!(what, Misfortune::HomeDown { .. }).then_some(*until);
        self.spells.iter().filter(|(until, _)| *until > now).filter_map(down).max()
    }

    pub(crate) fn no_sweeps(&self, now: Timestamp, function: Function) -> bool {
        self.spell(now, |what| {
            matches!(what, Misfortune::NoSweeps { function: of, .. } if *of == function).then_some(())
        })
        .is_some()
    }

    pub(crate) fn skew(&self, now: Timestamp, function: Function) -> SignedDuration {
        let skew = self.spell(now, |what| {
            let Misfortune::Skew { function: of, seconds, .. } = what else { return None };
            (*of == function).then_some(i64::from(*seconds))
        });
        SignedDuration::from_secs(skew.unwrap_or(0))
    }

    pub(crate) fn slowness(&self, now: Timestamp, function: Function) -> u32 {
        let times = self.spell(now, |what| {
            let Misfortune::Slow { function: of, times, .. } = what else { return None };
            (*of == function).then_some(*times)
        });
        times.unwrap_or(1)
    }

    /// How long an invocation that carries nothing out may look at its clock, and how far that may be ahead.
    pub(crate) fn takes(&self, now: Timestamp, function: Function) -> SignedDuration {
        let is_plain = self.slowness(now, function) == 1 && self.skew(now, function).is_zero();
        if is_plain { QUIET } else { SWEEP_EVERY }
    }

    /// Whether listings are old anywhere.
    pub(crate) fn lists_late(&self, now: Timestamp) -> bool {
        self.spell(now, |what| matches!(what, Misfortune::Stale { .. }).then_some(())).is_some()
    }

    /// How old an answer of RDS in a region may be.
    pub(crate) fn staleness(&self, now: Timestamp, region: &str) -> Option<SignedDuration> {
        self.spell(now, |what| {
            let Misfortune::Stale { region: of, seconds, .. } = what else { return None };
            (of == region).then_some(i64::from(*seconds))
        })
        .map(SignedDuration::from_secs)
    }

    pub(crate) fn channel(&self, now: Timestamp, name: &str) -> Option<Broken> {
        self.spell(now, |what| {
            let Misfortune::Channel { channel, how, .. } = what else { return None };
            (channel == name).then_some(*how)
        })
    }

    /// Whether a spell of a resource holds: `which` says which sort.
    pub(crate) fn of_resource(&self, now: Timestamp, name: &str, which: fn(&Misfortune) -> Option<&str>) -> bool {
        self.spell(now, |what| (which(what) == Some(name)).then_some(())).is_some()
    }

    pub(crate) fn snapshot_quota(&self, now: Timestamp, region: &str) -> bool {
        self.spell(now, |what| {
            matches!(what, Misfortune::SnapshotQuota { region: of, .. } if of == region).then_some(())
        })
        .is_some()
    }

    pub(crate) fn instance_quota(&self, now: Timestamp, region: &str) -> bool {
        self.spell(now, |what| {
            matches!(what, Misfortune::InstanceQuota { region: of, .. } if of == region).then_some(())
        })
        .is_some()
    }

    /// What comes down on a call of a function: `service` is `s3`, `rds`, …; a region is named for RDS alone.
    pub(crate) fn on_call(&mut self, now: Timestamp, function: Function, service: &str, region: Option<&str>) -> Fate {
        let fails = |what: &mut Misfortune| {
            let Misfortune::Fail { function: of, service: at, how, calls } = what else { return None };
            if *of != function || at != service {
                return None;
            }
            *calls = calls.saturating_sub(1);
            Some((*how, *calls == 0))
        };
        let met = self.waiting.iter_mut().enumerate().find_map(|(place, what)| Some((place, fails(what)?)));
        if let Some((place, (how, spent))) = met {
            if spent {
                self.waiting.remove(place);
            }
            self.spent += 1;
            self.felt(now);
            return Fate::Refused(how);
        }
        let Some(region) = region else { return Fate::Well };
        let spell = self.spell(now, |what| {
            if let Misfortune::Unreachable { region: of, .. } = what {
                return (of == region).then_some(Refusal::Unavailable);
            }
            let Misfortune::Throttled { region: of, .. } = what else { return None };
            (of == region).then_some(Refusal::Throttled)
        });
        match spell {
            Some(Refusal::Throttled) => {
                self.throttled += 1;
                if self.throttled.is_multiple_of(3) { Fate::Well } else { Fate::Refused(Refusal::Throttled) }
            }
            Some(how) => Fate::Refused(how),
            None => Fate::Well,
        }
    }
}
