//! The first sections of the generated part: every path with its methods, and who may.

use crate::permission::Permission;
use crate::surface::SURFACE;

/// The sections, each from its heading on.
pub(super) fn generated() -> String {
    format!("\n## Paths\n\n{}\n## Who may\n\n{}", paths(), permissions())
}

fn paths() -> String {
    let mut rows: Vec<(String, Vec<(&str, Permission)>)> = Vec::new();
    for endpoint in &SURFACE.endpoints {
        let method = (endpoint.method.as_str(), endpoint.permission);
        match rows.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, methods)) => methods.push(method),
            None => rows.push((endpoint.path.clone(), vec![method])),
        }
    }
    let mut text = String::from("| Path | Methods, and the permission that each needs |\n|---|---|\n");
    for (path, methods) in rows {
        let shown = |(method, permission): &(&str, Permission)| format!("{method} ({})", name(*permission));
        let methods: Vec<String> = methods.iter().map(shown).collect();
        text.push_str(&format!("| `/{path}` | {} |\n", methods.join(", ")));
    }
    text
}

fn permissions() -> String {
    let mut permissions: Vec<Permission> = SURFACE.endpoints.iter().map(|endpoint| endpoint.permission).collect();
    permissions.sort_by_key(|permission| name(*permission));
    permissions.dedup();
    let mut text = String::from(
        "| Permission | Any one of these scopes (delegated) or roles (application) | In delegated tokens any one of these \
         administrator roles besides |\n|---|---|---|\n",
    );
    for permission in permissions {
        let accepted: Vec<String> = permission.accepted().iter().map(|name| format!("`{name}`")).collect();
        let roles: Vec<&str> = permission.roles().into_iter().map(|role| role.name()).collect();
        text.push_str(&format!("| {} | {} | {} |\n", name(permission), accepted.join(", "), roles.join(", ")));
    }
    text
}

/// The permission in words: `ReadConnectors` is "read connectors".
fn name(permission: Permission) -> String {
    let mut words = String::new();
    for character in format!("{permission:?}").chars() {
        if character.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}
