//! `$select`: which properties an answer has.

use serde_json::{Map, Value};

use crate::model::{EntityType, Model, Property, Returned, Type};
use crate::query::select;
use crate::query::source::{Source, characters};
use crate::query::{Clause, QueryError};

/// Which properties of an entity are returned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// What is returned when nothing was said.
    #[default]
    Default,
    /// The named ones; each path has one or more names in their declared spelling.
    Selected(Vec<Vec<&'static str>>),
}

impl Projection {
    /// Reads a `$select` on entities of the type `on`. Navigations and operations may be named; they add nothing.
    ///
    /// # Errors
    /// [`QueryError`], the first name that is wrong.
    pub fn parse(text: &str, on: &'static EntityType, model: &'static Model) -> Result<Self, QueryError> {
        let characters = characters(Clause::Select, text)?;
        let source = Source::new(Clause::Select, &characters);
        select::check(&select::parse(source)?, source, on, model)
    }

    /// Whether the property with that declared name is returned.
    #[must_use]
    pub fn includes(&self, property: &Property) -> bool {
        match self {
            Self::Default => property.returned == Returned::Always,
            Self::Selected(paths) => {
                property.returned != Returned::Never
                    && paths.iter().any(|path| path.first().is_some_and(|name| *name == property.name))
            }
        }
    }

    /// What of `entity` is returned, in the order of the type. Secrets never are, on no level.
    #[must_use]
    pub fn project(&self, on: &'static EntityType, mut entity: Map<String, Value>) -> Map<String, Value> {
        let mut projected = Map::with_capacity(entity.len());
        for property in on.all_properties().into_iter().filter(|property| self.includes(property)) {
            if let Some(value) = entity.remove(property.name) {
                let value = without_secrets(value, &property.kind);
                projected.insert(property.name.to_owned(), cut(value, &self.below(property)));
            }
        }
        projected
    }

    /// The selected names in parentheses, for a context URL; nothing by default.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Default => String::new(),
            Self::Selected(_) => format!("({})", self.names().join(",")),
        }
    }

    /// The selected names, paths with slashes.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Default => Vec::new(),
            Self::Selected(paths) => paths.iter().map(|path| path.join("/")).collect(),
        }
    }

    /// What is named below a property: the rests of its paths; an empty one means all of it.
    fn below(&self, property: &Property) -> Vec<&[&'static str]> {
        match self {
            Self::Default => vec![&[]],
            Self::Selected(paths) => below(paths.iter().map(Vec::as_slice), property.name),
        }
    }
}

fn below<'p>(paths: impl Iterator<Item = &'p [&'static str]>, name: &str) -> Vec<&'p [&'static str]> {
    paths.filter_map(|path| path.split_first()).filter(|(first, _)| **first == name).map(|(_, rest)| rest).collect()
}

/// A structured value is cut down when only some of its properties were named; its annotations stay.
fn cut(value: Value, paths: &[&[&'static str]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value;
    }
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| cut(item, paths)).collect()),
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(name, value)| {
                if name.starts_with('@') {
                    return Some((name, value));
                }
                let rests = below(paths.iter().copied(), &name);
                (!rests.is_empty()).then(|| (name, cut(value, &rests)))
            });
            Value::Object(kept.collect())
        }
        other => other,
    }
}

fn without_secrets(value: Value, kind: &Type) -> Value {
    let Some(complex) = kind.complex() else { return value };
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| without_secrets(item, kind)).collect()),
        Value::Object(object) => {
            let kept = object.into_iter().filter_map(|(name, value)| match complex.property(&name) {
                Some(property) if property.returned == Returned::Never => None,
                Some(property) => Some((name, without_secrets(value, &property.kind))),
                None => Some((name, value)),
            });
            Value::Object(kept.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample::{APPLICATION, MODEL};

    fn projected(select: Option<&str>) -> Value {
        let entity = json!({
            "displayName": "a",
            "id": "1",
            "keyCredentials": [{"keyId": "k", "key": "secret"}],
            "onPremisesPublishing": {
                "@odata.type": "#microsoft.graph.onPremisesPublishing",
                "externalUrl": "u",
                "isEnabled": true,
                "certificate": {"key": "secret"},
                "headers": {"any": {"thing": 1}},
            },
        });
        let Value::Object(entity) = entity else { unreachable!() };
        let projection =
            select.map_or(Projection::Default, |select| Projection::parse(select, &APPLICATION, &MODEL).unwrap());
        Value::Object(projection.project(&APPLICATION, entity))
    }

    #[test]
    fn without_select_everything_but_the_heavy_properties_is_returned_in_declared_order() {
        let expected = json!({"id": "1", "displayName": "a", "keyCredentials": [{"keyId": "k"}]});
        assert_eq!(projected(None), expected);
        assert_eq!(
            serde_json::to_string(&projected(Some("displayName,id"))).unwrap(),
            r#"{"id":"1","displayName":"a"}"#
        );
        assert_eq!(projected(Some("*")), expected);
    }

    #[test]
    fn select_names_properties_in_any_case_and_inside_structures() {
        assert_eq!(projected(Some("DISPLAYNAME, owners")), json!({"displayName": "a"}));
        let whole = json!({"onPremisesPublishing": {
            "@odata.type": "#microsoft.graph.onPremisesPublishing",
            "externalUrl": "u",
            "isEnabled": true,
            "headers": {"any": {"thing": 1}},
        }});
        assert_eq!(projected(Some("onPremisesPublishing")), whole);
        assert_eq!(projected(Some("onPremisesPublishing/externalUrl,onPremisesPublishing")), whole);
        assert_eq!(
            projected(Some("onPremisesPublishing/ExternalUrl,keyCredentials/keyId")),
            json!({
                "keyCredentials": [{"keyId": "k"}],
                "onPremisesPublishing": {"@odata.type": "#microsoft.graph.onPremisesPublishing", "externalUrl": "u"},
            })
        );
        let described =
            Projection::parse("DisplayName,onpremisespublishing/externalURL", &APPLICATION, &MODEL).unwrap();
        assert_eq!(described.describe(), "(displayName,onPremisesPublishing/externalUrl)");
    }

    #[test]
    fn a_secret_is_not_returned_even_when_it_is_selected() {
        assert_eq!(projected(Some("keyCredentials/key")), json!({"keyCredentials": [{}]}));
        let inside = projected(Some("onPremisesPublishing/certificate"));
        assert_eq!(inside["onPremisesPublishing"].get("certificate"), None);
    }
}
