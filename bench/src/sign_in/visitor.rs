//! Somebody who signs in at the built-in provider: keeps cookies, follows redirects and links, fills in the form.

use std::collections::{BTreeMap, HashMap};

use adit_tests::http::{Connection, Response, Trust};
use url::{Position, Url};

/// The most pages on the way to what was asked.
const MOST_PAGES: usize = 20;

/// A browser without cookies of anybody.
pub(super) struct Visitor {
    trust: Trust,
    /// By host, then by name.
    cookies: HashMap<String, BTreeMap<String, String>>,
}

impl Visitor {
    /// Somebody who has been nowhere, and believes the certificates that `trust` does.
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, cookies: HashMap::new() }
    }

    /// Opens `url`, signs in on the way, and gives the page at the end of it.
    pub(super) fn sign_in(&mut self, url: &str, name: &str, password: &str) -> Response {
        let url = Url::parse(url).expect("a URL");
        let (at, form) = self.go("GET", url, String::new());
        let text = form.text();
        let field = |start| value(&text, start).unwrap_or_else(|| panic!("{at} has no form to sign in: {text}"));
        let action = at.join(&field("<form method=\"post\" action=\"")).expect("where the form goes");
        let mut filled = url::form_urlencoded::Serializer::new(String::new());
        filled.append_pair("flow", &field("name=\"flow\" value=\""));
        filled.append_pair("name", name).append_pair("password", password);
        self.go("POST", action, filled.finish()).1
    }

    /// The cookies of `host`, as a request has them.
    pub(super) fn cookies(&self, host: &str) -> String {
        let pairs = self.cookies.get(host).into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Follows where `url` leads, until there is a page to read or a form to fill in.
    fn go(&mut self, method: &str, url: Url, form: String) -> (Url, Response) {
        let (mut method, mut url, mut form) = (method, url, form);
        for _ in 0..MOST_PAGES {
            let answer = self.send(method, &url, &std::mem::take(&mut form));
            let next = match answer.status {
                300..400 => answer.header("location").map(str::to_owned),
                _ => link_on(&answer.text()),
            };
            let Some(next) = next else { return (url, answer) };
            url = url.join(&next).expect("a place to go on to");
            method = "GET";
        }
        panic!("more than {MOST_PAGES} pages lead on, the last to {url}");
    }

    fn send(&mut self, method: &str, url: &Url, form: &str) -> Response {
        let host = url.host_str().expect("a host").to_owned();
        let port = url.port_or_known_default().expect("a port");
        let mut connection = Connection::tls(([127, 0, 0, 1], port).into(), &host, &self.trust).expect("a connection");
        let (authority, cookies) = (format!("{host}:{port}"), self.cookies(&host));
        let origin = url.origin().ascii_serialization();
        let mut headers = vec![("host", authority.as_str()), ("accept", "text/html"), ("sec-fetch-mode", "navigate")];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        if method == "POST" {
            headers.extend([("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())]);
        }
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let answer = connection.send(method, target, &headers, form.as_bytes()).expect("an answer");
        let jar = self.cookies.entry(host).or_default();
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => _ = jar.remove(name),
                Some((name, value)) => _ = jar.insert(name.to_owned(), value.to_owned()),
                None => {}
            }
        }
        answer
    }
}

/// Where a page that leads on by itself does.
fn link_on(html: &str) -> Option<String> {
    let (_, link) = html.split_once("<a id=\"on\"")?;
    value(link.split('>').next()?, "href=\"")
}

/// What stands behind `start`, up to the next quotation mark.
fn value(html: &str, start: &str) -> Option<String> {
    let (_, rest) = html.split_once(start)?;
    let text = rest.split('"').next()?;
    Some(
        text.replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
