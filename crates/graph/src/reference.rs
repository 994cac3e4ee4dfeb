//! References to directory objects in bodies and options: parsed, never fetched (contract section 3, R1, R2 and R8).
//!
//! Host and version mean nothing, because scripts carry references of the service they were written for. Only the last
//! segment and its key count.

use adit_core::{ApplicationId, ConnectorGroupId, ConnectorId};
use adit_odata::path::{self, Part};
use serde_json::{Map, Value};
use url::Url;

use crate::error::GraphError;
use crate::model::{APPLICATION, CONNECTOR, CONNECTOR_GROUP, MODEL};

/// The longest reference that is looked at, in bytes.
const LONGEST: usize = 2048;

/// Which object a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    Connector(ConnectorId),
    ConnectorGroup(ConnectorGroupId),
    Application(ApplicationId),
}

impl Reference {
    /// Parses the text of a reference.
    pub(crate) fn parse(text: &str) -> Result<Self, GraphError> {
        let path = path_of(text)?;
        let parts = path::parse(&path).map_err(|_| GraphError::bad_reference())?;
        if parts.iter().any(|part| matches!(part.text(), "." | "..")) {
            return Err(GraphError::bad_reference());
        }
        let [.., Part::Word(set), Part::Word(key) | Part::Key(key)] = parts.as_slice() else {
            return Err(GraphError::bad_reference());
        };
        let set = MODEL.entity_set(set).ok_or_else(GraphError::bad_reference)?;
        let key = key.trim_matches('\'');
        if std::ptr::eq(set.entity_type, &raw const CONNECTOR) {
            key.parse().map(Self::Connector).map_err(|_| GraphError::bad_reference())
        } else if std::ptr::eq(set.entity_type, &raw const CONNECTOR_GROUP) {
            key.parse().map(Self::ConnectorGroup).map_err(|_| GraphError::bad_reference())
        } else if std::ptr::eq(set.entity_type, &raw const APPLICATION) {
            key.parse().map(Self::Application).map_err(|_| GraphError::bad_reference())
        } else {
            let kind = set.entity_type.name;
            Err(GraphError::invalid(format!("A reference to an object of type '{kind}' cannot be used here.")))
        }
    }

    /// The connector it means.
    pub(crate) fn connector(self) -> Result<ConnectorId, GraphError> {
        match self {
            Self::Connector(id) => Ok(id),
            other => Err(other.is_no("a connector")),
        }
    }

    /// The connector group it means.
    pub(crate) fn connector_group(self) -> Result<ConnectorGroupId, GraphError> {
        match self {
            Self::ConnectorGroup(id) => Ok(id),
            other => Err(other.is_no("a connector group")),
        }
    }

    /// The application it means.
    pub(crate) fn application(self) -> Result<ApplicationId, GraphError> {
        match self {
            Self::Application(id) => Ok(id),
            other => Err(other.is_no("an application")),
        }
    }

    fn is_no(&self, expected: &str) -> GraphError {
        let (id, found) = match self {
            Self::Connector(id) => (id.to_string(), "a connector"),
            Self::ConnectorGroup(id) => (id.to_string(), "a connector group"),
            Self::Application(id) => (id.to_string(), "an application"),
        };
        GraphError::invalid(format!("A reference to {expected} is expected, but '{id}' is a reference to {found}."))
    }
}

/// The reference in a body: `@odata.id`, or `@id` as OData 4.01 writes it.
pub(crate) fn in_body(body: &Map<String, Value>) -> Result<Option<Reference>, GraphError> {
    let named = ["@odata.id", "@id"]
        .into_iter()
        .find_map(|name| body.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value)));
    match named {
        None => Ok(None),
        Some(Value::String(text)) => Reference::parse(text).map(Some),
        Some(_) => Err(GraphError::bad_reference()),
    }
}

/// The `id` of an entity that stands in a body instead of a reference.
pub(crate) fn id_in_body(body: &Map<String, Value>) -> Result<Option<&str>, GraphError> {
    match body.iter().find_map(|(key, value)| key.eq_ignore_ascii_case("id").then_some(value)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(_) => Err(GraphError::invalid("Invalid value specified for property 'id': a string is expected.")),
    }
}

/// The path of an absolute or relative reference.
fn path_of(text: &str) -> Result<String, GraphError> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST || text.contains('\\') {
        return Err(GraphError::bad_reference());
    }
    if text.contains("://") || text.starts_with("//") {
        return absolute_path(text);
    }
    // A colon before the first slash is a scheme without `//`; a query or fragment is no part of a key.
    let first = text.split('/').next().unwrap_or_default();
    if first.contains(':') || text.contains(['?', '#']) {
        return Err(GraphError::bad_reference());
    }
    Ok(text.to_owned())
}

fn absolute_path(text: &str) -> Result<String, GraphError> {
    let url = Url::parse(text).map_err(|_| GraphError::bad_reference())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if plain { Ok(url.path().to_owned()) } else { Err(GraphError::bad_reference()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aaaaaaaa-0000-0000-0000-00000000000a";

    #[test]
    fn references_of_any_host_version_case_and_form_are_understood() {
        for reference in [
            "https://graph.microsoft.com/beta/onPremisesPublishingProfiles/applicationProxy/connectors/ID",
            "https://graph.microsoft.com/onPremisesPublishingProfiles/applicationproxy/CONNECTORS/ID/",
            "https://graph.microsoft.com/{ver}/connector/ID",
            "http://127.0.0.1:8080/v1.0/onPremisesPublishingProfiles('applicationProxy')/connectors('ID')",
            "https://[::1]:1/x/connectors(ID)",
            "/v1.0/connectors/'ID'",
            "connectors/ID",
            "https://h/beta/connectorGroups/aaaaaaaa-0000-0000-0000-00000000000b/members/ID",
        ] {
            let expected = Reference::Connector(ID.parse().unwrap());
            assert_eq!(Reference::parse(&reference.replace("ID", ID)), Ok(expected), "{reference}");
            let upper = reference.replace("ID", &ID.to_uppercase());
            assert!(Reference::parse(&upper).is_ok(), "{upper}");
        }
        let application = Reference::parse(&format!("https://h/v1.0/applications('{ID}')"));
        assert_eq!(application, Ok(Reference::Application(ID.parse().unwrap())));
        for reference in ["https://h/beta/connectorgroups/ID", "connectors/x/memberOf/ID"] {
            let expected = Reference::ConnectorGroup(ID.parse().unwrap());
            assert_eq!(Reference::parse(&reference.replace("ID", ID)), Ok(expected), "{reference}");
        }
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
            "https://h/onPremisesPublishingProfiles/ID",
            "https://[::1/connectors/ID",
            "https://h/connectors/ID%00",
            "file:///applications/ID",
        ] {
            let refused = Reference::parse(&reference.replace("ID", ID)).unwrap_err();
            assert_eq!(refused.status, http::StatusCode::BAD_REQUEST, "{reference}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reference_parser_panic(text in "\\PC{0,120}") {
            let _ = Reference::parse(&text);
            let _ = Reference::parse(&format!("https://h/connectors/{text}"));
        }
    }

    #[test]
    fn the_wrong_kind_of_object_is_named() {
        let group = Reference::parse(&format!("connectorGroups/{ID}")).unwrap();
        let refused = group.connector().unwrap_err();
        assert!(refused.message.contains("reference to a connector is expected"), "{}", refused.message);
        let application = Reference::parse(&format!("applications/{ID}")).unwrap();
        let refused = application.connector_group().unwrap_err();
        assert!(refused.message.contains("is a reference to an application"), "{}", refused.message);
    }
}
