//! Where a browser goes when its user has signed in: the very URL that was asked for, at the application's own origin.
//!
//! Invariant: a [`ReturnUrl`] begins with `https://`, the application's host and port, and a slash, and has only characters
//! that no browser reads as something else. It is built from what was asked, sealed while the user is away, and checked
//! again when it comes back.

use url::Url;

/// The longest URL that is kept, in bytes, with its fragment: sealed it fits one cookie, and a few of them do not fill what a
/// browser may send ([`crate::cookie::ATTEMPT_BYTES`]).
pub const LONGEST: usize = 2 * 1024;

/// Why a text is not where a browser is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReturnUrl {
    /// Longer than what is kept.
    #[error("the URL is longer than {LONGEST} bytes")]
    TooLong,
    /// Not at the application.
    #[error("the URL is not at the application's own host and port")]
    Elsewhere,
    /// A character that browsers drop, or read as another.
    #[error("the URL has a character that does not belong there")]
    OddCharacter,
}

/// A URL at an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnUrl(String);

impl ReturnUrl {
    /// Checks that `text` is at `authority`: the application's host in lower case, with its port if that is not 443.
    ///
    /// # Errors
    /// [`NotAReturnUrl`], the first reason found.
    pub fn parse(text: &str, authority: &str) -> Result<Self, NotAReturnUrl> {
        if text.len() > LONGEST {
            return Err(NotAReturnUrl::TooLong);
        }
        // Browsers drop tabs and line ends, and take `\` for `/`. Others that RFC 3986 does not know they send as they are.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>".contains(&byte)) {
            return Err(NotAReturnUrl::OddCharacter);
        }
        let rest = text.strip_prefix("https://").and_then(|rest| rest.strip_prefix(authority));
        if !rest.is_some_and(|rest| rest.starts_with('/')) || !is_at(text, authority) {
            return Err(NotAReturnUrl::Elsewhere);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL of a request: the application's authority, and path and query as they were asked.
    ///
    /// # Errors
    /// [`NotAReturnUrl`].
    pub fn of_request(authority: &str, path_and_query: &str) -> Result<Self, NotAReturnUrl> {
        if !path_and_query.starts_with('/') {
            return Err(NotAReturnUrl::Elsewhere);
        }
        Self::parse(&format!("https://{authority}{path_and_query}"), authority)
    }

    /// The URL of a request, or where that cannot be kept, the nearest one that can: without its query, or else `home`, the
    /// path at which the application begins.
    ///
    /// # Errors
    /// [`NotAReturnUrl`], what is wrong with the URL that was asked, where `home` cannot be kept either.
    pub fn nearest(authority: &str, path_and_query: &str, home: &str) -> Result<Self, NotAReturnUrl> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let asked = Self::of_request(authority, path_and_query);
        asked.or_else(|wrong| {
            let nearest = Self::of_request(authority, path).or_else(|_| Self::of_request(authority, home));
            nearest.map_err(|_| wrong)
        })
    }

    /// The same with the fragment that only the browser knew; a leading `#` may be there.
    ///
    /// # Errors
    /// [`NotAReturnUrl`].
    pub fn with_fragment(&self, fragment: &str, authority: &str) -> Result<Self, NotAReturnUrl> {
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        let (without, _) = self.0.split_once('#').unwrap_or((&self.0, ""));
        Self::parse(&format!("{without}#{fragment}"), authority)
    }

    /// The URL, for a `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The same question to the parser that browsers' own follows.
fn is_at(text: &str, authority: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let own = url.host_str().map(|host| format!("{host}{port}"));
    url.username().is_empty() && url.password().is_none() && own.as_deref() == Some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_was_asked_is_kept_to_the_letter() {
        let kept =
            |authority: &str, path: &str| ReturnUrl::of_request(authority, path).map(|url| url.as_str().to_owned());
        let same = |text: &str| Ok(text.to_owned());
        assert_eq!(kept("a.example", "/"), same("https://a.example/"));
        assert_eq!(
            kept("a.example", "/x%2fy/./?next=https://b.example/&q=%C3%A4"),
            same("https://a.example/x%2fy/./?next=https://b.example/&q=%C3%A4")
        );
        assert_eq!(kept("a.example:8443", "/x"), same("https://a.example:8443/x"));
        let page = ReturnUrl::of_request("a.example", "/x?y=1").unwrap();
        let with = page.with_fragment("#/route?z=1", "a.example").unwrap();
        assert_eq!(with.as_str(), "https://a.example/x?y=1#/route?z=1");
        assert_eq!(with.with_fragment("top", "a.example").unwrap().as_str(), "https://a.example/x?y=1#top");
        let most = LONGEST - "https://a.example/".len();
        assert!(kept("a.example", &format!("/{}", "x".repeat(most))).is_ok());
        assert_eq!(kept("a.example", &format!("/{}", "x".repeat(most + 1))), Err(NotAReturnUrl::TooLong));
    }

    #[test]
    fn what_browsers_send_raw_is_kept_behind_the_authority_only() {
        let path = "/a{b}|c^d`e?x={\"y\"".replace('"', "%22") + ":1}|^`";
        let kept = ReturnUrl::of_request("a.example", &path).unwrap();
        assert_eq!(kept.as_str(), format!("https://a.example{path}"));
        for odd in ["{", "}", "|", "^", "`"] {
            for text in [
                format!("https://a.example{odd}/"),
                format!("https://{odd}a.example/"),
                format!("{odd}https://a.example/"),
            ] {
                assert!(ReturnUrl::parse(&text, "a.example").is_err(), "{text}");
            }
        }
        for odd in ["\\", "\"", "<", ">", " ", "\t", "\r\n", "\u{0}", "\u{7f}", "ä"] {
            assert!(ReturnUrl::of_request("a.example", &format!("/x?y={odd}")).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_kept_gives_way_to_the_nearest_one() {
        let nearest = |path: &str| ReturnUrl::nearest("a.example", path, "/app/").map(|url| url.as_str().to_owned());
        let long = "x".repeat(LONGEST);
        assert_eq!(nearest("/app/page?y=1").as_deref(), Ok("https://a.example/app/page?y=1"));
        assert_eq!(nearest(&format!("/app/page?y={long}")).as_deref(), Ok("https://a.example/app/page"));
        assert_eq!(nearest("/app/page?y=\\").as_deref(), Ok("https://a.example/app/page"));
        assert_eq!(nearest(&format!("/app/{long}?y=1")).as_deref(), Ok("https://a.example/app/"));
        assert_eq!(ReturnUrl::nearest("a.example", "//\\", "nowhere"), Err(NotAReturnUrl::OddCharacter));
    }

    #[test]
    fn cve_2020_11053_and_its_kin_lead_nowhere_but_to_the_application() {
        let hostile = [
            "",
            "/",
            "//b.example/",
            "///b.example/",
            "/\\b.example/",
            "\\\\b.example/",
            "https:b.example",
            "https:/b.example/",
            "https:///b.example/",
            "http://a.example/",
            "HTTPS://a.example/",
            "https://A.example/",
            "https://b.example/",
            "https://b.example/?https://a.example/",
            "https://a.example",
            "https://a.example?x",
            "https://a.example#x",
            "https://a.example.b.example/",
            "https://a.exampleb.example/",
            "https://a.example@b.example/",
            "https://a.example:x@b.example/",
            "https://x@a.example/",
            "https://a.example:443/",
            "https://a.example:8443/",
            "https://a.example./",
            "https://a.example\\@b.example/",
            "https://a.example/\\b.example",
            "https://a.example\t/",
            "https://a.example/\r\nset-cookie: x=1",
            " https://a.example/",
            "https://a.example/ x",
            "https://a.example/\u{0}",
            "https://a.example/ä",
            "https://a.example%2eb.example/",
            "https://a%2eexample/",
            "javascript:alert(1)//https://a.example/",
            "data:text/html,https://a.example/",
            "https://[::1]/",
            "https://b.example\u{3002}a.example/",
            "https://a.example/\">",
            "https://a.example/\u{202e}",
        ];
        for text in hostile {
            assert!(ReturnUrl::parse(text, "a.example").is_err(), "{text:?}");
        }
        for path in ["b.example/", "@b.example/", ".b.example/", ":8443/", "", "?x", "\\b"] {
            assert!(ReturnUrl::of_request("a.example", path).is_err(), "{path:?}");
        }
        // Two slashes are a path of the application where the host is there as well.
        let slashes = ReturnUrl::of_request("a.example", "//b.example/").unwrap();
        assert_eq!(slashes.as_str(), "https://a.example//b.example/");
        let page = ReturnUrl::of_request("a.example", "/").unwrap();
        for fragment in ["a b", "\r\n", "<script>", "ä"] {
            assert!(page.with_fragment(fragment, "a.example").is_err(), "{fragment:?}");
        }
    }
}
