//! Real plans, damaged a few thousand times: never a panic, never a message without a place, and never long.
//!
//! The same damage comes every time, because the seed is fixed: a failure names its case and comes again. The fuzz targets under
//! `fuzz/` look further, with a compiler that not everybody has.

#![cfg(feature = "yaml")]

use holdfast_plan::{Compiled, Severity, read_yaml_bytes};

/// The real plans. Their comments are damaged too.
const PLANS: [&str; 9] = [
    include_str!("../../../docs/plans/boom-card.yaml"),
    include_str!("../../../docs/plans/content-creation-crew.dev.yaml"),
    include_str!("../../../docs/plans/content-creation-crew.staging.yaml"),
    include_str!("../../../docs/plans/content-creation-crew.yaml"),
    include_str!("../../../docs/plans/managed-postgres.dev.yaml"),
    include_str!("../../../docs/plans/managed-postgres.staging.yaml"),
    include_str!("../../../docs/plans/managed-postgres.yaml"),
    include_str!("../../../docs/plans/migratio.yaml"),
    include_str!("../../../docs/plans/payload-cms.yaml"),
];

const CASES_PER_PLAN: u64 = 350;

/// What stands where something else was: numbers beyond every bound, YAML that is not plain, schedules that are not, and quotes.
const TOKENS: [&str; 40] = [
    "",
    "~",
    "0",
    "-1",
    "1e9",
    "0x10",
    "18446744073709551616",
    "99999999999999999999d",
    "36500d",
    "-7d",
    "0d",
    "7",
    "1ms",
    "1B",
    "1000000TB",
    "{ daily: 4294967295, weekly: 4294967295, monthly: 4294967295, yearly: 4294967295 }",
    "{ yearly: 1 }",
    "{}",
    "[]",
    "[[[[[[[[]]]]]]]]",
    "\"cron(* * * * ? *)\"",
    "\"cron(0 0 29 2 ? *)\"",
    "\"cron(0 0 30 2 ? *)\"",
    "\"cron(0/1 0-23/1 1-31/1 1-12/1 ? 1970-2199/1)\"",
    "\"cron(30 2 * * ? *)\"",
    "&a",
    "*a",
    "!!binary aGY=",
    "<<: {}",
    "---",
    "'",
    "\"",
    "\t",
    "\u{feff}",
    "\u{2028}",
    "\u{0}",
    "ä",
    "𝄞",
    "hf-rt-x",
    "secret:",
];

#[test]
fn a_damaged_plan_is_a_plan_or_problems_with_places() {
    let (mut plans, mut refused) = (0, 0);
    for (at, text) in (0_u64..).zip(PLANS) {
        for case in 0..CASES_PER_PLAN {
            let mut random = Random(at << 32 | case);
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..random.below(3) + 1 {
                damage(&mut bytes, &mut random);
            }
            if look(&bytes, &format!("plan {at}, case {case}")) { plans += 1 } else { refused += 1 }
        }
    }
    // Damage that were always fatal, or never, would try nothing.
    assert!(plans > 100 && refused > 1_000, "{plans} plans, {refused} refused");
}

#[test]
fn a_plan_cut_off_anywhere_is_refused_with_a_place() {
    for text in PLANS {
        for end in (0..text.len()).step_by(text.len() / 40 + 1) {
            look(&text.as_bytes()[..end], &format!("cut off at {end}"));
        }
    }
}

/// Whether it is a plan. Whatever it is, it keeps what the reader promises.
fn look(bytes: &[u8], case: &str) -> bool {
    match read_yaml_bytes("plan.yaml", bytes) {
        Ok(compiled) => {
            let read = Compiled::from_json(&compiled.to_json()).unwrap_or_else(|problems| panic!("{case}: {problems}"));
            assert_eq!(read.plan(), compiled.plan(), "{case}");
            true
        }
        Err(problems) => {
            assert!(problems.as_slice().iter().any(|problem| problem.severity == Severity::Error), "{case}");
            for problem in problems.as_slice() {
                assert!(problem.line.is_some_and(|line| line > 0), "{case}: {problem}");
                assert!(problem.column.is_some_and(|column| column > 0), "{case}: {problem}");
                assert_eq!(problem.to_string().lines().count(), 1, "{case}: {problem}");
                assert!(problem.value.chars().count() <= 81, "{case}: {problem}");
            }
            false
        }
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(8) {
        // A bit, or a byte.
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = u8::try_from(random.below(256)).unwrap_or_default(),
        // The end is missing.
        2 => bytes.truncate(at.max(1)),
        // A line twice, a line less, two lines in the other's place.
        3 => {
            let line = line_at(bytes, at);
            let copy = bytes[line.clone()].to_vec();
            drop(bytes.splice(line.end..line.end, copy));
        }
        4 => drop(bytes.drain(line_at(bytes, at))),
        5 => {
            let (one, other) = (line_at(bytes, at), line_at(bytes, random.below(bytes.len())));
            let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
            if first.end <= second.start {
                let (earlier, later) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
                drop(bytes.splice(second, earlier));
                drop(bytes.splice(first, later));
            }
        }
        // A word of this plan in another's place, and a word that no plan should have.
        6 => {
            let from = word_at(bytes, random.below(bytes.len()));
            let word = bytes[from].to_vec();
            drop(bytes.splice(word_at(bytes, at), word));
        }
        _ => {
            let token = TOKENS[random.below(TOKENS.len())];
            drop(bytes.splice(word_at(bytes, at), token.bytes()));
        }
    }
    if bytes.is_empty() {
        bytes.push(b'\n');
    }
}

/// The line around a place, with its end.
fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |after| at + after + 1);
    start..end
}

/// What stands between the nearest blanks, colons, commas and brackets; empty between two of them.
fn word_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let ends = |byte: &u8| b" \n:,{}[]\"".contains(byte);
    let start = bytes[..at].iter().rposition(ends).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(ends).map_or(bytes.len(), |after| at + after);
    start..end.max(start)
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap_or_default()
    }
}
