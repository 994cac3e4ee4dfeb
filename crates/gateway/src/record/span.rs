//! What a record says about a request, as the gateway's span of a trace.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::Record;
use super::line::{cut, version};
use crate::limits;
use crate::span::{EndedSpan, SpanSink};

/// Tells `sink` of a request that `ended` at that time since 1970, if its trace is sampled.
pub(super) fn tell(sink: &dyn SpanSink, record: &Record, ended: Duration, total: Duration) {
    let Some(span) = record.span.filter(|span| span.sampled) else { return };
    let Some(own) = span.own else { return };
    let opening = record.course.opening();
    sink.ended(EndedSpan {
        trace: span.trace,
        span: own,
        parent: span.parent,
        ended,
        total,
        request_id: record.id.uuid(),
        method: record.method.as_ref().map(cut_method),
        path: record.path.as_ref().map(|path| cut(path.path(), limits::RECORDED_PATH).into()),
        host: record.host.as_deref().map(|host| cut(host, limits::RECORDED_HOST).into()),
        http: version(record.version),
        client: record.behind.unwrap_or(record.client.address),
        application: record.rules.as_ref().map(|rules| Arc::clone(&rules.application)),
        connector: record.course.connector(),
        attempts: record.course.attempts(),
        status: record.status.map(|status| status.as_u16()),
        outcome: record.outcome.as_str(),
        reason: record.failure.as_ref().map(|failure| failure.reason.as_str()),
        tls: record.handshake,
        tunnel: opening.map(|(tunnel, _)| tunnel),
        connect: opening.and_then(|(_, connect)| connect),
        first_byte: record.first_byte,
    });
}

/// Clients may make up methods as long as a head.
fn cut_method(method: &Method) -> Method {
    let known = cut(method.as_str(), limits::RECORDED_METHOD);
    // The beginning of a method is one as well.
    Method::from_bytes(known.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_a_client_made_up_is_cut_and_every_other_stays() {
        let made_up = Method::from_bytes(&[b'X'; 60_000]).unwrap();
        assert_eq!(cut_method(&made_up).as_str(), "X".repeat(limits::RECORDED_METHOD));
        for method in [Method::GET, Method::from_bytes(b"UPDATEREDIRECTREF").unwrap()] {
            assert_eq!(cut_method(&method), method);
        }
    }
}
