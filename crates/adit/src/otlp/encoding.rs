//! Spans as OpenTelemetry writes them: one of a server for each request, with the attributes that its semantic
//! conventions for HTTP name, and Adit's own under `adit.`.

use std::time::Duration;

use adit_gateway::EndedSpan;
use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Of a span: its trace is sampled, it is known whether its parent is elsewhere, and it is.
const SAMPLED: u32 = 1;
const PARENT_IS_KNOWN: u32 = 1 << 8;
const PARENT_IS_REMOTE: u32 = 1 << 9;

/// What stands for methods that the conventions do not know: there could be any number of them.
const OTHER_METHOD: &str = "_OTHER";

/// One request to a collector.
pub(super) fn request(instance: &str, spans: impl Iterator<Item = EndedSpan>) -> ExportTraceServiceRequest {
    let resource =
        [text("service.name", "adit-gateway"), text("service.version", VERSION), text("service.instance.id", instance)];
    let scope = InstrumentationScope {
        name: "adit.gateway".to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans =
        ScopeSpans { scope: Some(scope), spans: spans.map(|ended| span(&ended)).collect(), ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(Resource { attributes: resource.into(), ..Resource::default() }),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

/// One span.
fn span(ended: &EndedSpan) -> Span {
    let method = ended.method.as_ref().map_or(OTHER_METHOD, known_method);
    let remote = if ended.parent.is_some() { PARENT_IS_REMOTE } else { 0 };
    Span {
        trace_id: ended.trace.to_be_bytes().into(),
        span_id: ended.span.to_be_bytes().into(),
        parent_span_id: ended.parent.map(|parent| parent.to_be_bytes().into()).unwrap_or_default(),
        flags: SAMPLED | PARENT_IS_KNOWN | remote,
        name: if method == OTHER_METHOD { "HTTP".to_owned() } else { method.to_owned() },
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanoseconds(ended.ended.saturating_sub(ended.total)),
        end_time_unix_nano: nanoseconds(ended.ended),
        attributes: attributes(ended, method),
        status: error(ended).map(|_| Status { code: StatusCode::Error.into(), ..Status::default() }),
        ..Span::default()
    }
}

/// What went wrong, if it was not the client's doing: those are no errors of a server's span.
fn error(ended: &EndedSpan) -> Option<String> {
    let of_server = ended.status.filter(|status| *status >= 500);
    match ended.reason {
        Some(reason) => of_server.map(|_| reason.to_owned()),
        None if ended.outcome == "upstream_broken" => Some(ended.outcome.to_owned()),
        None => of_server.map(|status| status.to_string()),
    }
}

fn attributes(ended: &EndedSpan, method: &str) -> Vec<KeyValue> {
    let original = ended.method.as_ref().map(Method::as_str).filter(|original| *original != method);
    let application = ended.application.as_deref();
    let known = [
        Some(text("http.request.method", method)),
        original.map(|original| text("http.request.method_original", original)),
        Some(text("url.scheme", "https")),
        ended.path.as_deref().map(|path| text("url.path", path)),
        ended.host.as_deref().map(|host| text("server.address", host)),
        Some(text("client.address", ended.client.to_string())),
        Some(text("network.protocol.name", "http")),
        Some(text("network.protocol.version", ended.http)),
        ended.status.map(|status| number("http.response.status_code", status.into())),
        error(ended).map(|error| text("error.type", error)),
        application.map(|application| text("adit.application.id", application.id.to_string())),
        application.map(|application| text("adit.application.name", &*application.name)),
        ended.connector.map(|connector| text("adit.connector.id", connector.to_string())),
        Some(text("adit.request.id", ended.request_id.to_string())),
        Some(text("adit.outcome", ended.outcome)),
        ended.reason.map(|reason| text("adit.reason", reason)),
        Some(number("adit.attempts", ended.attempts.into())),
        ended.tls.map(|time| seconds("adit.tls.duration", time)),
        ended.tunnel.map(|time| seconds("adit.tunnel.duration", time)),
        ended.connect.map(|time| seconds("adit.connect.duration", time)),
        ended.first_byte.map(|time| seconds("adit.first_byte.duration", time)),
    ];
    known.into_iter().flatten().collect()
}

/// The method, if the conventions know it.
fn known_method(method: &Method) -> &str {
    let is_known = matches!(
        *method,
        Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::DELETE
            | Method::CONNECT
            | Method::OPTIONS
            | Method::TRACE
            | Method::PATCH
    );
    if is_known { method.as_str() } else { OTHER_METHOD }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

/// Durations are seconds there.
fn seconds(key: &str, value: Duration) -> KeyValue {
    attribute(key, Value::DoubleValue(value.as_secs_f64()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
