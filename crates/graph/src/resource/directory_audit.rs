//! `auditLogs/directoryAudits`: the administrative writes, and the tokens and requests that were refused, newest first
//! (contract section 4.9).

use adit_core::audit::{ActorKind, AuditRecord, LOGGED_BY_SERVICE};
use adit_core::id::AuditId;
use adit_odata::document::Entity;
use adit_odata::{EntityType, Projection};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::entities::{Entities, Listed, Listing};
use crate::error::GraphError;
use crate::model::DIRECTORY_AUDIT;
use crate::scope::Scope;

/// `auditLogs/directoryAudits`.
pub(crate) static DIRECTORY_AUDITS: DirectoryAudits = DirectoryAudits;

/// Under which service records are filed.
pub(crate) const SERVICE: &str = LOGGED_BY_SERVICE;

/// All records.
pub(crate) struct DirectoryAudits;

#[async_trait]
impl Entities for DirectoryAudits {
    fn kind(&self) -> &'static EntityType {
        &DIRECTORY_AUDIT
    }

    async fn list(&self, call: &Call, _scope: &Scope, listing: &Listing<'_>) -> Result<Listed, GraphError> {
        let page = call.control.list_audit(&listing.question(&DIRECTORY_AUDIT)?).await?;
        Ok(listing.page(page, entity))
    }

    async fn read(&self, call: &Call, scope: &Scope) -> Result<Entity, GraphError> {
        let text = scope.id("audit")?;
        let id: AuditId = text.parse().map_err(|_| GraphError::no_such_resource(text))?;
        Ok(entity(&call.control.audit_record(id).await?))
    }
}

fn entity(record: &AuditRecord) -> Entity {
    let details: Vec<Value> =
        record.additional_details().into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let properties = Map::from_iter([
        ("id".to_owned(), record.id.to_string().into()),
        ("activityDateTime".to_owned(), format!("{:.7}", record.at).into()),
        ("activityDisplayName".to_owned(), record.activity.display_name().into()),
        ("additionalDetails".to_owned(), details.into()),
        ("category".to_owned(), record.activity.category().as_str().into()),
        ("correlationId".to_owned(), record.request_id.to_string().into()),
        ("initiatedBy".to_owned(), initiated_by(record)),
        ("loggedByService".to_owned(), SERVICE.into()),
        ("operationType".to_owned(), record.activity.operation_type().as_str().into()),
        ("result".to_owned(), record.activity.result().into()),
        ("resultReason".to_owned(), record.result_reason().into()),
        ("targetResources".to_owned(), json!([target(record)])),
        ("userAgent".to_owned(), Value::Null),
    ]);
    Entity {
        kind: &DIRECTORY_AUDIT,
        properties,
        etag: None,
        path: format!("auditLogs/directoryAudits/{}", record.id),
        select: Projection::Default,
        expanded: Vec::new(),
        annotations: Map::new(),
    }
}

fn initiated_by(record: &AuditRecord) -> Value {
    let actor = &record.actor;
    match actor.kind {
        ActorKind::User => json!({"app": null, "user": {
            "displayName": actor.name, "id": actor.id, "ipAddress": actor.ip, "userPrincipalName": actor.name}}),
        ActorKind::Program | ActorKind::Connector | ActorKind::System => {
            let name = actor.name.clone().or_else(|| (actor.kind == ActorKind::System).then(|| "Adit".to_owned()));
            json!({"user": null, "app": {
                "appId": actor.id, "displayName": name, "servicePrincipalId": null, "servicePrincipalName": null}})
        }
    }
}

fn target(record: &AuditRecord) -> Value {
    let modified: Vec<Value> = record
        .modified_properties()
        .into_iter()
        .map(|property| json!({"displayName": property.name, "newValue": property.new, "oldValue": property.old}))
        .collect();
    json!({
        "displayName": record.target_name(),
        "groupType": null,
        "id": record.target,
        "modifiedProperties": modified,
        "type": record.activity.target_kind().as_str(),
        "userPrincipalName": null,
    })
}
