//! Sizes and progress as people read them.

/// A size in binary units, as `413 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 && value.fract() >= 0.05 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

/// How far a copy of known size has come. The size is what databases occupied before: files of the cluster come on top.
pub(super) fn of_total(done: u64, total: u64) -> String {
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
    format!("{} of {}, {percent}%", bytes(done), bytes(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_progress_never_exceeds_all() {
        for (count, wanted) in [
            (0, "0 kiB"),
            (8_192, "8 kiB"),
            (1_500_000, "1.4 MiB"),
            (64 << 20, "64 MiB"),
            (13 << 30, "13 GiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(count), wanted);
        }
        assert_eq!(of_total(1 << 20, 4 << 20), "1 MiB of 4 MiB, 25%");
        assert_eq!(of_total(5, 0), "0 kiB of 0 kiB, 0%");
        assert_eq!(of_total(5 << 20, 4 << 20), "5 MiB of 4 MiB, 100%");
    }
}
