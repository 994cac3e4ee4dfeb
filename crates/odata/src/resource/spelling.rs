//! The spellings of a resolved path: the template that names its operation in a table, the canonical URL, and the path
//! of a context URL. Names are written as declared.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Key, ResourcePath, Segment};
use crate::model::{Operation, OperationKind};

/// What is encoded in a key that stands as a segment: all but the unreserved characters of RFC 3986.
const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is encoded in a key in quotes. The quotes stay as they are, for readers.
const IN_QUOTES: &AsciiSet = &IN_SEGMENT.remove(b'\'').remove(b'@').remove(b':').remove(b'!').remove(b'*');

impl ResourcePath {
    /// The path with `{}` for each key and each argument: `applications/{}/connectorGroup/$ref`, `applications/delta()`.
    /// Types have their namespace; operations only if it is not the model's own.
    #[must_use]
    pub fn template(&self) -> String {
        let mut template = String::new();
        for segment in &self.segments {
            let text = match segment {
                Segment::Key(_) => "{}".to_owned(),
                Segment::Operation { operation, arguments } => self.call(operation, arguments, |_| "{}".to_owned()),
                other => self.name(other),
            };
            push(&mut template, &text);
        }
        template
    }

    /// The canonical URL below the version, with keys as segments where they can be: `applications/7/connectorGroup`.
    #[must_use]
    pub fn url_path(&self) -> String {
        let mut url = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Key(Key::Id(id)) if self.stands_alone(id) => {
                    push(&mut url, &utf8_percent_encode(id, IN_SEGMENT).to_string());
                }
                Segment::Key(key) => url.push_str(&parenthesised(key)),
                Segment::Operation { operation, arguments } => push(&mut url, &self.call(operation, arguments, quoted)),
                other => push(&mut url, &self.name(other)),
            }
        }
        url
    }

    /// The path in a context URL, with keys in parentheses: `onPremisesPublishingProfiles('applicationProxy')/connectors`.
    /// `$ref`, `$count`, `$value` and operations are left out, because a context says what is answered, not how it was
    /// asked for.
    #[must_use]
    pub fn context_path(&self) -> String {
        let mut context = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Key(key) => context.push_str(&parenthesised(key)),
                Segment::Ref | Segment::Count | Segment::Value | Segment::Operation { .. } => {}
                other => push(&mut context, &self.name(other)),
            }
        }
        context
    }

    /// Whether a key is read back as the same key when it stands as a segment: nothing in it may be taken for a system
    /// segment, quotes, parentheses, a qualified name or an operation.
    fn stands_alone(&self, key: &str) -> bool {
        let is_operation = self.model.operations.iter().any(|operation| operation.name.eq_ignore_ascii_case(key));
        !is_operation && !key.starts_with('$') && !key.contains(['\'', '(', ')', '.'])
    }

    fn name(&self, segment: &Segment) -> String {
        let bare = match segment {
            Segment::EntitySet(set) => set.name,
            Segment::Singleton(singleton) => singleton.name,
            Segment::Navigation(navigation) => navigation.name,
            Segment::Property(property) => property.name,
            Segment::EntityCast(kind) => return format!("{}.{}", self.model.namespace, kind.name),
            Segment::ComplexCast(kind) => return format!("{}.{}", self.model.namespace, kind.name),
            Segment::Ref => "$ref",
            Segment::Count => "$count",
            Segment::Value => "$value",
            Segment::Key(_) | Segment::Operation { .. } => "",
        };
        bare.to_owned()
    }

    fn call(&self, operation: &Operation, arguments: &[(String, String)], value: impl Fn(&str) -> String) -> String {
        let own = operation.namespace == self.model.namespace;
        let name = if own { operation.name.to_owned() } else { format!("{}.{}", operation.namespace, operation.name) };
        if operation.kind == OperationKind::Action {
            return name;
        }
        let pairs: Vec<_> = arguments.iter().map(|(name, text)| format!("{name}={}", value(text))).collect();
        format!("{name}({})", pairs.join(","))
    }
}

fn push(path: &mut String, segment: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(segment);
}

fn parenthesised(key: &Key) -> String {
    match key {
        Key::Id(id) => format!("({})", quoted(id)),
        Key::Alternate { property, value } => format!("({}={})", property.name, quoted(value)),
    }
}

fn quoted(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    format!("'{}'", utf8_percent_encode(&doubled, IN_QUOTES))
}
