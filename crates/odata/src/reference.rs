//! References to entities in bodies and in query options: parsed, never fetched.
//!
//! Host and version mean nothing, because scripts carry references of the service they were written for. Only the last
//! entity and its key count: the longest end of the path that the model has says of which type it is.

use serde_json::{Map, Value};
use url::Url;

use crate::limit::REFERENCE_BYTES;
use crate::model::{EntityType, Model, Navigation, Type};
use crate::path::{self, Part};
use crate::resource::{self, Key, Segment};

/// Which entity a reference means. Whether it exists is not asked.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The type of the entity, or one of its bases.
    pub entity_type: &'static EntityType,
    /// Its key; in lower case if that is a GUID.
    pub key: String,
}

/// Why something is not the reference that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It is no URL of an entity that the model could have.
    #[error("Invalid URL format specified in payload.")]
    Malformed,
    /// It is one of an entity of another type.
    #[error(
        "A reference to an object of type '{expected}' is expected, but '{key}' is a reference to one of '{found}'."
    )]
    WrongType {
        /// The type that is wanted, without namespace.
        expected: &'static str,
        /// The type it has, without namespace.
        found: &'static str,
        /// The key in the reference.
        key: String,
    },
    /// The `id` in a body is no text.
    #[error("Invalid value specified for property 'id': a string is expected.")]
    IdNoText,
}

impl Reference {
    /// Its key, if it can be a reference to an entity of the type `expected`: the types must be related.
    ///
    /// # Errors
    /// [`ReferenceError::WrongType`].
    pub fn expect(self, expected: &'static EntityType) -> Result<String, ReferenceError> {
        let found = self.entity_type;
        if found.is_a(expected) || expected.is_a(found) {
            return Ok(self.key);
        }
        Err(ReferenceError::WrongType { expected: expected.name, found: found.name, key: self.key })
    }
}

/// Parses the text of a reference.
///
/// # Errors
/// [`ReferenceError::Malformed`].
pub fn parse(model: &'static Model, text: &str) -> Result<Reference, ReferenceError> {
    let path = path_of(text)?;
    let parts = path::parse(&path).map_err(|_| ReferenceError::Malformed)?;
    if parts.iter().any(|part| matches!(part.text(), "." | "..")) {
        return Err(ReferenceError::Malformed);
    }
    let ends = (0..parts.len()).filter_map(|start| parts.get(start..));
    let reference = ends.filter_map(|end| resolved(model, end)).next().or_else(|| bare_navigation(model, &parts));
    reference.filter(has_key_form).ok_or(ReferenceError::Malformed)
}

/// The reference in a body: `@odata.id`, or `@id` as OData 4.01 writes it.
///
/// # Errors
/// [`ReferenceError::Malformed`], for a value that is no reference, or no text at all.
pub fn in_body(model: &'static Model, body: &Map<String, Value>) -> Result<Option<Reference>, ReferenceError> {
    match ["@odata.id", "@id"].into_iter().find_map(|name| member(body, name)) {
        None => Ok(None),
        Some(Value::String(text)) => parse(model, text).map(Some),
        Some(_) => Err(ReferenceError::Malformed),
    }
}

/// The `id` of an entity that stands in a body instead of a reference.
///
/// # Errors
/// [`ReferenceError::IdNoText`].
pub fn id_in_body(body: &Map<String, Value>) -> Result<Option<&str>, ReferenceError> {
    match member(body, "id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(_) => Err(ReferenceError::IdNoText),
    }
}

fn member<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    body.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

/// The entity that the parts lead to, if the model has such a path and it ends with a key.
fn resolved(model: &'static Model, parts: &[Part]) -> Option<Reference> {
    let path = resource::resolve(model, parts).ok()?;
    let Some(Segment::Key(Key::Id(key))) = path.segments.last() else { return None };
    Some(Reference { entity_type: path.entity_type()?, key: key.clone() })
}

/// `members/{id}` without what is before it, if all navigations of that name lead to the same type.
fn bare_navigation(model: &'static Model, parts: &[Part]) -> Option<Reference> {
    let [.., Part::Word(name), Part::Word(key) | Part::Key(key)] = parts else { return None };
    let mut named = navigations(model).filter(|navigation| navigation.name.eq_ignore_ascii_case(name));
    let entity_type = named.next()?.target;
    let one_type = named.all(|navigation| std::ptr::eq(navigation.target, entity_type));
    let key = key.trim_matches('\'').to_ascii_lowercase();
    (one_type && is_guid(&key)).then_some(Reference { entity_type, key })
}

fn navigations(model: &'static Model) -> impl Iterator<Item = &'static Navigation> {
    let of_entities = model.entity_types.iter().flat_map(|kind| kind.navigations);
    of_entities.chain(model.complex_types.iter().flat_map(|kind| kind.navigations))
}

/// A key that must be a GUID must look like one.
fn has_key_form(reference: &Reference) -> bool {
    let key_type = reference.entity_type.property("id").map(|property| &property.kind);
    !matches!(key_type, Some(Type::Guid)) || is_guid(&reference.key)
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    lengths.eq([8, 4, 4, 4, 12]) && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The path of an absolute or relative reference.
fn path_of(text: &str) -> Result<String, ReferenceError> {
    let text = text.trim();
    if text.is_empty() || text.len() > REFERENCE_BYTES || text.contains('\\') {
        return Err(ReferenceError::Malformed);
    }
    if text.contains("://") || text.starts_with("//") {
        return absolute_path(text);
    }
    // A colon before the first slash is a scheme without `//`; a query or fragment is no part of a key.
    let first = text.split('/').next().unwrap_or_default();
    if first.contains(':') || text.contains(['?', '#']) {
        return Err(ReferenceError::Malformed);
    }
    Ok(text.to_owned())
}

fn absolute_path(text: &str) -> Result<String, ReferenceError> {
    let url = Url::parse(text).map_err(|_| ReferenceError::Malformed)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url.path().to_owned()) } else { Err(ReferenceError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, DIRECTORY_OBJECT, MODEL, PROFILE};

    const ID: &str = "aaaaaaaa-0000-0000-0000-00000000000a";

    fn of(reference: &str) -> Result<Reference, ReferenceError> {
        parse(&MODEL, &reference.replace("ID", ID))
    }

    #[track_caller]
    fn assert_means(reference: &str, expected: &'static EntityType) {
        let found = of(reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
        assert_eq!((found.entity_type.name, found.key.as_str()), (expected.name, ID), "{reference}");
    }

    #[test]
    fn references_of_any_host_version_case_and_form_are_understood() {
        for reference in [
            "https://graph.microsoft.com/beta/onPremisesPublishingProfiles/applicationProxy/connectors/ID",
            "https://graph.microsoft.com/onPremisesPublishingProfiles/applicationproxy/CONNECTORS/ID/",
            "https://graph.microsoft.com/{ver}/connector/ID",
            "http://127.0.0.1:8080/v1.0/onPremisesPublishingProfiles('applicationProxy')/connectors('ID')",
            "https://h/some/prefix/beta/onPremisesPublishingProfiles/applicationProxy/connectors/ID",
            "https://[::1]:1/x/connectors(ID)",
            "/v1.0/connectors/'ID'",
            "connectors/ID",
            "connectors(id='ID')",
            "members/ID",
            "https://h/beta/connectorGroups/aaaaaaaa-0000-0000-0000-00000000000b/members/ID",
            "https://h/beta/applications/x/connectorGroup/members/ID",
        ] {
            assert_means(reference, &CONNECTOR);
            assert_means(&reference.replace("ID", &ID.to_uppercase()), &CONNECTOR);
        }
        for reference in ["https://h/v1.0/applications('ID')", "https://h/beta/applications/ID", "x/Applications/ID"] {
            assert_means(reference, &APPLICATION);
        }
        for reference in ["https://h/beta/connectorgroups/ID", "connectors/x/memberOf/ID", "y/x/memberOf/ID"] {
            assert_means(reference, &CONNECTOR_GROUP);
        }
        assert_means("https://h/v1.0/directoryObjects/ID", &DIRECTORY_OBJECT);
        assert_means("https://h/v1.0/onPremisesPublishingProfiles/ID", &PROFILE);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for reference in [
            "",
            "ID",
            "https://h/",
            "https://h/connectors",
            "https://h/connectors/",
            "connectors/nosuch",
            "connectors/aaaaaaaa000000000000000000000000a",
            "ftp://h/connectors/ID",
            "file:///connectors/ID",
            "file:connectors/ID",
            "https://user:pw@h/connectors/ID",
            "https://h/connectors/ID?x=1",
            "https://h/connectors/ID#x",
            "connectors\\ID",
            "https://h/users/ID",
            "connectors/../ID",
            "javascript:connectors/ID",
            "https://h/connectors/ID/ID",
            "https://h/connectors/ID/$ref",
            "https://h/applications(appId='ID')",
            "https://h/applications/ID/connectorGroup",
            "https://[::1/connectors/ID",
            "https://h/connectors/ID%00",
            "file:///applications/ID",
            "//h/connectors/ID",
        ] {
            assert_eq!(of(reference).unwrap_err(), ReferenceError::Malformed, "{reference}");
        }
        assert!(of(&format!("https://h/connectors/{}ID", "x/".repeat(1100))).is_err());
    }

    #[test]
    fn the_wrong_kind_of_object_is_named_and_a_base_is_not_wrong() {
        let refused = of("connectorGroups/ID").unwrap().expect(&CONNECTOR).unwrap_err().to_string();
        assert!(refused.contains("type 'connector' is expected, but 'aaaaaaaa"), "{refused}");
        assert!(refused.contains("reference to one of 'connectorGroup'"), "{refused}");
        assert_eq!(of("connectors/ID").unwrap().expect(&CONNECTOR).unwrap(), ID);
        assert_eq!(of("directoryObjects/ID").unwrap().expect(&APPLICATION).unwrap(), ID);
        assert_eq!(of("applications/ID").unwrap().expect(&DIRECTORY_OBJECT).unwrap(), ID);
    }

    #[test]
    fn a_body_holds_a_reference_under_either_name_or_an_id() {
        let body = |text: &str| serde_json::from_str::<Map<String, Value>>(&text.replace("ID", ID)).unwrap();
        for text in [
            r#"{"@odata.id":"connectors/ID"}"#,
            r#"{"@id":"connectors/ID"}"#,
            r#"{"@id":"x","@Odata.Id":"https://h/connectors/ID"}"#,
        ] {
            assert_eq!(in_body(&MODEL, &body(text)).unwrap().unwrap().key, ID, "{text}");
        }
        assert!(in_body(&MODEL, &body("{}")).unwrap().is_none());
        for text in [r#"{"@odata.id":7}"#, r#"{"@odata.id":null}"#, r#"{"@odata.id":["connectors/ID"]}"#] {
            assert_eq!(in_body(&MODEL, &body(text)).unwrap_err(), ReferenceError::Malformed, "{text}");
        }
        assert_eq!(id_in_body(&body(r#"{"Id":"ID"}"#)), Ok(Some(ID)));
        assert_eq!(id_in_body(&body(r#"{"id":null}"#)), Ok(None));
        assert_eq!(id_in_body(&body(r#"{"id":7}"#)), Err(ReferenceError::IdNoText));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reference_parser_panic(text in "\\PC{0,120}") {
            let _ = parse(&MODEL, &text);
            let _ = parse(&MODEL, &format!("https://h/connectors/{text}"));
            let _ = parse(&MODEL, &format!("applications({text})/members/{text}"));
        }
    }
}
