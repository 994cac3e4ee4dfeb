//! The shape of JSON answers: entities, collections, references, values, with their context and the amount of metadata
//! that the client asked for (OData JSON Format 4.01, in the spelling of 4.0).
//!
//! What is written is complete: a declared property that has no value is `null`, or an empty array. What is never
//! returned is taken out of structured values at any depth. Links and contexts start with [`Document::base`] only.

use serde_json::{Map, Value, json};

use crate::model::{ComplexType, EntityType, Model, Multiplicity, Navigation, Type};
use crate::projection::Projection;

mod accept;
mod context;
mod structure;
#[cfg(test)]
mod tests;

pub use accept::accepted;
pub use context::Shape;

use crate::body::TYPE_ANNOTATION;

/// How much an answer says about itself (`odata.metadata` of `Accept`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metadata {
    /// Only what a client cannot go on without: counts and links to further pages.
    None,
    /// Context and ETags as well, and types where they are not the declared ones.
    #[default]
    Minimal,
    /// All types and links.
    Full,
}

/// One entity, ready to be written.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its type.
    pub kind: &'static EntityType,
    /// Its properties under their declared names; those that are not returned are left out when it is written.
    pub properties: Map<String, Value>,
    /// Its ETag.
    pub etag: Option<String>,
    /// Its canonical URL below the base: `applications/{id}`.
    pub path: String,
    /// Which of its properties are returned.
    pub select: Projection,
    /// Navigations that were expanded, each with what it leads to.
    pub expanded: Vec<(&'static Navigation, Expanded)>,
    /// What is written beside the properties as it is, such as `@removed`.
    pub annotations: Map<String, Value>,
}

/// What an expanded navigation leads to.
#[derive(Debug, Clone)]
pub enum Expanded {
    /// One entity, or nothing.
    One(Option<Box<Entity>>),
    /// Several entities.
    Many {
        /// The entities.
        items: Vec<Entity>,
        /// How many there are in all, if it was asked.
        count: Option<u64>,
        /// The URL of the rest, if there is one.
        next: Option<String>,
    },
    /// References instead of entities.
    References {
        /// The URLs.
        urls: Vec<String>,
        /// How many there are in all, if it was asked.
        count: Option<u64>,
        /// The URL of the rest, if there is one.
        next: Option<String>,
    },
    /// Their number alone.
    Count(u64),
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

/// Where a client that follows changes goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaLink {
    /// To the next page of these changes.
    Next(String),
    /// To the changes that come after these.
    Later(String),
}

/// Writes the answers to one request.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// Scheme, host and version, without a slash at the end: what URLs start with.
    pub base: &'a str,
    /// How much metadata is wanted.
    pub metadata: Metadata,
    /// What the types of values are looked up in.
    pub model: &'static Model,
}

impl Document<'_> {
    /// One entity; `path` is the collection it is in, as context URLs write it.
    #[must_use]
    pub fn entity(&self, path: &str, entity: Entity) -> Value {
        let shape = context::described(&entity);
        self.single(&format!("{path}{shape}/$entity"), None, entity)
    }

    /// The same where the collection is declared with a base of the entity's type, which is then written.
    #[must_use]
    pub fn derived_entity(&self, path: &str, declared: &'static EntityType, entity: Entity) -> Value {
        let shape = context::described(&entity);
        self.single(&format!("{path}{shape}/$entity"), Some(declared), entity)
    }

    /// The one entity at a path that is no collection (a singleton): its context has no `$entity`.
    #[must_use]
    pub fn singleton(&self, path: &str, entity: Entity) -> Value {
        let shape = context::described(&entity);
        self.single(&format!("{path}{shape}"), None, entity)
    }

    /// One page of a collection; `shape` is what was selected and expanded: a [`Projection`] or a whole query.
    #[must_use]
    pub fn collection(&self, path: &str, shape: impl Into<Shape>, page: CollectionPage) -> Value {
        let shape = shape.into();
        let mut document = self.context(&format!("{path}{}", shape.names));
        put_count(&mut document, "", page.count);
        put_next(&mut document, "", page.next);
        document.insert("value".to_owned(), self.items(shape.declared, page.items));
        Value::Object(document)
    }

    /// One page of changes.
    #[must_use]
    pub fn delta(&self, path: &str, shape: impl Into<Shape>, items: Vec<Entity>, link: DeltaLink) -> Value {
        let shape = shape.into();
        let mut document = self.context(&format!("{path}{}", shape.names));
        match link {
            DeltaLink::Next(url) => put_next(&mut document, "", Some(url)),
            DeltaLink::Later(url) => drop(document.insert("@odata.deltaLink".to_owned(), url.into())),
        }
        document.insert("value".to_owned(), self.items(shape.declared, items));
        Value::Object(document)
    }

    /// One page of references; `urls` are what they lead to.
    #[must_use]
    pub fn references(&self, urls: Vec<String>, count: Option<u64>, next: Option<String>) -> Value {
        let mut document = self.context("Collection($ref)");
        put_count(&mut document, "", count);
        put_next(&mut document, "", next);
        document.insert("value".to_owned(), urls.into_iter().map(reference_to).collect());
        Value::Object(document)
    }

    /// One reference.
    #[must_use]
    pub fn reference(&self, url: String) -> Value {
        let mut document = self.context("$ref");
        document.insert("@odata.id".to_owned(), url.into());
        Value::Object(document)
    }

    /// A structured value: a complex property or the result of an action. `context` is its path as context URLs write
    /// it, or the name of its type.
    #[must_use]
    pub fn structure(&self, context: &str, kind: &'static ComplexType, value: Map<String, Value>) -> Value {
        let mut document = self.context(context);
        let value = structure::completed(self.model, kind, value);
        document.extend(self.structured(kind, value, context));
        Value::Object(document)
    }

    /// A value of any type, of a property or an operation: a structured one as it is, any other as `value`.
    #[must_use]
    pub fn value(&self, context: &str, kind: &'static Type, value: Value) -> Value {
        let value = match (kind, value) {
            (Type::Complex(kind), Value::Object(value)) => return self.structure(context, kind, value),
            (_, value) => value,
        };
        let mut document = self.context(context);
        if let Some(name) = self.annotated_type(kind, &value) {
            document.insert(TYPE_ANNOTATION.to_owned(), name.into());
        }
        let value = structure::completed_value(self.model, kind, value);
        document.insert("value".to_owned(), self.valued(kind, value, context));
        Value::Object(document)
    }

    /// An entity inside another answer: without a context of its own. `declared` is the type that a reader takes it
    /// for.
    #[must_use]
    pub fn members(&self, declared: Option<&'static EntityType>, mut entity: Entity) -> Map<String, Value> {
        let mut members = Map::with_capacity(entity.properties.len());
        if self.writes_type_of(entity.kind, declared) {
            let name = format!("#{}.{}", self.model.namespace, entity.kind.name);
            members.insert(TYPE_ANNOTATION.to_owned(), name.into());
        }
        // What was removed has an id and nothing else, whatever was selected; it must not look like an entity that has
        // become empty.
        if entity.annotations.contains_key("@removed") {
            members.extend(entity.annotations);
            members.extend(Projection::Default.project(entity.kind, entity.properties));
            return members;
        }
        if self.metadata == Metadata::Full {
            self.put_own_links(&mut members, &entity.path);
        }
        if let (Some(etag), true) = (&entity.etag, self.metadata != Metadata::None) {
            members.insert("@odata.etag".to_owned(), etag.as_str().into());
        }
        members.extend(std::mem::take(&mut entity.annotations));
        self.put_contents(&mut members, entity);
        members
    }

    fn writes_type_of(&self, kind: &'static EntityType, declared: Option<&'static EntityType>) -> bool {
        let derived = declared.is_some_and(|declared| !std::ptr::eq(declared, kind));
        match self.metadata {
            Metadata::None => false,
            Metadata::Minimal => derived,
            Metadata::Full => true,
        }
    }

    /// Writes properties and navigations.
    fn put_contents(&self, members: &mut Map<String, Value>, entity: Entity) {
        let completed = structure::completed_entity(self.model, entity.kind, entity.properties);
        let selected = entity.select.project(entity.kind, completed);
        self.put_properties(members, entity.kind, selected, &entity.path);
        if self.metadata == Metadata::Full {
            self.put_navigation_links(members, entity.kind, &entity.select, &entity.expanded, &entity.path);
        }
        for (navigation, expanded) in entity.expanded {
            self.put_expanded(members, navigation, expanded);
        }
    }

    fn single(&self, context: &str, declared: Option<&'static EntityType>, entity: Entity) -> Value {
        let mut document = self.context(context);
        document.extend(self.members(declared, entity));
        Value::Object(document)
    }

    fn items(&self, declared: Option<&'static EntityType>, items: Vec<Entity>) -> Value {
        items.into_iter().map(|item| Value::Object(self.members(declared, item))).collect()
    }

    fn put_own_links(&self, members: &mut Map<String, Value>, path: &str) {
        let url = format!("{}/{path}", self.base);
        members.insert("@odata.id".to_owned(), url.clone().into());
        members.insert("@odata.editLink".to_owned(), url.into());
    }

    /// Links of all navigations; of those that were expanded only, when particular properties were selected.
    fn put_navigation_links(
        &self,
        members: &mut Map<String, Value>,
        kind: &'static EntityType,
        select: &Projection,
        expanded: &[(&'static Navigation, Expanded)],
        path: &str,
    ) {
        let wanted = |navigation: &Navigation| {
            matches!(select, Projection::Default) || expanded.iter().any(|(own, _)| std::ptr::eq(*own, navigation))
        };
        for navigation in kind.all_navigations().into_iter().filter(|navigation| wanted(navigation)) {
            self.put_navigation_link(members, navigation, path);
        }
    }

    fn put_navigation_link(&self, members: &mut Map<String, Value>, navigation: &Navigation, path: &str) {
        let (name, base) = (navigation.name, self.base);
        members.insert(format!("{name}@odata.associationLink"), format!("{base}/{path}/{name}/$ref").into());
        members.insert(format!("{name}@odata.navigationLink"), format!("{base}/{path}/{name}").into());
    }

    fn put_expanded(&self, members: &mut Map<String, Value>, navigation: &'static Navigation, expanded: Expanded) {
        let name = navigation.name;
        match expanded {
            Expanded::One(one) => {
                let one = one.map(|entity| Value::Object(self.members(Some(navigation.target), *entity)));
                members.insert(name.to_owned(), one.unwrap_or_default());
            }
            Expanded::Many { items, count, next } => {
                put_count(members, name, count);
                put_next(members, name, next);
                members.insert(name.to_owned(), self.items(Some(navigation.target), items));
            }
            Expanded::References { urls, count, next } => {
                put_count(members, name, count);
                put_next(members, name, next);
                let mut references = urls.into_iter().map(reference_to);
                let value = match navigation.multiplicity {
                    Multiplicity::One => references.next().unwrap_or_default(),
                    Multiplicity::Many => references.collect(),
                };
                members.insert(name.to_owned(), value);
            }
            Expanded::Count(count) => put_count(members, name, Some(count)),
        }
    }

    fn context(&self, fragment: &str) -> Map<String, Value> {
        let mut document = Map::new();
        if self.metadata != Metadata::None {
            document.insert("@odata.context".to_owned(), format!("{}/$metadata#{fragment}", self.base).into());
        }
        document
    }
}

fn reference_to(url: String) -> Value {
    json!({ "@odata.id": url })
}

/// Counts and links belong before the values, so that a streaming reader has them early. They are written whatever
/// metadata is wanted.
fn put_count(members: &mut Map<String, Value>, of: &str, count: Option<u64>) {
    if let Some(count) = count {
        members.insert(format!("{of}@odata.count"), count.into());
    }
}

fn put_next(members: &mut Map<String, Value>, of: &str, next: Option<String>) {
    if let Some(next) = next {
        members.insert(format!("{of}@odata.nextLink"), next.into());
    }
}
