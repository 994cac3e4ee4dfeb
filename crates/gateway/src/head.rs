//! Request heads: what may be routed, and what the upstream sees.
//!
//! Rules of the threat model, section 3.2: one host or none at all, identity and forwarding fields of clients removed in
//! every spelling before ours are set, hop-by-hop fields end here, and the bytes that were authorised are forwarded.

pub(crate) mod fields;

use std::borrow::Cow;
use std::rc::Rc;

use adit_core::access::Grant;
use adit_core::request_path;
use adit_tunnel::target::UpstreamTls;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, SEC_WEBSOCKET_KEY, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use crate::affinity::withhold_cookies;
use crate::answer::REQUEST_ID_HEADER;
use crate::arriving::Arriving;
use crate::edge::Client;
use crate::failure::Failure;
use crate::framing::head::{digits, may_be_read_as};
use crate::hold::CONTINUE;
use crate::http1::head::Question;
use crate::limits;
use crate::reason::Reason;
use crate::replay::{ReplayBody, RequestBody};
use crate::serving::ForwardingRules;
use crate::translate;
use crate::upgrade::{self, Upgrade};
use fields::{is_connection_bound, join_cookies, remove_client_claims, remove_hop_by_hop, wants_trailers};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_HEADER);
pub(crate) static HTTPS: HeaderValue = HeaderValue::from_static("https");

/// Where a request wants to go, in the form that routing uses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Lower case, without port.
    pub(crate) host: Rc<str>,
    /// As the client wrote it, port included.
    pub(crate) authority: HeaderValue,
}

/// Reads host and path, and refuses what two servers could read in two ways.
pub(crate) fn place(request: &Request<Arriving>, client: &Client) -> Result<Place, Failure> {
    let is_websocket = upgrade::is_extended_connect(request);
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) && !is_websocket {
        return Err(Failure::new(Reason::MethodNotAllowed, request.method().as_str()));
    }
    within_limits(request.uri(), request.headers())?;
    if request.version() == Version::HTTP_2 {
        check_pseudo_headers(request.uri())?;
        check_length(request.headers())?;
        if is_websocket {
            check_bodiless(request.headers())?;
        }
    }
    let authority = authority(request.version(), request.uri(), request.headers())?;
    let text = authority.to_str().map_err(|_| Failure::bad_request("Host is not ASCII"))?;
    let host = host_of(text).ok_or_else(|| Failure::bad_request("Host is not a name or address with a port"))?;
    if client.server_name.as_deref().is_some_and(|name| name != host) {
        return Err(Failure::new(Reason::Misdirected, "the host is not the name that TLS was opened for"));
    }
    request_path::check(request.uri().path()).map_err(|refused| Failure::bad_request(&refused.to_string()))?;
    let host = Rc::from(host);
    Ok(Place { host, authority })
}

/// What the HTTP/2 library takes as it comes: a scheme that is not the one spoken here, a path that does not start as one.
fn check_pseudo_headers(uri: &Uri) -> Result<(), Failure> {
    if uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(Failure::bad_request("the scheme is not https"));
    }
    if uri.path_and_query().is_none_or(|target| !target.as_str().starts_with('/')) {
        return Err(Failure::bad_request("the path does not start with a slash"));
    }
    Ok(())
}

/// What the guard of HTTP/1.1 refuses, and the HTTP/2 library takes: `010`, an empty length, one that is said twice. It
/// would be sent on as it is written, and there are servers that read it otherwise.
fn check_length(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.keys().any(is_framing_twin) {
        return Err(Failure::bad_request("a field differs from one that frames bodies in its signs only"));
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if digits(length.as_bytes()).is_some() => Ok(()),
        _ => Err(Failure::bad_request("Content-Length is not one number in plain digits")),
    }
}

/// Whether there are servers that read it as a field which frames bodies.
fn is_framing_twin(name: &HeaderName) -> bool {
    let is_twin_of =
        |plain: &HeaderName| name != plain && may_be_read_as(name.as_str().as_bytes(), plain.as_str().as_bytes());
    is_twin_of(&CONTENT_LENGTH) || is_twin_of(&TRANSFER_ENCODING)
}

/// A request for another protocol has no body over HTTP/1.1, as which it goes on: a length would make the upstream wait for
/// one, and take the next request for it.
fn check_bodiless(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(CONTENT_LENGTH) {
        return Err(Failure::bad_request("a request for another protocol has a length"));
    }
    Ok(())
}

fn within_limits(uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
    if uri.path_and_query().is_some_and(|target| target.as_str().len() > limits::TARGET_BYTES) {
        return Err(Failure::new(Reason::TargetTooLong, "path and query are too long"));
    }
    let cookies = headers.get_all(COOKIE).iter();
    let (lines, cookies) = cookies.fold((0, 0), |(lines, bytes), cookie| (lines + 1, bytes + cookie.len()));
    // HTTP/2 may split cookies, which become one field again. The library of HTTP/1.1 has counted already.
    if headers.len().saturating_sub(lines) + lines.min(1) > limits::FIELDS {
        return Err(Failure::new(Reason::HeadTooLarge, "there are too many fields"));
    }
    // What is put between them counts, as for whoever reads them then.
    if cookies + "; ".len() * lines.saturating_sub(1) > limits::COOKIE_BYTES {
        return Err(Failure::new(Reason::HeadTooLarge, "the cookies are too large"));
    }
    Ok(())
}

/// The one authority of a request: `:authority`, or exactly one `Host`; both must agree where both are there.
fn authority(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<HeaderValue, Failure> {
    let mut hosts = headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Failure::bad_request("more than one Host"));
    }
    let in_uri = uri.authority().map(http::uri::Authority::as_str);
    match (in_uri, first) {
        (Some(in_uri), Some(host)) if !in_uri.as_bytes().eq_ignore_ascii_case(host.as_bytes()) => {
            Err(Failure::bad_request("Host differs from the request target"))
        }
        (Some(in_uri), None) if version == Version::HTTP_2 => {
            HeaderValue::from_str(in_uri).map_err(|_| Failure::bad_request("the authority is not ASCII"))
        }
        (_, Some(host)) => Ok(host.clone()),
        (_, None) => Err(Failure::bad_request("no Host")),
    }
}

/// The host of `host:port` in lower case; `None` for anything else, user information included.
fn host_of(authority: &str) -> Option<Cow<'_, str>> {
    let (host, port) = match authority.rfind(']') {
        Some(end) if authority.starts_with('[') => authority.split_at_checked(end + 1)?,
        Some(_) => return None,
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let port_is_valid = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b']' | b':');
    if host.is_empty() || !port_is_valid || !host.bytes().all(allowed) {
        return None;
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(Cow::Owned(host.to_ascii_lowercase()));
    }
    Some(Cow::Borrowed(host))
}

/// The head that the upstream sees. Made from a [`Grant`] only: no byte enters a tunnel without one.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamHead {
    pub(crate) method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// The request carries `NTLM` or `Negotiate`.
    pub(crate) connection_bound: bool,
    /// The client wants to see trailers.
    trailers: bool,
}

impl UpstreamHead {
    /// Rewrites a client's head.
    pub(crate) fn new(
        parts: Parts,
        grant: &Grant,
        place: &Place,
        rules: &ForwardingRules,
        client: &Client,
    ) -> Result<Self, Failure> {
        let uri = upstream_uri(&parts.uri, grant)?;
        let mut headers = parts.headers;
        let forwarded_for = client.forwarded_for(&headers);
        let trailers = headers.contains_key(TE) && wants_trailers(&headers);
        remove_hop_by_hop(&mut headers);
        remove_client_claims(&mut headers);
        if let Some(sign_on) = &rules.sign_on {
            sign_on.withhold(&mut headers);
        }
        withhold_cookies(&mut headers);
        join_cookies(&mut headers);
        let connection_bound = headers.get_all(AUTHORIZATION).iter().any(is_connection_bound);
        if rules.host.is_some() {
            translate::to_upstream(&mut headers, rules.translations.at(grant.entrance()));
        }
        if rules.translates_links() {
            translate::restrict_accepted(&mut headers);
        }
        headers.insert(HOST, rules.host.clone().unwrap_or_else(|| place.authority.clone()));
        headers.insert(X_FORWARDED_FOR.clone(), forwarded_for);
        headers.insert(X_FORWARDED_HOST.clone(), place.authority.clone());
        headers.insert(X_FORWARDED_PROTO.clone(), HTTPS.clone());
        Ok(Self { method: parts.method, uri, headers, connection_bound, trailers })
    }

    /// Tells the upstream by which id the gateway records the request.
    pub(crate) fn identify(&mut self, id: HeaderValue) {
        self.headers.insert(X_REQUEST_ID.clone(), id);
    }

    /// The fields, for what is told of who asks.
    pub(crate) const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The path and query that the upstream is asked for.
    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The fields that the upstream sees.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Asks the upstream for a WebSocket.
    pub(crate) fn upgrade(&mut self, upgrade: &Upgrade) {
        self.method = Method::GET;
        // Whatever was let in: no body follows.
        self.headers.remove(CONTENT_LENGTH);
        self.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        self.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        self.headers.insert(SEC_WEBSOCKET_KEY, upgrade.key.clone());
    }

    /// Whether the upstream is asked to switch protocols.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.headers.contains_key(UPGRADE)
    }

    /// Whether it is a call that HTTP/1.1 cannot carry: gRPC, whose outcome is in trailers.
    pub(crate) fn is_grpc(&self) -> bool {
        let words = self.headers.get(CONTENT_TYPE).filter(|_| self.method == Method::POST).map(HeaderValue::as_bytes);
        let rest = words.and_then(|words| words.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }

    /// One attempt's request over HTTP/1.1.
    pub(crate) fn http1_request(&self, body: &ReplayBody) -> Question<'_> {
        let switches = self.is_upgrade();
        Question {
            method: &self.method,
            uri: &self.uri,
            fields: &self.headers,
            takes_trailers: self.trailers && !switches,
            asks_first: body.asks(),
            switches,
            body: body.attempt(),
        }
    }

    /// One attempt's request over HTTP/2, where the host is part of the address.
    pub(crate) fn http2_request(
        &self,
        body: &ReplayBody,
        rules: &ForwardingRules,
    ) -> Result<Request<RequestBody>, Failure> {
        let wrong = || Failure::bad_request("the host cannot be written as HTTP/2 has it");
        let mut parts = self.uri.clone().into_parts();
        parts.scheme = Some(if rules.target.tls == UpstreamTls::Off { Scheme::HTTP } else { Scheme::HTTPS });
        let host = self.headers.get(HOST).ok_or_else(wrong)?;
        parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| wrong())?);
        let mut request = Request::new(body.attempt());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| wrong())?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().remove(HOST);
        if body.asks() {
            request.headers_mut().insert(EXPECT, CONTINUE.clone());
        }
        if self.trailers {
            request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        }
        Ok(request)
    }
}

/// The path below the published prefix, below the internal prefix; the very bytes that were authorised.
fn upstream_uri(uri: &Uri, grant: &Grant) -> Result<Uri, Failure> {
    let (external, internal) = (grant.url().prefix(), grant.application().internal_url.prefix());
    let given = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let given = if given.as_str().starts_with('/') {
        given
    } else {
        // `https://host?query` has no path, which is `/` (RFC 9110, section 4.2.3).
        PathAndQuery::try_from(format!("/{given}")).map_err(|_| Failure::bad_request("the path cannot be mapped"))?
    };
    let path_and_query = if external == internal {
        given
    } else {
        let (prefix, below) = (internal.as_str(), given.path().get(grant.below()..).unwrap_or_default());
        let exact = below.is_empty() && !given.path().ends_with('/') && prefix.len() > 1;
        let prefix = if exact { prefix.trim_end_matches('/') } else { prefix };
        let query = given.query().map(|query| format!("?{query}")).unwrap_or_default();
        PathAndQuery::try_from(format!("{prefix}{below}{query}"))
            .map_err(|_| Failure::bad_request("the path cannot be mapped"))?
    };
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).map_err(|_| Failure::bad_request("the path cannot be mapped"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_address_with_at_most_a_port() {
        for (text, host) in [
            ("wiki.example", Some("wiki.example")),
            ("Wiki.Example:8443", Some("wiki.example")),
            ("wiki.example.", Some("wiki.example")),
            ("[::1]:8443", Some("[::1]")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("", None),
            (":80", None),
            ("a@b", None),
            ("a:b", None),
            ("a:+1", None),
            ("a:99999", None),
            ("a b", None),
            ("a,b", None),
            ("a/b", None),
            ("::1", None),
        ] {
            assert_eq!(host_of(text).as_deref(), host, "{text}");
        }
    }

    #[test]
    fn a_length_is_one_number_in_plain_digits() {
        let check = |lengths: &[&'static str]| {
            let lengths = lengths.iter().map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
            check_length(&lengths.collect()).is_ok()
        };
        for twin in ["content_length", "content.length", "transfer_encoding"] {
            let twin = [(HeaderName::from_static(twin), HeaderValue::from_static("5"))];
            assert!(check_length(&twin.into_iter().collect()).is_err());
        }
        let others = ["content-lengths", "x-content-length", "content-type"].map(HeaderName::from_static);
        assert!(check_length(&others.into_iter().map(|name| (name, HeaderValue::from_static("5"))).collect()).is_ok());
        for good in [&[][..], &["0"], &["5"], &["123456789012345678"]] {
            assert!(check(good), "{good:?}");
        }
        for bad in [&[""][..], &["010"], &["005"], &["00"], &["+5"], &["5 "], &["5,5"], &["5", "5"], &["5", "6"]] {
            assert!(!check(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_head_has_a_hundred_fields_and_split_cookies_are_one() {
        let uri = Uri::from_static("/");
        let mut headers = HeaderMap::new();
        for _ in 1..limits::FIELDS {
            headers.append("x", HeaderValue::from_static("y"));
        }
        for _ in 0..20 {
            headers.append(COOKIE, HeaderValue::from_static("a=1"));
        }
        assert!(within_limits(&uri, &headers).is_ok());
        headers.append("x", HeaderValue::from_static("y"));
        assert!(within_limits(&uri, &headers).is_err());
    }
}
