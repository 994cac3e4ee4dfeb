//! Which public URL stands for an internal one, for any published application: what links in bodies are looked up in.
//!
//! One for each snapshot in which an application wants its links translated; the next one shares with it what has not
//! changed. A link is translated if it is at the
//! internal origin of an application and below its prefix; of several applications the one with the longest prefix wins.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use adit_core::internal_url::Scheme;
use adit_core::sharded::Sharded;

use super::absolute_url::AbsoluteUrl;
use super::mapping::{HostPattern, UrlMapping};

/// The internal URLs of all published applications.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// By internal host, in lower case.
    by_host: ByName,
    /// Those under a wildcard, by the domain behind the star.
    by_domain: ByName,
}

/// Those with the longest prefix first.
type ByName = Sharded<String, Vec<Arc<UrlMapping>>>;

impl Links {
    pub(crate) fn of(mappings: impl Iterator<Item = Arc<UrlMapping>>) -> Self {
        let (mut by_host, mut by_domain) = (HashMap::new(), HashMap::new());
        for mapping in mappings.filter(|mapping| mapping.external.is_plain()) {
            let (by_name, name) = match &mapping.internal.host {
                HostPattern::Exactly(host) => (&mut by_host, host),
                HostPattern::Below(domain) => (&mut by_domain, domain),
            };
            by_name.entry(name.clone()).or_insert_with(Vec::new).push(mapping);
        }
        let in_order = |unsorted: HashMap<String, Vec<Arc<UrlMapping>>>| {
            let mut by_name = ByName::default();
            for (name, mut mappings) in unsorted {
                mappings.sort_by_key(|mapping| Reverse(mapping.internal.prefix.len()));
                by_name.insert(name, mappings);
            }
            by_name
        };
        Self { by_host: in_order(by_host), by_domain: in_order(by_domain) }
    }

    /// Has links lead to `now` that led to `before`: the mappings of one application. The one before is known by its place
    /// in memory.
    pub(crate) fn change(&mut self, before: Option<&Arc<UrlMapping>>, now: Option<Arc<UrlMapping>>) {
        if before.map(Arc::as_ptr) == now.as_ref().map(Arc::as_ptr) {
            return;
        }
        if let Some(before) = before {
            let (by_name, name) = self.place(before);
            let others = by_name.get(&name).into_iter().flatten().filter(|other| !Arc::ptr_eq(other, before));
            let others: Vec<_> = others.cloned().collect();
            if others.is_empty() { by_name.remove(&name) } else { by_name.insert(name, others) }
        }
        if let Some(now) = now.filter(|now| now.external.is_plain()) {
            let (by_name, name) = self.place(&now);
            let mut all = by_name.get(&name).cloned().unwrap_or_default();
            let length = now.internal.prefix.len();
            let place = all.partition_point(|other| Reverse(other.internal.prefix.len()) <= Reverse(length));
            all.insert(place, now);
            by_name.insert(name, all);
        }
    }

    fn place(&mut self, mapping: &UrlMapping) -> (&mut ByName, String) {
        match &mapping.internal.host {
            HostPattern::Exactly(host) => (&mut self.by_host, host.clone()),
            HostPattern::Below(domain) => (&mut self.by_domain, domain.clone()),
        }
    }

    fn outward(&self, url: &AbsoluteUrl<'_>) -> Option<String> {
        let host = if url.host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(url.host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(url.host)
        };
        let by_host = self.by_host.get(host.as_ref());
        by_host.and_then(|mappings| first(mappings, url)).or_else(|| {
            let domains = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
            domains.filter_map(|domain| self.by_domain.get(domain)).find_map(|mappings| first(mappings, url))
        })
    }
}

/// The first that fits; before what may be one origin written as another, what is that origin.
fn first(mappings: &[Arc<UrlMapping>], url: &AbsoluteUrl<'_>) -> Option<String> {
    let exact = mappings.iter().filter(|mapping| mapping.scheme == url.scheme);
    let others = mappings.iter().filter(|mapping| mapping.scheme != url.scheme);
    exact.chain(others).find_map(|mapping| mapping.outward_link(url))
}

/// How the links of one application's pages are translated.
#[derive(Debug, Clone)]
pub(crate) struct PageLinks {
    pub(crate) all: Arc<Links>,
    pub(crate) own: Arc<UrlMapping>,
}

impl PageLinks {
    /// A reference on a page, as the client must see it; `None` where it stays. White space around it stays.
    pub(crate) fn outward(&self, reference: &str) -> Option<String> {
        let trimmed = reference.trim_ascii();
        let translated = match trimmed.as_bytes() {
            [b'/', b'/', ..] => self.all.outward(&AbsoluteUrl::behind(self.scheme(), trimmed.get(2..)?)?)?,
            [b'/', ..] => self.own.outward_path(trimmed).filter(|_| self.own.here.is_plain())?,
            [b'h' | b'H', ..] => self.all.outward(&AbsoluteUrl::split(trimmed)?)?,
            _ => return None,
        };
        if trimmed.len() == reference.len() {
            return Some(translated);
        }
        let start = reference.len() - reference.trim_ascii_start().len();
        Some(format!("{}{translated}{}", reference.get(..start)?, reference.get(start + trimmed.len()..)?))
    }

    /// Whether a reference leads to the application that the page is of. Certainly so where it says yes: what browsers
    /// read otherwise than it is written (references, backslashes, white space inside) is not looked at.
    pub(crate) fn is_own(&self, reference: &str) -> bool {
        let reference = reference.trim_ascii();
        let place = reference.split(['?', '#']).next().unwrap_or_default();
        if place.contains(['&', '\\']) || place.contains(|c: char| c.is_ascii_control()) {
            return false;
        }
        if let Some(named) = reference.strip_prefix("//") {
            let mut schemes = [self.scheme(), Scheme::Https].into_iter();
            let own = |url: AbsoluteUrl<'_>| self.own.covers(&url);
            return schemes.any(|scheme| AbsoluteUrl::behind(scheme, named).is_some_and(own));
        }
        if place.starts_with('/') {
            return self.own.covers_path(reference);
        }
        match AbsoluteUrl::split(reference) {
            Some(url) => self.own.covers(&url),
            None => !place.contains(':'),
        }
    }

    /// Whether a reference that starts like this may be one that is translated.
    pub(crate) fn may_start_with(start: u8) -> bool {
        matches!(start, b'/' | b'h' | b'H')
    }

    fn scheme(&self) -> Scheme {
        self.own.scheme
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::mapping::tests::mapping;
    use super::*;

    /// Pages of `http://wiki:8080/app/`, beside other applications.
    pub(crate) fn page_links() -> PageLinks {
        let own = Arc::new(mapping("http://wiki:8080/app/", "https://wiki.example/team/"));
        let others = [
            mapping("http://shop/", "https://shop.example/"),
            mapping("http://shop/admin/", "https://admin.example/"),
            mapping("https://shop/secure/", "https://secure.example/"),
            mapping("http://*.corp.local/", "https://*.apps.example/"),
            mapping("http://odd/", "https://odd.example/a&b/"),
        ];
        let all = others.into_iter().map(Arc::new).chain([Arc::clone(&own)]).collect::<Vec<_>>();
        PageLinks { all: Arc::new(Links::of(all.into_iter())), own }
    }

    #[test]
    fn links_to_any_published_application_are_translated_the_longest_prefix_first() {
        let page = page_links();
        for (link, translated) in [
            ("http://wiki:8080/app/x?a=1#b", Some("https://wiki.example/team/x?a=1#b")),
            ("https://wiki:8080/app/x", Some("https://wiki.example/team/x")),
            ("HTTP://Shop/x", Some("https://shop.example/x")),
            ("http://shop", Some("https://shop.example/")),
            ("http://shop?q", Some("https://shop.example/?q")),
            ("http://shop/admin", Some("https://admin.example/")),
            ("http://shop/administrators", Some("https://shop.example/administrators")),
            ("https://shop/secure/x", Some("https://secure.example/x")),
            ("http://a.b.corp.local/x", Some("https://a.b.apps.example/x")),
            ("//shop/x", Some("https://shop.example/x")),
            ("/app/x", Some("/team/x")),
            ("\n  http://shop/x ", Some("\n  https://shop.example/x ")),
        ] {
            assert_eq!(page.outward(link).as_deref(), translated, "{link}");
        }
    }

    #[test]
    fn what_leads_to_the_application_itself_is_known_however_it_is_written() {
        let page = page_links();
        for own in [
            "style.css",
            "../style.css?a&b",
            "/app/style.css",
            "/team/style.css",
            " http://wiki:8080/app/style.css",
            "https://wiki.example/team/style.css",
            "//wiki.example/team/style.css",
            "//wiki:8080/app/style.css",
            "",
        ] {
            assert!(page.is_own(own), "{own}");
        }
        for other in [
            "/other/style.css",
            "//cdn.example/style.css",
            "https://cdn.example/style.css",
            "https://wiki.example/other/style.css",
            "https://wiki.example:8443/team/style.css",
            "http://shop/style.css",
            "data:text/css,a",
            "/\\cdn.example/style.css",
            "\\\\cdn.example/style.css",
            "/\t/cdn.example/style.css",
            "&#47;&#47;cdn.example/style.css",
            "https:cdn.example/style.css",
        ] {
            assert!(!page.is_own(other), "{other}");
        }
    }

    /// Pages of an application whose prefix is gone outside.
    pub(crate) fn pages_at_the_root() -> PageLinks {
        let own = Arc::new(mapping("http://wiki/app/", "https://wiki.example/"));
        PageLinks { all: Arc::new(Links::of(std::iter::once(Arc::clone(&own)))), own }
    }

    #[test]
    fn a_path_on_a_page_never_becomes_another_host() {
        let page = pages_at_the_root();
        for below in ["/evil.example/", "\\evil.example/", "\n/evil.example/", "&sol;evil.example/"] {
            let expected = format!("https://wiki.example/{below}");
            assert_eq!(page.outward(&format!("/app/{below}")), Some(expected), "{below}");
        }
        assert_eq!(page.outward("/app/x").as_deref(), Some("/x"));
    }

    #[test]
    fn everything_else_stays() {
        let page = page_links();
        for link in [
            "http://wiki:8080/elsewhere",
            "http://wiki/app/x",
            "http://shop:8080/",
            "http://shop.example/",
            "http://shopping/",
            "http://corp.local/",
            "http://odd/",
            "//elsewhere.example/x",
            "/elsewhere",
            "x/app/",
            "#top",
            "mailto:a@shop",
            "javascript:location='http://shop/'",
            "http%3A%2F%2Fshop%2F",
            "",
            " ",
        ] {
            assert_eq!(page.outward(link), None, "{link}");
        }
    }
}
