//! What a record says about a request, as the gateway's span of a trace.

use std::sync::Arc;
use std::time::Duration;

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
        method: record.method.clone(),
        path: record.path.as_ref().map(|path| cut(path.path(), limits::RECORDED_PATH).into()),
        host: record.host.as_deref().map(Into::into),
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
