//! WebSocket echo: clients that send the next message when the last has come back.

use std::io;
use std::time::Instant;

use adit_tests::http::Connection;
use adit_tests::websocket::{read_frame, write_frame};

use super::beside::beside_two_nginx;
use crate::sides::finding::Shown;
use crate::sides::load::turns;
use crate::sides::series::Pace;
use crate::sides::side::Side;
use crate::sides::stage::Stage;

const CLIENTS: usize = 32;
const MESSAGE: [u8; 100] = [b'x'; 100];

/// A client has to mask what it sends, with anything.
const MASK: [u8; 4] = [1, 2, 3, 4];

/// The example of RFC 6455: any 16 bytes.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

pub(super) fn measure(stage: &Stage, pace: Pace) -> Shown {
    let how =
        format!("{CLIENTS} connections, messages of {} bytes, the next when the last has come back", MESSAGE.len());
    beside_two_nginx(stage, pace, "WebSocket messages", &how, |side, length| {
        let mut clients: Vec<Connection> = (0..CLIENTS).map(|_| open(side)).collect();
        turns(side, length, &mut clients, echoes)
    })
}

fn open(side: &Side) -> Connection {
    let mut connection = side.connect_live();
    let headers = [
        ("host", side.live_host),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];
    connection.write_head("GET", "/live/websocket", &headers, 0).expect("a request");
    let answer = connection.read_response(false).expect("an answer");
    assert_eq!(answer.status, 101, "{}: {}", side.kind.name(), answer.text());
    connection
}

fn echoes(connection: &mut Connection, end: Instant) -> u64 {
    let mut count = 0;
    while Instant::now() < end {
        let back = echo(connection).expect("an echo");
        assert!(back.is_some_and(|back| back == MESSAGE), "the message came back as it was");
        count += 1;
    }
    count
}

fn echo(connection: &mut Connection) -> io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::with_capacity(MESSAGE.len() + 14);
    write_frame(&mut frame, &MESSAGE, Some(MASK))?;
    connection.write(&frame)?;
    read_frame(connection)
}
