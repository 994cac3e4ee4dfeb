//! A browser that signs a user in: keeps its cookie, reads the form, sends it.

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Request;
use http_body_util::BodyExt as _;
use url::Url;

use super::harness::World;
use crate::shelf::hash;

/// The name and the password of the users of these tests.
pub(crate) const NAME: &str = "ada@corp.example";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A PKCE verifier.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Its challenge.
pub(crate) fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash(VERIFIER))
}

/// A page, or where the browser was sent.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) location: Option<Url>,
    pub(crate) policy: String,
    pub(crate) cookie: Option<String>,
}

impl Page {
    /// The value of a hidden field.
    #[track_caller]
    pub(crate) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&start).unwrap_or_else(|| panic!("no {name}: {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }

    /// A parameter of the URL to which the browser was sent.
    #[track_caller]
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let url = self.location.as_ref().unwrap_or_else(|| panic!("sent nowhere: {} {}", self.status, self.text));
        url.query_pairs().find_map(|(known, value)| (known == name).then(|| value.into_owned()))
    }

    /// What the page complains of.
    pub(crate) fn problem(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("role=\"alert\"")?;
        rest.split_once('>')?.1.split('<').next()
    }
}

/// A browser.
#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
    /// What it says of the page that its forms are on.
    pub(crate) origin: Option<&'static str>,
}

impl Browser {
    pub(crate) async fn get(&mut self, world: &World, path: &str) -> Page {
        let request = self.with_cookie(Request::get(path)).body(Body::empty()).unwrap();
        self.read(world, request).await
    }

    pub(crate) async fn post(&mut self, world: &World, path: &str, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self.with_cookie(Request::post(path)).header("host", "adit.example");
        request = request.header("content-type", "application/x-www-form-urlencoded");
        request = request.header("origin", self.origin.unwrap_or("https://adit.example"));
        self.read(world, request.body(Body::from(body)).unwrap()).await
    }

    /// Sends the sign-in form that `page` has.
    pub(crate) async fn sign_in(&mut self, world: &World, page: &Page, name: &str, password: &str) -> Page {
        let flow = page.hidden("flow");
        self.post(world, "/adit/sign-in", &[("flow", &flow), ("name", name), ("password", password)]).await
    }

    fn with_cookie(&self, request: http::request::Builder) -> http::request::Builder {
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn read(&mut self, world: &World, request: Request<Body>) -> Page {
        let response = world.answer(request).await;
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let cookie = header("set-cookie");
        if let Some(cookie) = &cookie {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        // Where a word may break is nothing that somebody reads.
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap().replace("<wbr>", "");
        Page {
            status: parts.status.as_u16(),
            text,
            location: header("location").map(|location| location.parse().unwrap()),
            policy: header("content-security-policy").unwrap_or_default(),
            cookie,
        }
    }
}
