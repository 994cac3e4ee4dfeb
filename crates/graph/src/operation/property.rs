//! GET of a property, of a part of one, of its bare value, of the number of its items (OData 4.01, part 1, sections
//! 11.2.4 and 11.2.10). Whoever may read an entity may read its properties, except those that are never returned.

use adit_odata::model::Returned;
use adit_odata::{Segment, Type};
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Call;
use crate::entities::Entities;
use crate::error::GraphError;
use crate::surface::property_start;

/// The property that the path names.
pub(super) async fn read(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let start = property_start(&call.path).unwrap_or_default();
    let way = call.path.segments.get(start..).unwrap_or_default();
    if way.iter().any(|segment| matches!(segment, Segment::Property(property) if property.returned == Returned::Never))
    {
        return Err(GraphError::bad_request("The property holds a secret and is never returned."));
    }
    let entity = entities.read(call, &call.scope).await?;
    let (mut value, mut kind) = (Value::Object(entity.properties), None);
    for segment in way {
        if let Segment::Property(property) = segment {
            value = value.get_mut(property.name).map(Value::take).unwrap_or_default();
            kind = Some(&property.kind);
        }
    }
    let Some(kind) = kind else { return Err(GraphError::not_offered()) };
    match way.last() {
        Some(Segment::Value) => bare(&value),
        Some(Segment::Count) => Ok(Answer::count(value.as_array().map_or(0, Vec::len) as u64)),
        // OData 4.01, part 1, section 11.2.4: a property without a value is answered without content.
        _ if value.is_null() => Ok(Answer::no_content()),
        _ => Ok(whole(call, kind, value)),
    }
}

fn whole(call: &Call, kind: &'static Type, value: Value) -> Answer {
    let context = call.path.context_path();
    match (kind, value) {
        (Type::Complex(complex), Value::Object(value)) => {
            Answer::ok(call.document().structure(&context, complex, value))
        }
        (_, value) => Answer::ok(call.document().value(&context, kind, value)),
    }
}

fn bare(value: &Value) -> Result<Answer, GraphError> {
    match value {
        Value::Null => Ok(Answer::no_content()),
        Value::String(text) => Ok(Answer::text(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Answer::text(value.to_string())),
        Value::Array(_) | Value::Object(_) => {
            Err(GraphError::bad_request("Only a primitive property has a bare value; leave '$value' out."))
        }
    }
}
