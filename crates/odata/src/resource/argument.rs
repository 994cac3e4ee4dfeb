//! The arguments of a function in the URL, fitted to its parameters.

use super::shown;
use crate::model::{Operation, OperationKind, Property};
use crate::path::Part;

/// What is wrong with the arguments of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentFault {
    /// A value without a name.
    #[error("each needs a name")]
    Unnamed,
    /// A name that is no parameter.
    #[error("there is no parameter '{0}'")]
    Unknown(String),
    /// One parameter twice.
    #[error("parameter '{0}' is given twice")]
    Repeated(&'static str),
    /// A parameter that must be given.
    #[error("parameter '{0}' is missing")]
    Missing(&'static str),
}

/// The arguments under the declared names of their parameters and in their order, from what stands in parentheses behind
/// the operation.
pub(super) fn arguments(
    operation: &'static Operation,
    brackets: Option<&Part>,
) -> Result<Vec<(String, String)>, ArgumentFault> {
    let given = match brackets {
        None => Vec::new(),
        Some(Part::NamedKey { name, value }) => vec![(name, value)],
        Some(Part::Arguments(pairs)) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        Some(Part::Key(_) | Part::Word(_)) => return Err(ArgumentFault::Unnamed),
    };
    // The parameters of an action come in the body.
    let in_url = if operation.kind == OperationKind::Function { operation.parameters } else { &[] };
    let mut arguments: Vec<(usize, &Property, &String)> = Vec::with_capacity(given.len());
    for (name, value) in given {
        let declared = in_url.iter().enumerate().find(|(_, parameter)| parameter.name.eq_ignore_ascii_case(name));
        let (place, parameter) = declared.ok_or_else(|| ArgumentFault::Unknown(shown(name)))?;
        if arguments.iter().any(|(known, ..)| *known == place) {
            return Err(ArgumentFault::Repeated(parameter.name));
        }
        arguments.push((place, parameter, value));
    }
    let given = |place: usize| arguments.iter().any(|(known, ..)| *known == place);
    if let Some((_, missing)) = in_url.iter().enumerate().find(|(place, needed)| !needed.nullable && !given(*place)) {
        return Err(ArgumentFault::Missing(missing.name));
    }
    arguments.sort_by_key(|(place, ..)| *place);
    Ok(arguments.into_iter().map(|(_, parameter, value)| (parameter.name.to_owned(), value.clone())).collect())
}
