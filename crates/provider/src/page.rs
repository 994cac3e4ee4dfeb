//! The provider's pages: plain HTML that works without a script, on narrow screens, with a keyboard and with a screen reader.
//!
//! Invariant: every text that comes from outside goes through [`escaped`], and the browser is told to load nothing, to run
//! nothing and to show the page in no frame.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode, header};

use crate::error::OAuthError;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}\
main{box-sizing:border-box;max-width:26rem;margin:0 auto;padding:3rem 1.25rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}\
p{margin:0 0 1rem;overflow-wrap:anywhere}\
label{display:block;font-weight:600;margin:0 0 .25rem}\
input{box-sizing:border-box;width:100%;font:inherit;padding:.6rem .7rem;margin:0 0 1rem;border:1px solid GrayText;\
border-radius:.4rem;background:Field;color:FieldText}\
input:focus-visible,button:focus-visible{outline:3px solid #3b82f6;outline-offset:2px}\
button{font:inherit;font-weight:600;width:100%;padding:.7rem;margin:0 0 .75rem;border:1px solid #0b57d0;\
border-radius:.4rem;background:#0b57d0;color:#fff}\
button.other{border-color:GrayText;background:Canvas;color:CanvasText}\
ul{margin:0 0 1.25rem;padding:0 0 0 1.25rem}\
li{margin:0 0 .4rem;overflow-wrap:anywhere}\
code{font:.875rem/1.4 ui-monospace,monospace}\
.note{font-size:.875rem}\
input+.note{margin:-.6rem 0 1rem}\
.problem{border-left:.3rem solid #d93025;padding:.5rem .75rem}\
.code{font:600 1.25rem/1.5 ui-monospace,monospace;letter-spacing:.1em}";

/// What the browser may do with a page whose forms go nowhere but here.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )
});

/// A page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    /// HTML, with everything from outside escaped.
    pub(crate) content: String,
    /// Where the answer to its form may send the browser; Chromium asks the page for that too.
    pub(crate) leads_to: Option<String>,
}

impl Page {
    pub(crate) fn new(title: &'static str, content: String) -> Self {
        Self { status: StatusCode::OK, title, content, leads_to: None }
    }

    /// A page that says what was wrong and what to do.
    pub(crate) fn problem(title: &'static str, error: &OAuthError) -> Self {
        let (message, number) = (escaped(&error.message()), error.number());
        let content = format!(
            "<h1>{}</h1>\n<p class=\"problem\" role=\"alert\">{message}</p>\n\
             <p>Go back to where you came from and begin again. If that does not help, tell whoever looks after the \
             application this number: <strong>{number}</strong>.</p>",
            escaped(title)
        );
        Self { status: error.status(), title, content, leads_to: None }
    }

    pub(crate) fn leading_to(mut self, source: Option<String>) -> Self {
        self.leads_to = source;
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let title = escaped(self.title);
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{}\n</main>\n</body>\n</html>\n",
            self.content
        );
        let policy = match &self.leads_to {
            Some(source) => format!("{} {source}", *POLICY),
            None => POLICY.clone(),
        };
        let mut response = Response::new(Body::from(html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // A source that is no header value would leave the page without its policy: then it leads nowhere.
        let policy = HeaderValue::from_str(&policy).or_else(|_| HeaderValue::from_str(&POLICY));
        if let Ok(policy) = policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        for (name, value) in GUARDS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// What stands on every page's head, and on redirects.
pub(crate) const GUARDS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
];

/// What is wrong with what was entered, as it stands above a form, and the attribute by which a field says so too.
pub(crate) fn alert(problem: Option<&str>) -> (String, &'static str) {
    match problem {
        Some(problem) => {
            let shown = format!("<p class=\"problem\" role=\"alert\" id=\"problem\">{}</p>\n", escaped(problem));
            (shown, " aria-describedby=\"problem\"")
        }
        None => (String::new(), ""),
    }
}

/// A text as it stands in HTML, between tags and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escaped("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }

    #[test]
    fn a_problem_is_said_in_words_before_its_number() {
        let page = Page::problem("This sign-in cannot go on", &OAuthError::BadRedirect);
        let (words, number) =
            (page.content.find("The redirect URI").unwrap(), page.content.find("AADSTS50011").unwrap());
        assert!(words < number && page.status == StatusCode::BAD_REQUEST, "{}", page.content);
        let hostile = Page::problem("x", &OAuthError::UnknownClient("<b>".to_owned()));
        assert!(!hostile.content.contains("<b>"), "{}", hostile.content);
        assert_eq!(alert(None), (String::new(), ""));
        assert!(alert(Some("<b>")).0.contains("&lt;b&gt;"));
    }

    #[test]
    fn a_page_loads_and_runs_nothing_and_stands_in_no_frame() {
        let response = Page::new("Sign in", String::new()).leading_to(Some("https://wiki.example".to_owned()));
        let response = response.into_response();
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'; form-action 'self' https://wiki.example"), "{policy}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let hostile = Page::new("Sign in", String::new()).leading_to(Some("x\n".to_owned())).into_response();
        assert_eq!(hostile.headers()["content-security-policy"], POLICY.as_str());
    }
}
