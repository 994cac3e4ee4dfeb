//! What the audit log keeps of one administrative write, and how the directory audit shows it. It commits with the
//! write (architecture, section 5).
//!
//! A record holds what happened in Adit's own words; [`Activity`] gives the words of the directory audit for it, and
//! [`AuditRecord::modified_properties`] takes the properties that changed out of its detail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::AuditId;
use crate::operation::Actor;

mod activity;
mod modified;

pub use activity::{Activity, Category, LOGGED_BY_SERVICE, OperationType, TargetKind};
pub use modified::ModifiedProperty;

/// What kind of actor did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the kinds of `Actor`")]
pub enum ActorKind {
    User,
    Program,
    Connector,
    System,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::User, Self::Program, Self::Connector, Self::System];

    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Program => "program",
            Self::Connector => "connector",
            Self::System => "system",
        }
    }

    /// The kind that is stored under `word`.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who did it, as the record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// A user's subject or a program's client id; connectors and Adit itself have none.
    pub id: Option<String>,
    /// A name to show, if there is one: of a user, or of the machine of a connector.
    pub name: Option<String>,
    /// The address that the request came from, if it is known.
    pub ip: Option<String>,
}

impl From<&Actor> for AuditActor {
    fn from(actor: &Actor) -> Self {
        let (kind, id, name) = match actor {
            Actor::User { subject, name } => (ActorKind::User, Some(subject), name.as_ref()),
            Actor::Program { client } => (ActorKind::Program, Some(client), None),
            Actor::Connector { machine } => (ActorKind::Connector, None, Some(machine)),
            Actor::System => (ActorKind::System, None, None),
        };
        Self { kind, id: id.cloned(), name: name.cloned(), ip: None }
    }
}

/// One administrative write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its own id.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// What was done.
    pub activity: Activity,
    /// Who did it.
    pub actor: AuditActor,
    /// The request by which it was done.
    pub request_id: uuid::Uuid,
    /// The object it was done to.
    pub target: String,
    /// What changed, as one JSON object; never a secret.
    pub detail: Value,
}

/// Where a detail keeps the state before and after, and the names of changed properties whose values it does not keep.
const OLD: &str = "old";
const NEW: &str = "new";
const CHANGED_ATTRIBUTES: &str = "changed_attributes";

/// Where a detail says why something failed.
const REASON: &str = "reason";

/// Where a detail names the target, if it is about something that belongs to the target.
const TARGET_NAME: &str = "target_name";

/// Under which of its properties an object has its name.
const NAMES: [&str; 3] = ["display_name", "name", "machine_name"];

impl AuditRecord {
    /// The name that the target had after the write, or before it if it is gone.
    #[must_use]
    pub fn target_name(&self) -> Option<&str> {
        let named = |state: &str| NAMES.iter().find_map(|name| self.detail.get(state)?.get(name)?.as_str());
        let own = self.detail.get(TARGET_NAME).and_then(Value::as_str);
        own.or_else(|| named(NEW)).or_else(|| named(OLD))
    }

    /// Why it failed; empty where it did not.
    #[must_use]
    pub fn result_reason(&self) -> &str {
        let reason = || self.detail.get(REASON).and_then(Value::as_str);
        if self.activity.result() == "failure" { reason().unwrap_or_default() } else { "" }
    }

    /// The properties that the write changed.
    #[must_use]
    pub fn modified_properties(&self) -> Vec<ModifiedProperty> {
        modified::between(
            self.detail.get(OLD).unwrap_or(&Value::Null),
            self.detail.get(NEW).unwrap_or(&Value::Null),
            self.detail.get(CHANGED_ATTRIBUTES),
        )
    }

    /// What else the detail says, such as why or from where: keys in the casing of the API, and their values as text.
    #[must_use]
    pub fn additional_details(&self) -> Vec<(String, String)> {
        let Some(detail) = self.detail.as_object() else { return Vec::new() };
        let known = [OLD, NEW, CHANGED_ATTRIBUTES, TARGET_NAME];
        let others = detail.iter().filter(|(key, value)| !known.contains(&key.as_str()) && !value.is_null());
        others.map(|(key, value)| (modified::camel_case(key), modified::plain(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn record(activity: Activity, detail: Value) -> AuditRecord {
        AuditRecord {
            id: AuditId::new(Uuid::from_u128(1)),
            at: Timestamp::UNIX_EPOCH,
            activity,
            actor: AuditActor::from(&Actor::System),
            request_id: Uuid::from_u128(2),
            target: Uuid::from_u128(3).to_string(),
            detail,
        }
    }

    fn property(name: &str, old: Option<&str>, new: Option<&str>) -> ModifiedProperty {
        ModifiedProperty { name: name.to_owned(), old: old.map(ToOwned::to_owned), new: new.map(ToOwned::to_owned) }
    }

    #[test]
    fn an_actor_is_kept_in_parts() {
        let user = Actor::User { subject: "alice (1)".to_owned(), name: Some("Alice".to_owned()) };
        let kept = AuditActor::from(&user);
        assert_eq!(
            (kept.kind, kept.id.as_deref(), kept.name.as_deref()),
            (ActorKind::User, Some("alice (1)"), Some("Alice"))
        );
        let program = AuditActor::from(&Actor::Program { client: "terraform".to_owned() });
        assert_eq!((program.kind, program.id.as_deref(), program.name), (ActorKind::Program, Some("terraform"), None));
        let connector = AuditActor::from(&Actor::Connector { machine: "srv1".to_owned() });
        assert_eq!(
            (connector.kind, connector.id, connector.name.as_deref()),
            (ActorKind::Connector, None, Some("srv1"))
        );
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::find(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn the_target_has_the_name_it_had_last() {
        let renamed = json!({ "old": { "name": "Berlin" }, "new": { "name": "Paris" } });
        assert_eq!(record(Activity::UpdateConnectorGroup, renamed).target_name(), Some("Paris"));
        let deleted = json!({ "old": { "display_name": "Wiki" }, "new": null });
        assert_eq!(record(Activity::DeleteApplication, deleted).target_name(), Some("Wiki"));
        assert_eq!(record(Activity::RenewConnector, json!({ "not_after": "x" })).target_name(), None);
        let part = json!({ "old": null, "new": { "name": "inner" }, "target_name": "Wiki" });
        assert_eq!(record(Activity::AddApplicationSslCertificate, part).target_name(), Some("Wiki"));
    }

    #[test]
    fn what_changed_is_listed_with_values_as_json_and_names_as_in_the_api() {
        let detail = json!({
            "old": { "display_name": "Wiki", "publishing": { "external_url": "https://a.example/", "timeout": "default" } },
            "new": { "display_name": "Wiki", "publishing": { "external_url": "https://b.example/", "timeout": "default" } },
            "changed_attributes": ["notes"],
        });
        assert_eq!(
            record(Activity::UpdateApplication, detail).modified_properties(),
            [
                property("publishing.externalUrl", Some("\"https://a.example/\""), Some("\"https://b.example/\"")),
                property("notes", None, None),
            ]
        );
    }

    #[test]
    fn everything_of_a_new_or_a_deleted_object_changed() {
        let made = json!({ "old": null, "new": { "name": "Berlin", "region": null } });
        assert_eq!(
            record(Activity::AddConnectorGroup, made).modified_properties(),
            [property("name", None, Some("\"Berlin\""))]
        );
        let ended = json!({ "old": { "publishing": { "timeout": "long" } }, "new": { "publishing": null } });
        assert_eq!(
            record(Activity::UpdateApplication, ended).modified_properties(),
            [property("publishing.timeout", Some("\"long\""), None)]
        );
    }

    #[test]
    fn the_rest_of_a_detail_is_additional() {
        let detail = json!({ "old": null, "new": {}, "registration_token": "t", "key_generation": 2, "by": null });
        let expected = [("registrationToken", "t"), ("keyGeneration", "2")];
        let expected: Vec<_> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(record(Activity::RegisterConnector, detail).additional_details(), expected);
    }
}
