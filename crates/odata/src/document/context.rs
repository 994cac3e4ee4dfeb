//! What stands in parentheses in a context URL: which properties were selected and which navigations expanded
//! (OData JSON Format, section 10).

use super::{Entity, Expanded};
use crate::model::{EntityType, Navigation};
use crate::projection::Projection;
use crate::query::Query;

/// What was asked of a collection, as far as it shapes the answer: made from a [`Projection`] or a whole [`Query`].
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// The selected and expanded names in parentheses; nothing by default.
    pub(super) names: String,
    /// The type that the collection is declared with, where items are of types derived from it.
    pub(super) declared: Option<&'static EntityType>,
}

impl From<&Projection> for Shape {
    fn from(select: &Projection) -> Self {
        Self { names: select.describe(), declared: None }
    }
}

impl From<&Query> for Shape {
    fn from(query: &Query) -> Self {
        Self { names: query.describe(), declared: None }
    }
}

impl Shape {
    /// The same for a collection that is declared with a base of its items' types.
    #[must_use]
    pub fn of(self, declared: &'static EntityType) -> Self {
        Self { declared: Some(declared), ..self }
    }
}

/// The same names for one entity, from what it was given to answer with.
pub(super) fn described(entity: &Entity) -> String {
    let selected = entity.select.names();
    let expanded = entity.expanded.iter().filter_map(|(navigation, expanded)| named(navigation, expanded));
    let names: Vec<String> = selected.into_iter().chain(expanded).collect();
    if names.is_empty() { String::new() } else { format!("({})", names.join(",")) }
}

/// An expanded navigation always has parentheses: without them it would be one that was only selected.
fn named(navigation: &Navigation, expanded: &Expanded) -> Option<String> {
    let name = navigation.name;
    let item = match expanded {
        Expanded::One(one) => one.as_deref(),
        Expanded::Many { items, .. } => items.first(),
        Expanded::References { .. } => return Some(format!("{name}/$ref")),
        Expanded::Count(_) => return None,
    };
    match item.map(described).unwrap_or_default() {
        inner if inner.is_empty() => Some(format!("{name}()")),
        inner => Some(format!("{name}{inner}")),
    }
}
