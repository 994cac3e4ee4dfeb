//! The fields of a head that name URLs or hosts: those of a response outward, those of a request inward.

use adit_core::application::HostHeader;
use http::header::{CONTENT_LOCATION, LINK, LOCATION, ORIGIN, REFERER, REFRESH, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::cookie::{self, Cookie};
use super::entrance::Outward;
use super::mapping::UrlMapping;
use super::refresh;

/// Translates what a response's head says (URLs, unless the application sees its external host anyway), and takes out
/// cookies that no upstream may set.
pub(crate) fn to_client(headers: &mut HeaderMap, outward: Outward<'_>) {
    let mut has_refused_cookies = false;
    for (name, value) in headers.iter_mut() {
        let translated = if *name == SET_COOKIE {
            match cookie::outward(value, outward) {
                Cookie::Same => None,
                Cookie::Translated(cookie) => Some(cookie),
                Cookie::Refused => {
                    has_refused_cookies = true;
                    Some(NO_COOKIE)
                }
            }
        } else if outward.host_header == HostHeader::Internal {
            url_in(name, value, outward.mapping)
        } else {
            None
        };
        if let Some(translated) = translated {
            *value = translated;
        }
    }
    if has_refused_cookies {
        remove_empty_cookies(headers);
    }
}

/// What a refused cookie becomes until it is taken out; an upstream's empty one sets nothing either.
const NO_COOKIE: HeaderValue = HeaderValue::from_static("");

fn url_in(name: &HeaderName, value: &HeaderValue, mapping: &UrlMapping) -> Option<HeaderValue> {
    if *name == LOCATION || *name == CONTENT_LOCATION {
        text(value, |reference| mapping.outward(reference))
    } else if *name == LINK {
        text(value, |links| in_links(links, mapping))
    } else if *name == REFRESH {
        text(value, |value| in_refresh(value, mapping))
    } else {
        None
    }
}

/// `Origin` and `Referer` name the external URL; an upstream that knows its internal one compares them with that.
pub(crate) fn to_upstream(headers: &mut HeaderMap, mapping: &UrlMapping) {
    for name in [ORIGIN, REFERER] {
        let Some(value) = headers.get_mut(&name) else { continue };
        if let Some(translated) = text(value, |reference| mapping.inward(reference)) {
            *value = translated;
        }
    }
}

fn text(value: &HeaderValue, translate: impl FnOnce(&str) -> Option<String>) -> Option<HeaderValue> {
    let translated = translate(std::str::from_utf8(value.as_bytes()).ok()?)?;
    HeaderValue::try_from(translated).ok()
}

/// Each `<URI>` outside quotes (RFC 8288, section 3).
fn in_links(links: &str, mapping: &UrlMapping) -> Option<String> {
    let (mut translated, mut changed) = (String::new(), false);
    let mut rest = links;
    while let Some(start) = start_of_uri(rest) {
        let (before, uri) = rest.split_at_checked(start)?;
        let Some((uri, after)) = uri.split_once('>') else { break };
        translated.push_str(before);
        match mapping.outward(uri) {
            Some(uri) => {
                translated.push_str(&uri);
                changed = true;
            }
            None => translated.push_str(uri),
        }
        translated.push('>');
        rest = after;
    }
    translated.push_str(rest);
    changed.then_some(translated)
}

/// Where the text behind the next `<` starts.
fn start_of_uri(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn in_refresh(value: &str, mapping: &UrlMapping) -> Option<String> {
    let range = refresh::url_in(value)?;
    let translated = mapping.outward(value.get(range.clone())?)?;
    Some(format!("{}{translated}{}", value.get(..range.start)?, value.get(range.end..)?))
}

fn remove_empty_cookies(headers: &mut HeaderMap) {
    let all: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
    headers.remove(SET_COOKIE);
    for cookie in all.into_iter().filter(|cookie| !cookie.is_empty()) {
        headers.append(SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::super::entrance::DefaultPath;
    use super::super::mapping::tests::mapping;
    use super::*;

    fn translated(fields: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let headers = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        let mut headers = HeaderMap::from_iter(headers);
        let mapping = &mapping("http://wiki:8080/app/", "https://wiki.example/team/");
        let (host_header, default_path) = (HostHeader::Internal, DefaultPath::Within);
        to_client(&mut headers, Outward { mapping, host_header, default_path });
        let shown = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        headers.iter().map(|(name, value)| (name.to_string(), shown(value))).collect()
    }

    fn one(name: &'static str, value: &str) -> String {
        translated(&[(name, value)]).remove(0).1
    }

    #[test]
    fn every_field_that_names_a_url_is_translated() {
        assert_eq!(one("location", "http://wiki:8080/app/x"), "https://wiki.example/team/x");
        assert_eq!(one("location", "/app/\u{e4}"), "/team/\u{e4}");
        assert_eq!(one("content-location", "/app/x"), "/team/x");
        assert_eq!(one("refresh", "5; url='http://wiki:8080/app/'"), "5; url='https://wiki.example/team/'");
        assert_eq!(one("refresh", "5"), "5");
        assert_eq!(one("x-location", "http://wiki:8080/app/x"), "http://wiki:8080/app/x");
    }

    #[test]
    fn a_redirect_below_a_prefix_that_goes_never_leads_to_another_host() {
        let mapping = &mapping("http://wiki/app/", "https://wiki.example/");
        let (host_header, default_path) = (HostHeader::Internal, DefaultPath::Within);
        for below in ["/evil.example/", "\\evil.example/", "\t/evil.example/"] {
            let location = HeaderValue::from_str(&format!("/app/{below}")).unwrap();
            let mut headers = HeaderMap::from_iter([(LOCATION, location)]);
            to_client(&mut headers, Outward { mapping, host_header, default_path });
            assert_eq!(headers[LOCATION], format!("https://wiki.example/{below}"));
        }
    }

    #[test]
    fn each_link_is_translated_and_its_parameters_stay() {
        assert_eq!(
            one(
                "link",
                "<http://wiki:8080/app/a>; rel=\"next\"; title=\"a \\\" <http://wiki:8080/app/no>\", </app/b>;rel=x, <c>"
            ),
            "<https://wiki.example/team/a>; rel=\"next\"; title=\"a \\\" <http://wiki:8080/app/no>\", </team/b>;rel=x, <c>"
        );
        assert_eq!(one("link", "<http://wiki:8080/app/a"), "<http://wiki:8080/app/a");
    }

    #[test]
    fn each_of_several_lines_is_translated_on_its_own() {
        let fields = [
            ("set-cookie", "a=1; Path=/app"),
            ("set-cookie", "b=2; Path=/"),
            ("set-cookie", "c=3; Domain=wiki; Secure"),
            ("link", "</app/a>"),
            ("link", "</app/b>"),
        ];
        let values: Vec<String> = translated(&fields).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["a=1; Path=/team", "b=2; Path=/team", "c=3; Secure", "</team/a>", "</team/b>"]);
    }

    #[test]
    fn a_cookie_for_what_is_not_the_applications_is_taken_out() {
        let fields = ["a=1; Path=/elsewhere", "b=2; Path=/app", "c=3"].map(|cookie| ("set-cookie", cookie));
        let values: Vec<String> = translated(&fields).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["b=2; Path=/team", "c=3"]);
    }

    #[test]
    fn no_upstream_sets_a_cookie_of_the_gateway() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "__Host-adit-session=stolen; Path=/; Secure", "b=2"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        let mapping = &mapping("http://wiki/", "https://wiki.example/");
        let (host_header, default_path) = (HostHeader::External, DefaultPath::Within);
        to_client(&mut headers, Outward { mapping, host_header, default_path });
        assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    }

    #[test]
    fn what_a_request_says_about_its_place_is_translated_inward() {
        let mapping = mapping("http://wiki:8080/app/", "https://wiki.example/team/");
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static("https://wiki.example"));
        headers.insert(REFERER, HeaderValue::from_static("https://elsewhere.example/team/"));
        to_upstream(&mut headers, &mapping);
        assert_eq!(headers[ORIGIN], "http://wiki:8080");
        assert_eq!(headers[REFERER], "https://elsewhere.example/team/");
    }
}
