//! Answers as trees of elements. Only what the Query protocol needs: text and children, no mixed content.

use std::borrow::Cow;

use quick_xml::escape::escape;

const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// An element with either text or children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    name: Cow<'static, str>,
    namespace: bool,
    text: Option<String>,
    children: Vec<Element>,
}

impl Element {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), namespace: false, text: None, children: Vec::new() }
    }

    /// The outermost element of an answer.
    pub(crate) fn root(name: impl Into<Cow<'static, str>>) -> Self {
        Self { namespace: true, ..Self::new(name) }
    }

    pub(crate) fn leaf(name: &'static str, text: impl ToString) -> Self {
        Self { text: Some(text.to_string()), ..Self::new(name) }
    }

    pub(crate) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    pub(crate) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    pub(crate) fn text(self, name: &'static str, text: impl ToString) -> Self {
        self.child(Self::leaf(name, text))
    }

    /// AWS leaves out what it does not know; an empty element would be parsed as an empty string.
    pub(crate) fn optional(self, name: &'static str, text: Option<impl ToString>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        if self.namespace {
            out.push_str(&format!(" xmlns=\"{NAMESPACE}\""));
        }
        out.push('>');
        if let Some(text) = &self.text {
            out.push_str(&escape(text.as_str()));
        }
        for child in &self.children {
            child.write(out);
        }
        out.push_str(&format!("</{}>", self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn text_is_escaped_and_what_is_unknown_is_left_out() {
        let tree = Element::root("A").text("B", "<&>").optional("C", None::<&str>).child(Element::new("D"));
        let expected = "<A xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><B>&lt;&amp;&gt;</B><D></D></A>";
        assert_eq!(tree.render().lines().nth(1), Some(expected));
    }
}
