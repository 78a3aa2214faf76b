//! Which units a catalog and a plan come to.

use holdfast_domain::plan::Checks;
use holdfast_ledger::RowsObserved;

use super::*;

fn collection(name: &str, kind: CollectionKind, indexes: Indexes) -> Collection {
    Collection { name: name.into(), kind, options: "{}".into(), indexes }
}

fn index(name: &str, leaves_out: Option<&'static str>, scan: Offer) -> Index {
    Index { name: name.into(), definition: format!("{{ \"key\": {{ \"{name}\": 1 }} }}"), leaves_out, scan }
}

fn no(reason: &str) -> String {
    reason.to_owned()
}

fn catalog(validate: Offer) -> Catalog {
    let indexes = Indexes::Listed(vec![
        index("vip_1", Some("it is sparse"), Offer::Unsupported { reason: no("it is sparse") }),
        index("_id_", None, Offer::Offered),
        index("at_1", None, Offer::Unsupported { reason: no("another way") }),
        index("n_1", None, Offer::Refused { reason: no("may not explain") }),
    ]);
    let shop = vec![
        collection("views", CollectionKind::View, Indexes::Listed(vec![])),
        collection("orders", CollectionKind::Documents, indexes),
        collection("Odd name", CollectionKind::Documents, Indexes::Closed { reason: no("may not list") }),
        collection("broken", CollectionKind::Documents, Indexes::Damaged { reason: no("corrupt") }),
        collection("metrics", CollectionKind::TimeSeries, Indexes::Listed(vec![])),
        collection("new", CollectionKind::Other("cube".into()), Indexes::Listed(vec![])),
    ];
    let database = |name: &str, contents| Database { name: name.into(), contents };
    Catalog {
        databases: vec![
            database("shop", Contents::Listed(shop)),
            database("crm", Contents::Closed { reason: no("may not list") }),
            database("bad", Contents::Damaged { reason: no("corrupt") }),
        ],
        unlisted: None,
        validate,
    }
}

fn check(shrink_max_percent: Option<u8>) -> DocumentCheck {
    DocumentCheck {
        collection: "shop.orders".into(),
        filter: None,
        documents_min: 1,
        within: None,
        fresh: Some(DocumentFreshness { field: "at".into(), age_max: jiff::SignedDuration::from_mins(15) }),
        shrink_max_percent,
        requirement: Requirement::Required,
    }
}

fn checks(integrity: Option<Requirement>) -> Checks {
    let name = |name: &str| name.parse::<CheckName>().expect("a name");
    Checks { integrity, documents: BTreeMap::from([(name("orders"), check(Some(5)))]), ..Checks::default() }
}

fn question<'a>(checks: &'a Checks, baseline: &'a Baseline) -> Question<'a> {
    Question { checks, database: "shop", taken_at: "2026-11-20T02:00:00Z".parse().expect("a moment"), baseline }
}

/// One line for each unit: name, requirement, and what is known of it already.
fn told(units: &[Unit]) -> Vec<String> {
    let known = |unit: &Unit| {
        let Task::Settled { outcome, detail } = &unit.task else { return format!("{:?}", unit.stage) };
        format!("{outcome:?}: {detail}")
    };
    units.iter().map(|unit| format!("{} | {:?} | {}", unit.check, unit.requirement, known(unit))).collect()
}

#[test]
fn every_collection_and_index_is_a_unit_and_what_cannot_be_asked_is_not_run() {
    let checks = checks(Some(Requirement::Required));
    let units = units(&catalog(Offer::Offered), &question(&checks, &Baseline::None));
    insta::assert_snapshot!(told(&units).join("\n"));
}

#[test]
fn the_order_of_the_catalog_does_not_matter() {
    let checks = checks(Some(Requirement::Required));
    let told = |catalog: &Catalog| told(&units(catalog, &question(&checks, &Baseline::None)));
    let mut turned = catalog(Offer::Offered);
    turned.databases.reverse();
    for database in &mut turned.databases {
        if let Contents::Listed(collections) = &mut database.contents {
            collections.reverse();
            for collection in collections {
                if let Indexes::Listed(indexes) = &mut collection.indexes {
                    indexes.reverse();
                }
            }
        }
    }
    assert_eq!(told(&turned), told(&catalog(Offer::Offered)));
}

#[test]
fn validate_is_best_effort_only_where_no_role_could_ask_for_it() {
    let checks = checks(Some(Requirement::Required));
    let validate = |offer| {
        let units = units(&catalog(offer), &question(&checks, &Baseline::None));
        let found = units.into_iter().find(|unit| unit.check == "validate shop.orders").expect("a unit");
        (found.requirement, found.is_settled())
    };
    assert_eq!(validate(Offer::Offered), (Requirement::Required, false));
    assert_eq!(validate(Offer::Refused { reason: no("may not") }), (Requirement::Required, true));
    assert_eq!(validate(Offer::Unsupported { reason: no("unknown") }), (Requirement::BestEffort, true));
}

#[test]
fn a_server_without_a_database_proves_nothing() {
    let checks = Checks { integrity: Some(Requirement::Required), ..Checks::default() };
    for (unlisted, words) in [
        (None, "there is no database but the server's own"),
        (Some(no("may not list")), "they cannot be listed: may not list"),
    ] {
        let empty = Catalog { databases: vec![], unlisted, validate: Offer::Offered };
        let told = told(&units(&empty, &question(&checks, &Baseline::None)));
        assert!(told.contains(&format!("databases | Required | NotRun: {words}")), "{told:#?}");
    }
}

#[test]
fn a_number_is_compared_with_the_last_proved_one_or_not_at_all() {
    let checks = checks(None);
    let run: holdfast_domain::RunId = "orders-db.every.1".parse().expect("a run");
    let rows = RowsObserved { table: "shop.orders".into(), rows: 10, next_transaction: 0 };
    let observed = BTreeMap::from([("documents orders number".to_owned(), Observed::Rows(rows.clone()))]);
    let baseline = Baseline::Run { run: run.clone(), observed };
    let task = |baseline: &Baseline| {
        let units = units(&catalog(Offer::Offered), &question(&checks, baseline));
        units.into_iter().find(|unit| unit.check == "documents orders number").expect("a unit").task
    };
    let before = |task| {
        let Task::Documents(DocumentTask::Number { before, .. }) = task else { panic!("{task:?}") };
        before
    };
    assert_eq!(before(task(&baseline)), Some(CountBefore { run, rows }));
    assert_eq!(before(task(&Baseline::None)), None);
    let lost = Baseline::Lost { reason: no("gone") };
    assert!(matches!(task(&lost), Task::Settled { outcome: Outcome::NotRun, .. }));
}

#[test]
fn a_long_definition_is_kept_as_what_tells_it_from_another() {
    let long = |end: &str| format!("{}{end}", "x".repeat(DEFINITION_MAX));
    assert_eq!(kept("{ \"a\": 1 }"), "{ \"a\": 1 }");
    assert!(kept(&long("a")).starts_with("201 bytes #"), "{}", kept(&long("a")));
    assert_ne!(kept(&long("a")), kept(&long("b")));
}
