//! Writes XML: elements with attributes, indented, each value escaped. No text content, because CSDL needs none.

/// A document that grows. Names of elements and attributes are constants of this crate and are written as they are.
pub(super) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    pub(super) fn new() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_owned(), depth: 0 }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// An element with what `inside` writes; closed at once if that is nothing.
    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        self.text.push_str(">\n");
        let start = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.text.len() == start {
            self.text.truncate(start.saturating_sub(">\n".len()));
            self.text.push_str(" />\n");
            return;
        }
        self.indent();
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    /// An element without content.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.text.push_str(" />\n");
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (attribute, value) in attributes {
            self.text.push(' ');
            self.text.push_str(attribute);
            self.text.push_str("=\"");
            self.escaped(value);
            self.text.push('"');
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    /// Characters that XML 1.0 cannot have at all are replaced; white space is written as references, because a reader
    /// turns it into spaces otherwise.
    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\t' => self.text.push_str("&#9;"),
                '\n' => self.text.push_str("&#10;"),
                '\r' => self.text.push_str("&#13;"),
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.text.push('\u{fffd}'),
                other => self.text.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_value_is_read_back_as_it_was(value in "\\PC{0,40}", odd in "[<>&\"'\t\r\n ]{0,10}") {
            let value = format!("{value}{odd}");
            let mut xml = Xml::new();
            xml.element("a", &[("v", &value)], |xml| xml.empty("b", &[("v", "1")]));
            let text = xml.finish();
            let read = roxmltree::Document::parse(&text).unwrap();
            let expected = value.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            proptest::prop_assert_eq!(read.root_element().attribute("v"), Some(expected.as_str()));
        }
    }

    #[test]
    fn an_element_without_content_is_closed_at_once() {
        let mut xml = Xml::new();
        xml.element("a", &[], |xml| xml.element("b", &[("c", "\u{1}")], |_| {}));
        assert_eq!(xml.finish(), "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a>\n  <b c=\"\u{fffd}\" />\n</a>\n");
    }
}
