//! The known word that was probably meant.

/// The nearest of the known words, if it is near: at most two edits, and fewer than half its letters.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    const EDITS_MAX: usize = 2;
    // Bounds the work: no field is as long.
    const LETTERS_MAX: usize = 40;
    if word.len() > LETTERS_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let (edits, best) = known.iter().map(|known| (edits(&word, known), *known)).min()?;
    (edits <= EDITS_MAX && edits * 2 < best.len()).then_some(best)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["at", "keep", "size_min", "time_zone", "snapshots"];
        assert_eq!(nearest("kep", &known), Some("keep"));
        assert_eq!(nearest("snapshot", &known), Some("snapshots"));
        assert_eq!(nearest("Time-Zone", &known), Some("time_zone"));
        assert_eq!(nearest("owners", &known), None);
        assert_eq!(nearest("x", &known), None);
    }
}
