//! The provider as another part of this process asks it: without the network, by which its public name may not be reached from
//! here, and in the name of a client whose address the caller has seen.

use adit_identity::{InNameOf, OwnService};
use axum::body::{Body, Bytes, to_bytes};
use http::{Request, Response, StatusCode};
use tower::ServiceExt as _;

use crate::provider::{ClientAddress, Provider};

/// The largest answer, in bytes: documents, keys and tokens.
const LARGEST_ANSWER: usize = 1024 * 1024;

impl Provider {
    /// What answers in this process for the issuer that the provider is.
    #[must_use]
    pub fn in_process(&self) -> OwnService {
        let router = self.router();
        // Who reaches the provider below a path does so through a proxy, which takes the path off.
        let prefix = self.path_prefix().to_owned();
        OwnService::new(move |request| {
            let (router, request) = (router.clone(), named(without_prefix(request, &prefix)));
            async move {
                let answer = router.oneshot(request.map(Body::from)).await.unwrap_or_else(|never| match never {});
                let (head, body) = answer.into_parts();
                match to_bytes(body, LARGEST_ANSWER).await {
                    Ok(body) => Response::from_parts(head, body),
                    Err(_) => cut_short(),
                }
            }
        })
    }
}

/// The request with the client's address where the provider looks for it, so that whatever is counted or noted by addresses
/// is so for those who sign in at the gateway too.
fn named<B>(mut request: Request<B>) -> Request<B> {
    if let Some(InNameOf(address)) = request.extensions().get().copied() {
        request.extensions_mut().insert(ClientAddress(address));
    }
    request
}

/// The request as the provider's own routes have it.
fn without_prefix<B>(mut request: Request<B>, prefix: &str) -> Request<B> {
    let asked = request.uri().path_and_query().and_then(|asked| asked.as_str().strip_prefix(prefix));
    if let Some(own) = asked.and_then(|own| own.parse().ok()) {
        *request.uri_mut() = own;
    }
    request
}

/// What takes the place of an answer that could not be read.
fn cut_short() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_public_url_is_no_part_of_the_providers_own() {
        let own = |url: &str, prefix: &str| {
            let request = Request::get(url).body(()).unwrap();
            without_prefix(request, prefix).uri().path_and_query().unwrap().to_string()
        };
        assert_eq!(own("https://x.example/graph/adit/v2.0/keys?a=b", "/graph"), "/adit/v2.0/keys?a=b");
        assert_eq!(own("https://x.example/adit/v2.0/keys", ""), "/adit/v2.0/keys");
    }
}
