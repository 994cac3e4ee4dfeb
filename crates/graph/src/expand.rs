//! `$expand`: which navigations are answered together with their entity, and whether they may be. One level, without
//! options of its own.

use adit_odata::EntityType;

use crate::call::Call;
use crate::error::GraphError;
use crate::model::{APPLICATION, MODEL};
use crate::permission::Permission;

/// The declared names of the navigations to expand on entities of the type `on`.
pub(crate) fn expanded(call: &Call, on: &'static EntityType) -> Result<Vec<&'static str>, GraphError> {
    let Some(text) = &call.options.expand else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for name in text.split(',').map(str::trim) {
        if name.contains(['(', '/', '*', '$']) {
            let name: String = name.chars().take(100).collect();
            let message =
                format!("The query option '$expand' is supported for plain navigations only, not for '{name}'.");
            return Err(GraphError::unsupported_query(message));
        }
        let navigation = on.navigation(name).ok_or_else(|| unknown(name, on))?;
        if !names.contains(&navigation.name) {
            names.push(navigation.name);
        }
    }
    Ok(names)
}

/// Checks what shapes an answer with entities of the type `on`, `$select` and `$expand`: before a write, because after it
/// the refusal of its answer would say that nothing had happened.
pub(crate) fn check_answer(call: &Call, on: &'static EntityType) -> Result<(), GraphError> {
    call.projection(on)?;
    let expanded = expanded(call, on)?;
    if expanded.is_empty() || !std::ptr::eq(on, &raw const APPLICATION) {
        return Ok(());
    }
    // An expanded group is a group that is read: not everybody who may read applications may.
    call.require(Permission::ReadConnectors)
}

/// Refuses `$expand` where nothing can be expanded.
pub(crate) fn refuse(call: &Call) -> Result<(), GraphError> {
    match &call.options.expand {
        None => Ok(()),
        Some(_) => Err(GraphError::unsupported_query("The query option '$expand' is not supported here.")),
    }
}

fn unknown(name: &str, on: &'static EntityType) -> GraphError {
    let name: String = name.chars().take(100).collect();
    let message = format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{}.{}'.",
        MODEL.namespace, on.name
    );
    GraphError::bad_request(message)
}
