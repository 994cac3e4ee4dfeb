//! `$select`: which properties an answer has.

use serde_json::{Map, Value};

use crate::limit::SELECTED;
use crate::model::{EntityType, Property, Returned, find_property};

/// Which properties of an entity are returned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// What is returned when nothing was said.
    #[default]
    Default,
    /// The named ones; each path has one or more names in their declared spelling.
    Selected(Vec<Vec<&'static str>>),
}

/// Why a `$select` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// A name that is no property.
    #[error("Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{on}'.")]
    UnknownProperty {
        /// The name.
        name: String,
        /// The type, with its namespace.
        on: String,
    },
    /// More names than [`SELECTED`].
    #[error("$select names more than {SELECTED} properties.")]
    TooMany,
    /// Nothing between two commas.
    #[error("$select has an empty name.")]
    EmptyName,
}

impl Projection {
    /// Reads a `$select` on entities of the type `on` in `namespace`. Navigations may be named; they add nothing.
    ///
    /// # Errors
    /// [`ProjectionError`], the first name that is wrong.
    pub fn parse(text: &str, on: &'static EntityType, namespace: &str) -> Result<Self, ProjectionError> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        if names.len() > SELECTED {
            return Err(ProjectionError::TooMany);
        }
        if names.contains(&"*") {
            return Ok(Self::Default);
        }
        let mut selected = Vec::new();
        for name in names {
            if name.is_empty() {
                return Err(ProjectionError::EmptyName);
            }
            if on.navigation(name).is_none() {
                selected.push(resolve(name, on, namespace)?);
            }
        }
        Ok(Self::Selected(selected))
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

    /// What of `entity` is returned, in the order of the type.
    #[must_use]
    pub fn project(&self, on: &'static EntityType, mut entity: Map<String, Value>) -> Map<String, Value> {
        let mut projected = Map::new();
        for property in on.properties.iter().filter(|property| self.includes(property)) {
            if let Some(value) = entity.remove(property.name) {
                projected.insert(property.name.to_owned(), self.part(property, value));
            }
        }
        projected
    }

    /// The selected names in parentheses, for a context URL; nothing by default.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Default => String::new(),
            Self::Selected(paths) => {
                let names: Vec<String> = paths.iter().map(|path| path.join("/")).collect();
                format!("({})", names.join(","))
            }
        }
    }

    /// A structured value is cut down when only some of its properties were named.
    fn part(&self, property: &Property, value: Value) -> Value {
        let (Self::Selected(paths), Value::Object(object)) = (self, value.clone()) else { return value };
        let mut inner = paths.iter().filter(|path| path.first().is_some_and(|name| *name == property.name));
        let whole = inner.clone().any(|path| path.len() == 1);
        if whole || inner.next().is_none() {
            return value;
        }
        let named =
            |key: &str| paths.iter().any(|path| path.first() == Some(&property.name) && path.get(1) == Some(&key));
        Value::Object(object.into_iter().filter(|(key, _)| named(key)).collect())
    }
}

fn resolve(name: &str, on: &'static EntityType, namespace: &str) -> Result<Vec<&'static str>, ProjectionError> {
    let (mut properties, mut owner) = (on.properties, on.name);
    let mut path = Vec::new();
    for part in name.split('/') {
        let property = find_property(properties, part).ok_or_else(|| ProjectionError::UnknownProperty {
            name: part.chars().take(100).collect(),
            on: format!("{namespace}.{owner}"),
        })?;
        path.push(property.name);
        (properties, owner) = (property.kind.properties(), property.kind.name().unwrap_or(property.name));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::THING;
    use serde_json::json;

    fn projected(select: Option<&str>) -> Value {
        let entity = json!({"name": "a", "id": "1", "place": {"url": "u", "colour": "red"}, "isDefault": true});
        let Value::Object(entity) = entity else { unreachable!() };
        let projection =
            select.map_or(Projection::Default, |select| Projection::parse(select, &THING, "example").unwrap());
        Value::Object(projection.project(&THING, entity))
    }

    #[test]
    fn without_select_everything_but_the_heavy_properties_is_returned_in_declared_order() {
        assert_eq!(projected(None), json!({"id": "1", "name": "a", "isDefault": true}));
        assert_eq!(serde_json::to_string(&projected(None)).unwrap(), r#"{"id":"1","name":"a","isDefault":true}"#);
        assert_eq!(projected(Some("*")), projected(None));
    }

    #[test]
    fn select_names_properties_in_any_case_and_inside_structures() {
        assert_eq!(projected(Some("NAME, parts")), json!({"name": "a"}));
        assert_eq!(projected(Some("place")), json!({"place": {"url": "u", "colour": "red"}}));
        assert_eq!(projected(Some("Place/Url")), json!({"place": {"url": "u"}}));
        assert_eq!(Projection::parse("Name,ID", &THING, "example").unwrap().describe(), "(name,id)");
    }

    #[test]
    fn an_unknown_name_is_refused_by_name_and_type() {
        let error = Projection::parse("id,nosuch", &THING, "example").unwrap_err();
        assert!(error.to_string().contains("property named 'nosuch' on type 'example.thing'"), "{error}");
        assert_eq!(Projection::parse("id,,name", &THING, "example"), Err(ProjectionError::EmptyName));
        assert_eq!(Projection::parse(&"id,".repeat(200), &THING, "example"), Err(ProjectionError::TooMany));
    }
}
