//! The demo's private application: a page that shows how a request arrived and counts visits, an echo, and a little
//! JSON. On a loopback port that only this machine, so only the demo's connectors, can reach. The page asks for nothing
//! from elsewhere.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The running sample application; it ends with this value.
pub(crate) struct SampleApplication {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

type Visits = Arc<AtomicU64>;

impl SampleApplication {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router()).await {
                tracing::error!(%error, "the sample application stopped");
            }
        });
        Ok(Self { address, serving })
    }

    /// Its URL inside the private network.
    pub(crate) fn internal_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The same by another name: an internal URL is one application's.
    pub(crate) fn internal_url_by_name(&self) -> String {
        format!("http://localhost:{}/", self.address.port())
    }
}

impl Drop for SampleApplication {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn router() -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/visits", get(visits))
        .route("/echo", any(echo))
        .fallback(async || (StatusCode::NOT_FOUND, "The sample application has /, /echo and /api/visits.\n"))
        .with_state(Visits::default())
}

async fn page(State(visits): State<Visits>, headers: HeaderMap) -> Response {
    let visit = visits.fetch_add(1, Ordering::Relaxed) + 1;
    let mut rows = String::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let _ = write!(rows, "<tr><th>{}</th><td>{}</td></tr>", escaped(name.as_str()), escaped(&value));
    }
    let html = include_str!("sample.html").replace("{{visit}}", &visit.to_string()).replace("{{rows}}", &rows);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    ([(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

async fn visits(State(visits): State<Visits>) -> Response {
    in_json(&json!({ "visits": visits.load(Ordering::Relaxed) }))
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])).collect();
    in_json(&json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    }))
}

fn in_json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], value.to_string())
        .into_response()
}

/// Whatever a visitor sends in a header is shown as text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(router: &Router, request: http::Request<Body>) -> String {
        let answer = router.clone().oneshot(request).await.unwrap();
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_page_counts_visits_and_shows_headers_as_text() {
        let router = router();
        let request = || http::Request::get("/").header("x-test", "<script>").body(Body::empty()).unwrap();
        assert!(asked(&router, request()).await.contains("&lt;script&gt;"));
        assert!(asked(&router, request()).await.contains("<strong>2</strong>"));
        let visits = asked(&router, http::Request::get("/api/visits").body(Body::empty()).unwrap()).await;
        assert_eq!(visits, r#"{"visits":2}"#);
    }

    #[tokio::test]
    async fn the_echo_says_what_arrived() {
        let request = http::Request::put("/echo?a=b").header("x-test", "1").body(Body::from("hello")).unwrap();
        let echoed: Value = serde_json::from_str(&asked(&router(), request).await).unwrap();
        assert_eq!(
            (&echoed["method"], &echoed["uri"], &echoed["body"]),
            (&json!("PUT"), &json!("/echo?a=b"), &json!("hello"))
        );
    }

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere() {
        let page = include_str!("sample.html");
        for outside in ["http:", "https:", "src=", "<link", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
