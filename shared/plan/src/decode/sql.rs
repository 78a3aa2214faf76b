//! A friendly guard for queries. It catches slips; what keeps a check from writing is its read-only session, not this.

use super::reader::Place;
use crate::problem::{Log, code};

const BEGINNINGS: [&str; 5] = ["select", "with", "values", "table", "show"];

/// One query that reads.
pub(super) fn query(place: &Place<'_>, log: &mut Log) -> Option<String> {
    let text = place.text(log)?;
    let allowed = format!("one statement is wanted that begins with {}", BEGINNINGS.join(", "));
    let Some(statements) = statements(text) else {
        let message = format!("{} ends within a quote or a comment", place.node.shown());
        place.refuse(code::SQL, message, "close it", log);
        return None;
    };
    let begins = statements.first.to_ascii_lowercase();
    let message = if begins.is_empty() {
        "there is no statement here".to_owned()
    } else if !BEGINNINGS.contains(&begins.as_str()) {
        format!("{} begins with {}", place.node.shown(), crate::problem::cut(&statements.first))
    } else if statements.more {
        format!("{} is more than one statement", place.node.shown())
    } else {
        return Some(text.trim().trim_end_matches(';').trim_end().to_owned());
    };
    place.refuse(code::SQL, message, allowed, log);
    None
}

struct Statements {
    /// The first word outside comments.
    first: String,
    /// Whether something stands after the first semicolon.
    more: bool,
}

/// Walks over quotes and comments as PostgreSQL lexes them (source: PostgreSQL documentation, "Lexical Structure");
/// `None` if one of them is never closed.
fn statements(sql: &str) -> Option<Statements> {
    let (mut rest, mut ended, mut more) = (sql, false, false);
    let mut first = String::new();
    while let Some(c) = rest.chars().next() {
        let length = skipped(rest)?;
        if length > 0 && !rest.starts_with(['\'', '"', '$']) {
            // A comment, which is nothing.
        } else if c == ';' {
            ended = true;
        } else if !c.is_whitespace() {
            more |= ended;
            if first.is_empty() {
                first = rest.chars().take_while(char::is_ascii_alphabetic).collect();
                if first.is_empty() {
                    first.push(c);
                }
            }
        }
        rest = &rest[length.max(c.len_utf8())..];
    }
    Some(Statements { first, more })
}

/// The bytes of the quote or comment that begins here, 0 if none does; `None` if it never ends.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        // A doubled quote ends one text and begins the next: the same for our purpose.
        return rest[1..].find(quote).map(|at| at + 2);
    }
    if let Some(tag_end) = rest.strip_prefix('$').and_then(|after| after.find('$')) {
        let tag = &rest[..tag_end + 2];
        let word = &tag[1..tag.len() - 1];
        let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
        if !begins_with_digit && word.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len());
        }
    }
    Some(0)
}

/// Block comments nest in PostgreSQL.
fn block_comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0_usize);
    loop {
        let here = rest.get(at..)?;
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next()?.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn quotes_and_comments_hide_semicolons() {
        for one in [
            "select 1",
            "select 1;",
            "select ';'",
            "select 'it''s; fine'",
            "-- a; b\nselect 1",
            "/* a; /* b; */ c; */ select 1 -- ; end",
            "select $$;$$, $x$;$$;$x$, \"a;b\"",
            "select $1",
        ] {
            let read = statements(one).unwrap_or_else(|| panic!("{one}"));
            assert_eq!((read.first.as_str(), read.more), ("select", false), "{one}");
        }
        for two in ["select 1; select 2", "select 1; drop table orders;", "select ''; 'x'"] {
            assert!(statements(two).is_some_and(|read| read.more), "{two}");
        }
        for open in ["select 'x", "select \"x", "select /* x", "select $$ x", "/*"] {
            assert!(statements(open).is_none(), "{open}");
        }
    }
}
