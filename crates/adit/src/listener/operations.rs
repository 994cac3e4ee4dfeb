//! The metrics listener: `/livez` (the process answers), `/readyz` (it serves and is not on its way out) and `/metrics`
//! in the OpenMetrics text format. On an address of its own, so that no public path has to be left open for it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::Stopping;

/// What the routes answer from.
#[derive(Clone)]
struct Operations {
    registry: Arc<Mutex<Registry>>,
    stopping: Stopping,
}

/// The routes. They are served once everything else is, so being asked at all means having started.
pub(crate) fn router(registry: Registry, stopping: Stopping) -> Router {
    let operations = Operations { registry: Arc::new(Mutex::new(registry)), stopping };
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(operations)
}

async fn ready(State(operations): State<Operations>) -> Response {
    if *operations.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    "ready\n".into_response()
}

async fn metrics(State(operations): State<Operations>) -> Response {
    let mut text = String::new();
    let registry = operations.registry.lock().unwrap_or_else(PoisonError::into_inner);
    if encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tokio::sync::watch;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(router: Router, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_draining_server_is_alive_and_not_ready() {
        let (stop, stopping) = watch::channel(false);
        let router = router(Registry::default(), stopping);
        assert_eq!(asked(router.clone(), "/readyz").await.0, StatusCode::OK);
        stop.send(true).unwrap();
        assert_eq!(asked(router.clone(), "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(asked(router, "/livez").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_end_as_the_format_demands() {
        let (_stop, stopping) = watch::channel(false);
        let (status, text) = asked(router(Registry::default(), stopping), "/metrics").await;
        assert_eq!((status, text.as_str()), (StatusCode::OK, "# EOF\n"));
    }
}
