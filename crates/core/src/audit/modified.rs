//! The properties that differ between two states of an object, as the directory audit lists them: names in the casing
//! of the API, values as JSON text.

use serde_json::{Map, Value};

/// One property that a write changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifiedProperty {
    /// Its name; of a property inside another, both names with a dot between them.
    pub name: String,
    /// What it was, as JSON; nothing where it was not there, or where its values are not kept.
    pub old: Option<String>,
    /// What it is, as JSON; nothing where it is not there, or where its values are not kept.
    pub new: Option<String>,
}

/// The differences from `old` to `new`, then the properties of which only the names are known.
pub(super) fn between(old: &Value, new: &Value, names_only: Option<&Value>) -> Vec<ModifiedProperty> {
    let nothing = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&nothing), new.as_object().unwrap_or(&nothing));
    let mut found = Vec::new();
    differences("", old, new, &mut found);
    let names = names_only.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    found.extend(names.map(|name| ModifiedProperty { name: name.to_owned(), old: None, new: None }));
    found
}

/// `snake_case` as `snakeCase`.
pub(super) fn camel_case(name: &str) -> String {
    let mut upper = false;
    let mut result = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '_' => upper = true,
            character if upper => {
                result.push(character.to_ascii_uppercase());
                upper = false;
            }
            character => result.push(character),
        }
    }
    result
}

/// A text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn differences(prefix: &str, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<ModifiedProperty>) {
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        let (before, after) = (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
        if before == after {
            continue;
        }
        let name = format!("{prefix}{}", camel_case(key));
        match (before, after) {
            // Details are two levels deep; what lies deeper is one value.
            (Value::Object(_), Value::Object(_) | Value::Null) | (Value::Null, Value::Object(_))
                if prefix.is_empty() =>
            {
                let nothing = Map::new();
                let of = |value: &Value| value.as_object().cloned().unwrap_or_else(|| nothing.clone());
                differences(&format!("{name}."), &of(before), &of(after), found);
            }
            _ => found.push(ModifiedProperty { name, old: json(before), new: json(after) }),
        }
    }
}

fn json(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}
