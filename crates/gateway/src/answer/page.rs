//! The page for a person in front of a browser: short, readable on any screen and in the dark, and without anything that
//! is fetched or run.

use crate::reason::Reason;

/// The only style, and the only thing beside text that the policy lets the page have.
pub(crate) const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;\
                     margin:15vh auto;padding:0 1.5rem;overflow-wrap:anywhere}h1{font-size:1.25rem}\
                     code{font-size:.85rem}";

/// Nothing may be loaded, run, sent or rebased; the style is named by its SHA-256.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'sha256-ZTTLERX99tObemWVPQvO87RgVIKHueZkglPc0Jvdzdk='; base-uri 'none'; form-action 'none'";

/// The page; `notice` is what an administrator wrote for it.
pub(super) fn page(reason: Reason, notice: Option<&str>, request_id: &str) -> String {
    let status = reason.status();
    let notice = notice.map(paragraph).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main><h1>{sentence}</h1>{notice}<p>Status {code}, reason <code>{word}</code></p>\
         <p>If this goes on, give your administrator this request id: <code>{request_id}</code></p></main></body></html>\n",
        sentence = reason.sentence(),
        code = status.as_u16(),
        word = reason.as_str(),
    )
}

/// A text as HTML, its lines kept apart.
fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text).replace('\n', "<br>"))
}

/// A text as it may stand in HTML, also between quotation marks.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_policy_names_the_style_that_the_page_has() {
        let digest = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let rustls::SupportedCipherSuite::Tls13(suite) = digest else { panic!("a suite of TLS 1.3") };
        let digest = suite.common.hash_provider.hash(STYLE.as_bytes());
        let named = format!("'sha256-{}'", STANDARD.encode(digest.as_ref()));
        assert!(POLICY.contains(&named), "{named} is not in {POLICY}");
    }

    #[test]
    fn the_page_has_nothing_that_is_fetched_or_run() {
        let page = page(Reason::NoConnector, None, "id");
        for fetched in ["<script", "<link", "<img", "src=", "href=", "url(", "style=", "onload"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
        assert!(page.contains("color-scheme:light dark") && page.contains("width=device-width"));
    }
}
