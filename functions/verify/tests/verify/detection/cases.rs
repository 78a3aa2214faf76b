//! The damages.

use holdfast_localcloud::postgres::Damage;

/// One damage to one table.
pub(crate) struct Case {
    /// What is damaged, in words.
    pub(crate) words: &'static str,
    /// Whether VACUUM has marked the pages all-visible.
    pub(crate) all_visible: bool,
    /// The table, which is part of the names of its indexes too.
    pub(crate) table: &'static str,
    pub(crate) damage: Damage,
}

/// A page in the midst of each relation.
const PAGE: u32 = 7;
/// A leaf page that is neither the first nor the last.
const LEAF: u32 = 2;
/// Within the text of the last column of the page's first row, which ends the page.
const BYTE_OF_TEXT: u16 = 8_160;
/// Within a chunk of a large value.
const BYTE_OF_CHUNK: u16 = 7_000;

/// Every damage, to a table that VACUUM has seen and to one that it has not.
pub(crate) fn cases() -> Vec<Case> {
    let both = [(true, "orders_vacuumed", "letters_vacuumed"), (false, "orders_fresh", "letters_fresh")];
    both.into_iter().flat_map(|(all_visible, orders, letters)| of_tables(all_visible, orders, letters)).collect()
}

fn of_tables(all_visible: bool, orders: &'static str, letters: &'static str) -> Vec<Case> {
    let database = || "shop".to_owned();
    let (table, index) = (|| orders.to_owned(), || format!("{orders}_pkey"));
    let of_orders = [
        (
            "one bit in a column",
            Damage::FlipHeapBit { database: database(), table: table(), page: PAGE, byte: BYTE_OF_TEXT },
        ),
        (
            "a row from a transaction to come (xmin)",
            Damage::FutureXmin { database: database(), table: table(), page: PAGE },
        ),
        ("a bad line pointer", Damage::BadLinePointer { database: database(), table: table(), page: PAGE }),
        (
            "a line pointer marked unused",
            Damage::UnusedLinePointer { database: database(), table: table(), page: PAGE },
        ),
        ("a heap page zeroed", Damage::ZeroHeapPage { database: database(), table: table(), page: PAGE }),
        ("the file's tail cut", Damage::CutHeapTail { database: database(), table: table(), pages: 2 }),
        ("index keys swapped", Damage::SwapIndexKeys { database: database(), index: index(), page: LEAF }),
        ("an index page zeroed", Damage::ZeroIndexPage { database: database(), index: index(), page: LEAF }),
        (
            "an index entry to the wrong row",
            Damage::RedirectIndexEntry { database: database(), index: index(), page: LEAF },
        ),
    ];
    let letter = || letters.to_owned();
    let of_letters = [
        (
            "one bit in a large value (TOAST)",
            Damage::FlipToastBit { database: database(), table: letter(), page: PAGE, byte: BYTE_OF_CHUNK },
        ),
        ("a TOAST page zeroed", Damage::ZeroToastPage { database: database(), table: letter(), page: PAGE }),
    ];
    let case = |table| move |(words, damage)| Case { words, all_visible, table, damage };
    of_orders.into_iter().map(case(orders)).chain(of_letters.into_iter().map(case(letters))).collect()
}
