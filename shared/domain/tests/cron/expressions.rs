//! What the two readings of cron are compared on: a list by hand for every form that AWS's pages name, and as many again made
//! by a generator whose seed is fixed, so that a failure comes again.

/// An expression, a time zone and the instant after which firings are counted.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) expression: String,
    pub(crate) zone: &'static str,
    pub(crate) after: String,
}

pub(crate) const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    // Half an hour of summer time.
    "Australia/Lord_Howe",
    // A quarter of an hour off the others, without summer time.
    "Asia/Kathmandu",
    // Its 30 December 2011 does not exist: the date line was moved over it.
    "Pacific/Apia",
    // It goes forward at midnight, so that some dates begin at 01:00 and others have no 00:30.
    "America/Santiago",
];

/// Instants from which to look: any day, the days before the clock changes, and the ends of the calendar.
const STARTS: [(&str, &str); 12] = [
    ("UTC", "2026-11-19T23:59:59Z"),
    ("UTC", "1970-01-01T00:00:00Z"),
    ("UTC", "2199-12-30T23:59:00Z"),
    // No leap day in 2100.
    ("UTC", "2096-02-28T12:00:00Z"),
    ("Europe/Berlin", "2027-03-27T12:00:00Z"),
    ("Europe/Berlin", "2026-10-24T12:00:00Z"),
    ("America/New_York", "2027-03-13T12:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-02T12:00:00Z"),
    ("Australia/Lord_Howe", "2027-04-02T12:00:00Z"),
    ("Pacific/Apia", "2011-12-29T00:00:00Z"),
    ("America/Santiago", "2026-09-05T00:00:00Z"),
];

/// By hand: every wildcard of AWS's table in every field that has it, AWS's own examples, and what calendars make hard.
const BY_HAND: [&str; 74] = [
    // The examples of EventBridge's page.
    "0 10 * * ? *",
    "15 12 * * ? *",
    "0 18 ? * MON-FRI *",
    "0 8 1 * ? *",
    "0/15 * * * ? *",
    "0/10 * ? * MON-FRI *",
    "0/5 8-17 ? * MON-FRI *",
    "0/30 20-2 ? * MON-FRI *",
    "5,35 14 * * ? *",
    "15 10 ? * 6L 2019-2022",
    "1/10 * * * ? *",
    "0 0 3W * ? *",
    "0 0 ? * 3#2 *",
    "0 0 1-15 JAN,FEB,MAR ? *",
    // Minutes and hours.
    "* * * * ? *",
    "*/7 * * * ? *",
    "59 23 * * ? *",
    "50-10 * * * ? *",
    "50-10/7 3 * * ? *",
    "0-59/59 0 * * ? *",
    "5-50/20 12 * * ? *",
    "1,2,3-5,40/9 6 * * ? *",
    "0 23-0 * * ? *",
    "0 22-3/2 * * ? *",
    "30 0/5 * * ? *",
    "00 02 * * ? *",
    // Hours in which clocks change.
    "0 0 * * ? *",
    "30 0 * * ? *",
    "0 1 * * ? *",
    "15 1 * * ? *",
    "45 1 * * ? *",
    "0 2 * * ? *",
    "30 2 * * ? *",
    "59 2 * * ? *",
    "0 3 * * ? *",
    "*/10 0-4 * * ? *",
    // Days of the month.
    "0 2 31 * ? *",
    "0 2 30 2,4 ? *",
    "0 2 29 2 ? *",
    "0 2 29 FEB ? 2096-2108",
    "0 2 L * ? *",
    "0 2 L 2 ? *",
    "0 2 LW * ? *",
    "0 2 LW FEB ? *",
    "0 2 1W * ? *",
    "0 2 15W * ? *",
    "0 2 28W 2 ? *",
    "0 2 29W 2 ? *",
    "0 2 30W * ? *",
    "0 2 31W * ? *",
    "0 2 25-3 * ? *",
    "0 2 */10 * ? *",
    "0 2 28-5/3 * ? *",
    "0 2 5/9 * ? *",
    // Months.
    "0 2 1 */3 ? *",
    "0 2 1 NOV-FEB ? *",
    "0 2 1 11-2/2 ? *",
    "0 2 31 4,6,9,11,12 ? *",
    // Days of the week.
    "0 2 ? * * *",
    "0 2 ? * 1 *",
    "0 2 ? * L *",
    "0 2 ? * SAT *",
    "0 2 ? * 5L *",
    "0 2 ? * SUNL *",
    "0 2 ? * 1L *",
    "0 2 ? * 2#1 *",
    "0 2 ? * MON#5 *",
    "0 2 ? FEB 7#5 *",
    "0 2 ? * FRI-MON *",
    "0 2 ? * TUE,THU,7 *",
    // Years.
    "0 2 1 1 ? 2000/4",
    "0 2 1 1 ? 2030-2031,2050",
    "0 2 13 * ? 2026-2199/7",
    "0 2 31 12 ? 2199",
];

/// Every case: by hand in every zone, then the generated ones.
pub(crate) fn cases(generated: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, fields) in BY_HAND.iter().enumerate() {
        for (zone_at, zone) in ZONES.into_iter().enumerate() {
            let of_zone: Vec<&str> = STARTS.iter().filter(|(of, _)| *of == zone).map(|(_, after)| *after).collect();
            let after = of_zone.get((at + zone_at) % of_zone.len().max(1)).copied().unwrap_or("2026-11-19T23:59:59Z");
            cases.push(Case { expression: format!("cron({fields})"), zone, after: after.to_owned() });
        }
    }
    let mut random = Random(0x5e_ed0f_c407);
    cases.extend((0..generated).map(|_| random.case()));
    cases
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): a few lines, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `min` to `max`, both included.
    fn number(&mut self, min: u64, max: u64) -> u64 {
        min + self.next() % (max - min + 1)
    }

    fn case(&mut self) -> Case {
        let zone = ZONES[usize::try_from(self.number(0, 6)).expect("small")];
        let (_, after) = STARTS[usize::try_from(self.number(0, 11)).expect("small")];
        let after = if self.number(0, 3) == 0 {
            let (year, month, day) = (self.number(1971, 2150), self.number(1, 12), self.number(1, 28));
            format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:00Z", self.number(0, 23), self.number(0, 59))
        } else {
            after.to_owned()
        };
        let (month_day, week_day) = match self.number(0, 9) {
            0..=3 => (self.month_day(), "?".to_owned()),
            4..=6 => ("?".to_owned(), self.week_day()),
            _ => ("*".to_owned(), "?".to_owned()),
        };
        let month = if self.number(0, 2) == 0 { self.plain(1, 12, true) } else { "*".to_owned() };
        let year = match self.number(0, 9) {
            0 => format!("{}/{}", self.number(1970, 2100), self.number(1, 30)),
            1 => format!("{}-2199", self.number(1970, 2100)),
            _ => "*".to_owned(),
        };
        let (minute, hour) = (self.plain(0, 59, true), self.plain(0, 23, true));
        Case { expression: format!("cron({minute} {hour} {month_day} {month} {week_day} {year})"), zone, after }
    }

    /// A list of one to three values, ranges (often over the end) and steps.
    fn plain(&mut self, min: u64, max: u64, steps: bool) -> String {
        let items = if self.number(0, 2) == 0 { self.number(2, 3) } else { 1 };
        let item = |random: &mut Self| {
            let (from, to) = (random.number(min, max), random.number(min, max));
            let step = random.number(1, max.min(20));
            match random.number(0, if steps { 5 } else { 2 }) {
                0 | 1 => from.to_string(),
                2 => format!("{from}-{to}"),
                3 => format!("{from}/{step}"),
                4 => format!("*/{step}"),
                _ => format!("{from}-{to}/{step}"),
            }
        };
        (0..items).map(|_| item(self)).collect::<Vec<_>>().join(",")
    }

    fn month_day(&mut self) -> String {
        match self.number(0, 5) {
            0 => "L".to_owned(),
            1 => "LW".to_owned(),
            2 => format!("{}W", self.number(1, 31)),
            _ => self.plain(1, 31, true),
        }
    }

    fn week_day(&mut self) -> String {
        const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let day = self.number(1, 7);
        let name = NAMES[usize::try_from(day - 1).expect("small")];
        match self.number(0, 7) {
            0 => "L".to_owned(),
            1 => format!("{day}L"),
            2 => format!("{name}L"),
            3 => format!("{day}#{}", self.number(1, 5)),
            4 => format!("{name}#{}", self.number(1, 5)),
            5 => format!("{name}-{}", NAMES[usize::try_from(self.number(0, 6)).expect("small")]),
            _ => self.plain(1, 7, false),
        }
    }
}
