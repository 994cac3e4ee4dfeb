//! The `Prefer` header: whether the client wants the object back (contract sections 4.6 and 8, points 2 and 3).

use http::HeaderMap;

/// What a write should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Return {
    /// What the operation answers by itself.
    #[default]
    Unsaid,
    /// The object.
    Representation,
    /// Nothing.
    Minimal,
}

impl Return {
    /// Reads the header; preferences that are not known are ignored, as RFC 7240 says.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let preferences = values.flat_map(|value| value.split([',', ';']));
        for preference in preferences {
            let plain: String = preference.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            match plain.to_ascii_lowercase().as_str() {
                "return=representation" => return Self::Representation,
                "return=minimal" => return Self::Minimal,
                _ => {}
            }
        }
        Self::Unsaid
    }

    /// What `Preference-Applied` says, if anything was preferred.
    pub(crate) const fn applied(self) -> Option<&'static str> {
        match self {
            Self::Unsaid => None,
            Self::Representation => Some("return=representation"),
            Self::Minimal => Some("return=minimal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preference_is_found_among_others() {
        for (value, expected) in [
            ("return=representation", Return::Representation),
            ("respond-async, Return = \"Minimal\"", Return::Minimal),
            ("odata.maxpagesize=5", Return::Unsaid),
        ] {
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static("prefer"), value.parse().unwrap())]);
            assert_eq!(Return::preferred(&headers), expected, "{value}");
        }
    }
}
