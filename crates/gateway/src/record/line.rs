//! One access record as a line of JSON, written by hand into a buffer that is used again and again.
//!
//! What comes from outside is escaped; what the gateway makes itself (ids, words, numbers) needs no escaping. A field
//! of which nothing is known is left out. The fields are described in `docs/access-records.md`.

use std::io::Write as _;
use std::time::Duration;

use http::Version;
use uuid::Uuid;

use super::Record;
use super::clock::Clock;
use crate::limits;

/// Appends the line of `record`, which lasted for `total`.
pub(super) fn write(buffer: &mut Vec<u8>, record: &Record, clock: &mut Clock, total: Duration) {
    let mut line = Line(buffer);
    line.time(record.begun_at, clock);
    line.plain("requestId", record.id.encode(&mut [0; 36]));
    line.trace(record);
    line.application(record);
    line.request(record);
    line.answer(record);
    line.course(record);
    line.millis("firstByteMs", record.first_byte);
    line.millis("totalMs", Some(total));
    line.client(record);
    line.0.extend_from_slice(b"}\n");
}

struct Line<'b>(&'b mut Vec<u8>);

impl Line<'_> {
    fn time(&mut self, millis: u64, clock: &mut Clock) {
        self.0.extend_from_slice(b"{\"time\":\"");
        self.0.extend_from_slice(clock.text_of(millis / 1000).as_bytes());
        self.0.push(b'.');
        self.three_digits(millis % 1000);
        self.0.extend_from_slice(b"Z\"");
    }

    fn trace(&mut self, record: &Record) {
        let Some(span) = record.span else { return };
        // Writing into memory does not fail.
        let _ = write!(self.0, ",\"traceId\":\"{:032x}\"", span.trace);
        if let Some(own) = span.own {
            let _ = write!(self.0, ",\"spanId\":\"{own:016x}\"");
        }
        if let Some(parent) = span.parent {
            let _ = write!(self.0, ",\"parentSpanId\":\"{parent:016x}\"");
        }
    }

    fn application(&mut self, record: &Record) {
        let Some(rules) = &record.rules else { return };
        self.uuid("applicationId", rules.application.id.uuid());
        self.text("application", &rules.application.name);
        if let Some(principal) = record.principal {
            self.uuid("principalId", principal.uuid());
        }
    }

    fn request(&mut self, record: &Record) {
        if let Some(host) = record.host.as_deref().or(record.client.server_name.as_deref()) {
            self.text("host", cut(host, limits::RECORDED_HOST));
        }
        if let Some(method) = &record.method {
            self.text("method", cut(method.as_str(), limits::RECORDED_METHOD));
        }
        if let Some(path) = &record.path {
            self.text("path", cut(path.path(), limits::RECORDED_PATH));
        }
        self.plain("http", version(record.version));
    }

    fn answer(&mut self, record: &Record) {
        if let Some(status) = record.status {
            self.name("status");
            self.0.extend_from_slice(status.as_str().as_bytes());
        }
        self.plain("outcome", record.outcome.as_str());
        if let Some(failure) = &record.failure {
            self.plain("reason", failure.reason.as_str());
            self.text("detail", cut(&failure.detail, limits::RECORDED_DETAIL));
        }
    }

    fn course(&mut self, record: &Record) {
        if let Some(connector) = record.course.connector() {
            self.uuid("connectorId", connector.uuid());
        }
        self.number("attempts", u64::from(record.course.attempts()));
        self.number("bytesIn", record.received.as_ref().map_or(0, |received| received.bytes()));
        self.number("bytesOut", record.sent);
        self.millis("tlsMs", record.handshake);
        let opening = record.course.opening();
        self.millis("tunnelMs", opening.map(|(tunnel, _)| tunnel));
        self.millis("connectMs", opening.and_then(|(_, connect)| connect));
    }

    fn client(&mut self, record: &Record) {
        match record.behind {
            Some(address) => {
                self.name("clientAddress");
                // Writing into memory does not fail.
                let _ = write!(self.0, "\"{address}\"");
            }
            None => self.plain("clientAddress", record.client.shown()),
        }
    }

    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// A text of the gateway's own, which needs no escaping.
    fn plain(&mut self, name: &str, text: &str) {
        self.name(name);
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// A text from outside.
    fn text(&mut self, name: &str, text: &str) {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            return self.plain(name, text);
        }
        self.name(name);
        escape(self.0, text);
    }

    fn uuid(&mut self, name: &str, uuid: Uuid) {
        self.plain(name, uuid.hyphenated().encode_lower(&mut [0; 36]));
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.digits(number);
    }

    /// Milliseconds with three decimals.
    fn millis(&mut self, name: &str, duration: Option<Duration>) {
        let Some(duration) = duration else { return };
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.name(name);
        self.digits(micros / 1000);
        self.0.push(b'.');
        self.three_digits(micros % 1000);
    }

    fn digits(&mut self, number: u64) {
        // Writing a number into memory does not fail.
        let _ = serde_json::to_writer(&mut *self.0, &number);
    }

    fn three_digits(&mut self, number: u64) {
        let digit = |place: u64| b'0' + u8::try_from(number / place % 10).unwrap_or_default();
        self.0.extend_from_slice(&[digit(100), digit(10), digit(1)]);
    }
}

/// A JSON string in which nothing can move a terminal's cursor: the control characters that JSON allows as they are
/// (DEL, and those of U+0080 to U+009F) are escaped as well.
fn escape(buffer: &mut Vec<u8>, text: &str) {
    let json = serde_json::to_string(text).unwrap_or_default();
    for character in json.chars() {
        if character.is_control() {
            // Writing into memory does not fail.
            let _ = write!(buffer, "\\u{:04x}", u32::from(character));
        } else {
            buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// At most `most` bytes of `text`, whole characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

pub(super) const fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(write: impl Fn(&mut Line<'_>)) -> serde_json::Value {
        let mut buffer = Vec::new();
        write(&mut Line(&mut buffer));
        let text = String::from_utf8(buffer).unwrap();
        assert!(text.chars().all(|c| !c.is_control()), "{text:?}");
        serde_json::from_str(&format!("{{\"\":0{text}}}")).unwrap()
    }

    #[test]
    fn whatever_a_text_holds_the_line_stays_one_and_gives_it_back() {
        for text in [
            "plain",
            "a \"quoted\" \\ text",
            "line\r\nbreak\u{2028}\u{2029}",
            "\u{1b}[31mred\u{1b}[0m \u{9b}31m \u{7f}",
            "\u{0}\u{1}\t",
            "Größe \u{202e}gnp.exe \u{fffd} \u{1f600}",
            "",
        ] {
            assert_eq!(lines(|line| line.text("x", text))["x"], text);
        }
    }

    #[test]
    fn durations_are_milliseconds_with_three_decimals() {
        let value = lines(|line| {
            line.millis("a", Some(Duration::from_micros(12_034)));
            line.millis("b", Some(Duration::ZERO));
            line.millis("c", None);
            line.number("d", u64::MAX);
        });
        assert_eq!((value["a"].as_f64(), value["b"].as_f64()), (Some(12.034), Some(0.0)));
        assert_eq!((value.get("c"), value["d"].as_u64()), (None, Some(u64::MAX)));
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(cut("äää", 3), "ä");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 9), "abc");
    }
}
