//! The pages of the sign-in host: on the way to the provider, on the way back, who is signed in, and signing out.
//!
//! They have one script, of our own and always the same, which keeps what stands behind `#` in the URL that was asked: the
//! browser takes it along from redirect to redirect as far as this host, and no server ever sees it. Without scripts the
//! way goes on as well, and only that part is lost. A page sends nobody anywhere but where its link leads.

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

use crate::answer::page::{STYLE, escaped};
use crate::answer::{REASON_HEADER, REQUEST_ID_HEADER};
use crate::body::GatewayBody;

/// What an answer of the sign-in has as its reason.
const REASON: &str = "sign_in";

/// The script, which the policy names by its SHA-256.
const SCRIPT: &str = r#"(()=>{const on=document.getElementById("on"),key="adit-"+on.dataset.attempt;let kept="";try{if(on.dataset.way==="back"){kept=sessionStorage.getItem(key)||"";sessionStorage.removeItem(key)}else if(location.hash.length>1)sessionStorage.setItem(key,location.hash)}catch{}location.replace(on.href+kept)})()"#;

/// Nothing is loaded, nothing runs but the script, nobody frames a page, and forms go to this host alone.
const POLICY: &str = "default-src 'none'; style-src 'sha256-ZTTLERX99tObemWVPQvO87RgVIKHueZkglPc0Jvdzdk='; \
                      script-src 'sha256-+FRGr+vDaGlQKCHhxmn/hy5JaB0Cd2bCRF1blhuECUw='; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";

/// Which way a browser goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the provider: what stands behind `#` is put aside.
    There,
    /// Back to the application: it is put on again.
    Back,
}

/// An application that somebody may open.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) url: String,
}

/// A page that sends the browser on by itself. `attempt` tells the tabs of one browser apart.
pub(super) fn on_the_way(way: Way, attempt: &str, to: &str) -> String {
    let (to, attempt) = (escaped(to), escaped(attempt));
    let (title, way) = match way {
        Way::There => ("Signing in", "there"),
        Way::Back => ("Signed in", "back"),
    };
    let head = format!("<noscript><meta http-equiv=\"refresh\" content=\"0;url={to}\"></noscript>");
    let link = format!("<p><a id=\"on\" data-way=\"{way}\" data-attempt=\"{attempt}\" href=\"{to}\">Continue</a></p>");
    page(title, &head, &format!("{link}<script>{SCRIPT}</script>"))
}

/// Who is signed in, and what they may open.
pub(super) fn home(name: &str, applications: &[Listed], is_cut: bool) -> String {
    let item = |listed: &Listed| format!("<li><a href=\"{}\">{}</a></li>", escaped(&listed.url), escaped(&listed.name));
    let list: String = applications.iter().map(item).collect();
    let list = match applications.is_empty() {
        true => "<p>There is no application that you may open.</p>".to_owned(),
        false => format!("<ul>{list}</ul>"),
    };
    let more = if is_cut { "<p>There are more than are shown here.</p>" } else { "" };
    let form = sign_out_form(None);
    page("My applications", "", &format!("<p>Signed in as {}</p>{list}{more}{form}", escaped(name)))
}

/// The form by which somebody signs out; `carried` is the sealed session of an application.
fn sign_out_form(carried: Option<&str>) -> String {
    let query = carried.map(|sealed| format!("?session={}", escaped(sealed))).unwrap_or_default();
    format!("<form method=\"post\" action=\"/.adit/sign-out{query}\"><button>Sign out everywhere</button></form>")
}

/// Asks whether somebody wants to sign out.
pub(super) fn sign_out(carried: Option<&str>) -> String {
    let form = sign_out_form(carried);
    page("Sign out?", "", &format!("<p>You will be signed out of all applications.</p>{form}"))
}

/// Says that somebody is signed out.
pub(super) fn signed_out() -> String {
    page("Signed out", "", "<p>You are signed out of all applications. You can close this window.</p>")
}

fn page(title: &str, head: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style>{head}</head>\
         <body><main><h1>{title}</h1>{content}</main></body></html>\n"
    )
}

/// An answer with a page.
pub(super) fn answer(html: String, set_cookies: &[String], request_id: HeaderValue) -> Response<GatewayBody> {
    let length = HeaderValue::from(html.len());
    let mut response = own(StatusCode::OK, GatewayBody::full(html), set_cookies, request_id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // With `no-referrer` browsers would say `Origin: null` for the form that signs out (Fetch, section 3.2).
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_LENGTH, length);
    response
}

/// An answer that sends the browser elsewhere.
pub(super) fn redirect(to: &str, set_cookies: &[String], request_id: HeaderValue) -> Response<GatewayBody> {
    let mut response = own(StatusCode::SEE_OTHER, GatewayBody::empty(), set_cookies, request_id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(LOCATION, to);
    }
    response
}

fn own(
    status: StatusCode,
    body: GatewayBody,
    set_cookies: &[String],
    request_id: HeaderValue,
) -> Response<GatewayBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fields: [(HeaderName, &'static str); 5] = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(REASON_HEADER, HeaderValue::from_static(REASON));
    headers.insert(REQUEST_ID_HEADER, request_id);
    for cookie in set_cookies {
        // They are made of ASCII alone.
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn the_policy_names_the_style_and_the_script_that_the_pages_have() {
        for text in [STYLE, SCRIPT] {
            let named = format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes())));
            assert!(POLICY.contains(&named), "{named} is not in {POLICY}");
        }
    }

    #[test]
    fn what_comes_from_outside_is_text() {
        let hostile = "\"><script>alert(1)</script>' onload=x &";
        let listed = [Listed { name: hostile.to_owned(), url: hostile.to_owned() }];
        for page in [home(hostile, &listed, true), on_the_way(Way::Back, hostile, hostile)] {
            assert!(!page.contains("<script>alert"), "{page}");
            assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)"), "{page}");
        }
    }

    #[test]
    fn the_way_goes_on_without_scripts_too() {
        let page = on_the_way(Way::There, "a", "https://login.example/?a=1&b=2");
        assert!(page.contains("content=\"0;url=https://login.example/?a=1&amp;b=2\""), "{page}");
        assert!(page.contains("href=\"https://login.example/?a=1&amp;b=2\""), "{page}");
    }
}
