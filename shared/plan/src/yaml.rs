//! YAML into the tree, with places. The parser gives events; what a plan has no use for is refused here.
//!
//! Refused: anchors and aliases (one screen of them stands for gigabytes, and a plan is read by people under stress, who
//! should find each rule written out), tags, directives, further documents, keys that are not plain text, and a key that stands twice.

use std::collections::BTreeSet;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::node::{Entry, Node, Value};
use crate::problem::{Log, Mark, Problems, Said, code};

/// The largest `plan.yaml` that is read: ten thousand resources of 1,600 bytes each.
pub(crate) const YAML_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most values that are read. A plan of ten thousand resources has about half of it; without this bound a file of brackets
/// would take thirty times its size in memory.
const VALUES_MAX: usize = 1_000_000;
/// The deepest nesting that is read; the language needs 7.
const DEPTH_MAX: usize = 32;

/// Reads bytes as UTF-8, then as YAML.
pub(crate) fn read_bytes(file: &str, bytes: &[u8]) -> Result<(Node, Log), Problems> {
    if bytes.len() > YAML_BYTES_MAX {
        return Err(too_large(file));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => read(file, text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let mark = Mark::at(line, column);
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            Err(unreadable(file, mark, format!("the byte 0x{byte:02x} is not UTF-8"), "save the file as UTF-8"))
        }
    }
}

/// Reads one document. Keys that stand twice are in the log, and the first of each in the tree.
pub(crate) fn read(file: &str, text: &str) -> Result<(Node, Log), Problems> {
    if text.len() > YAML_BYTES_MAX {
        return Err(too_large(file));
    }
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        path: Vec::new(),
        values: 0,
        log: Log::new(file),
    };
    match builder.document() {
        Ok(node) => Ok((node, builder.log)),
        Err(Refused { mark, message, allowed }) => {
            let (path, value) = ("", "");
            let allowed = allowed.to_owned();
            builder.log.refuse(Said { code: code::UNREADABLE, mark, path, value, message, allowed });
            Err(builder.log.refused())
        }
    }
}

fn too_large(file: &str) -> Problems {
    let message = format!("the file is larger than the {YAML_BYTES_MAX} bytes that are read");
    unreadable(file, Mark::at(1, 1), message, "split the plan by resources")
}

fn unreadable(file: &str, mark: Mark, message: String, allowed: &str) -> Problems {
    let mut log = Log::new(file);
    log.refuse(Said { code: code::UNREADABLE, mark, path: "", value: "", message, allowed: allowed.to_owned() });
    log.refused()
}

/// Why reading ended.
struct Refused {
    mark: Mark,
    message: String,
    allowed: &'static str,
}

impl Refused {
    fn new(span: &Span, message: impl Into<String>, allowed: &'static str) -> Self {
        Self { mark: mark(span), message: message.into(), allowed }
    }
}

impl From<ScanError> for Refused {
    fn from(error: ScanError) -> Self {
        let marker = error.marker();
        let mark = Mark::at(marker.line(), marker.col() + 1);
        Self { mark, message: format!("this is not YAML that can be read: {}", error.info()), allowed: "" }
    }
}

struct Builder<'input> {
    parser: Parser<'input, granit_parser::StrInput<'input>>,
    /// The keys above the current node.
    path: Vec<String>,
    /// How many values were read so far, keys among them.
    values: usize,
    log: Log,
}

type Spanned<'input> = (Event<'input>, Span);

impl<'input> Builder<'input> {
    fn next(&mut self) -> Result<Spanned<'input>, Refused> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(spanned)) => return Ok(spanned),
                Some(Err(error)) => return Err(error.into()),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's events are open-ended; what is not named is refused"
    )]
    fn document(&mut self) -> Result<Node, Refused> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(Refused::new(&span, "a second document begins", "a plan is one document"));
                }
                Event::DocumentStart(..) => {
                    let first = self.next()?;
                    root = Some(self.node(first)?);
                }
                Event::StreamEnd => {
                    // An empty file is an empty plan; the decoder says what is missing.
                    return Ok(root.unwrap_or(Node { mark: Mark::at(1, 1), value: Value::Map(Vec::new()) }));
                }
                other => return Err(unexpected(&other, &span)),
            }
        }
    }

    /// Recursion is bounded: the parser refuses nesting beyond twice [`DEPTH_MAX`].
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's events are open-ended; what is not named is refused"
    )]
    fn node(&mut self, (event, span): Spanned<'input>) -> Result<Node, Refused> {
        if event.anchor_id().is_some_and(|id| id > 0) || event.is_alias() {
            return Err(Refused::new(
                &span,
                "anchors and aliases are not read",
                "write the value out where it belongs",
            ));
        }
        if event.tag().is_some() {
            return Err(Refused::new(&span, "tags are not read", "write the value without a tag"));
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            let message = format!("the file has more than the {VALUES_MAX} values that are read");
            return Err(Refused::new(&span, message, "split the plan by resources"));
        }
        let value = match event {
            Event::Scalar(text, style, _, _) => scalar(&text, style),
            Event::SequenceStart(..) => self.list()?,
            Event::MappingStart(..) => self.map()?,
            other => return Err(unexpected(&other, &span)),
        };
        Ok(Node { mark: mark(&span), value })
    }

    fn list(&mut self) -> Result<Value, Refused> {
        let mut items = Vec::new();
        loop {
            let spanned = self.next()?;
            if matches!(spanned.0, Event::SequenceEnd) {
                items.shrink_to_fit();
                return Ok(Value::List(items));
            }
            items.push(self.node(spanned)?);
        }
    }

    fn map(&mut self) -> Result<Value, Refused> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let spanned = self.next()?;
            if matches!(spanned.0, Event::MappingEnd) {
                self.once(&mut entries);
                // Most maps are small, and what they grew by would be most of what they take.
                entries.shrink_to_fit();
                return Ok(Value::Map(entries));
            }
            let span = spanned.1;
            let key_mark = mark(&span);
            let key = match self.node(spanned)?.value {
                Value::Text(text) | Value::Number(text) => text,
                Value::Bool(value) => value.to_string(),
                Value::Null | Value::List(_) | Value::Map(_) => {
                    return Err(Refused::new(&span, "a key must be text", "a name is wanted before the colon"));
                }
            };
            let value = self.next()?;
            self.path.push(key);
            let node = self.node(value)?;
            let Some(key) = self.path.pop() else { unreachable!("every key pushed is popped once") };
            entries.push(Entry { key, key_mark, node });
        }
    }

    /// Says of every key that stands before in the same map, and leaves the first of each.
    fn once(&mut self, entries: &mut Vec<Entry>) {
        // By key, and under one key by place, because the sort is stable.
        let mut sorted: Vec<usize> = (0..entries.len()).collect();
        sorted.sort_by(|one, other| entries[*one].key.cmp(&entries[*other].key));
        let mut again = BTreeSet::new();
        for alike in sorted.chunk_by(|one, other| entries[*one].key == entries[*other].key) {
            let Some((first, others)) = alike.split_first() else { continue };
            for other in others {
                let Entry { key, key_mark, .. } = &entries[*other];
                self.twice(key, entries[*first].key_mark, *key_mark);
                again.insert(*other);
            }
        }
        if !again.is_empty() {
            let mut at = 0..;
            entries.retain(|_| at.next().is_some_and(|at| !again.contains(&at)));
        }
    }

    fn twice(&mut self, key: &str, first: Mark, mark: Mark) {
        let line = first.line().unwrap_or_default();
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([key]).collect();
        let message = format!("the key {key} stands twice here, first in line {line}");
        let (path, allowed) = (path.join("."), "each key once is wanted".to_owned());
        self.log.refuse(Said { code: code::TWICE, mark, path: &path, value: key, message, allowed });
    }
}

fn unexpected(event: &Event<'_>, span: &Span) -> Refused {
    Refused::new(span, format!("something stands here that a plan has no use for: {event:?}"), "")
}

fn mark(span: &Span) -> Mark {
    Mark::at(span.start.line(), span.start.col() + 1)
}

/// What a scalar is. Only unquoted ones can be more than text; YAML 1.1's `yes`, `on`, `0o17` and `1_000` are text here.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

/// `7`, `-7`, `7.5`: what JSON calls a number too, but for exponents and leading zeros.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    digits(whole) && digits(fraction)
}
