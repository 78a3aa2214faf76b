//! Text as other services take it.
//!
//! Slack and PagerDuty limit *characters* and do not say what they count. Lengths are counted in UTF-16 units here, the
//! most that any count of characters gives (an emoji counts two), so that a text is within the limit whichever it is.

/// What stands where something was cut away. One unit.
const ELLIPSIS: char = '…';

/// The text, at most `max` UTF-16 units long, cut with an ellipsis; control characters but the line feed become spaces.
pub(crate) fn cut(text: &str, max: usize) -> String {
    fit(text.chars().map(Piece::Char), max)
}

/// The same as Slack's mrkdwn, where `&`, `<` and `>` must be escaped and nothing else may be
/// (source: Slack API, "Formatting text for app surfaces", section "Escaping text"). Never cut within an escape.
pub(crate) fn cut_mrkdwn(text: &str, max: usize) -> String {
    let escaped = text.chars().map(|c| match c {
        '&' => Piece::Escape("&amp;"),
        '<' => Piece::Escape("&lt;"),
        '>' => Piece::Escape("&gt;"),
        other => Piece::Char(other),
    });
    fit(escaped, max)
}

#[derive(Clone, Copy)]
enum Piece {
    Char(char),
    Escape(&'static str),
}

impl Piece {
    fn units(self) -> usize {
        match self {
            Self::Char(c) => c.len_utf16(),
            Self::Escape(text) => text.len(),
        }
    }

    fn push_to(self, out: &mut String) {
        match self {
            Self::Char('\n') => out.push('\n'),
            Self::Char(c) if c.is_control() => out.push(' '),
            Self::Char(c) => out.push(c),
            Self::Escape(text) => out.push_str(text),
        }
    }
}

fn fit(pieces: impl Iterator<Item = Piece>, max: usize) -> String {
    let (mut out, mut units) = (String::new(), 0);
    // The last place at which the ellipsis still fits.
    let mut cut_at = 0;
    for piece in pieces {
        if units < max {
            cut_at = out.len();
        }
        units += piece.units();
        if units > max {
            out.truncate(cut_at);
            if max > 0 {
                out.push(ELLIPSIS);
            }
            return out;
        }
        piece.push_to(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_escapes() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("a🦀🦀", 5), "a🦀🦀");
        assert_eq!(cut("a🦀🦀", 4), "a🦀…");
        assert_eq!(cut("bell\u{7}\ntab\t", 20), "bell \ntab ");
        assert_eq!(cut_mrkdwn("a<b", 6), "a&lt;b");
        assert_eq!(cut_mrkdwn("a<bc", 6), "a&lt;…");
        assert_eq!(cut_mrkdwn("a<bc", 5), "a…");
        assert_eq!(cut_mrkdwn("<!channel> & co", 100), "&lt;!channel&gt; &amp; co");
    }

    proptest! {
        #[test]
        fn no_text_is_longer_than_it_may_be(text in any::<String>(), max in 0_usize..40) {
            prop_assert!(cut(&text, max).encode_utf16().count() <= max);
            prop_assert!(cut_mrkdwn(&text, max).encode_utf16().count() <= max);
        }

        #[test]
        fn nothing_is_left_that_slack_would_read_as_markup(text in any::<String>()) {
            let escaped = cut_mrkdwn(&text, 1_000);
            prop_assert!(!escaped.contains(['<', '>']));
        }
    }
}
