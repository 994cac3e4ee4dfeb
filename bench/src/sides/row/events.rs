//! Server-sent events: an upstream that writes each by itself as fast as it may, and clients that count them.

use std::io::Read as _;
use std::time::Instant;

use adit_tests::http::Connection;

use super::beside::beside_two_nginx;
use crate::sides::finding::Shown;
use crate::sides::load::turns;
use crate::sides::series::Pace;
use crate::sides::side::Side;
use crate::sides::stage::Stage;

const CLIENTS: usize = 16;

/// The end of an event. Chunks end with a carriage return and a line feed, so they have none of their own.
const END: &[u8] = b"\n\n";

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let how = format!("{CLIENTS} streams, events of 100 bytes that the upstream writes one by one as fast as it may");
    beside_two_nginx(stage, pace, "server-sent events", &how, |side, length| {
        let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| open(side)).collect();
        turns(side, length, &mut clients, events)
    })
}

fn open(side: &Side) -> Connection {
    let mut connection = side.connect_live();
    connection.write_head("GET", "/live/events", &[("host", side.live_host)], 0).expect("a request");
    let head = connection.read_head().expect("the head of an answer");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{}", side.kind.name());
    connection
}

fn events(connection: &mut Connection, end: Instant) -> u64 {
    let (mut count, mut last) = (0, 0);
    let mut buffer = vec![0; 64 * 1024];
    while Instant::now() < end {
        let size = connection.read(&mut buffer).expect("events");
        assert!(size > 0, "the stream of events ended");
        let read = &buffer[..size];
        count += read.windows(END.len()).filter(|window| *window == END).count() as u64;
        // An end that two reads share.
        count += u64::from(last == b'\n' && read[0] == b'\n');
        last = read[size - 1];
    }
    count
}
