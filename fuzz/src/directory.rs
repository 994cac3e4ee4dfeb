//! A small directory that queries are asked of. Each entity of the file stands in it several times, under another id:
//! equal values put an order to the test, and short lists are sorted in another way than longer ones.

use std::sync::LazyLock;

use adit_odata::EntityType;
use serde_json::{Map, Value};

/// How often each entity of the file stands in the directory.
const COPIES: usize = 6;

/// The entities of each type.
type Directory = Vec<(String, Vec<Map<String, Value>>)>;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let Ok(Value::Object(types)) = serde_json::from_str(include_str!("directory.json")) else {
        panic!("directory.json holds no object");
    };
    types.into_iter().map(|(name, entities)| (name, copies(&entities))).collect()
});

/// The entities of a type; none of one that is not in the file.
pub(crate) fn entities(on: &'static EntityType) -> &'static [Map<String, Value>] {
    DIRECTORY.iter().find(|(name, _)| name == on.name).map_or(&[], |(_, entities)| entities)
}

fn copies(entities: &Value) -> Vec<Map<String, Value>> {
    let entities: Vec<&Map<String, Value>> =
        entities.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    (0..COPIES).flat_map(|copy| entities.iter().map(move |entity| copied(entity, copy))).collect()
}

fn copied(entity: &Map<String, Value>, copy: usize) -> Map<String, Value> {
    let mut entity = entity.clone();
    let id = entity.get("id").and_then(Value::as_str).unwrap_or_default();
    let id = format!("{id}{copy}");
    entity.insert("id".to_owned(), id.into());
    entity
}
