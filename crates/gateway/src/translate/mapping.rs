//! One application's internal URL and its public ones, and how the former is carried over into the latter.
//!
//! Worked out when the application changes, for each entrance: a URL with a host becomes the one that stands for the application,
//! and a path, or what a cookie says, becomes one of the entrance that was asked, because that is where the browser is.
//! A host is a name or address, or, for an application that is published under a wildcard, every name below a domain;
//! what stands for the star is carried over.
//!
//! Invariant: a path stays one of the same host. Without the internal prefix before it, `//evil.example/` would name
//! another.

use std::borrow::Cow;

use adit_core::external_url::ExternalUrl;
use adit_core::internal_url::{InternalUrl, Scheme};
use adit_core::snapshot::{Entrance, PublishedApplication};
use adit_core::wildcard;

use super::absolute_url::AbsoluteUrl;

/// The hosts of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// This one.
    Exactly(String),
    /// Every name that ends like this and has something before it; starts with a dot.
    Below(String),
}

impl HostPattern {
    fn of(host: &str) -> Self {
        match wildcard::domain(host) {
            Some(domain) => Self::Below(domain.to_owned()),
            None => Self::exactly(host),
        }
    }

    fn exactly(host: &str) -> Self {
        Self::Exactly(host.to_owned())
    }

    /// What stands for the star in `host`, nothing where there is no star; `None` if it is another host.
    pub(crate) fn star<'h>(&self, host: &'h str) -> Option<&'h str> {
        match self {
            Self::Exactly(own) => own.eq_ignore_ascii_case(host).then_some(""),
            Self::Below(domain) => wildcard::star(host, domain),
        }
    }

    /// The host that has `star` for its star.
    pub(crate) fn with(&self, star: &str) -> Cow<'_, str> {
        match self {
            Self::Exactly(own) => Cow::Borrowed(own),
            Self::Below(suffix) => Cow::Owned(format!("{}{suffix}", star.to_ascii_lowercase())),
        }
    }

    /// The domain of all hosts that are or end like the one with `star`; `None` where there is but one host.
    pub(crate) fn shared(&self, star: &str) -> Option<String> {
        match self {
            Self::Exactly(_) => None,
            Self::Below(suffix) if star.is_empty() => Some(suffix.trim_start_matches('.').to_owned()),
            Self::Below(_) => Some(self.with(star).into_owned()),
        }
    }

    /// Whether `domain` is that of these hosts and no more.
    pub(crate) fn is_shared_as(&self, domain: &str) -> bool {
        let own = match self {
            Self::Exactly(own) => own.as_str(),
            Self::Below(suffix) => suffix.trim_start_matches('.'),
        };
        own.eq_ignore_ascii_case(domain)
    }

    /// What a cookie for `domain` (without a dot before it) covers of these hosts.
    pub(crate) fn covered_by<'d>(&self, domain: &'d str) -> Covered<'d> {
        let is_parent_of = |name: &str| {
            let before = name.len().checked_sub(domain.len() + 1);
            let end = before.and_then(|before| name.get(before..)?.strip_prefix('.'));
            end.is_some_and(|end| !end.is_empty() && end.eq_ignore_ascii_case(domain))
        };
        match self {
            Self::Exactly(own) if own.eq_ignore_ascii_case(domain) || is_parent_of(own) => Covered::All,
            Self::Below(suffix) if is_parent_of(suffix) => Covered::All,
            Self::Below(_) => self.star(domain).map_or(Covered::Nothing, Covered::Below),
            Self::Exactly(_) => Covered::Nothing,
        }
    }
}

/// What a cookie's domain covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Covered<'d> {
    /// No host of the application.
    Nothing,
    /// All its hosts.
    All,
    /// Under a wildcard: those that are or end like the one with this star.
    Below(&'d str),
}

/// One side of the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) host: HostPattern,
    port: u16,
    /// Starts and ends with `/`.
    pub(crate) prefix: String,
}

impl Side {
    fn external(url: &ExternalUrl) -> Self {
        Self {
            host: HostPattern::of(url.host()),
            port: url.port().unwrap_or(HTTPS),
            prefix: url.prefix().as_str().to_owned(),
        }
    }

    /// Whether the prefix can stand anywhere in HTML and CSS without a second thought.
    pub(super) fn is_plain(&self) -> bool {
        !self.prefix.contains(['&', '\'', '"', '(', ')', '\\', '<', '>', ','])
    }

    /// What stands for the star in a public URL of this origin.
    fn star_at<'u>(&self, url: &AbsoluteUrl<'u>) -> Option<&'u str> {
        let here = url.scheme == Scheme::Https && url.port.unwrap_or(HTTPS) == self.port;
        if here { self.host.star(url.host) } else { None }
    }

    /// Whether a path is below the prefix.
    fn reaches(&self, path: &str) -> bool {
        moved(path, &self.prefix, "/").is_some()
    }

    #[cfg(test)]
    pub(super) fn at(host: &str) -> Self {
        Self { host: HostPattern::of(host), port: HTTPS, prefix: "/".to_owned() }
    }

    /// `scheme://host:port`, the port only where the scheme does not imply it.
    fn origin(&self, scheme: Scheme, star: &str) -> String {
        let host = self.host.with(star);
        if self.port == default_port(scheme) {
            format!("{}://{host}", scheme.as_str())
        } else {
            format!("{}://{host}:{}", scheme.as_str(), self.port)
        }
    }
}

const HTTPS: u16 = 443;

const fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => 80,
        Scheme::Https => HTTPS,
    }
}

/// An application's internal URL, and its public ones as they are seen from one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlMapping {
    pub(super) scheme: Scheme,
    pub(crate) internal: Side,
    /// What stands for the internal URL where a host is named.
    pub(crate) external: Side,
    /// The public URL that was asked.
    pub(crate) here: Side,
    /// The other one, where there are two: a browser may come from there as well.
    pub(super) other: Option<Side>,
}

impl UrlMapping {
    /// As seen from `entrance`.
    pub(crate) fn of(application: &PublishedApplication, entrance: Entrance) -> Self {
        let other = match entrance {
            Entrance::External => application.alternate_url.as_ref(),
            Entrance::Alternate => Some(&application.external_url),
        };
        Self {
            here: Side::external(application.url_at(entrance)),
            other: other.map(Side::external),
            ..Self::between(&application.internal_url, application.translated_url())
        }
    }

    fn between(internal: &InternalUrl, external: &ExternalUrl) -> Self {
        // A star on this side alone, as an earlier version accepted it, is no wildcard: other hosts are not this one.
        let host = if external.is_wildcard() { HostPattern::of } else { HostPattern::exactly };
        Self {
            scheme: internal.scheme(),
            internal: Side {
                host: host(internal.host()),
                port: internal.port(),
                prefix: internal.prefix().as_str().to_owned(),
            },
            external: Side::external(external),
            here: Side::external(external),
            other: None,
        }
    }

    /// A reference in a response's header (`Location`), as the client must see it; `None` where nothing is to be
    /// translated. What is at the internal origin but not below the internal prefix keeps its path.
    pub(crate) fn outward(&self, reference: &str) -> Option<String> {
        if let Some(url) = AbsoluteUrl::split(reference) {
            let origin = self.external.origin(Scheme::Https, self.internal_star(&url)?);
            let (internal, external) = (&self.internal.prefix, &self.external.prefix);
            return Some(match url.rest.as_bytes().first() {
                Some(b'/') => match moved(url.rest, internal, external) {
                    Some(path) => format!("{origin}{path}"),
                    None => format!("{origin}{}", url.rest),
                },
                _ => format!("{origin}{external}{}", url.rest),
            });
        }
        self.outward_path(reference)
    }

    /// A URL in a body, if it is at the internal origin and below the internal prefix.
    pub(super) fn outward_link(&self, url: &AbsoluteUrl<'_>) -> Option<String> {
        let star = self.internal_star(url)?;
        let (internal, external) = (&self.internal.prefix, &self.external.prefix);
        let path = match url.rest.as_bytes().first() {
            Some(b'/') => moved(url.rest, internal, external)?,
            _ if internal == "/" => format!("{external}{}", url.rest),
            _ => return None,
        };
        Some(format!("{}{path}", self.external.origin(Scheme::Https, star)))
    }

    /// A path below the internal prefix, as the client must see it; `None` where it is no path or stays the same.
    pub(super) fn outward_path(&self, path: &str) -> Option<String> {
        let (internal, here) = (&self.internal.prefix, &self.here.prefix);
        let is_path = path.starts_with('/') && !path.starts_with("//");
        let moved = if is_path && internal != here { moved(path, internal, here)? } else { return None };
        if !may_name_a_host(&moved) {
            return Some(moved);
        }
        Some(match self.here.host {
            HostPattern::Exactly(_) => format!("{}{moved}", self.here.origin(Scheme::Https, "")),
            // Which of its hosts was asked is not known here; with a segment that means nothing it is a path as well.
            HostPattern::Below(_) => format!("/.{moved}"),
        })
    }

    /// Whether a URL leads to the application: to its internal URL, or to one of its public ones.
    pub(super) fn covers(&self, url: &AbsoluteUrl<'_>) -> bool {
        let public = [Some(&self.here), Some(&self.external), self.other.as_ref()];
        let is_public = |side: &&Side| side.star_at(url).is_some() && side.reaches(url.rest);
        self.outward_link(url).is_some() || public.iter().flatten().any(is_public)
    }

    /// Whether a path leads to it, as the upstream or as a browser sees its paths.
    pub(super) fn covers_path(&self, path: &str) -> bool {
        self.internal.reaches(path) || self.here.reaches(path)
    }

    /// What a browser says about where it is (`Origin`, `Referer`), as the upstream knows it; `None` for other places.
    pub(crate) fn inward(&self, reference: &str) -> Option<String> {
        let url = AbsoluteUrl::split(reference)?;
        let mut at_origin =
            [Some(&self.here), self.other.as_ref()].into_iter().flatten().filter(|side| side.star_at(&url).is_some());
        // Both may be on one host, one below the other.
        let reaching = at_origin.clone().filter(|side| side.reaches(url.rest));
        let side = reaching.max_by_key(|side| side.prefix.len()).or_else(|| at_origin.next())?;
        let star = side.star_at(&url)?;
        let path = match url.rest.as_bytes().first() {
            None => Cow::Borrowed(""),
            Some(b'/') => {
                let path = moved(url.rest, &side.prefix, &self.internal.prefix);
                path.map_or(Cow::Borrowed(url.rest), Cow::Owned)
            }
            Some(_) => return None,
        };
        Some(format!("{}{path}", self.internal.origin(self.scheme, star)))
    }

    /// What stands for the star in a URL of the internal origin, in any way in which an upstream may write it; `None`
    /// for other origins.
    fn internal_star<'u>(&self, url: &AbsoluteUrl<'u>) -> Option<&'u str> {
        let star = self.internal.host.star(url.host)?;
        // `https` is what it says when it believes `X-Forwarded-Proto` but not `X-Forwarded-Host`.
        let known = url.scheme == self.scheme || url.scheme == Scheme::Https;
        (known && url.port.unwrap_or(default_port(self.scheme)) == self.internal.port).then_some(star)
    }
}

/// Whether browsers may read a host in what is meant for a path: after two slashes, where a backslash is one as well,
/// line ends and tabs are none at all (WHATWG URL, section 4.4), and in HTML a reference (`&sol;`) may be either.
fn may_name_a_host(path: &str) -> bool {
    matches!(path.as_bytes(), [b'/', b'/' | b'\\' | b'\t' | b'\r' | b'\n' | b'&', ..])
}

/// `path` below `to` instead of `from`; `None` if it is not below `from`. Prefixes start and end with `/`.
fn moved(path: &str, from: &str, to: &str) -> Option<String> {
    if let Some(below) = path.strip_prefix(from) {
        return Some(format!("{to}{below}"));
    }
    let exact = path.strip_prefix(from.trim_end_matches('/'))?;
    let ends = exact.is_empty() || exact.starts_with(['?', '#']);
    ends.then(|| format!("{to}{exact}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn mapping(internal: &str, external: &str) -> UrlMapping {
        UrlMapping::between(&InternalUrl::parse(internal).unwrap(), &ExternalUrl::parse(external).unwrap())
    }

    pub(crate) fn side(url: &str) -> Side {
        Side::external(&ExternalUrl::parse(url).unwrap())
    }

    #[test]
    fn locations_are_translated_and_foreign_ones_left_alone() {
        let mapping = mapping("http://wiki:8080/app/", "https://wiki.example:8443/team/");
        for (location, translated) in [
            ("http://wiki:8080/app/login?next=1", Some("https://wiki.example:8443/team/login?next=1")),
            ("http://WIKI:8080/app", Some("https://wiki.example:8443/team/")),
            ("http://wiki:8080/elsewhere", Some("https://wiki.example:8443/elsewhere")),
            ("http://wiki:8080", Some("https://wiki.example:8443/team/")),
            ("http://wiki:8080?a=b", Some("https://wiki.example:8443/team/?a=b")),
            ("/app/x", Some("/team/x")),
            ("/application", None),
            ("relative", None),
            ("//wiki/app/x", None),
            ("https://wiki:8080/app/x", Some("https://wiki.example:8443/team/x")),
            ("https://wiki/app/x", None),
            ("http://wiki/app/x", None),
            ("http://wiki:80801/app/", None),
            ("http://wiki:8080@elsewhere.example/app/", None),
            ("http://wiki:8080.elsewhere.example/app/", None),
            ("https://elsewhere.example/app/", None),
        ] {
            assert_eq!(mapping.outward(location).as_deref(), translated, "{location}");
        }
    }

    #[test]
    fn a_port_that_the_scheme_implies_may_be_written_or_not() {
        let mapping = mapping("http://wiki/", "https://wiki.example/");
        for location in ["http://wiki/x", "http://wiki:80/x", "https://wiki/x", "https://wiki:80/x"] {
            assert_eq!(mapping.outward(location).as_deref(), Some("https://wiki.example/x"), "{location}");
        }
        assert_eq!(mapping.outward("http://wiki:443/x"), None);
        assert_eq!(mapping.outward("/x"), None);
    }

    #[test]
    fn what_a_browser_says_about_its_place_is_translated_inward() {
        let mapping = mapping("http://wiki:8080/app/", "https://wiki.example/team/");
        assert_eq!(mapping.inward("https://wiki.example").as_deref(), Some("http://wiki:8080"));
        assert_eq!(mapping.inward("https://wiki.example:443/team/x?a").as_deref(), Some("http://wiki:8080/app/x?a"));
        assert_eq!(mapping.inward("https://wiki.example/other").as_deref(), Some("http://wiki:8080/other"));
        for foreign in ["http://wiki.example", "https://wiki.example:444/", "https://wiki.example.evil/", "null", ""] {
            assert_eq!(mapping.inward(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_browser_may_be_at_either_of_two_public_urls() {
        let mut mapping = mapping("http://wiki/app/", "https://wiki.example/");
        mapping.other = Some(side("https://portal.example/wiki/"));
        assert_eq!(mapping.inward("https://wiki.example/x").as_deref(), Some("http://wiki/app/x"));
        assert_eq!(mapping.inward("https://portal.example/wiki/x").as_deref(), Some("http://wiki/app/x"));
        assert_eq!(mapping.inward("https://portal.example").as_deref(), Some("http://wiki"));
        assert_eq!(mapping.outward("http://wiki/app/x").as_deref(), Some("https://wiki.example/x"));
        for (here, other) in
            [("https://wiki.example/", "https://wiki.example/a/"), ("https://wiki.example/a/", "https://wiki.example/")]
        {
            (mapping.here, mapping.other) = (side(here), Some(side(other)));
            assert_eq!(mapping.inward("https://wiki.example/a/x").as_deref(), Some("http://wiki/app/x"), "{here}");
            assert_eq!(mapping.inward("https://wiki.example/b/x").as_deref(), Some("http://wiki/app/b/x"), "{here}");
        }
    }

    #[test]
    fn a_path_is_one_of_the_url_that_was_asked_and_a_host_is_named_as_it_was_set() {
        let mut mapping = mapping("http://wiki/app/", "https://wiki.example/");
        mapping.here = side("https://portal.example/wiki/");
        assert_eq!(mapping.outward("/app/x").as_deref(), Some("/wiki/x"));
        assert_eq!(mapping.outward("http://wiki/app/x").as_deref(), Some("https://wiki.example/x"));
    }

    #[test]
    fn a_path_never_becomes_another_host() {
        let mut mapping = mapping("http://wiki/app/", "https://wiki.example:8443/");
        for below in ["/evil.example/", "\\evil.example/", "\t/evil.example/", "\r/e", "\n/e", "&#47;evil.example/"] {
            let expected = format!("https://wiki.example:8443/{below}");
            assert_eq!(mapping.outward(&format!("/app/{below}")), Some(expected), "{below}");
        }
        assert_eq!(mapping.outward("/app/a//b").as_deref(), Some("/a//b"));
        mapping.here = side("https://portal.example/wiki/");
        assert_eq!(mapping.outward("/app//evil.example/").as_deref(), Some("/wiki//evil.example/"));
        mapping.here = Side::at("*.apps.example");
        assert_eq!(mapping.outward("/app//evil.example/").as_deref(), Some("/.//evil.example/"));
    }

    #[test]
    fn what_stands_for_the_star_is_carried_over() {
        let mapping = mapping("http://*.corp.local:8080/", "https://*.apps.example/");
        let outward = |location| mapping.outward(location);
        assert_eq!(outward("http://Wiki.corp.local:8080/x").as_deref(), Some("https://wiki.apps.example/x"));
        assert_eq!(outward("http://a.b.corp.local:8080").as_deref(), Some("https://a.b.apps.example/"));
        assert_eq!(outward("http://corp.local:8080/"), None);
        assert_eq!(mapping.inward("https://wiki.apps.example").as_deref(), Some("http://wiki.corp.local:8080"));
    }

    #[test]
    fn a_star_on_the_inner_side_alone_stands_for_nothing() {
        let mapping = mapping("http://*.corp.local/", "https://wiki.example/");
        assert_eq!(mapping.outward("http://shop.corp.local/x"), None);
    }

    #[test]
    fn a_domain_covers_a_host_that_it_is_or_is_a_parent_of() {
        let exact = HostPattern::Exactly("wiki.corp.example".to_owned());
        for domain in ["wiki.corp.example", "CORP.example", "example"] {
            assert_eq!(exact.covered_by(domain), Covered::All, "{domain}");
        }
        for domain in ["x.wiki.corp.example", "iki.corp.example", "other.example", ""] {
            assert_eq!(exact.covered_by(domain), Covered::Nothing, "{domain}");
        }
        let below = HostPattern::Below(".corp.example".to_owned());
        assert_eq!(below.covered_by("corp.example"), Covered::All);
        assert_eq!(below.covered_by("example"), Covered::All);
        assert_eq!(below.covered_by("a.corp.example"), Covered::Below("a"));
        assert_eq!(below.covered_by("a.example"), Covered::Nothing);
    }
}
