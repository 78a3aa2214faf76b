//! Columns that line up, in plain text.

use std::fmt;

/// Rows of cells; a column is as wide as its widest cell. Characters are counted, not bytes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns of numbers, which line up at their ends.
    right: Vec<usize>,
}

impl Table {
    /// A table that begins with its headings. `right` are the columns of numbers.
    pub(crate) fn new(headings: &[&str], right: &[usize]) -> Self {
        let mut table = Self { rows: Vec::new(), right: right.to_vec() };
        table.row(headings.iter().map(ToString::to_string));
        table
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if self.right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(f, "  {}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters_and_no_line_ends_in_blanks() {
        let mut table = Table::new(&["what", "GB", "note"], &[1]);
        table.row(["größer".into(), "7".into(), String::new()]);
        table.row(["x".into(), "1200".into(), "→ y".into()]);
        assert_eq!(table.to_string(), "  what      GB  note\n  größer     7\n  x       1200  → y\n");
    }
}
