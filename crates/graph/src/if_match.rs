//! ETags from revisions, and the `If-Match` header (contract section 8, point 11).

use adit_control::Expected;
use adit_core::Revision;
use http::HeaderMap;

use crate::error::GraphError;

/// The ETag of an object that was last changed at `revision`.
pub(crate) fn etag(revision: Revision) -> String {
    format!("W/\"{revision}\"")
}

/// Reads the header; without one, anything matches. The use case compares, inside its transaction.
///
/// ETags are compared weakly, because ours are always weak. One that is none of ours matches nothing.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Expected, GraphError> {
    let mut tags = Vec::new();
    for value in headers.get_all(http::header::IF_MATCH) {
        let text = value.to_str().map_err(|_| GraphError::bad_request("Invalid value for the If-Match header."))?;
        tags.extend(text.split(',').map(str::trim));
    }
    if tags.is_empty() || tags.contains(&"*") {
        return Ok(Expected::Any);
    }
    Ok(Expected::OneOf(tags.into_iter().filter_map(revision).collect()))
}

/// The revision of which `tag` is the ETag.
fn revision(tag: &str) -> Option<Revision> {
    let revision = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    let strong = format!("\"{revision}\"");
    (tag.strip_prefix("W/").unwrap_or(tag) == strong).then_some(Revision(revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &str) -> Expected {
        expected(&HeaderMap::from_iter([(http::header::IF_MATCH, value.parse().unwrap())])).unwrap()
    }

    #[test]
    fn an_etag_is_its_revision_a_star_is_any_and_anything_else_is_none() {
        assert_eq!(if_match(&etag(Revision(7))), Expected::OneOf(vec![Revision(7)]));
        assert_eq!(if_match("\"3\", W/\"7\""), Expected::OneOf(vec![Revision(3), Revision(7)]));
        assert_eq!(if_match("x, \"7\""), Expected::OneOf(vec![Revision(7)]));
        for value in ["", "7", "\"07\"", "\"+7\"", "\"x\"", "\"", "W/W/\"7\"", "\"99999999999999999999999\""] {
            assert_eq!(if_match(value), Expected::OneOf(vec![]), "{value}");
        }
        assert_eq!(if_match("*"), Expected::Any);
        assert_eq!(expected(&HeaderMap::new()).unwrap(), Expected::Any);
    }
}
