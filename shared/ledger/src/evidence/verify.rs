//! Chains, walked: every link is there, whole, in its place, and the one that its successor was chained to. Pure.
//!
//! A chain alone cannot show that its *last* link was changed or removed: nothing comes after it. The records of runs can, for each names
//! the number and hash of its evidence; with them at hand every single change is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EVIDENCE_VERSION, Evidence, EvidenceRef, sha256};

/// Everything that was found, by names as they lie in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Links: by resource, then by file name.
    pub links: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Records of runs, by file name; may be empty.
    pub runs: BTreeMap<String, Vec<u8>>,
    /// Records of verifications, by key; may be empty.
    pub verifications: BTreeMap<String, Vec<u8>>,
}

/// What is wrong with a chain, at its first broken link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Broken {
    /// A file that is no link by its name.
    Stray {
        /// Its name.
        file: String,
    },
    /// No such file, though the chain goes on or a run names it.
    Missing {
        /// Its number.
        number: u64,
    },
    /// It cannot be read.
    Unreadable {
        /// Its number.
        number: u64,
        /// Why.
        why: String,
    },
    /// It says that it is another link.
    Misplaced {
        /// Its number by its name.
        number: u64,
        /// Resource and number by its own words.
        says: String,
    },
    /// Its bytes are not those that were chained or recorded.
    Altered {
        /// Its number.
        number: u64,
        /// Its hash.
        sha256: String,
        /// The hash that is written elsewhere.
        wanted: String,
        /// Where.
        written_in: String,
    },
    /// The same run stands in the chain twice.
    Twice {
        /// The number of the second.
        number: u64,
        /// The run.
        run: String,
    },
    /// The record of its checks is not the one it was made of.
    ChecksAltered {
        /// Its number.
        number: u64,
        /// The record's key.
        record: String,
    },
    /// The record of a run that names a link cannot be read.
    RunUnreadable {
        /// The record's name.
        file: String,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stray { file } => write!(f, "{file} is no link of a chain"),
            Self::Missing { number } => write!(f, "{number:08}.json is missing"),
            Self::Unreadable { number, why } => write!(f, "{number:08}.json cannot be read: {why}"),
            Self::Misplaced { number, says } => write!(f, "{number:08}.json says that it is {says}"),
            Self::Altered { number, sha256, wanted, written_in } => {
                write!(f, "{number:08}.json was altered: its sha256 is {sha256}, and {written_in} has {wanted}")
            }
            Self::Twice { number, run } => write!(f, "{number:08}.json is a second link of the run {run}"),
            Self::ChecksAltered { number, record } => {
                write!(f, "{record} is not the record that {number:08}.json was made of")
            }
            Self::RunUnreadable { file } => write!(f, "restore-tests/runs/{file} cannot be read"),
        }
    }
}

/// One chain, walked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// Of which resource.
    pub resource: String,
    /// Links that could be read.
    pub links: u64,
    /// Those that passed: proofs.
    pub passed: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that proved nothing.
    pub inconclusive: u64,
    /// When the last proof was written, UTC.
    pub last_proof_at: Option<Timestamp>,
    /// The last link: keep it, and compare it next time.
    pub last: Option<EvidenceRef>,
    /// Whether records of runs hold the last link.
    pub anchored: bool,
    /// What is wrong first; nothing, if the chain is whole.
    pub broken: Option<Broken>,
}

/// All chains, in order of resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every chain.
    pub chains: Vec<ChainReport>,
}

impl Report {
    /// Whether every chain is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.chains.iter().all(|chain| chain.broken.is_none())
    }
}

/// Walks every chain.
#[must_use]
pub fn verify(found: &Found) -> Report {
    let anchors = Anchors::of(&found.runs);
    let named = found.links.keys().chain(anchors.by_resource.keys()).cloned().collect::<BTreeSet<String>>();
    let mut chains: Vec<ChainReport> = named.into_iter().map(|resource| walk(found, &anchors, resource)).collect();
    // A record that cannot be read may name a link of any chain.
    if let Some(file) = &anchors.unreadable {
        for chain in &mut chains {
            chain.broken.get_or_insert_with(|| Broken::RunUnreadable { file: file.clone() });
        }
    }
    Report { chains }
}

/// What the records of runs say of links.
#[derive(Default)]
struct Anchors {
    /// By resource and number: the hash, and the file that says so.
    by_resource: BTreeMap<String, BTreeMap<u64, (String, String)>>,
    unreadable: Option<String>,
}

impl Anchors {
    fn of(runs: &BTreeMap<String, Vec<u8>>) -> Self {
        /// As much of a run's record as is needed here; a later shape of the rest does not matter.
        #[derive(Deserialize)]
        struct Record {
            body: Body,
        }
        #[derive(Deserialize)]
        struct Body {
            resource: String,
            evidence: Option<EvidenceRef>,
        }
        let mut anchors = Self::default();
        for (file, bytes) in runs {
            match serde_json::from_slice::<Record>(bytes) {
                Ok(Record { body: Body { resource, evidence: Some(EvidenceRef { number, sha256 }) } }) => {
                    anchors.by_resource.entry(resource).or_default().insert(number, (sha256, file.clone()));
                }
                Ok(_) => {}
                Err(_) => anchors.unreadable = anchors.unreadable.or_else(|| Some(file.clone())),
            }
        }
        anchors
    }
}

fn walk(found: &Found, anchors: &Anchors, resource: String) -> ChainReport {
    let none = BTreeMap::new();
    let files = found.links.get(&resource).unwrap_or(&none);
    let none = BTreeMap::new();
    let anchored = anchors.by_resource.get(&resource).unwrap_or(&none);
    let mut links: BTreeMap<u64, &[u8]> = BTreeMap::new();
    let mut broken = None;
    for (file, bytes) in files {
        match number_of(file) {
            Some(number) => {
                links.insert(number, bytes);
            }
            None => broken = broken.or_else(|| Some(Broken::Stray { file: file.clone() })),
        }
    }
    let end = links.keys().chain(anchored.keys()).max().copied().unwrap_or(0);
    let mut report = ChainReport {
        resource: resource.clone(),
        links: 0,
        passed: 0,
        failed: 0,
        inconclusive: 0,
        last_proof_at: None,
        last: links.iter().next_back().map(|(number, bytes)| EvidenceRef { number: *number, sha256: sha256(bytes) }),
        anchored: end > 0 && anchored.contains_key(&end),
        broken: None,
    };
    let mut walked = Walked { previous: None, runs: BTreeSet::new() };
    // A number of eight digits can be large, and then the first one missing is named at once: the walk ends at the first gap.
    for number in 1..=end {
        let Some(bytes) = links.get(&number) else {
            broken = broken.or(Some(Broken::Missing { number }));
            break;
        };
        match walked.step(found, &resource, (number, bytes), anchored.get(&number)) {
            Ok(evidence) => report.count(&evidence),
            Err(wrong) => {
                broken = broken.or(Some(wrong));
                break;
            }
        }
    }
    report.broken = broken;
    report
}

impl ChainReport {
    fn count(&mut self, evidence: &Evidence) {
        self.links += 1;
        match evidence.verdict.as_str() {
            "passed" => {
                self.passed += 1;
                self.last_proof_at = Some(evidence.written_at);
            }
            "failed" => self.failed += 1,
            _ => self.inconclusive += 1,
        }
    }
}

/// What the walk knows of the links before.
struct Walked {
    /// Number and hash of the one before.
    previous: Option<(u64, String)>,
    runs: BTreeSet<String>,
}

impl Walked {
    fn step(
        &mut self,
        found: &Found,
        resource: &str,
        (number, bytes): (u64, &[u8]),
        anchor: Option<&(String, String)>,
    ) -> Result<Evidence, Broken> {
        let hash = sha256(bytes);
        if let Some((wanted, file)) = anchor.filter(|(wanted, _)| *wanted != hash) {
            let written_in = format!("restore-tests/runs/{file}");
            return Err(Broken::Altered { number, sha256: hash, wanted: wanted.clone(), written_in });
        }
        let evidence = read(number, bytes)?;
        if evidence.number != number || evidence.resource.as_str() != resource {
            let says = format!("number {} of {}", evidence.number, evidence.resource);
            return Err(Broken::Misplaced { number, says });
        }
        match (&self.previous, &evidence.previous_sha256) {
            (None, None) => {}
            (Some((_, hash)), Some(wanted)) if hash == wanted => {}
            (Some((before, hash)), wanted) => {
                return Err(Broken::Altered {
                    number: *before,
                    sha256: hash.clone(),
                    wanted: wanted.clone().unwrap_or_else(|| "none".into()),
                    written_in: format!("{number:08}.json"),
                });
            }
            (None, Some(_)) => {
                let why = "it is the first, and says that one came before it".to_owned();
                return Err(Broken::Unreadable { number, why });
            }
        }
        if !self.runs.insert(evidence.run.to_string()) {
            return Err(Broken::Twice { number, run: evidence.run.to_string() });
        }
        if let Some(checks) = evidence.checks.as_ref().filter(|checks| checks.finished)
            && found.verifications.get(&checks.record).is_some_and(|bytes| sha256(bytes) != checks.record_sha256)
        {
            return Err(Broken::ChecksAltered { number, record: checks.record.clone() });
        }
        self.previous = Some((number, hash));
        Ok(evidence)
    }
}

fn read(number: u64, bytes: &[u8]) -> Result<Evidence, Broken> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let unreadable = |why: String| Broken::Unreadable { number, why };
    match serde_json::from_slice::<Version>(bytes) {
        Ok(Version { version }) if version > EVIDENCE_VERSION => {
            Err(unreadable(format!("it is of version {version}, and this reads up to {EVIDENCE_VERSION}")))
        }
        Ok(_) => serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// `00000007.json` is 7. Nothing else is.
fn number_of(file: &str) -> Option<u64> {
    let digits = file.strip_suffix(".json")?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}
