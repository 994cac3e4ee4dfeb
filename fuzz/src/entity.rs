//! The body of a request. What is read as JSON is read the same from its own text, and by a lenient reader; what has
//! passed a check passes it again unchanged, against any type.

use adit_graph::MODEL;
use adit_odata::body::{self, BodyError};
use adit_odata::{batch, json};
use serde_json::{Map, Value};

/// Takes the body of a request.
pub fn entity(bytes: &[u8]) {
    let Ok(value) = json::read(bytes) else { return };
    check_json(bytes, &value);
    drop(batch::parse(&value).inspect_err(crate::check_message));
    let Value::Object(body) = value else { return };
    for kind in MODEL.entity_types {
        check(&body, kind.name, |body| body::entity(&MODEL, kind, body));
        drop(body::binds(kind, &mut body.clone()).inspect_err(crate::check_message));
    }
    let foreign = MODEL.foreign_complex_types.iter().map(|(_, kind)| kind);
    for kind in MODEL.complex_types.iter().chain(foreign) {
        check(&body, kind.name, |body| body::complex(&MODEL, kind, body, "value"));
    }
    for operation in MODEL.operations {
        check(&body, operation.name, |body| body::parameters(&MODEL, operation, body));
    }
}

fn check_json(bytes: &[u8], value: &Value) {
    let lenient: Option<Value> = serde_json::from_slice(bytes).ok();
    assert_eq!(lenient.as_ref(), Some(value), "the strict reader reads what the lenient one reads");
    let again = json::read(value.to_string().as_bytes()).ok();
    assert_eq!(again.as_ref(), Some(value), "what is written is read back");
}

fn check(
    body: &Map<String, Value>,
    what: &str,
    checked: impl Fn(Map<String, Value>) -> Result<Map<String, Value>, BodyError>,
) {
    let Ok(once) = checked(body.clone()).inspect_err(crate::check_message) else { return };
    assert_eq!(checked(once.clone()), Ok(once), "what was checked as {what} stays as it is");
}
