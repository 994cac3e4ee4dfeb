//! The `Prefer` header: whether the client wants the object back, and how large its pages may be (contract sections 4.6
//! and 8, points 2 and 3; OData 4.0, part 1, section 8.2.8).

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

/// What a client prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Preference {
    /// What a write should answer.
    pub(crate) returns: Return,
    /// The largest page that is wanted.
    pub(crate) largest_page: Option<u32>,
}

impl Preference {
    /// Reads the header; preferences that are not known are ignored, as RFC 7240 says.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut preferred = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split([',', ';'])) {
            let plain: String = preference.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
            let plain = plain.to_ascii_lowercase();
            match plain.split_once('=') {
                Some(("return", "representation")) => preferred.first_return(Return::Representation),
                Some(("return", "minimal")) => preferred.first_return(Return::Minimal),
                Some(("odata.maxpagesize" | "maxpagesize", size)) => {
                    preferred.largest_page = size.parse().ok().filter(|size| *size > 0);
                }
                _ => {}
            }
        }
        preferred
    }

    /// The first of two that contradict each other stands (RFC 7240, section 2).
    fn first_return(&mut self, wanted: Return) {
        if self.returns == Return::Unsaid {
            self.returns = wanted;
        }
    }
}

impl Return {
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
    fn the_preferences_are_found_among_others() {
        for (value, returns, largest_page) in [
            ("return=representation", Return::Representation, None),
            ("respond-async, Return = \"Minimal\"", Return::Minimal, None),
            ("return=minimal; return=representation", Return::Minimal, None),
            ("odata.maxpagesize=5", Return::Unsaid, Some(5)),
            ("maxpagesize=0, odata.maxpagesize=x", Return::Unsaid, None),
        ] {
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static("prefer"), value.parse().unwrap())]);
            assert_eq!(Preference::of(&headers), Preference { returns, largest_page }, "{value}");
        }
    }
}
