//! The demo's story: two groups with a connector each, an application in one of them, and the five documented calls
//! that move things about without anybody noticing.
//!
//! Set up through the public API alone. The calls are values, so that what is printed as curl is what `--check` sends.
//!
//! The order of the five is that of the reference pages. At each point the application's group has a connector with a
//! live tunnel, so no request has a reason to fail.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api_client::{ApiClient, ApiError, PROFILE, text};

/// Where references in the documentation point. Any host is accepted in a reference; none is ever asked.
const DOCUMENTED_HOST: &str = "https://graph.microsoft.com";

/// The machine name that page 003 announces.
pub(crate) const ANNOUNCED: &str = "berlin-2";

/// A connector group of the demo.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
}

/// Everything the story needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// The published application.
    pub(crate) application: String,
    /// The group that always exists.
    pub(crate) default: Group,
    /// The group that serves the application at first.
    pub(crate) berlin: Group,
    /// The group that serves it at the end.
    pub(crate) lisbon: Group,
    /// The connector that starts in Berlin.
    pub(crate) berlin_connector: String,
    /// The connector that starts in Lisbon and travels.
    pub(crate) lisbon_connector: String,
}

/// One of the five documented calls.
#[derive(Debug)]
pub(crate) struct DocumentedCall {
    /// The reference page.
    pub(crate) page: &'static str,
    /// What it does here.
    pub(crate) effect: String,
    /// The method.
    pub(crate) method: Method,
    /// The path from the root.
    pub(crate) path: String,
    /// The body.
    pub(crate) body: Value,
    /// The documented answer.
    pub(crate) answer: StatusCode,
}

impl Scenario {
    /// The five calls, in the order of their pages.
    pub(crate) fn documented_calls(&self) -> [DocumentedCall; 5] {
        [self.page_000(), self.page_001(), self.page_002(), self.page_003(), self.page_004()]
    }

    fn page_000(&self) -> DocumentedCall {
        DocumentedCall {
            page: "000",
            effect: format!("connector lisbon-1 goes to group {}", self.default.name),
            method: Method::POST,
            path: format!("/beta{PROFILE}/connectorGroups/{}/members/$ref", self.default.id),
            body: reference(&format!("/beta{PROFILE}/connectors/{}", self.lisbon_connector)),
            answer: StatusCode::NO_CONTENT,
        }
    }

    /// The form of 2016: no version in the path, `/connector/` in the reference, and the connector in the answer.
    fn page_001(&self) -> DocumentedCall {
        DocumentedCall {
            page: "001",
            effect: format!("and on to {}: two connectors share the application's requests", self.berlin.name),
            method: Method::POST,
            path: format!("/connectorGroups/{}/members/$ref", self.berlin.id),
            body: reference(&format!("/beta/connector/{}", self.lisbon_connector)),
            answer: StatusCode::CREATED,
        }
    }

    fn page_002(&self) -> DocumentedCall {
        let path = format!(
            "/v1.0/applications/{}/connectorGroup/members/{}/memberOf/$ref",
            self.application, self.lisbon_connector
        );
        DocumentedCall {
            page: "002",
            effect: format!("out of the application's group, back to {}, which is named in the body", self.lisbon.name),
            method: Method::POST,
            path,
            body: json!({ "@odata.type": "#microsoft.graph.connectorGroup", "name": self.lisbon.name }),
            answer: StatusCode::NO_CONTENT,
        }
    }

    fn page_003(&self) -> DocumentedCall {
        DocumentedCall {
            page: "003",
            effect: format!("connector {ANNOUNCED} is announced in the application's group, before it exists"),
            method: Method::POST,
            path: format!("/v1.0/applications/{}/connectorGroup/members/$ref", self.application),
            body: json!({ "@odata.type": "#microsoft.graph.connector", "machineName": ANNOUNCED }),
            answer: StatusCode::NO_CONTENT,
        }
    }

    fn page_004(&self) -> DocumentedCall {
        DocumentedCall {
            page: "004",
            effect: format!("the application moves from {} to {}", self.berlin.name, self.lisbon.name),
            method: Method::PUT,
            path: format!("/beta/applications/{}/connectorGroup/$ref", self.application),
            body: reference(&format!(
                "/beta/onPremisesPublishingProfiles/applicationproxy/connectorGroups/{}",
                self.lisbon.id
            )),
            answer: StatusCode::NO_CONTENT,
        }
    }
}

fn reference(path: &str) -> Value {
    json!({ "@odata.id": format!("{DOCUMENTED_HOST}{path}") })
}

impl DocumentedCall {
    /// The call as one line of curl.
    pub(crate) fn to_curl(&self, server: &str, ca: &str, authorization: &str) -> String {
        format!(
            "curl -sS -i --cacert '{ca}' -H '@{authorization}' -H 'Content-Type: application/json' \
             -X {} '{server}{}' -d '{}'",
            self.method, self.path, self.body
        )
    }
}

/// Makes a connector group.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn create_group(client: &ApiClient, name: &str) -> Result<Group, ApiError> {
    let path = format!("{PROFILE}/connectorGroups");
    let id = client.call(Method::POST, &path, Some(&json!({ "name": name }))).await?.text("id")?;
    Ok(Group { id, name: name.to_owned() })
}

/// The group that always exists.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn default_group(client: &ApiClient) -> Result<Group, ApiError> {
    let path = format!("{PROFILE}/connectorGroups?$filter=isDefault%20eq%20true");
    let found = client.list(&path).await?;
    let group = found.first().unwrap_or(&Value::Null);
    Ok(Group { id: text(group, "id", &path)?, name: text(group, "name", &path)? })
}

/// The id of the one connector in a group, once it has a live tunnel.
///
/// # Errors
/// [`ApiError`].
pub(crate) async fn active_member(client: &ApiClient, group: &Group) -> Result<Option<String>, ApiError> {
    let path = format!("{PROFILE}/connectorGroups/{}/members", group.id);
    let members = client.list(&path).await?;
    let active = members.iter().find(|member| member.get("status").and_then(Value::as_str) == Some("active"));
    active.map(|member| text(member, "id", &path)).transpose()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn scenario() -> Scenario {
        let group = |name: &str| Group { id: format!("id-{name}"), name: name.to_owned() };
        Scenario {
            application: "app".to_owned(),
            default: group("Default"),
            berlin: group("Berlin"),
            lisbon: group("Lisbon"),
            berlin_connector: "b".to_owned(),
            lisbon_connector: "l".to_owned(),
        }
    }

    #[test]
    fn the_five_calls_are_those_of_the_reference_pages_in_order() {
        let calls = scenario().documented_calls();
        let listed: Vec<_> = calls.iter().map(|call| (call.page, call.method.as_str(), call.answer.as_u16())).collect();
        assert_eq!(
            listed,
            [
                ("000", "POST", 204),
                ("001", "POST", 201),
                ("002", "POST", 204),
                ("003", "POST", 204),
                ("004", "PUT", 204)
            ]
        );
    }

    #[test]
    fn a_call_can_be_pasted_into_a_shell() {
        for call in scenario().documented_calls() {
            let line = call.to_curl("https://localhost:1", "/tmp/d/ca.pem", "/tmp/d/authorization");
            assert!(line.starts_with("curl ") && !line.contains('\n'), "{line}");
            assert_eq!(line.matches('\'').count() % 2, 0, "quotes are closed: {line}");
            assert!(!call.body.to_string().contains('\''), "a quote in the body would end the argument: {line}");
        }
    }
}
