//! OpenAPI 3.1 of everything that is served, made of the surface and the entity model.
//!
//! `{property}` stands for every property that can be read by itself.

mod page;

pub(crate) use page::page;

use std::sync::LazyLock;

use adit_odata::model::{BoundTo, OperationKind, Returned};
use adit_odata::openapi::{self as schema, Form};
use adit_odata::{EntityType, Type};
use http::Method;
use serde_json::{Map, Value, json};

use crate::entities::Entities;
use crate::model::{APPLICATION, CONNECTOR_GROUP, MODEL, PUBLISHING, UPDATER_CONFIGURATION};
use crate::operation::Operation;
use crate::surface::{Action, Endpoint, SURFACE};

/// What every request can be refused with.
const REFUSALS: [(&str, &str); 11] = [
    ("400", "The request cannot be understood, or what it asks for is not valid."),
    ("401", "The token is missing or not valid."),
    ("403", "The token does not allow this."),
    ("404", "The object does not exist."),
    ("405", "The method is not offered here."),
    ("406", "No JSON is accepted."),
    ("412", "The object was changed meanwhile."),
    ("413", "The body is too large."),
    ("415", "The body is not JSON."),
    ("503", "The directory does not answer; try again later."),
    ("507", "The directory's disk failed, and whether the change was kept is not known."),
];

/// Stands for the origin in the document that is kept; a name that no server has (RFC 6761, section 6.4).
const SOME_ORIGIN: &str = "https://origin.invalid";

/// Made once: anybody may ask for it, and making it costs far more than asking.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document in JSON, for clients that know the API by `origin`.
pub(crate) fn text(origin: &str) -> String {
    let quoted = Value::from(origin).to_string();
    DOCUMENT.replace(SOME_ORIGIN, quoted.trim_matches('"'))
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Adit",
            "summary": "The application-proxy part of Microsoft Graph, served by Adit.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": format!("{SOME_ORIGIN}/beta")}, {"url": format!("{SOME_ORIGIN}/v1.0")}],
        "security": [{"bearer": []}],
        "paths": paths(),
        "components": {
            "schemas": schema::schemas(&MODEL),
            "responses": responses(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    })
}

fn responses() -> Value {
    let refusal = |(status, description): &(&str, &str)| {
        let content = json!({"application/json": {"schema": schema::error_answer(&MODEL)}});
        (format!("refused{status}"), json!({"description": description, "content": content}))
    };
    Value::Object(REFUSALS.iter().map(refusal).collect())
}

fn paths() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in &SURFACE.endpoints {
        let item = paths.entry(format!("/{}", endpoint.path)).or_insert_with(|| json!({"parameters": keys(endpoint)}));
        if let Some(item) = item.as_object_mut() {
            item.insert(endpoint.method.as_str().to_ascii_lowercase(), operation(endpoint));
        }
    }
    Value::Object(paths)
}

/// The keys in a path, and the names that `{property}` stands for.
fn keys(endpoint: &Endpoint) -> Value {
    let names = endpoint.path.split(['{', '}']).skip(1).step_by(2);
    let key = |name: &str| {
        let schema = match (name, endpoint.action) {
            ("profile", _) => json!({"type": "string", "enum": ["applicationProxy"]}),
            ("property", Action::ReadProperty(entities)) => {
                json!({"type": "string", "enum": readable(entities.kind())})
            }
            // What stands in quotes is an argument.
            (name, _) if endpoint.path.contains(&format!("'{{{name}}}'")) => json!({"type": "string", "minLength": 1}),
            _ => json!({"type": "string", "format": "uuid"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    };
    names.map(key).collect()
}

fn readable(kind: &'static EntityType) -> Vec<&'static str> {
    let readable = kind.all_properties().into_iter().filter(|property| property.returned != Returned::Never);
    readable.map(|property| property.name).collect()
}

fn operation(endpoint: &Endpoint) -> Value {
    let accepted = endpoint.permission.accepted().join(", ");
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "description": format!("One of these permissions is needed: {accepted}."),
        "tags": [endpoint.path.split('/').find(|word| !word.starts_with('{')).unwrap_or_default()],
        "parameters": options(endpoint),
        "responses": answers(endpoint),
    });
    if let (Some(body), Some(operation)) = (request(endpoint), operation.as_object_mut()) {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.replace(['{', '}', '$', '(', ')', '\''], "").replace(['/', '.', '=', ','], "_");
    format!("{}_{path}", endpoint.method.as_str().to_ascii_lowercase())
}

/// The query options and headers that mean something for an endpoint.
fn options(endpoint: &Endpoint) -> Value {
    let text = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "minLength": 1}});
    let number = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "integer", "minimum": 0}});
    let count = json!({"name": "$count", "in": "query", "schema": {"type": "boolean"}});
    let if_match =
        json!({"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,40}$"}});
    let options = match endpoint.action {
        Action::List(_) => vec![
            text("$select"),
            text("$expand"),
            text("$filter"),
            text("$orderby"),
            text("$search"),
            number("$top"),
            number("$skip"),
            count,
        ],
        Action::ListReferences(_) => vec![text("$filter"), text("$orderby"), number("$top"), number("$skip"), count],
        Action::Count(_) => vec![text("$filter"), text("$search")],
        Action::Read(_) => vec![text("$select"), text("$expand")],
        Action::Update(_) | Action::Delete(_) | Action::Link(_) => vec![if_match],
        Action::Unlink(_) if !endpoint.path.ends_with("}/$ref") => vec![text("$id"), if_match],
        Action::Unlink(_) => vec![if_match],
        Action::Call(Operation::ApplicationsDelta) => vec![text("$select"), number("$top"), text("$deltatoken")],
        Action::Create(_) | Action::ReadReference(_) | Action::ReadProperty(_) | Action::Call(_) => Vec::new(),
    };
    Value::Array(options)
}

fn request(endpoint: &Endpoint) -> Option<Value> {
    let (schema, required) = match endpoint.action {
        Action::Create(entities) => (schema::write(&MODEL, entities.kind(), required(entities)), true),
        Action::Update(entities) => (schema::write(&MODEL, entities.kind(), &[]), true),
        Action::Link(entities) => {
            let by_entity = schema::write(&MODEL, entities.kind(), &[]);
            (json!({"anyOf": [schema::reference_request(&MODEL), by_entity]}), true)
        }
        Action::Call(Operation::UpdatePublishing) => (schema::complex(&MODEL, &PUBLISHING, Form::Write), true),
        Action::Call(Operation::UpdateUpdater) => (schema::complex(&MODEL, &UPDATER_CONFIGURATION, Form::Write), true),
        Action::Call(operation) => {
            let declared = declared(operation).filter(|declared| declared.kind == OperationKind::Action)?;
            (
                schema::parameters(&MODEL, declared),
                !declared.parameters.is_empty() && operation != Operation::CreateRegistrationToken,
            )
        }
        _ => return None,
    };
    Some(json!({"required": required, "content": {"application/json": {"schema": schema}}}))
}

/// What a new entity has to bring.
fn required(entities: &'static dyn Entities) -> &'static [&'static str] {
    match entities.kind().name {
        "application" => &["displayName"],
        "connectorGroup" => &["name"],
        "servicePrincipal" => &["appId"],
        "appRoleAssignment" => &["appRoleId", "principalId", "resourceId"],
        "webApplicationSegment" => &["externalUrl"],
        "corsConfiguration_v2" => &["resource"],
        _ => &[],
    }
}

fn answers(endpoint: &Endpoint) -> Value {
    let mut answers = Map::new();
    for (status, schema) in successes(endpoint) {
        let answer = match schema {
            None => json!({"description": "Done."}),
            Some((kind, schema)) => json!({"description": "The answer.", "content": {kind: {"schema": schema}}}),
        };
        answers.insert(status.to_owned(), answer);
    }
    for (status, _) in REFUSALS {
        answers.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/refused{status}")}));
    }
    Value::Object(answers)
}

/// A status, and the type and schema of its body if it has one.
type Success = (&'static str, Option<(&'static str, Value)>);

fn successes(endpoint: &Endpoint) -> Vec<Success> {
    let json = |schema: Value| Some(("application/json", schema));
    let of = |entities: &'static dyn Entities| json(schema::entity(&MODEL, entities.kind()));
    match endpoint.action {
        Action::List(entities) => vec![("200", json(schema::entity_page(&MODEL, entities.kind())))],
        Action::Count(_) => vec![("200", Some(("text/plain", json!({"type": "integer"}))))],
        Action::Read(entities) => vec![("200", of(entities))],
        Action::Create(entities) => vec![("201", of(entities)), ("204", None)],
        Action::Update(entities) => vec![("204", None), ("200", of(entities))],
        Action::Delete(_) | Action::Unlink(_) => vec![("204", None)],
        Action::ListReferences(_) => vec![("200", json(schema::reference_page(&MODEL)))],
        Action::ReadReference(_) => vec![("200", json(schema::reference_answer(&MODEL)))],
        Action::Link(entities) if endpoint.method == Method::POST => vec![("204", None), ("201", of(entities))],
        Action::Link(entities) => vec![("204", None), ("200", of(entities))],
        Action::ReadProperty(entities) => vec![("200", json(any_property(entities))), ("204", None)],
        Action::Call(operation) => called(operation),
    }
}

/// One schema for all properties of a type: each of its own is one of these.
fn any_property(entities: &'static dyn Entities) -> Value {
    let readable = entities.kind().all_properties().into_iter().filter(|property| property.returned != Returned::Never);
    let schemas: Vec<Value> = readable.map(|property| schema::property(&MODEL, property)).collect();
    json!({"anyOf": schemas})
}

fn called(operation: Operation) -> Vec<Success> {
    let json = |schema: Value| Some(("application/json", schema));
    let complex = |kind: &'static adit_odata::ComplexType| schema::value(&MODEL, &Type::Complex(kind), Form::Read);
    match operation {
        Operation::UpdatePublishing => vec![("204", None), ("200", json(complex(&PUBLISHING)))],
        Operation::DeletePublishing => vec![("204", None)],
        Operation::UpdateUpdater => vec![("204", None), ("200", json(complex(&UPDATER_CONFIGURATION)))],
        Operation::ApplicationsDelta => vec![("200", json(schema::entity_page(&MODEL, &APPLICATION)))],
        Operation::RestoreDeletedItem => vec![("200", json(schema::entity(&MODEL, &APPLICATION)))],
        Operation::RevokeRegistrationToken
        | Operation::DrainConnector
        | Operation::ResumeConnector
        | Operation::RemoveApplicationPassword
        | Operation::RemoveServicePrincipalPassword
        | Operation::RevokeApplicationSessions => vec![("204", None)],
        Operation::CreateRegistrationToken
        | Operation::ListRegistrationTokens
        | Operation::ConnectorWork
        | Operation::Explain
        | Operation::GroupsHealth
        | Operation::ApplicationsHealth
        | Operation::ApplicationHealth
        | Operation::AddApplicationPassword
        | Operation::AddServicePrincipalPassword
        | Operation::RevokeSessions
        | Operation::InstantiateTemplate => {
            let status = if operation == Operation::InstantiateTemplate { "201" } else { "200" };
            vec![(status, declared(operation).and_then(|declared| schema::result(&MODEL, declared)).and_then(json))]
        }
    }
}

/// The declaration of an operation that is in the model.
fn declared(operation: Operation) -> Option<&'static adit_odata::model::Operation> {
    let named = |name: &'static str| MODEL.operations.iter().find(|declared| declared.name == name);
    let health = |bound: fn(&BoundTo) -> bool| {
        MODEL.operations.iter().find(|declared| declared.name == "health" && bound(&declared.bound_to))
    };
    match operation {
        Operation::CreateRegistrationToken => named("createRegistrationToken"),
        Operation::ListRegistrationTokens => named("registrationTokens"),
        Operation::RevokeRegistrationToken => named("revokeRegistrationToken"),
        Operation::DrainConnector => named("drain"),
        Operation::ResumeConnector => named("resume"),
        Operation::ConnectorWork => named("work"),
        Operation::ApplicationsDelta => named("delta"),
        Operation::Explain => named("explain"),
        Operation::GroupsHealth => health(|bound| is_collection_of(bound, &CONNECTOR_GROUP)),
        Operation::ApplicationsHealth => health(|bound| is_collection_of(bound, &APPLICATION)),
        Operation::ApplicationHealth => health(|bound| matches!(bound, BoundTo::Entity(_))),
        Operation::AddApplicationPassword | Operation::AddServicePrincipalPassword => named("addPassword"),
        Operation::RemoveApplicationPassword | Operation::RemoveServicePrincipalPassword => named("removePassword"),
        Operation::InstantiateTemplate => named("instantiate"),
        Operation::RestoreDeletedItem => named("restore"),
        Operation::RevokeSessions => named("revokeSignInSessions"),
        Operation::RevokeApplicationSessions => named("revokeSessions"),
        Operation::UpdateUpdater | Operation::UpdatePublishing | Operation::DeletePublishing => None,
    }
}

fn is_collection_of(bound: &BoundTo, kind: &'static EntityType) -> bool {
    matches!(bound, BoundTo::Collection(own) if std::ptr::eq(*own, kind))
}
