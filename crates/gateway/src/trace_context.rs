//! W3C Trace Context: what a client says about the trace that its request belongs to, and what the upstream is told.
//!
//! A gateway that keeps a record of its part of a trace (an access record or a span) takes part in it: it names itself as
//! the parent of what follows. One that keeps none passes the context on as it came, so that nobody is referred to a
//! parent that does not exist. What is not valid is removed, never repaired.

use std::cell::Cell;

use fastrand::Rng;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits;

pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Members of a `tracestate` (section 3.3.1.1).
const MEMBERS: usize = 32;

/// Bytes of a `tracestate`: at least so many must be passed on (section 3.3.1.5), and nobody needs more.
const STATE_BYTES: usize = 512;

/// The flag by which a caller says that it records the trace.
const SAMPLED: u8 = 1;

/// What the gateway does about traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tracing {
    /// A record is kept, so the gateway names itself as the parent.
    pub(crate) takes_part: bool,
    /// A request without a valid context begins a trace, which is sampled if a random number is not above this.
    pub(crate) begins: Option<u64>,
}

/// How often clients had their way in this second, on one core: anybody may set a flag, and spans are a cost.
#[derive(Debug, Default)]
pub(crate) struct ClientSampling {
    second: Cell<u64>,
    count: Cell<u32>,
}

impl ClientSampling {
    /// Whether one more client has its way in `second`.
    pub(crate) fn allows(&self, second: u64) -> bool {
        if self.second.replace(second) != second {
            self.count.set(0);
        }
        let allowed = self.count.get() < limits::SAMPLED_FOR_CLIENTS;
        self.count.set(self.count.get() + u32::from(allowed));
        allowed
    }
}

/// A position in a trace: the trace, and the span that what follows has as its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    flags: u8,
}

/// The gateway's part of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its own place; `None` if it does not take part.
    pub(crate) own: Option<u64>,
    pub(crate) trace: u128,
    /// The caller's span, if the caller named one.
    pub(crate) parent: Option<u64>,
    pub(crate) sampled: bool,
}

impl Tracing {
    /// Reads the context in `headers`, and puts there what the upstream shall be told. A client that wants its trace
    /// sampled has its way if it `may`; otherwise that is decided as if the trace began here.
    pub(crate) fn pass(self, headers: &mut HeaderMap, random: &mut Rng, may: impl FnOnce() -> bool) -> Option<Span> {
        let came = came(headers);
        if came.is_none() || !is_valid_state(headers) {
            headers.remove(&TRACESTATE);
        }
        let Some(came) = came else {
            headers.remove(&TRACEPARENT);
            return self.begins.map(|limit| begin(headers, random, limit));
        };
        let wanted = came.flags & SAMPLED != 0;
        let span = Span { own: None, trace: came.trace, parent: Some(came.span), sampled: wanted };
        if !self.takes_part {
            return Some(span);
        }
        let sampled = wanted && self.begins.is_none_or(|limit| may() || number(random) <= limit);
        let flags = if sampled { came.flags } else { came.flags & !SAMPLED };
        let own = TraceParent { span: number(random), flags, ..came };
        headers.insert(TRACEPARENT.clone(), own.value());
        Some(Span { own: Some(own.span), sampled, ..span })
    }
}

fn begin(headers: &mut HeaderMap, random: &mut Rng, limit: u64) -> Span {
    let sampled = number(random) <= limit;
    let trace = u128::from(number(random)) << 64 | u128::from(number(random));
    let own = TraceParent { trace, span: number(random), flags: if sampled { SAMPLED } else { 0 } };
    headers.insert(TRACEPARENT.clone(), own.value());
    Span { own: Some(own.span), trace, parent: None, sampled }
}

/// Any number but the one that stands for none.
fn number(random: &mut Rng) -> u64 {
    random.u64(1..)
}

/// The one valid context; two are none.
fn came(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.as_bytes()),
        _ => None,
    }
}

impl TraceParent {
    /// Reads `00-{trace}-{span}-{flags}` (section 3.2.2); of a later version what this one has.
    fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(55)?;
        let [v1, v0, b'-', ids @ .., b'-', f1, f0] = known else { return None };
        let version = hexadecimal(&[*v1, *v0])?;
        let whole = rest.is_empty() || (version > 0 && rest.first() == Some(&b'-'));
        let (trace, span) = ids.split_at_checked(32)?;
        let span = span.strip_prefix(b"-")?;
        let trace = hexadecimal(trace)?;
        let span = u64::try_from(hexadecimal(span)?).ok()?;
        let flags = u8::try_from(hexadecimal(&[*f1, *f0])?).ok()?;
        (version != 0xff && whole && trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    fn value(self) -> HeaderValue {
        let text = format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags);
        // Digits, letters and hyphens are always a value.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// A number of lower-case hexadecimal digits alone.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// Whether all `tracestate` fields together are a list of `key=value` (section 3.3).
fn is_valid_state(headers: &HeaderMap) -> bool {
    let (mut members, mut bytes) = (0, 0);
    for value in headers.get_all(&TRACESTATE) {
        let Ok(text) = value.to_str() else { return false };
        bytes += text.len();
        for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
        {
            members += 1;
            if !is_member(member) {
                return false;
            }
        }
    }
    members <= MEMBERS && bytes <= STATE_BYTES
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let of_key = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let of_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    begins && key.len() <= 256 && key.bytes().all(of_key) && !value.is_empty() && value.bytes().all(of_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const JOINS: Tracing = Tracing { takes_part: true, begins: None };

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn passed(tracing: Tracing, fields: &[(&'static str, &str)]) -> (HeaderMap, Option<Span>) {
        let mut headers = headers(fields);
        let span = tracing.pass(&mut headers, &mut Rng::with_seed(7), || true);
        (headers, span)
    }

    #[test]
    fn a_gateway_that_keeps_a_record_is_the_parent_of_what_follows() {
        let (headers, span) = passed(JOINS, &[("traceparent", VALID), ("tracestate", "vendor=opaque")]);
        let span = span.unwrap();
        assert_eq!((span.trace, span.parent), (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, Some(0xb7ad_6b71_6920_3331)));
        let told = TraceParent::parse(headers["traceparent"].as_bytes()).unwrap();
        assert_eq!((told.trace, Some(told.span), told.flags), (span.trace, span.own, 1));
        assert_ne!(Some(told.span), span.parent);
        assert_eq!(headers["tracestate"], "vendor=opaque");
    }

    #[test]
    fn a_gateway_that_keeps_none_passes_the_context_on_as_it_came() {
        let (headers, span) = passed(Tracing::default(), &[("traceparent", VALID)]);
        assert_eq!(headers["traceparent"], VALID);
        assert_eq!(span.unwrap().own, None);
        let (headers, span) = passed(Tracing::default(), &[]);
        assert_eq!((headers.len(), span), (0, None));
    }

    #[test]
    fn what_is_not_valid_is_removed_with_its_state() {
        let upper = VALID.to_ascii_uppercase();
        let longer = format!("{VALID}-00");
        for value in [
            "",
            "00",
            &upper,
            &longer,
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331-011",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let (headers, span) = passed(JOINS, &[("traceparent", value), ("tracestate", "a=1")]);
            assert_eq!((headers.len(), span), (0, None), "{value}");
        }
        let (headers, span) = passed(JOINS, &[("traceparent", VALID), ("traceparent", VALID)]);
        assert_eq!((headers.len(), span), (0, None), "two are none");
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings";
        let (headers, span) = passed(JOINS, &[("traceparent", later)]);
        assert!(span.is_some());
        assert!(headers["traceparent"].to_str().unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    }

    #[test]
    fn a_bad_state_goes_and_the_trace_stays() {
        let long = format!("a={}", "x".repeat(600));
        let many = (0..33).map(|number| format!("k{number}=1")).collect::<Vec<_>>().join(",");
        for state in ["novalue", "=1", "A=1", "a=", "a=b=c", "a=1,,b", &long, &many] {
            let (headers, span) = passed(JOINS, &[("traceparent", VALID), ("tracestate", state)]);
            assert!(span.is_some());
            assert_eq!(headers.get("tracestate"), None, "{state}");
        }
        let fields = [("traceparent", VALID), ("tracestate", "a=1, ,b@c=2"), ("tracestate", "0d=x y")];
        assert_eq!(passed(JOINS, &fields).0.get_all("tracestate").iter().count(), 2);
    }

    #[test]
    fn a_trace_is_begun_only_where_that_is_wanted() {
        let (headers, span) =
            passed(Tracing { takes_part: true, begins: Some(u64::MAX) }, &[("traceparent", "nonsense")]);
        let told = TraceParent::parse(headers["traceparent"].as_bytes()).unwrap();
        assert_eq!(span, Some(Span { own: Some(told.span), trace: told.trace, parent: None, sampled: true }));
        assert_eq!(told.flags, SAMPLED);
    }

    #[test]
    fn so_many_of_the_traces_begun_here_are_sampled_and_the_others_say_that_they_are_not() {
        for (limit, expected) in [(0, 0..=0), (u64::MAX / 4, 150..=350), (u64::MAX, 1000..=1000)] {
            let (begins, mut random) = (Some(limit), Rng::with_seed(7));
            let sampled = (0..1000).filter(|_| {
                let mut headers = HeaderMap::new();
                let span = Tracing { takes_part: true, begins }.pass(&mut headers, &mut random, || true).unwrap();
                let told = TraceParent::parse(headers["traceparent"].as_bytes()).unwrap();
                assert_eq!(told.flags, u8::from(span.sampled));
                span.sampled
            });
            let sampled = sampled.count();
            assert!(expected.contains(&sampled), "{sampled} of 1000");
        }
    }

    #[test]
    fn where_too_many_clients_want_to_be_sampled_the_share_decides_and_the_upstream_hears_of_it() {
        for (begins, may, sampled) in [
            (Some(0), true, true),
            (Some(0), false, false),
            (Some(u64::MAX), false, true),
            // Without spans nobody pays for the flag here.
            (None, false, true),
        ] {
            let mut headers = headers(&[("traceparent", VALID)]);
            let tracing = Tracing { takes_part: true, begins };
            let span = tracing.pass(&mut headers, &mut Rng::with_seed(7), || may).unwrap();
            let told = TraceParent::parse(headers["traceparent"].as_bytes()).unwrap();
            assert_eq!((span.sampled, told.flags), (sampled, u8::from(sampled)), "{begins:?} {may}");
        }
    }

    #[test]
    fn so_many_clients_a_second_have_their_way() {
        let clients = ClientSampling::default();
        for second in [7, 8] {
            let allowed = (0..10 * limits::SAMPLED_FOR_CLIENTS).filter(|_| clients.allows(second)).count();
            assert_eq!(allowed, limits::SAMPLED_FOR_CLIENTS as usize);
        }
    }
}
