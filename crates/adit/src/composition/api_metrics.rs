//! Counts the API's requests by method and class of status. Labels are bounded: a method nobody knows is `other`.

use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    status: &'static str,
}

type Requests = Family<Labels, Counter<u64, AtomicU64>>;

/// `api` with each of its answers counted in `registry`.
pub(super) fn counted(api: Router, registry: &mut Registry) -> Router {
    let requests = Requests::default();
    registry.register("adit_build", "The version that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    registry.register("adit_api_requests", "Requests that the API answered", requests.clone());
    api.layer(middleware::from_fn(move |request: Request, next: Next| {
        let requests = requests.clone();
        async move {
            let method = method(request.method());
            let answer = next.run(request).await;
            requests.get_or_create(&Labels { method, status: class(answer.status()) }).inc();
            answer
        }
    }))
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        4 => "4xx",
        5 => "5xx",
        _ => "other",
    }
}
