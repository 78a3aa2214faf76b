//! Durations and sizes, with their units always written.

use jiff::SignedDuration;

const DURATION_UNITS_MS: [(&str, u64); 5] =
    [("d", 24 * 60 * 60 * 1000), ("h", 60 * 60 * 1000), ("m", 60 * 1000), ("s", 1000), ("ms", 1)];

/// Largest first, so that writing picks the largest that divides exactly.
const SIZE_UNITS_BYTES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Longer durations are refused, so that no sum of an instant and a duration from a plan can leave the calendar.
const DURATION_MAX_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
const DURATION_MAX: &str = "36500d";

/// An exabyte: far beyond any database, and far from the end of 64 bits.
const SIZE_MAX_BYTES: u64 = 1_000_000_000_000_000_000;
const SIZE_MAX: &str = "1000000TB";

/// What durations look like, for messages.
const DURATION_FORM: &str = "a number with a unit is wanted, such as 7d, 36h, 15m, 90s, 500ms";
/// What sizes look like, for messages.
const SIZE_FORM: &str = "a number with a unit is wanted, such as 500MB, 1GB, 1GiB";

/// Reads `7d`; the error says what is wrong in words that follow the value.
pub(crate) fn read_duration(text: &str) -> Result<SignedDuration, (String, String)> {
    let not_one = || ("is not a duration".to_owned(), DURATION_FORM.to_owned());
    let (number, unit_ms) = split(text, &DURATION_UNITS_MS).ok_or_else(not_one)?;
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms <= DURATION_MAX_MS);
    match ms.and_then(|ms| i64::try_from(ms).ok()) {
        Some(0) => Err(("is no time at all".into(), format!("more than 0; {DURATION_FORM}"))),
        Some(ms) => Ok(SignedDuration::from_millis(ms)),
        None => Err(("is too long".into(), format!("at most {DURATION_MAX} is wanted"))),
    }
}

/// Writes a duration in the largest unit that divides it: `7d`, `90s`. What is below a millisecond is cut off.
pub(crate) fn write_duration(duration: SignedDuration) -> String {
    let ms = duration.as_millis().unsigned_abs();
    let (unit, unit_ms) = DURATION_UNITS_MS
        .into_iter()
        .map(|(unit, unit_ms)| (unit, u128::from(unit_ms)))
        .find(|(_, unit_ms)| ms.is_multiple_of(*unit_ms))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

/// Reads `1GB` into bytes.
pub(crate) fn read_size(text: &str) -> Result<u64, (String, String)> {
    let (number, unit_bytes) =
        split(text, &SIZE_UNITS_BYTES).ok_or_else(|| ("is not a size".to_owned(), SIZE_FORM.to_owned()))?;
    match number.checked_mul(unit_bytes).filter(|bytes| *bytes <= SIZE_MAX_BYTES) {
        Some(0) => Err(("is no size at all".into(), format!("more than 0; {SIZE_FORM}"))),
        Some(bytes) => Ok(bytes),
        None => Err(("is too large".into(), format!("at most {SIZE_MAX} is wanted"))),
    }
}

/// Writes bytes in the largest unit that divides them.
pub(crate) fn write_size(bytes: u64) -> String {
    let (unit, unit_bytes) =
        SIZE_UNITS_BYTES.into_iter().find(|(_, unit_bytes)| bytes.is_multiple_of(*unit_bytes)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / unit_bytes)
}

/// Reads `5%`, of which 99 is the most: what may shrink by all of it is not checked at all.
pub(crate) fn read_percent(text: &str) -> Result<u8, (String, String)> {
    let digits = text.strip_suffix('%').filter(|digits| (1..=2).contains(&digits.len()));
    match digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
    {
        Some(percent) => Ok(percent),
        None => Err((
            "is not a percentage".into(),
            "a whole number with its sign from 0% to 99% is wanted, such as 5%".into(),
        )),
    }
}

/// Digits, then exactly one of the units. Too many digits for 64 bits are saturated, and so found too large.
fn split(text: &str, units: &[(&str, u64)]) -> Option<(u64, u64)> {
    let at = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let (digits, unit) = text.split_at(at);
    let (_, factor) = units.iter().find(|(known, _)| *known == unit)?;
    Some((digits.parse().unwrap_or(u64::MAX), *factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_its_unit_and_is_written_in_the_largest() {
        for (text, written) in
            [("7d", "7d"), ("36h", "36h"), ("24h", "1d"), ("90s", "90s"), ("120s", "2m"), ("500ms", "500ms")]
        {
            let duration = read_duration(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(write_duration(duration), written);
            assert_eq!(read_duration(written), Ok(duration));
        }
        for bad in ["", "7", "d", "7 d", "-7d", "7D", "1h30m", "1.5h", "0d", "36501d", "99999999999999999999d", "7w"] {
            assert!(read_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_needs_its_unit_and_is_written_in_the_largest() {
        for (text, bytes, written) in [
            ("500MB", 500_000_000, "500MB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("1000KB", 1_000_000, "1MB"),
        ] {
            assert_eq!(read_size(text), Ok(bytes));
            assert_eq!(write_size(bytes), written);
            assert_eq!(read_size(written), Ok(bytes));
        }
        for bad in ["", "1", "1gb", "GB", "0GB", "1 GB", "-1GB", "1000001TB", "99999999999999999999B"] {
            assert!(read_size(bad).is_err(), "{bad}");
        }
    }
}
