//! List prices: the file `prices.yaml` that is compiled in, and what a user puts in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use holdfast_domain::plan::{ResourceKind, StorageClass};

use crate::node::{Entry, Node, Value};
use crate::problem::{Log, Mark, Problems, Said, code};
use crate::words::class_word;
use crate::yaml;

const FILE: &str = "prices.yaml";

/// What AWS asks, in one currency and region, as of one day.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceList {
    /// When, as the file says it.
    pub(crate) as_of: String,
    pub(crate) currency: String,
    pub(crate) region: String,
    pub(crate) source: String,
    backup_gb_month: BTreeMap<String, f64>,
    object_gb_month: BTreeMap<String, f64>,
    pub(crate) transfer_gb: f64,
    pub(crate) room_gb_month: f64,
    instance_hour: BTreeMap<String, f64>,
    /// Entries of these maps that nobody checked.
    assumed: BTreeSet<String>,
}

impl PriceList {
    /// The list that is compiled in.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static LIST: LazyLock<PriceList> = LazyLock::new(|| match PriceList::read(FILE, include_str!("prices.yaml")) {
            Ok(list) => list,
            Err(problems) => unreachable!("a test reads the same file: {problems}"),
        });
        &LIST
    }

    /// The list that is compiled in, with what a file of the same shape says in its place. Such a file says when and where its prices
    /// are from (`as_of`, `region`, `source`), and what else it wants.
    ///
    /// # Errors
    /// Every entry that is not a price, with its place.
    pub fn overridden(file: &str, text: &str) -> Result<Self, Problems> {
        let own = Reading::of(file, text, None)?;
        let mut list = Self::built_in().clone();
        list.assumed.retain(|name| !own.named.contains(name));
        list.assumed.extend(own.list.assumed);
        (list.as_of, list.currency) = (own.list.as_of, own.list.currency);
        (list.region, list.source) = (own.list.region, own.list.source);
        (list.transfer_gb, list.room_gb_month) = (own.list.transfer_gb, own.list.room_gb_month);
        list.backup_gb_month.extend(own.list.backup_gb_month);
        list.object_gb_month.extend(own.list.object_gb_month);
        list.instance_hour.extend(own.list.instance_hour);
        Ok(list)
    }

    fn read(file: &str, text: &str) -> Result<Self, Problems> {
        Reading::of(file, text, Some(())).map(|reading| reading.list)
    }

    /// Storage of recovery points of a kind that AWS keeps itself; none for kinds whose recovery points are objects.
    pub(crate) fn backup_gb_month(&self, kind: ResourceKind) -> Option<f64> {
        self.backup_gb_month.get(kind.as_str()).copied()
    }

    /// Storage in S3; the standard class if none is named.
    pub(crate) fn object_gb_month(&self, class: Option<StorageClass>) -> f64 {
        self.object_gb_month.get(class.map_or("standard", class_word)).copied().unwrap_or(0.0)
    }

    /// An hour of a temporary database, if its class is in the list.
    pub(crate) fn instance_hour(&self, class: &str) -> Option<f64> {
        self.instance_hour.get(class).copied()
    }

    /// Whether nobody checked the price under this name.
    pub(crate) fn is_assumed(&self, name: &str) -> bool {
        self.assumed.contains(name)
    }
}

/// One file, while it is read.
struct Reading {
    list: PriceList,
    /// Every entry that the file names itself.
    named: BTreeSet<String>,
    log: Log,
}

impl Reading {
    /// `complete` asks for every field; without it only the three that say whose prices they are must stand there.
    fn of(file: &str, text: &str, complete: Option<()>) -> Result<Self, Problems> {
        let (root, log) = yaml::read(file, text)?;
        let base = if complete.is_some() { None } else { Some(PriceList::built_in()) };
        let mut reading = Self {
            list: PriceList {
                as_of: String::new(),
                currency: base.map(|base| base.currency.clone()).unwrap_or_default(),
                region: String::new(),
                source: String::new(),
                backup_gb_month: BTreeMap::new(),
                object_gb_month: BTreeMap::new(),
                transfer_gb: base.map_or(0.0, |base| base.transfer_gb),
                room_gb_month: base.map_or(0.0, |base| base.room_gb_month),
                instance_hour: BTreeMap::new(),
                assumed: BTreeSet::new(),
            },
            named: BTreeSet::new(),
            log,
        };
        let entries = match &root.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        };
        for entry in entries {
            reading.field(entry);
        }
        for (name, value) in
            [("as_of", &reading.list.as_of), ("region", &reading.list.region), ("source", &reading.list.source)]
        {
            if value.is_empty() {
                let (path, value) = (name, "");
                let message = format!("{name} is missing: a price without it says nothing");
                let allowed = format!("{name}: … is wanted");
                reading.log.refuse(Said { code: code::MISSING, mark: root.mark, path, value, message, allowed });
            }
        }
        reading.log.close()?;
        Ok(Self { log: Log::new(file), ..reading })
    }

    fn field(&mut self, entry: &Entry) {
        let node = &entry.node;
        match entry.key.as_str() {
            "as_of" => self.list.as_of = node.shown(),
            "currency" => self.list.currency = node.shown(),
            "region" => self.list.region = node.shown(),
            "source" => self.list.source = node.shown(),
            "transfer_gb" => self.list.transfer_gb = self.price("transfer_gb", node),
            "room_gb_month" => self.list.room_gb_month = self.price("room_gb_month", node),
            "backup_gb_month" => self.list.backup_gb_month = self.prices("backup_gb_month", node),
            "object_gb_month" => self.list.object_gb_month = self.prices("object_gb_month", node),
            "instance_hour" => self.list.instance_hour = self.prices("instance_hour", node),
            "assumed" => {
                if let Value::List(items) = &node.value {
                    self.list.assumed = items.iter().map(Node::shown).collect();
                }
            }
            other => {
                self.refuse(other, entry.key_mark, node, code::UNKNOWN_FIELD, "there is no such field in a price list")
            }
        }
    }

    fn prices(&mut self, path: &str, node: &Node) -> BTreeMap<String, f64> {
        let Value::Map(entries) = &node.value else {
            self.refuse(path, node.mark, node, code::WRONG_SORT, "a map of prices is wanted");
            return BTreeMap::new();
        };
        let mut prices = BTreeMap::new();
        for entry in entries {
            let price = self.price(&format!("{path}.{}", entry.key), &entry.node);
            self.named.insert(entry.key.clone());
            prices.insert(entry.key.clone(), price);
        }
        prices
    }

    fn price(&mut self, path: &str, node: &Node) -> f64 {
        let number = match &node.value {
            Value::Number(text) => text.parse::<f64>().ok(),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        };
        match number.filter(|price| (0.0..1_000_000.0).contains(price)) {
            Some(price) => price,
            None => {
                self.refuse(path, node.mark, node, code::NUMBER, "not a price: a number such as 0.095 is wanted");
                0.0
            }
        }
    }

    fn refuse(&mut self, path: &str, mark: Mark, node: &Node, code: &'static str, message: &str) {
        let (value, message, allowed) =
            (node.shown(), message.to_owned(), "the shape of shared/plan/src/prices.yaml".to_owned());
        self.log.refuse(Said { code, mark, path, value: &value, message, allowed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_is_compiled_in_is_whole() {
        let list = PriceList::read(FILE, include_str!("prices.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
        for kind in [ResourceKind::RdsInstance, ResourceKind::AuroraCluster, ResourceKind::DocDbCluster] {
            assert!(list.backup_gb_month(kind).is_some_and(|price| price > 0.0), "{kind:?}");
        }
        let classes =
            [StorageClass::StandardIa, StorageClass::GlacierIr, StorageClass::Glacier, StorageClass::DeepArchive];
        let mut last = list.object_gb_month(None);
        for class in classes {
            let price = list.object_gb_month(Some(class));
            assert!(price > 0.0 && price < last, "{class:?} is colder and cheaper");
            last = price;
        }
        assert!(list.transfer_gb > 0.0 && list.room_gb_month > 0.0);
        assert!(list.instance_hour("db.t4g.medium").is_some());
        let known = |name: &String| list.instance_hour.contains_key(name) || list.backup_gb_month.contains_key(name);
        assert!(list.assumed.iter().all(known), "what is assumed stands in the list");
    }

    #[test]
    fn a_file_replaces_what_it_names_and_says_whose_prices_they_are() {
        let own =
            "as_of: \"2026-11\"\nregion: eu-central-1\nsource: our contract\ninstance_hour: { db.r6g.large: 0.2 }\n";
        let list = PriceList::overridden("own.yaml", own).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!((list.as_of.as_str(), list.region.as_str()), ("2026-11", "eu-central-1"));
        assert_eq!(list.instance_hour("db.r6g.large"), Some(0.2));
        assert!(!list.is_assumed("db.r6g.large") && list.is_assumed("db.r7g.large"));
        assert_eq!(list.instance_hour("db.t4g.medium"), PriceList::built_in().instance_hour("db.t4g.medium"));
        let bad =
            "as_of: \"2026-11\"\nregion: eu-central-1\ninstance_hours: {}\ntransfer_gb: free\nroom_gb_month: -1\n";
        let problems = PriceList::overridden("own.yaml", bad).expect_err("four mistakes");
        assert_eq!(problems.as_slice().len(), 4, "{problems}");
        assert!(problems.to_string().contains("own.yaml:4:14: HF009 transfer_gb: not a price"), "{problems}");
    }
}
