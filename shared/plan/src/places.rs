//! Places of a source by path, for whoever judges a plan as a whole, after it was decoded.

use crate::node::{Node, Value};
use crate::problem::{Log, Mark, Said, Severity};

/// A source in which paths are looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'n> {
    root: &'n Node,
}

impl<'n> Places<'n> {
    pub(crate) fn of(root: &'n Node) -> Self {
        Self { root }
    }

    /// Says something of what stands at a path, such as `resources.orders-db.copies[0].keep`. A path that the source does not
    /// have (a default) is placed at the nearest part above it that the source has.
    pub(crate) fn say(
        self,
        severity: Severity,
        code: &'static str,
        path: &str,
        message: String,
        allowed: String,
        log: &mut Log,
    ) {
        let (mark, value) = self.find(path);
        let said = Said { code, mark, path, value: &value, message, allowed };
        match severity {
            Severity::Error => log.refuse(said),
            Severity::Warning => log.warn(said),
            Severity::Notice => log.notice(said),
        }
    }

    /// Where a person would point, and what stands there.
    fn find(self, path: &str) -> (Mark, String) {
        let (mut node, mut mark, mut whole) = (self.root, self.root.mark, true);
        // `a.b[0].c` is walked as a, b, [0], c: names of a checked plan have neither dots nor brackets.
        for step in path.split('.').flat_map(|part| part.split_inclusive(']')).flat_map(split_index) {
            let next = match (&node.value, step.strip_prefix('[')) {
                (Value::Map(entries), None) => {
                    entries.iter().find(|entry| entry.key == step).map(|e| (&e.node, e.mark()))
                }
                (Value::List(items), Some(index)) => index
                    .trim_end_matches(']')
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .map(|item| (item, item.mark)),
                (
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) | Value::List(_),
                    _,
                ) => None,
            };
            let Some(found) = next else {
                whole = false;
                break;
            };
            (node, mark) = found;
        }
        (mark, if whole { node.shown() } else { String::new() })
    }
}

/// `copies[0]` as `copies` and `[0]`.
fn split_index(part: &str) -> impl Iterator<Item = &str> {
    let (name, index) = part.split_at(part.find('[').unwrap_or(part.len()));
    [name, index].into_iter().filter(|step| !step.is_empty())
}
