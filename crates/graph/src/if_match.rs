//! ETags from revisions, and the `If-Match` header (contract section 8, point 11).

use adit_core::Revision;
use http::HeaderMap;

use crate::error::GraphError;

/// The ETag of an object that was last changed at `revision`.
pub(crate) fn etag(revision: Revision) -> String {
    format!("W/\"{revision}\"")
}

/// The condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever the object is.
    Any,
    /// Only while the object has one of these ETags.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Reads the header; without one, anything matches.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, GraphError> {
        let mut tags = Vec::new();
        for value in headers.get_all(http::header::IF_MATCH) {
            let text = value.to_str().map_err(|_| GraphError::bad_request("Invalid value for the If-Match header."))?;
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        if tags.is_empty() || tags.iter().any(|tag| tag == "*") {
            return Ok(Self::Any);
        }
        Ok(Self::OneOf(tags))
    }

    /// Whether the object has to be read to know.
    pub(crate) fn is_conditional(&self) -> bool {
        *self != Self::Any
    }

    /// Checks the condition against an object's revision. ETags are compared weakly: ours are always weak.
    pub(crate) fn check(&self, revision: Revision) -> Result<(), GraphError> {
        let Self::OneOf(tags) = self else { return Ok(()) };
        let own = etag(revision);
        let opaque = own.trim_start_matches("W/");
        if tags.iter().any(|tag| tag.trim_start_matches("W/") == opaque) {
            return Ok(());
        }
        Err(GraphError::changed_meanwhile())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &str) -> IfMatch {
        IfMatch::of(&HeaderMap::from_iter([(http::header::IF_MATCH, value.parse().unwrap())])).unwrap()
    }

    #[test]
    fn an_etag_matches_its_own_revision_and_a_star_matches_any() {
        assert_eq!(etag(Revision(7)), "W/\"7\"");
        for value in ["W/\"7\"", "\"7\"", "\"3\", W/\"7\"", "*"] {
            assert_eq!(if_match(value).check(Revision(7)), Ok(()), "{value}");
        }
        for value in ["W/\"8\"", "\"77\"", "7"] {
            assert!(if_match(value).check(Revision(7)).is_err(), "{value}");
        }
        assert!(!IfMatch::of(&HeaderMap::new()).unwrap().is_conditional());
    }
}
