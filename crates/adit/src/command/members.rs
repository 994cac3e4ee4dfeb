//! Members of what the API answered, as commands show them.

use serde_json::Value;

/// A name and its id, or the id alone.
pub(super) fn named(object: &Value, name: &str, id: &str) -> String {
    match (word(object, name), word(object, id)) {
        (name, id) if name.is_empty() => id,
        (name, id) => format!("{name} ({id})"),
    }
}

/// A member that is a list; none where there is none.
pub(super) fn list(object: &Value, member: &str) -> Vec<Value> {
    object[member].as_array().cloned().unwrap_or_default()
}

/// A member's text, without what could move a terminal's cursor.
pub(super) fn word(object: &Value, member: &str) -> String {
    printable(&object[member])
}

/// A text, without what could move a terminal's cursor.
pub(super) fn printable(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default();
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}
