//! Links to existing entities in the body of a create: `"owners@odata.bind": ["https://.../directoryObjects/{id}"]`.
//!
//! They are taken out of the body before its properties are checked, by whoever can make such links; anywhere else they
//! are an error.

use serde_json::{Map, Value};

use super::{BodyError, wrong};
use crate::model::{EntityType, Multiplicity, Navigation, Type};

/// The most links of one navigation in one body, as Graph documents it.
const LINKS: usize = 20;

/// The links of one navigation.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The navigation.
    pub navigation: &'static Navigation,
    /// References to what it shall lead to, as they came.
    pub references: Vec<String>,
}

/// Whether an annotation of a navigation asks for links.
pub(super) fn is_bind(annotation: &str) -> bool {
    ["odata.bind", "bind"].iter().any(|own| own.eq_ignore_ascii_case(annotation))
}

/// Takes the links out of `body`, an entity of the type `on`.
///
/// # Errors
/// [`BodyError`] for a navigation that is unknown or given twice, and for what is no reference or too many.
pub fn binds(on: &'static EntityType, body: &mut Map<String, Value>) -> Result<Vec<Bind>, BodyError> {
    let asks = |name: &&String| name.split_once('@').is_some_and(|(_, annotation)| is_bind(annotation));
    let names: Vec<String> = body.keys().filter(asks).cloned().collect();
    let mut binds: Vec<Bind> = Vec::new();
    for name in names {
        let (Some(value), Some((before, _))) = (body.shift_remove(&name), name.split_once('@')) else { continue };
        let unknown = || BodyError::UnknownProperty(before.chars().take(100).collect());
        let navigation = on.navigation(before).ok_or_else(unknown)?;
        if binds.iter().any(|bind| std::ptr::eq(bind.navigation, navigation)) {
            return Err(BodyError::Repeated(navigation.name.to_owned()));
        }
        binds.push(Bind { navigation, references: references(navigation, &value)? });
    }
    Ok(binds)
}

fn references(navigation: &'static Navigation, value: &Value) -> Result<Vec<String>, BodyError> {
    let expected = match navigation.multiplicity {
        Multiplicity::One => &Type::String,
        Multiplicity::Many => &Type::Collection(&Type::String),
    };
    let refused = || wrong(expected, value, &format!("{}@odata.bind", navigation.name));
    let texts: Vec<&Value> = match (navigation.multiplicity, value) {
        (Multiplicity::One, value) => vec![value],
        (Multiplicity::Many, Value::Array(items)) if items.len() <= LINKS => items.iter().collect(),
        (Multiplicity::Many, _) => return Err(refused()),
    };
    texts.into_iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(refused)).collect()
}
