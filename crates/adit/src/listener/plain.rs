//! The plain HTTP listener for the public: it answers ACME challenges, sends browsers to https, and does nothing else.
//!
//! No application is ever served here, nothing of a request is forwarded, and a redirect goes only to the https URL of a
//! host that is published.

use std::sync::Arc;

use adit_core::Snapshot;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::watch;

use crate::acme::Challenges;

/// Where an authority looks (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// What is answered from.
#[derive(Clone)]
struct Plain {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    challenges: Arc<Challenges>,
}

/// The routes.
pub(crate) fn router(snapshots: watch::Receiver<Arc<Snapshot>>, challenges: Arc<Challenges>) -> Router {
    Router::new().fallback(answer).with_state(Plain { snapshots, challenges })
}

async fn answer(State(plain): State<Plain>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refused = "Only https is served here.\n";
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], refused).into_response();
    }
    if let Some(token) = request.uri().path().strip_prefix(CHALLENGES) {
        return match plain.challenges.http(token) {
            Some(proof) => ([(CONTENT_TYPE, "application/octet-stream")], proof).into_response(),
            None => (StatusCode::NOT_FOUND, "No such challenge.\n").into_response(),
        };
    }
    match location(&plain.snapshots.borrow(), &request) {
        Some(location) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response(),
        None => (StatusCode::NOT_FOUND, "Nothing is published here.\n").into_response(),
    }
}

/// The https URL of what was asked for, if it is published.
fn location(snapshot: &Snapshot, request: &Request) -> Option<HeaderValue> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host = host.to_str().ok()?.to_ascii_lowercase();
    let host = without_port(&host);
    let target = request.uri().path_and_query()?;
    let route = snapshot.route(host, target.path())?;
    let port = route.application.url_at(route.entrance).port().map(|port| format!(":{port}")).unwrap_or_default();
    HeaderValue::from_str(&format!("https://{host}{port}{target}")).ok()
}

fn without_port(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        // The colons of an address in brackets are no ports.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use adit_core::application::{Application, Attributes, Publishing};
    use adit_core::id::{ApplicationId, ConnectorGroupId};
    use adit_core::revision::{Epoch, Revision};
    use adit_core::snapshot::PublishedApplication;
    use adit_core::{AppId, DisplayName, ExternalUrl, InternalUrl};
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    fn published() -> Router {
        let application = |number: u128, url: &str| {
            let (id, name) = (uuid::Uuid::from_u128(number), DisplayName::parse("wiki").unwrap());
            let now = jiff::Timestamp::UNIX_EPOCH;
            let mut made = Application::new(ApplicationId::new(id), AppId::new(id), name, now, Attributes::new());
            let (external, internal) =
                (ExternalUrl::parse(url).unwrap(), InternalUrl::parse("http://internal/").unwrap());
            made.publish(Publishing::new(external, internal), ConnectorGroupId::new(uuid::Uuid::from_u128(1)));
            PublishedApplication::of(&made).unwrap()
        };
        let applications = [application(1, "https://wiki.example:8443/"), application(2, "https://shop.example/only/")];
        let snapshot = Snapshot::compile(Epoch(1), Revision(1), applications, []);
        // The sender goes; the last value stays.
        router(watch::channel(Arc::new(snapshot)).1, Arc::default())
    }

    async fn asked(method: Method, host: &str, target: &str) -> (u16, Option<String>) {
        let request = http::Request::builder().method(method).uri(target).header(HOST, host);
        let answer = published().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let location = answer.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    }

    #[tokio::test]
    async fn browsers_are_sent_to_the_https_url_of_what_is_published() {
        for (host, target, expected) in [
            ("wiki.example", "/a%20b?c=d", "https://wiki.example:8443/a%20b?c=d"),
            ("Wiki.Example.:80", "/", "https://wiki.example:8443/"),
            ("shop.example", "/only/x", "https://shop.example/only/x"),
        ] {
            assert_eq!(asked(Method::GET, host, target).await, (308, Some(expected.to_owned())), "{host}{target}");
        }
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        for (host, target) in [
            ("other.example", "/"),
            ("shop.example", "/"),
            ("", "/"),
            ("wiki.example@other.example", "/"),
            ("other.example/wiki.example", "/"),
        ] {
            assert_eq!(asked(Method::GET, host, target).await, (404, None), "{host}{target}");
        }
        assert_eq!(asked(Method::GET, "wiki.example", "/.well-known/acme-challenge/unknown").await, (404, None));
        assert_eq!(asked(Method::GET, "wiki.example", "/.well-known/acme-challenge/").await, (404, None));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::CONNECT, Method::TRACE] {
            assert_eq!(asked(method.clone(), "wiki.example", "/").await, (405, None), "{method}");
        }
    }
}
