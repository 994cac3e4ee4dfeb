//! Adds examples to an OpenAPI document: for keys the ids of a furnished directory, for bodies what fits them.

use adit_tests::graph::{PROFILE, reference};
use serde_json::{Value, json};

use crate::furniture::Purpose::{self, Change, Delete, Other, Read};
use crate::furniture::{Furniture, assignment, cors, segment, user, user_group};

/// The document with examples.
pub(crate) fn added_to(mut document: Value, furniture: &Furniture<'_>) -> Value {
    let paths = document["paths"].as_object_mut().expect("paths");
    assert!(paths.len() > 50, "the document has only {} paths", paths.len());
    for (path, item) in paths {
        let item = item.as_object_mut().expect("a path item");
        // Keys stand at the path; what is changed or deleted needs others than what is read.
        let keys = item.remove("parameters").unwrap_or_else(|| json!([]));
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get_mut(method) else { continue };
            let own = operation["parameters"].as_array_mut().expect("parameters");
            own.extend(keys.as_array().expect("parameters").iter().cloned());
            for parameter in own {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                if let Some(example) = parameter_example(method, path, &name, furniture) {
                    parameter["example"] = json!(example);
                }
            }
            if let Some(body) = body_example(method, path, furniture) {
                operation["requestBody"]["content"]["application/json"]["example"] = body;
            }
        }
    }
    document
}

fn parameter_example(method: &str, path: &str, name: &str, furniture: &Furniture<'_>) -> Option<String> {
    let of = |path: String| format!("https://graph.microsoft.com/beta{path}");
    Some(match name {
        "$select" => "id".to_owned(),
        "$filter" => "id ne null".to_owned(),
        "$orderby" => "id desc".to_owned(),
        "If-Match" => "*".to_owned(),
        "url" => "https://wiki.example/".to_owned(),
        "groups" => furniture.kept("userGroup").to_owned(),
        "$id" if path.contains("/owners/") => {
            of(format!("/directoryObjects/{}", furniture.new_owner("owns-by-reference")))
        }
        "$id" if path.starts_with("/groups/") => {
            of(format!("/directoryObjects/{}", furniture.new_member("leaves-by-reference")))
        }
        "$id" if path.contains("/members/") => {
            of(format!("{PROFILE}/connectors/{}", furniture.new_connector("taken-out-by-reference")))
        }
        "$id" if path.contains("/memberOf/") => of(format!("{PROFILE}/connectorGroups/{}", furniture.kept("group"))),
        "$id" if path.ends_with("/applications/$ref") => {
            of(format!("/applications/{}", furniture.new_application("unassigned-by-reference")))
        }
        _ if method == "delete" && path.ends_with("/$ref") => unlinked(path, name, furniture)?,
        "servicePrincipal" if path.contains("/appRoleAssignments") => furniture.caller.clone(),
        _ => furniture.id(purpose(method, path, name), kind(path, name))?.to_owned(),
    })
}

/// What is on the path of a link that is taken away: a link of its own.
fn unlinked(path: &str, name: &str, furniture: &Furniture<'_>) -> Option<String> {
    Some(match (name, path.trim_end_matches("/$ref").rsplit('/').next().unwrap_or_default()) {
        ("connector", "{connector}") => furniture.new_connector("taken-out-by-key"),
        ("connector", "{group}") => furniture.new_connector("leaves-by-key"),
        ("connector", _) => furniture.new_connector("leaves-by-reference"),
        ("application", "{application}") => furniture.new_application("unassigned-by-key"),
        ("application", "connectorGroup") => furniture.new_application("unassigned"),
        ("owner", _) => furniture.new_owner("owns-by-key"),
        ("member", _) => furniture.new_member("leaves-by-key"),
        _ => furniture.id(Read, name)?.to_owned(),
    })
}

/// Assignments are found only below the principal that they are of.
fn kind<'a>(path: &str, name: &'a str) -> &'a str {
    match name {
        "assignment" if path.starts_with("/users/") => "assignment of a user",
        "assignment" if path.starts_with("/groups/") => "assignment of a group",
        _ => name,
    }
}

/// Only the last key names what is changed or deleted; those before it are on the way.
fn purpose(method: &str, path: &str, name: &str) -> Purpose {
    let is_last = path.ends_with(&format!("{{{name}}}"));
    match (method, name) {
        ("post", "item") => Change,
        ("delete", "application") if path.ends_with("/onPremisesPublishing") => Other,
        ("delete", "item") if path.contains("/microsoft.graph.application/") => Other,
        ("delete", "assignment")
            if path.starts_with("/servicePrincipals/") && path.contains("/appRoleAssignments/") =>
        {
            Other
        }
        ("patch", _) if is_last => Change,
        ("delete", _) if is_last => Delete,
        _ => Read,
    }
}

fn body_example(method: &str, path: &str, furniture: &Furniture<'_>) -> Option<Value> {
    let word = path.rsplit('/').find(|word| *word != "$ref").unwrap_or_default();
    let principal = furniture.kept("servicePrincipal");
    Some(match (method, word) {
        ("post", "connectorGroups") => json!({"name": "Example"}),
        ("patch", "{group}") => json!({"name": "Renamed"}),
        ("post", "users") => user("example"),
        ("patch", "{user}") => json!({"displayName": "Renamed", "jobTitle": "Analyst"}),
        ("post", "groups") => user_group("example"),
        ("patch", "{userGroup}") => json!({"displayName": "Renamed"}),
        ("post", "members") if path.starts_with("/groups/") => {
            reference(&format!("/directoryObjects/{}", furniture.new_user("joins")))
        }
        ("post", "members") => reference(&format!("{PROFILE}/connectors/{}", furniture.kept("connector"))),
        ("post" | "put" | "patch", "memberOf" | "connectorGroup") => {
            reference(&format!("{PROFILE}/connectorGroups/{}", furniture.kept("group")))
        }
        ("post", "applications") if path == "/applications" => json!({"displayName": "Example"}),
        ("post", "applications") => reference(&format!("/applications/{}", furniture.kept("application"))),
        ("patch", "{application}") => json!({"displayName": "Renamed", "notes": "Über alles"}),
        ("patch", "onPremisesPublishing") => json!({"isHttpOnlyCookieEnabled": true}),
        ("post", "applicationSegments") => segment("example"),
        ("patch", "{segment}") => json!({"internalUrl": "http://renamed.internal.example/"}),
        ("post", "corsConfigurations") => cors("/example"),
        ("patch", "{cors}") => json!({"maxAgeInSeconds": 30}),
        ("post", "owners") => reference(&format!("/directoryObjects/{}", furniture.new_user("comes-to-own"))),
        ("post", "instantiate") => json!({"displayName": "Example from a template"}),
        ("post", "servicePrincipals") => json!({"appId": furniture.without_principal}),
        ("patch", "{servicePrincipal}") => json!({"notes": "Changed"}),
        ("post", "appRoleAssignedTo") => assignment(principal, principal),
        ("post", "appRoleAssignments") => {
            let whose = ["user", "userGroup"].into_iter().find(|key| path.contains(&format!("{{{key}}}")));
            assignment(whose.map_or(&furniture.caller, |key| furniture.kept(key)), &furniture.unassigned)
        }
        ("patch", "{profile}") => json!({"isDefaultAccessEnabled": false}),
        ("patch", "hybridAgentUpdaterConfiguration") => json!({"allowUpdateConfigurationOverride": true}),
        ("post", "adit.revokeRegistrationToken") => json!({"id": furniture.registration_token()}),
        ("post", "addPassword") => json!({"passwordCredential": {"displayName": "Example"}}),
        ("post", "removePassword") => json!({"keyId": furniture.client_secret(path)}),
        ("post", "adit.createRegistrationToken") => json!({"lifetimeInSeconds": 600}),
        _ => return None,
    })
}
