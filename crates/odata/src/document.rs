//! The shape of JSON answers: entities, collections, references, properties, with their context and the amount of
//! metadata that the client asked for.

use serde_json::{Map, Value};

use crate::model::EntityType;
use crate::projection::Projection;

/// How much an answer says about itself (`odata.metadata` of `Accept`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metadata {
    /// Only what a client cannot go on without: the link to the next page and the count.
    None,
    /// Context and ETags as well.
    #[default]
    Minimal,
}

/// One entity, ready to be written.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its type.
    pub kind: &'static EntityType,
    /// Its properties under their declared names; those that are not returned are left out when it is written.
    pub properties: Map<String, Value>,
    /// Its ETag.
    pub etag: String,
    /// Navigations that were expanded, each with what they lead to.
    pub expanded: Vec<(&'static str, Value)>,
}

/// Writes the answers to one request.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// Scheme, host and version, without a slash at the end: what context URLs start with.
    pub base: &'a str,
    /// How much metadata is wanted.
    pub metadata: Metadata,
}

impl Document<'_> {
    /// One entity; `path` is the collection it is in, as context URLs write it.
    #[must_use]
    pub fn entity(&self, path: &str, projection: &Projection, entity: Entity) -> Value {
        let mut document = self.context(&format!("{path}{}/$entity", projection.describe()));
        document.extend(self.members(projection, entity));
        Value::Object(document)
    }

    /// One page of a collection.
    #[must_use]
    pub fn collection(&self, path: &str, projection: &Projection, page: CollectionPage) -> Value {
        let mut document = self.context(&format!("{path}{}", projection.describe()));
        let items = page.items.into_iter().map(|item| Value::Object(self.members(projection, item))).collect();
        finish(&mut document, items, page.count, page.next);
        Value::Object(document)
    }

    /// One page of references; `page` has the URLs.
    #[must_use]
    pub fn references(&self, urls: Vec<String>, count: Option<u64>, next: Option<String>) -> Value {
        let mut document = self.context("Collection($ref)");
        let items = urls.into_iter().map(|url| serde_json::json!({ "@odata.id": url })).collect();
        finish(&mut document, items, count, next);
        Value::Object(document)
    }

    /// One reference.
    #[must_use]
    pub fn reference(&self, url: String) -> Value {
        let mut document = self.context("$ref");
        document.insert("@odata.id".to_owned(), Value::String(url));
        Value::Object(document)
    }

    /// A structured value: a complex property or the result of an action.
    #[must_use]
    pub fn structure(&self, path: &str, properties: Map<String, Value>) -> Value {
        let mut document = self.context(path);
        document.extend(properties);
        Value::Object(document)
    }

    /// An entity inside another answer: without a context of its own.
    #[must_use]
    pub fn members(&self, projection: &Projection, entity: Entity) -> Map<String, Value> {
        let mut members = Map::new();
        if self.metadata == Metadata::Minimal {
            members.insert("@odata.etag".to_owned(), Value::String(entity.etag));
        }
        members.extend(projection.project(entity.kind, entity.properties));
        members.extend(entity.expanded.into_iter().map(|(name, value)| (name.to_owned(), value)));
        members
    }

    fn context(&self, fragment: &str) -> Map<String, Value> {
        let mut document = Map::new();
        if self.metadata == Metadata::Minimal {
            document.insert("@odata.context".to_owned(), format!("{}/$metadata#{fragment}", self.base).into());
        }
        document
    }
}

/// One page of a collection, ready to be written.
#[derive(Debug, Clone, Default)]
pub struct CollectionPage {
    /// The entities.
    pub items: Vec<Entity>,
    /// How many match in all, if it was asked.
    pub count: Option<u64>,
    /// The URL of the next page, if there is one.
    pub next: Option<String>,
}

/// Count and next link belong before the values, so that a streaming reader has them early.
fn finish(document: &mut Map<String, Value>, items: Vec<Value>, count: Option<u64>, next: Option<String>) {
    if let Some(count) = count {
        document.insert("@odata.count".to_owned(), count.into());
    }
    if let Some(next) = next {
        document.insert("@odata.nextLink".to_owned(), Value::String(next));
    }
    document.insert("value".to_owned(), Value::Array(items));
}

/// Reads how much metadata an `Accept` header or a `$format` asks for; `None` when JSON is not accepted at all.
#[must_use]
pub fn accepted(accept: &str) -> Option<Metadata> {
    let mut best = None;
    for range in accept.split(',').map(|range| range.trim().to_ascii_lowercase()) {
        let mut parts = range.split(';').map(str::trim);
        let json =
            matches!(parts.next(), Some("application/json" | "application/*" | "*/*" | "json" | "text/json" | ""));
        let parameters: Vec<&str> = parts.collect();
        if !json || parameters.iter().any(|parameter| matches!(*parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000")) {
            continue;
        }
        let bare = parameters.iter().any(|parameter| matches!(*parameter, "odata.metadata=none" | "metadata=none"));
        if bare {
            return Some(Metadata::None);
        }
        best = Some(Metadata::Minimal);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::THING;
    use serde_json::json;

    fn thing() -> Entity {
        let Value::Object(properties) = json!({"id": "1", "name": "a", "place": {}}) else { unreachable!() };
        Entity { kind: &THING, properties, etag: "W/\"7\"".to_owned(), expanded: vec![("parts", json!([]))] }
    }

    const fn document(metadata: Metadata) -> Document<'static> {
        Document { base: "https://h/beta", metadata }
    }

    #[test]
    fn an_entity_has_context_etag_and_its_default_properties() {
        assert_eq!(
            document(Metadata::Minimal).entity("things", &Projection::Default, thing()),
            json!({"@odata.context": "https://h/beta/$metadata#things/$entity", "@odata.etag": "W/\"7\"", "id": "1",
                "name": "a", "parts": []})
        );
        let select = Projection::parse("name", &THING, "example").unwrap();
        assert_eq!(
            document(Metadata::Minimal).entity("things", &select, thing())["@odata.context"],
            "https://h/beta/$metadata#things(name)/$entity"
        );
    }

    #[test]
    fn without_metadata_only_count_and_next_link_stay() {
        let page = CollectionPage { items: vec![thing()], count: Some(3), next: Some("https://h/n".to_owned()) };
        assert_eq!(
            document(Metadata::None).collection("things", &Projection::Default, page),
            json!({"@odata.count": 3, "@odata.nextLink": "https://h/n", "value": [{"id": "1", "name": "a", "parts": []}]})
        );
    }

    #[test]
    fn references_are_ids_only() {
        assert_eq!(
            document(Metadata::Minimal).references(vec!["https://h/things/1".to_owned()], None, None),
            json!({"@odata.context": "https://h/beta/$metadata#Collection($ref)",
                "value": [{"@odata.id": "https://h/things/1"}]})
        );
    }

    #[test]
    fn json_is_accepted_in_its_usual_spellings_and_nothing_else() {
        for accept in [
            "application/json",
            "*/*",
            "application/json;odata.metadata=minimal;odata.streaming=true",
            "text/html, */*;q=0.1",
            "",
        ] {
            assert_eq!(accepted(accept), Some(Metadata::Minimal), "{accept}");
        }
        assert_eq!(accepted("application/json;odata.metadata=none"), Some(Metadata::None));
        assert_eq!(accepted("application/xml"), None);
        assert_eq!(accepted("application/json;q=0"), None);
    }
}
