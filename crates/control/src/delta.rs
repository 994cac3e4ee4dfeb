//! What became of the applications since a revision: for whoever keeps a copy of them.
//!
//! A first pass gives all of them, in the order of their ids; every later one those that were changed since, by
//! revision, and then those that were removed. A pass is up to one revision, fixed on its first page. What changes while
//! a pass is under way may be in it and is in the next for certain, so that no change is lost; the copy can see one
//! twice.

use adit_core::query::{ApplicationField, Cursor, Direction, Expression, Field, OBJECT, Operator, Order, Query, Value};
use adit_core::{Application, ApplicationId, Revision};

use crate::control_plane::ControlPlane;
use crate::error::Error;

/// What became of one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationDelta {
    /// It is there, and this is what it is.
    Present(Box<Application>),
    /// It was deleted.
    Removed(ApplicationId),
}

/// One page of what became of the applications.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// Each application once, unless it was deleted more than once.
    pub items: Vec<ApplicationDelta>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Cursor>,
    /// What the whole pass is up to: from where the next pass starts.
    pub upto: Revision,
}

/// Where in a pass a page starts.
enum Position {
    /// In the list of all, after this one.
    All { after: Option<Cursor> },
    /// In the list of those that are there and were changed, after this one.
    Changed { since: Revision, after: Option<Cursor> },
    /// In the list of those that are gone, after this entry of the change log.
    Removed { after: (Revision, i64) },
}

/// The words by which a cursor says in which list it is.
const ALL: &str = "all";
const CHANGED: &str = "changed";
const REMOVED: &str = "removed";

impl ControlPlane {
    /// A page of at most `limit` applications: of all without `since`, else of those that were changed or removed after
    /// it. `after` is the cursor that the page before gave, with the same `since`.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when `since` lies in the future, which means that it is of another directory;
    /// [`Error::BadCursor`], [`Error::Store`].
    pub async fn application_changes(
        &self,
        since: Option<Revision>,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Changes, Error> {
        let (_, current) = self.store().version().await?;
        if let Some(since) = since.filter(|since| *since > current) {
            return Err(Error::UnknownRevision(since));
        }
        let (position, upto) = match after {
            Some(cursor) => position(cursor, since)?,
            None => match since {
                Some(since) => (Position::Changed { since, after: None }, current),
                None => (Position::All { after: None }, current),
            },
        };
        match position {
            Position::All { after } => self.all(after, upto, limit).await,
            Position::Changed { since, after } => self.changed(since, after, upto, limit).await,
            Position::Removed { after } => self.removed(Vec::new(), after, upto, limit).await,
        }
    }

    async fn all(&self, after: Option<Cursor>, upto: Revision, limit: u32) -> Result<Changes, Error> {
        let page = self.store().list_applications(&Query { limit, after, ..Query::default() }).await?;
        let next = page.next.map(|cursor| marked(ALL, upto, cursor));
        Ok(Changes { items: present(page.items), next, upto })
    }

    /// When those that are there come to an end, the page is filled up with those that are gone.
    async fn changed(
        &self,
        since: Revision,
        after: Option<Cursor>,
        upto: Revision,
        limit: u32,
    ) -> Result<Changes, Error> {
        // Of the two bounds that a later page has, the nearer one must be in the filter: by it the index is entered.
        let from = match after.as_ref().map(|cursor| cursor.keys.as_slice()) {
            Some([Value::Integer(last)]) => revision_is(Operator::GreaterOrEqual, read_revision(*last)?),
            _ => revision_is(Operator::Greater, since),
        };
        let query = Query {
            filter: Some(from.and(revision_is(Operator::LessOrEqual, upto))),
            order: vec![Order { by: revision(), direction: Direction::Ascending }],
            limit,
            after,
            ..Query::default()
        };
        let page = self.store().list_applications(&query).await?;
        let items = present(page.items);
        match page.next {
            Some(cursor) => Ok(Changes { items, next: Some(marked(CHANGED, upto, cursor)), upto }),
            None => self.removed(items, (since, i64::MAX), upto, limit).await,
        }
    }

    async fn removed(
        &self,
        mut items: Vec<ApplicationDelta>,
        after: (Revision, i64),
        upto: Revision,
        limit: u32,
    ) -> Result<Changes, Error> {
        let room = limit.max(1) as usize - items.len().min(limit.max(1) as usize);
        let wanted = u32::try_from(room).unwrap_or(u32::MAX).saturating_add(1);
        let mut found = self.store().removals_after(after, upto, wanted).await?;
        let more = found.len() > room;
        found.truncate(room);
        let last = found.last().map_or(after, |removal| (removal.revision, removal.place));
        items.extend(found.into_iter().map(|removal| ApplicationDelta::Removed(removal.application)));
        let next = more.then(|| {
            let keys = vec![integer(last.0), Value::Integer(last.1)];
            marked(REMOVED, upto, Cursor { keys, id: String::new() })
        });
        Ok(Changes { items, next, upto })
    }
}

fn present(applications: Vec<Application>) -> Vec<ApplicationDelta> {
    applications.into_iter().map(|application| ApplicationDelta::Present(Box::new(application))).collect()
}

/// Puts before the keys of a cursor in which list it is and what the pass is up to.
fn marked(list: &str, upto: Revision, cursor: Cursor) -> Cursor {
    let mut keys = vec![Value::Text(list.to_owned()), integer(upto)];
    keys.extend(cursor.keys);
    Cursor { keys, id: cursor.id }
}

fn position(cursor: Cursor, since: Option<Revision>) -> Result<(Position, Revision), Error> {
    let mut keys = cursor.keys.into_iter();
    let (Some(Value::Text(list)), Some(Value::Integer(upto))) = (keys.next(), keys.next()) else {
        return Err(Error::BadCursor);
    };
    let upto = read_revision(upto)?;
    let inner = Cursor { keys: keys.collect(), id: cursor.id };
    let position = match (list.as_str(), since, inner.keys.as_slice()) {
        (ALL, None, []) => Position::All { after: Some(inner) },
        (CHANGED, Some(since), [Value::Integer(_)]) => Position::Changed { since, after: Some(inner) },
        (REMOVED, Some(_), [Value::Integer(revision), Value::Integer(place)]) => {
            Position::Removed { after: (read_revision(*revision)?, *place) }
        }
        _ => return Err(Error::BadCursor),
    };
    Ok((position, upto))
}

fn revision() -> Expression {
    Expression::Field(OBJECT, Field::Application(ApplicationField::Revision))
}

fn revision_is(operator: Operator, value: Revision) -> Expression {
    Expression::Binary(operator, Box::new(revision()), Box::new(Expression::Value(integer(value))))
}

fn integer(revision: Revision) -> Value {
    Value::Integer(i64::try_from(revision.0).unwrap_or(i64::MAX))
}

fn read_revision(number: i64) -> Result<Revision, Error> {
    u64::try_from(number).map(Revision).map_err(|_| Error::BadCursor)
}
