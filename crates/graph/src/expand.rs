//! `$expand`: which navigations are answered together with their entity. One level, without options of its own.

use adit_odata::EntityType;

use crate::call::Call;
use crate::error::GraphError;
use crate::model::MODEL;

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
