//! What an entity type does in the directory: the seam between the generic operations and the use cases.
//!
//! An entity type that is added implements [`Entities`] once for every collection in which it appears (all of them, the
//! members of a group, ...) and gets a row in the surface table; listing, paging, filtering, expanding, counting,
//! references, properties, ETags and OpenAPI come from there.

use std::collections::HashMap;

use adit_core::query::{self as core, Counting, DEFAULT_PAGE, LARGEST_PAGE};
use adit_odata::document::Entity;
use adit_odata::reference::Reference;
use adit_odata::{EntityType, Query, memory};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::Call;
use crate::error::GraphError;
use crate::question;
use crate::scope::Scope;

/// The entities of one collection, or behind one single-valued navigation. What the surface table does not offer is
/// never called.
#[async_trait]
pub(crate) trait Entities: Send + Sync {
    /// Their type.
    fn kind(&self) -> &'static EntityType;

    /// One page.
    async fn list(&self, _call: &Call, _scope: &Scope, _listing: &Listing<'_>) -> Result<Listed, GraphError> {
        Err(GraphError::not_offered())
    }

    /// The one that the scope names.
    async fn read(&self, _call: &Call, _scope: &Scope) -> Result<Entity, GraphError> {
        Err(GraphError::not_offered())
    }

    /// Makes one of a checked body.
    async fn create(&self, _call: &Call, _scope: &Scope, _body: Map<String, Value>) -> Result<Entity, GraphError> {
        Err(GraphError::not_offered())
    }

    /// Changes the one that the scope names after a checked body.
    async fn update(&self, _call: &Call, _scope: &Scope, _body: Map<String, Value>) -> Result<Entity, GraphError> {
        Err(GraphError::not_offered())
    }

    /// Deletes the one that the scope names.
    async fn delete(&self, _call: &Call, _scope: &Scope) -> Result<(), GraphError> {
        Err(GraphError::not_offered())
    }

    /// Adds the one that the body refers to, and gives it back.
    async fn link(&self, _call: &Call, _scope: &Scope, _body: Map<String, Value>) -> Result<Entity, GraphError> {
        Err(GraphError::not_offered())
    }

    /// Takes out the one that the scope names or that is referred to.
    async fn unlink(&self, _call: &Call, _scope: &Scope, _reference: Option<Reference>) -> Result<(), GraphError> {
        Err(GraphError::not_offered())
    }
}

/// What is asked of a collection.
pub(crate) struct Listing<'q> {
    /// The checked options.
    pub(crate) query: &'q Query,
    /// Where to go on.
    pub(crate) after: Option<Continuation>,
    /// How many at most; 0 when only the number is wanted.
    pub(crate) limit: u32,
    /// Whether the number of all is wanted.
    pub(crate) counting: Counting,
}

/// Where the next page starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Continuation {
    /// After a row of the directory.
    After(core::Cursor),
    /// After so many items of a list that is made as a whole.
    Offset(u32),
}

/// One page of a collection.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Entity>,
    pub(crate) next: Option<Continuation>,
    pub(crate) total: Option<u64>,
}

impl<'q> Listing<'q> {
    /// The page that `query` asks for, of at most `largest` items if its client said so.
    pub(crate) fn new(query: &'q Query, after: Option<Continuation>, largest: Option<u32>) -> Self {
        let limit = query.top.unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE).min(largest.unwrap_or(LARGEST_PAGE));
        let counted = query.count && after.is_none();
        Self { query, after, limit, counting: if counted { Counting::Wanted } else { Counting::Skipped } }
    }

    /// The number alone.
    pub(crate) const fn count(query: &'q Query) -> Self {
        Self { query, after: None, limit: 0, counting: Counting::Wanted }
    }

    /// As a question about the directory's objects of the type `on`.
    pub(crate) fn question(&self, on: &'static EntityType) -> Result<core::Query, GraphError> {
        let after = match &self.after {
            None => None,
            Some(Continuation::After(cursor)) => Some(cursor.clone()),
            Some(Continuation::Offset(_)) => return Err(GraphError::bad_skip_token()),
        };
        let skip = if after.is_none() { self.query.skip.unwrap_or(0) } else { 0 };
        Ok(core::Query {
            filter: question::condition(self.query, on)?,
            order: question::order(self.query, on)?,
            limit: self.limit.max(1),
            skip,
            after,
            counting: self.counting,
        })
    }

    /// Answers with a page of the directory.
    pub(crate) fn page<T>(&self, page: core::Page<T>, entity: impl Fn(&T) -> Entity) -> Listed {
        if self.limit == 0 {
            return Listed { total: page.total, ..Listed::default() };
        }
        Listed {
            items: page.items.iter().map(entity).collect(),
            next: page.next.map(Continuation::After),
            total: page.total,
        }
    }

    /// Answers from a list that is made as a whole.
    pub(crate) fn select(&self, on: &'static EntityType, all: Vec<Entity>) -> Result<Listed, GraphError> {
        let offset = match &self.after {
            None => self.query.skip.unwrap_or(0),
            Some(Continuation::Offset(offset)) => *offset,
            Some(Continuation::After(_)) => return Err(GraphError::bad_skip_token()),
        };
        let rows = all.iter().map(|entity| entity.properties.clone()).collect();
        let id = |row: &Map<String, Value>| row.get("id").and_then(Value::as_str).map(str::to_owned);
        let by_id: HashMap<Option<String>, &Entity> = all.iter().rev().map(|own| (id(&own.properties), own)).collect();
        let chosen = memory::evaluate(self.query, on, rows);
        let total = chosen.len();
        let page = chosen.iter().skip(offset as usize).take(self.limit as usize);
        let items: Vec<Entity> = page.filter_map(|row| by_id.get(&id(row))).map(|own| Entity::clone(own)).collect();
        let end = offset.saturating_add(self.limit);
        let more = self.limit > 0 && (end as usize) < total;
        Ok(Listed {
            items,
            next: more.then_some(Continuation::Offset(end)),
            total: (self.counting == Counting::Wanted).then_some(total as u64),
        })
    }
}
