//! Whether a request is somebody who opens a page: only they are sent to sign in. Scripts, programs and WebSockets would
//! follow a redirect to a page they can do nothing with, and are told instead.

use http::header::ACCEPT;
use http::{HeaderMap, Method};

use crate::answer::names_page;

/// Where pages are shown (Fetch Metadata Request Headers, section 2.2).
const SHOWN: [&str; 3] = ["document", "iframe", "frame"];

/// Whether a browser opens a page with it. Browsers of today say so; of others it is who asks for a page by name.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if *method != Method::GET && *method != Method::HEAD {
        return false;
    }
    // What is fetched ahead begins no sign-in: nobody may ever look at it.
    if said("sec-purpose").is_some_and(|purpose| purpose.contains("prefetch")) {
        return false;
    }
    if let Some(mode) = said("sec-fetch-mode") {
        return mode == "navigate" && said("sec-fetch-dest").is_none_or(|dest| SHOWN.contains(&dest));
    }
    let by_script = said("x-requested-with").is_some_and(|by| by.eq_ignore_ascii_case("XMLHttpRequest"));
    !by_script && headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).any(names_page)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn says(method: Method, fields: &[(&'static str, &'static str)]) -> bool {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_navigation(&method, &fields.collect())
    }

    const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

    #[test]
    fn a_page_that_is_opened_is_a_navigation_and_nothing_else_is() {
        let navigate = ("sec-fetch-mode", "navigate");
        assert!(says(Method::GET, &[navigate, ("sec-fetch-dest", "document"), PAGE]));
        assert!(says(Method::GET, &[navigate, ("sec-fetch-dest", "iframe")]));
        assert!(says(Method::HEAD, &[PAGE]));
        assert!(says(Method::GET, &[PAGE]));
        for fields in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json")],
            &[("accept", "image/avif,image/webp,*/*")],
            &[("sec-fetch-mode", "cors"), PAGE],
            &[("sec-fetch-mode", "no-cors"), PAGE],
            &[("sec-fetch-mode", "websocket"), PAGE],
            &[navigate, ("sec-fetch-dest", "object"), PAGE],
            &[navigate, ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch;prerender"), PAGE],
            &[PAGE, ("x-requested-with", "XMLHttpRequest")],
        ] {
            assert!(!says(Method::GET, fields), "{fields:?}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
            assert!(!says(method, &[navigate, ("sec-fetch-dest", "document"), PAGE]));
        }
    }
}
