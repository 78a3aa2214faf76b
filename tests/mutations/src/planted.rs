//! The list of planted bugs: how it is read, and how one is put into a source text.
//!
//! ```text
//! # id: a-firing-of-this-instant-is-missed
//! # file: shared/domain/src/schedule.rs
//! # bug: a rule that is due at this very instant is due only later
//! # breaks: 2, no slot is silently missed
//! # found by: holdfast-domain
//! -                Some(instant) if instant <= now => return Some(instant),
//! +                Some(instant) if instant < now => return Some(instant),
//! ```
//!
//! Lines with `-` and lines with a blank in front are what must stand in the file, whole and exactly once; lines with `+` and those with a
//! blank are what stands there then.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One planted bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planted {
    /// Its name, unique: what goes wrong, in words joined by hyphens.
    pub id: String,
    /// Where it is planted, from the root of the tree.
    pub file: String,
    /// What the bug is, in one sentence.
    pub bug: String,
    /// Which promise it breaks: the number of an invariant of docs/architecture.md and its words, or the words alone.
    pub breaks: String,
    /// The package whose tests are expected to find it, or `simulation`.
    pub found_by: String,
    #[serde(skip)]
    before: Vec<String>,
    #[serde(skip)]
    after: Vec<String>,
}

/// Reads every list of a directory, in order of file name and line.
///
/// # Errors
/// Names the file and line of what cannot be read, or the id that stands there twice.
pub fn all(dir: &Path) -> Result<Vec<Planted>> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| format!("{} cannot be listed", dir.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "diff"));
    files.sort();
    let mut planted: Vec<Planted> = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        planted.extend(read(&text).with_context(|| format!("in {}", path.display()))?);
    }
    for (at, one) in planted.iter().enumerate() {
        ensure!(planted.iter().skip(at + 1).all(|other| other.id != one.id), "{} stands in the list twice", one.id);
    }
    Ok(planted)
}

/// Reads one list.
fn read(text: &str) -> Result<Vec<Planted>> {
    let lines: Vec<(usize, &str)> = text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect();
    lines.split(|(_, line)| line.is_empty()).filter(|entry| !entry.is_empty()).map(entry).collect()
}

fn entry(lines: &[(usize, &str)]) -> Result<Planted> {
    let mut planted = Planted {
        id: String::new(),
        file: String::new(),
        bug: String::new(),
        breaks: String::new(),
        found_by: String::new(),
        before: Vec::new(),
        after: Vec::new(),
    };
    for (number, line) in lines {
        if let Some(rest) = line.strip_prefix("# ") {
            let (name, value) =
                rest.split_once(": ").with_context(|| format!("line {number}: a field is `name: value`"))?;
            *planted.field(name).with_context(|| format!("line {number}: there is no field {name}"))? =
                value.to_owned();
        } else if let Some(line) = line.strip_prefix('-') {
            planted.before.push(line.to_owned());
        } else if let Some(line) = line.strip_prefix('+') {
            planted.after.push(line.to_owned());
        } else if let Some(line) = line.strip_prefix(' ') {
            planted.before.push(line.to_owned());
            planted.after.push(line.to_owned());
        } else {
            bail!("line {number}: a line of a bug begins with `# `, `-`, `+` or a blank");
        }
    }
    let first = lines.first().map_or(0, |(number, _)| *number);
    for name in ["id", "file", "bug", "breaks", "found by"] {
        ensure!(planted.field(name).is_some_and(|value| !value.is_empty()), "line {first}: the bug has no {name}");
    }
    ensure!(!planted.before.is_empty() && planted.before != planted.after, "line {first}: the bug changes nothing");
    Ok(planted)
}

impl Planted {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "id" => Some(&mut self.id),
            "file" => Some(&mut self.file),
            "bug" => Some(&mut self.bug),
            "breaks" => Some(&mut self.breaks),
            "found by" => Some(&mut self.found_by),
            _ => None,
        }
    }

    /// The source with the bug in it.
    ///
    /// # Errors
    /// If what it changes does not stand there exactly once.
    pub fn plant(&self, source: &str) -> Result<String> {
        let lines: Vec<&str> = source.lines().collect();
        let places: Vec<usize> = lines
            .windows(self.before.len())
            .enumerate()
            .filter(|(_, window)| *window == self.before)
            .map(|(at, _)| at)
            .collect();
        let [at] = places.as_slice() else {
            bail!(
                "{}: what it changes stands {} times in {}, and must stand there once: bring planted/*.diff to what the code is now\n{}",
                self.id,
                places.len(),
                self.file,
                self.before.join("\n")
            );
        };
        let (head, tail) = (&lines[..*at], &lines[at + self.before.len()..]);
        let after: Vec<&str> = self.after.iter().map(String::as_str).collect();
        Ok([head, &after, tail].concat().join("\n") + "\n")
    }

    /// Sixteen hex digits that stand for what is changed, so that an outcome is never taken for that of another change of the same name.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in [&self.file, &self.before.join("\n"), &self.after.join("\n")] {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
# id: one
# file: a.rs
# bug: it is wrong
# breaks: a promise
# found by: a
 fn a() {
-    right()
+    wrong()

# id: two
# file: a.rs
# bug: it is left out
# breaks: a promise
# found by: a
-    right()
";

    #[test]
    fn a_bug_takes_the_place_of_the_lines_that_it_names() {
        let [one, two] = &read(LIST).expect("a list")[..] else { panic!("two of them") };
        let source = "fn a() {\n    right()\n}\n";
        assert_eq!(one.plant(source).expect("planted"), "fn a() {\n    wrong()\n}\n");
        assert_eq!(two.plant(source).expect("planted"), "fn a() {\n}\n");
        assert_ne!(one.fingerprint(), two.fingerprint());
    }

    #[test]
    fn lines_that_stand_there_twice_or_not_at_all_are_refused() {
        let two = &read(LIST).expect("a list")[1];
        for (source, times) in
            [("fn a() {}\n", "0 times"), ("    right()\n    right()\n", "2 times"), ("        right()\n", "0 times")]
        {
            let error = two.plant(source).expect_err(source).to_string();
            assert!(error.contains(times) && error.contains("a.rs"), "{error}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused_by_line() {
        for (from, to, said) in [
            ("# bug: it is wrong\n", "", "line 1: the bug has no bug"),
            ("# breaks: a promise\n", "# brakes: a promise\n", "line 4: there is no field brakes"),
            ("-    right()\n+    wrong()\n", "-    right()\n+    right()\n", "line 1: the bug changes nothing"),
            (" fn a() {\n", "fn a() {\n", "line 6: a line of a bug begins with"),
        ] {
            let error = read(&LIST.replacen(from, to, 1)).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
