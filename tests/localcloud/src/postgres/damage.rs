//! Damage to the files of a backup: what a broken copy of production looks like.
//!
//! A place is found on the living source, by name, before the backup; it is broken in the copy afterwards. The source is never written.
//! Where WAL of the backup itself carries a full image of the damaged page, recovery would heal it; so damage pages that nobody
//! writes during the backup.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{Login, PostgresError};

/// PostgreSQL's page size; another one needs a build of its own.
const PAGE_BYTES: u64 = 8192;
/// Relations are cut into files of 1 GiB.
const PAGES_PER_SEGMENT: u32 = 131_072;

/// Something to break. Names may be schema-qualified; `database` is the database they live in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A heap page of zeroes: a valid empty page to PostgreSQL, checksums or not. Its rows are gone and nothing complains.
    ZeroHeapPage {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Page number from 0.
        page: u32,
    },
    /// One flipped bit in a heap page: seen by any read if checksums are on, by nothing but a row hash otherwise.
    FlipHeapBit {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Page number from 0.
        page: u32,
        /// Byte within the page. Rows fill a page from its end.
        byte: u16,
    },
    /// The table's last file ends too early: its last pages are gone.
    CutHeapTail {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Pages to cut.
        pages: u32,
    },
    /// A page of zeroes in an index. Page 0 of a B-tree is its metapage.
    ZeroIndexPage {
        /// Database.
        database: String,
        /// Index.
        index: String,
        /// Page number from 0.
        page: u32,
    },
    /// A page of zeroes where a table's large values lie.
    ZeroToastPage {
        /// Database.
        database: String,
        /// The table the values belong to.
        table: String,
        /// Page number from 0, in the TOAST table.
        page: u32,
    },
    /// One flipped bit where a table's large values lie.
    FlipToastBit {
        /// Database.
        database: String,
        /// The table the values belong to.
        table: String,
        /// Page number from 0, in the TOAST table.
        page: u32,
        /// Byte within the page. Rows fill a page from its end.
        byte: u16,
    },
    /// A heap page's first row was written by a transaction that is yet to come.
    FutureXmin {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Page number from 0.
        page: u32,
    },
    /// A heap page's first line pointer leads into the middle of its row.
    BadLinePointer {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Page number from 0.
        page: u32,
    },
    /// A heap page's first line pointer says that it is not in use: its row is gone.
    UnusedLinePointer {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Page number from 0.
        page: u32,
    },
    /// Two neighbours of an index page have changed places: it is not in order any more.
    SwapIndexKeys {
        /// Database.
        database: String,
        /// Index.
        index: String,
        /// Page number from 0: a leaf page of a B-tree with three items or more.
        page: u32,
    },
    /// An index entry leads to the row of its neighbour.
    RedirectIndexEntry {
        /// Database.
        database: String,
        /// Index.
        index: String,
        /// Page number from 0: a leaf page of a B-tree with three items or more.
        page: u32,
    },
}

/// Damage whose file is known.
#[derive(Debug, Clone)]
pub struct LocatedDamage {
    /// The relation's first file, relative to the data directory.
    relation_path: PathBuf,
    strike: Strike,
}

#[derive(Debug, Clone, Copy)]
enum Strike {
    Zero { page: u32 },
    Flip { page: u32, byte: u16 },
    Cut { pages: u32 },
    Page { page: u32, change: fn(&mut [u8]) },
}

impl Damage {
    /// Finds the files on the source.
    ///
    /// # Errors
    /// When the database or relation does not exist, or has no storage of its own.
    pub async fn locate(&self, admin: &Login) -> Result<LocatedDamage, PostgresError> {
        let (database, relation, strike) = match self {
            Self::ZeroHeapPage { database, table, page } => (database, table, Strike::Zero { page: *page }),
            Self::FlipHeapBit { database, table, page, byte } => {
                (database, table, Strike::Flip { page: *page, byte: *byte })
            }
            Self::CutHeapTail { database, table, pages } => (database, table, Strike::Cut { pages: *pages }),
            Self::ZeroIndexPage { database, index, page } => (database, index, Strike::Zero { page: *page }),
            Self::ZeroToastPage { database, table, page } => (database, table, Strike::Zero { page: *page }),
            Self::FlipToastBit { database, table, page, byte } => {
                (database, table, Strike::Flip { page: *page, byte: *byte })
            }
            Self::FutureXmin { database, table, page } => {
                (database, table, Strike::Page { page: *page, change: page::future_xmin })
            }
            Self::BadLinePointer { database, table, page } => {
                (database, table, Strike::Page { page: *page, change: page::misalign_first })
            }
            Self::UnusedLinePointer { database, table, page } => {
                (database, table, Strike::Page { page: *page, change: page::forget_first })
            }
            Self::SwapIndexKeys { database, index, page } => {
                (database, index, Strike::Page { page: *page, change: page::swap_second_and_third })
            }
            Self::RedirectIndexEntry { database, index, page } => {
                (database, index, Strike::Page { page: *page, change: page::redirect_second_to_third })
            }
        };
        let in_toast = matches!(self, Self::ZeroToastPage { .. } | Self::FlipToastBit { .. });
        let column = if in_toast { "reltoastrelid" } else { "oid" };
        let client = admin.with_database(database).connect().await?;
        let question = format!("select pg_relation_filepath({column}) from pg_class where oid = $1::text::regclass");
        let row =
            client.query_one(&question, &[relation]).await.map_err(PostgresError::sql("find a relation's file"))?;
        let path: Option<String> = row.get(0);
        let path =
            path.ok_or_else(|| PostgresError::Unsupported(format!("{relation} has no storage of its own to damage")))?;
        Ok(LocatedDamage { relation_path: PathBuf::from(path), strike })
    }
}

impl LocatedDamage {
    /// Breaks the copy below `data_dir`.
    ///
    /// # Errors
    /// When the copy has no such place.
    pub fn apply(&self, data_dir: &Path) -> Result<(), PostgresError> {
        match self.strike {
            Strike::Zero { page } => self.write_page(data_dir, page, |bytes| bytes.fill(0)),
            Strike::Flip { page, byte } => self.write_page(data_dir, page, |bytes| {
                if let Some(byte) = bytes.get_mut(usize::from(byte)) {
                    *byte ^= 1;
                }
            }),
            Strike::Cut { pages } => self.cut(data_dir, pages),
            Strike::Page { page, change } => self.write_page(data_dir, page, change),
        }
    }

    fn write_page(&self, data_dir: &Path, page: u32, change: impl Fn(&mut [u8])) -> Result<(), PostgresError> {
        let path = data_dir.join(segment_path(&self.relation_path, page / PAGES_PER_SEGMENT));
        let file = File::options().read(true).write(true).open(&path).map_err(PostgresError::file("open", &path))?;
        let offset = u64::from(page % PAGES_PER_SEGMENT) * PAGE_BYTES;
        let mut bytes = vec![0; PAGE_BYTES as usize];
        file.read_exact_at(&mut bytes, offset).map_err(PostgresError::file("read the page to damage in", &path))?;
        change(&mut bytes);
        file.write_all_at(&bytes, offset).map_err(PostgresError::file("damage", &path))
    }

    fn cut(&self, data_dir: &Path, pages: u32) -> Result<(), PostgresError> {
        let last = (0..)
            .map(|number| data_dir.join(segment_path(&self.relation_path, number)))
            .take_while(|path| path.exists())
            .last();
        let path = last
            .ok_or_else(|| PostgresError::Unsupported(format!("the copy has no {}", self.relation_path.display())))?;
        let file = File::options().write(true).open(&path).map_err(PostgresError::file("open", &path))?;
        let bytes = file.metadata().map_err(PostgresError::file("read", &path))?.len();
        let left = bytes
            .checked_sub(u64::from(pages) * PAGE_BYTES)
            .ok_or_else(|| PostgresError::Unsupported(format!("{} has fewer than {pages} pages", path.display())))?;
        file.set_len(left).map_err(PostgresError::file("cut", &path))
    }
}

/// Changes within a page (source: PostgreSQL documentation, "Database Page Layout"). None of them sets the checksum right.
mod page {
    /// Line pointers begin after the page's header.
    const HEADER_BYTES: usize = 24;
    /// `lp_off` 15 bits, `lp_flags` 2 bits, `lp_len` 15 bits.
    const POINTER_BYTES: usize = 4;
    const OFFSET_BITS: u32 = 0x7fff;

    /// `t_xmin` is a row's first field, `t_infomask` lies at its byte 20. The hints go with the old `t_xmin`: that it committed is
    /// kept, that it is frozen is not.
    pub(super) fn future_xmin(page: &mut [u8]) {
        const COMMITTED: u16 = 0x0100;
        const INVALID: u16 = 0x0200;
        let row = offset(page, 0);
        write(page, row, &0xf000_0000_u32.to_le_bytes());
        let hints = u16::from_le_bytes(read(page, row + 20));
        write(page, row + 20, &((hints | COMMITTED) & !INVALID).to_le_bytes());
    }

    pub(super) fn misalign_first(page: &mut [u8]) {
        let pointer = u32::from_le_bytes(read(page, HEADER_BYTES));
        write(page, HEADER_BYTES, &(pointer + 4).to_le_bytes());
    }

    pub(super) fn forget_first(page: &mut [u8]) {
        write(page, HEADER_BYTES, &0_u32.to_le_bytes());
    }

    /// The first item of a leaf page may be its high key.
    pub(super) fn swap_second_and_third(page: &mut [u8]) {
        let (second, third): ([u8; 4], [u8; 4]) = (read(page, place(1)), read(page, place(2)));
        write(page, place(1), &third);
        write(page, place(2), &second);
    }

    /// An index entry begins with the six bytes of its row's place.
    pub(super) fn redirect_second_to_third(page: &mut [u8]) {
        let target: [u8; 6] = read(page, offset(page, 2));
        let entry = offset(page, 1);
        write(page, entry, &target);
    }

    /// Where the line pointer of an item is, from 0.
    fn place(item: usize) -> usize {
        HEADER_BYTES + item * POINTER_BYTES
    }

    /// Where an item is.
    fn offset(page: &[u8], item: usize) -> usize {
        (u32::from_le_bytes(read(page, place(item))) & OFFSET_BITS) as usize
    }

    /// Bytes beyond the page read as zeroes; a page is always whole, and its own pointers may lead anywhere.
    fn read<const N: usize>(page: &[u8], at: usize) -> [u8; N] {
        page.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }

    fn write(page: &mut [u8], at: usize, bytes: &[u8]) {
        if let Some(place) = page.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// `base/5/16384`, then `base/5/16384.1` for the pages from 131072 on, and so forth.
fn segment_path(relation_path: &Path, segment: u32) -> PathBuf {
    if segment == 0 {
        return relation_path.to_owned();
    }
    let mut name = relation_path.as_os_str().to_owned();
    name.push(format!(".{segment}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{LocatedDamage, PAGE_BYTES, Strike, page, segment_path};

    #[test]
    fn pages_beyond_one_gibibyte_lie_in_the_next_file() {
        let relation = Path::new("base/5/16384");
        assert_eq!(segment_path(relation, 131_071 / super::PAGES_PER_SEGMENT), Path::new("base/5/16384"));
        assert_eq!(segment_path(relation, 131_072 / super::PAGES_PER_SEGMENT), Path::new("base/5/16384.1"));
    }

    /// A page of three rows at 8000, 7900 and 7800.
    fn three_rows() -> Vec<u8> {
        let mut page = vec![0; PAGE_BYTES as usize];
        for (item, offset) in [8000_u32, 7900, 7800].into_iter().enumerate() {
            let pointer = offset | 1 << 15 | 100 << 17;
            page[24 + item * 4..28 + item * 4].copy_from_slice(&pointer.to_le_bytes());
            page[offset as usize..offset as usize + 6].fill(item as u8 + 1);
        }
        page
    }

    #[test]
    fn a_change_within_a_page_strikes_what_it_says() {
        let changed = |change: fn(&mut [u8])| {
            let mut page = three_rows();
            change(&mut page);
            page
        };
        let whole = three_rows();
        assert_eq!(changed(page::future_xmin)[8000..8004], 0xf000_0000_u32.to_le_bytes());
        assert_eq!(changed(page::misalign_first)[24..28], (8004_u32 | 1 << 15 | 100 << 17).to_le_bytes());
        assert_eq!(changed(page::forget_first)[24..28], [0; 4]);
        let swapped = changed(page::swap_second_and_third);
        assert_eq!((&swapped[28..32], &swapped[32..36]), (&whole[32..36], &whole[28..32]));
        let redirected = changed(page::redirect_second_to_third);
        assert_eq!((&redirected[7900..7906], &redirected[7800..7806]), (&[3; 6][..], &[3; 6][..]));
    }

    #[test]
    fn only_the_page_struck_changes() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let page = usize::try_from(PAGE_BYTES)?;
        std::fs::write(dir.path().join("1"), vec![7; 3 * page])?;
        let strike = |strike| LocatedDamage { relation_path: PathBuf::from("1"), strike }.apply(dir.path());
        strike(Strike::Zero { page: 1 })?;
        strike(Strike::Flip { page: 2, byte: 8191 })?;
        let bytes = std::fs::read(dir.path().join("1"))?;
        assert!(bytes[..page].iter().all(|byte| *byte == 7), "page 0 is untouched");
        assert!(bytes[page..2 * page].iter().all(|byte| *byte == 0), "page 1 is zeroed");
        assert_eq!((bytes[3 * page - 2], bytes[3 * page - 1]), (7, 6), "one bit of page 2 is flipped");
        strike(Strike::Cut { pages: 2 })?;
        assert_eq!(std::fs::metadata(dir.path().join("1"))?.len(), PAGE_BYTES);
        assert!(strike(Strike::Zero { page: 1 }).is_err(), "a page that is not there cannot be damaged");
        Ok(())
    }
}
