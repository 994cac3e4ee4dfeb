//! What an audit record says of each kind of object: the old and the new state, never a secret. Properties whose
//! meaning only the API layer knows may hold secrets, so of those only the names are kept.

use adit_core::application::{Attributes, Publishing};
use adit_core::{Application, Connector, ConnectorGroup};
use serde_json::{Value, json};

/// The detail of a change from `old` to `new`; what did not exist is null.
pub(crate) fn change(old: Option<Value>, new: Option<Value>) -> Value {
    json!({ "old": old, "new": new })
}

/// Adds why or by what a change came about.
pub(crate) fn with(mut detail: Value, key: &str, value: impl Into<Value>) -> Value {
    if let Some(detail) = detail.as_object_mut() {
        detail.insert(key.to_owned(), value.into());
    }
    detail
}

pub(crate) fn connector_group(group: &ConnectorGroup) -> Value {
    json!({ "name": group.name, "region": group.region })
}

pub(crate) fn connector(connector: &Connector) -> Value {
    json!({
        "machine_name": connector.machine_name,
        "connector_group": connector.connector_group,
        "key_generation": connector.key_generation,
    })
}

pub(crate) fn application(application: &Application) -> Value {
    json!({
        "display_name": application.display_name,
        "publishing": application.publishing().map(publishing),
        "connector_group": application.connector_group(),
    })
}

fn publishing(publishing: &Publishing) -> Value {
    json!({
        "external_url": publishing.external_url,
        "internal_url": publishing.internal_url,
        "pre_authentication": publishing.pre_authentication,
        "host_header": publishing.host_header,
        "upstream_certificate": publishing.upstream_certificate,
        "timeout": publishing.timeout,
    })
}

/// The names of the properties that differ between two versions of an application.
pub(crate) fn changed_attributes(old: &Application, new: &Application) -> Vec<String> {
    let empty = Attributes::new();
    let of = |application: &Application| application.publishing().map(|publishing| publishing.attributes.clone());
    let own = differing(&old.attributes, &new.attributes);
    let publishing = differing(of(old).as_ref().unwrap_or(&empty), of(new).as_ref().unwrap_or(&empty));
    own.into_iter().chain(publishing).collect()
}

fn differing(old: &Attributes, new: &Attributes) -> Vec<String> {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(|(key, _)| key);
    gone.chain(changed).cloned().collect()
}
