//! Somebody who signs in, for the demo's check of itself: keeps cookies, follows redirects and links, fills in the form.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use url::Url;

use crate::api_client::transport::Client;
use crate::command_error::with_causes;

/// The most pages on the way to what was asked.
const MOST_PAGES: usize = 20;

/// The longest that one answer may take: passwords are slow to check.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser without cookies of anybody.
pub(crate) struct Visitor<'c> {
    client: &'c Client,
    /// By host, for no two of them share a cookie; then by name.
    cookies: HashMap<String, BTreeMap<String, String>>,
}

/// What came of a visit.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it is.
    pub(crate) url: Url,
    /// How it was answered.
    pub(crate) status: StatusCode,
    /// What it says.
    pub(crate) text: String,
}

impl<'c> Visitor<'c> {
    /// Somebody who has been nowhere.
    pub(crate) fn new(client: &'c Client) -> Self {
        Self { client, cookies: HashMap::new() }
    }

    /// Opens `url`, and follows where it leads until there is a page to read or a form to fill in.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn open(&mut self, url: &Url) -> Result<Page, String> {
        self.go(Method::GET, url.clone(), String::new()).await
    }

    /// Opens `url`, and signs in on the way.
    ///
    /// # Errors
    /// A sentence, also where nobody asked who this is.
    pub(crate) async fn sign_in(&mut self, url: &Url, name: &str, password: &str) -> Result<Page, String> {
        let page = self.open(url).await?;
        let missing = || format!("{} has no form to sign in: {}", page.url, page.status);
        let flow = value(&page.text, "name=\"flow\" value=\"").ok_or_else(missing)?;
        let action = value(&page.text, "<form method=\"post\" action=\"").ok_or_else(missing)?;
        let to = page.url.join(&action).map_err(|error| error.to_string())?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("flow", &flow).append_pair("name", name).append_pair("password", password);
        self.go(Method::POST, to, form.finish()).await
    }

    async fn go(&mut self, method: Method, url: Url, form: String) -> Result<Page, String> {
        let (mut method, mut url, mut form) = (method, url, form);
        for _ in 0..MOST_PAGES {
            let answer = self.send(method, &url, std::mem::take(&mut form)).await?;
            let status = answer.status();
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = answer.into_body().collect().await.map_err(|error| with_causes(&error))?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            let next = if status.is_redirection() { location } else { link_on(&text) };
            let Some(next) = next else { return Ok(Page { url, status, text }) };
            url = url.join(&next).map_err(|error| format!("{next}: {error}"))?;
            method = Method::GET;
        }
        Err(format!("more than {MOST_PAGES} pages lead on, the last to {url}"))
    }

    async fn send(&mut self, method: Method, url: &Url, form: String) -> Result<Response<Incoming>, String> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = Request::builder().method(&method).uri(url.as_str()).header(ACCEPT, "text/html");
        request = request.header("sec-fetch-mode", "navigate");
        let known: Vec<String> =
            self.cookies.get(&host).into_iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        if !known.is_empty() {
            request = request.header(COOKIE, known.join("; "));
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            request = request.header(ORIGIN, url.origin().ascii_serialization());
        }
        let request = request.body(Full::from(form)).map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(PATIENCE, self.client.request(request)).await;
        let answer = answer.map_err(|_| format!("{url} did not answer in {} s", PATIENCE.as_secs()))?;
        let answer = answer.map_err(|error| with_causes(&error))?;
        let jar = self.cookies.entry(host).or_default();
        for set in answer.headers().get_all(SET_COOKIE).iter().filter_map(|set| set.to_str().ok()) {
            let pair = set.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => _ = jar.remove(name),
                Some((name, value)) => _ = jar.insert(name.to_owned(), value.to_owned()),
                None => {}
            }
        }
        Ok(answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_leads_on_is_followed_and_no_other() {
        let page = "<p><a id=\"on\" data-way=\"there\" href=\"https://a.example/?x=1&amp;y=2\">Continue</a></p>";
        assert_eq!(link_on(page).as_deref(), Some("https://a.example/?x=1&y=2"));
        assert_eq!(link_on("<a href=\"https://a.example/\">elsewhere</a>"), None);
    }
}
