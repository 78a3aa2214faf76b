//! How the language is described: every map of a plan is a [`Table`] of fields, which stands beside the function that decodes
//! it. The decoder reads through its table (what is not in it is refused, and it cannot ask for more than is in it), and the
//! JSON Schema is made of the same tables, so the two cannot drift apart.

#![cfg_attr(not(feature = "yaml"), allow(dead_code, reason = "functions decode, and make no schema"))]

/// A map with known fields.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name among the schema's definitions.
    pub(crate) name: &'static str,
    /// Every field, in the order in which people would write them.
    pub(crate) fields: &'static [Field],
    /// Which of the fields go together, beyond each for itself.
    pub(crate) together: &'static [Together],
}

/// What holds between the fields of one map.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Together {
    /// Exactly one of these stands.
    One(&'static [&'static str]),
    /// At least one of these stands.
    Some(&'static [&'static str]),
    /// The first stands only beside the second.
    Beside(&'static str, &'static str),
}

/// A field of a map.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What it is, for editors: a sentence without a full stop.
    pub(crate) is: &'static str,
    pub(crate) need: Need,
}

/// Whether a field must stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Always; what is said if it does not.
    Always(&'static str),
    /// If other fields ask for it; what is said then.
    Sometimes(&'static str),
    /// It may be left out.
    Never,
}

/// What may stand in a field.
#[derive(Debug)]
pub(crate) enum Shape {
    /// The number of this language's version.
    Version,
    /// Any text.
    Text,
    /// A text of a certain form.
    Like(&'static Form),
    /// A whole number, from and to.
    Count(u64, u64),
    /// `true` or `false`.
    Bool,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// A map with known fields.
    Map(&'static Table),
    /// A map by names of the plan's own; never empty.
    Named(&'static Form, &'static Shape),
    /// A list; never empty.
    List(&'static Shape),
    /// Any one of these.
    Any(&'static [Shape]),
}

/// A form of text. The decoder's own check is the one that counts; the pattern is what an editor can see of it.
#[derive(Debug)]
pub(crate) struct Form {
    /// Its name among the schema's definitions.
    pub(crate) name: &'static str,
    /// A regular expression (ECMA-262, as JSON Schema has them).
    pub(crate) pattern: &'static str,
    pub(crate) example: &'static str,
}

impl Table {
    pub(crate) const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        Self { name, fields, together: &[] }
    }

    pub(crate) const fn with(name: &'static str, fields: &'static [Field], together: &'static [Together]) -> Self {
        Self { name, fields, together }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.name).collect()
    }
}

/// A field that must stand, what it is, and what is said if it does not.
pub(crate) const fn must(name: &'static str, shape: Shape, is: &'static str, wanted: &'static str) -> Field {
    Field { name, shape, is, need: Need::Always(wanted) }
}

/// A field that must stand beside certain others.
pub(crate) const fn sometimes(name: &'static str, shape: Shape, is: &'static str, wanted: &'static str) -> Field {
    Field { name, shape, is, need: Need::Sometimes(wanted) }
}

/// A field that may be left out.
pub(crate) const fn may(name: &'static str, shape: Shape, is: &'static str) -> Field {
    Field { name, shape, is, need: Need::Never }
}
