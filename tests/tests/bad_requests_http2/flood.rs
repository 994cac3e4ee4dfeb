//! Floods over HTTP/2, beside a user who must not notice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adit_tests::http2::{End, Http2, block, code, flag, frame, is_silence, kind, text, window_update};
use adit_tests::load::{Load, failures};
use adit_tests::long;
use adit_tests::scripted::Scripted;

use crate::site::{HOST, PATIENCE, Site, fields};

const ENHANCE_YOUR_CALM: u32 = 11;

/// The longest that an attacker is given before it must have been told to stop.
const FLOOD: Duration = Duration::from_secs(30);

/// How much more memory the server may hold after all of it.
const MEMORY: usize = 96 * 1024 * 1024;

/// Somebody who sends what is right, too often.
struct Attacker {
    user: Http2,
    /// A stream that stays open.
    open: Option<u32>,
}

impl Attacker {
    fn new(site: &Site) -> Self {
        let user = site.user();
        user.set_patience(Duration::from_millis(1));
        Self { user, open: None }
    }

    /// A head that opens a stream.
    fn head(&mut self, flags: u8) -> (u32, Vec<u8>) {
        let stream = self.user.new_stream();
        (stream, frame(kind::HEADERS, flags | flag::END_HEADERS, stream, &block(&fields("GET", "/1k"))))
    }

    /// Heads, each with what `more` adds for its stream.
    fn heads(&mut self, flags: u8, more: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
        let mut frames = Vec::new();
        for _ in 0..10 {
            let (stream, head) = self.head(flags);
            frames.extend([head, more(stream)].concat());
        }
        frames
    }

    /// The head of a stream that stays open, the first time; then nothing.
    fn stays_open(&mut self) -> (u32, Vec<u8>) {
        if let Some(stream) = self.open {
            return (stream, Vec::new());
        }
        let (stream, head) = self.head(flag::NONE);
        self.open = Some(stream);
        (stream, head)
    }

    /// Sends rounds until the gateway ends the connection; how it did.
    fn flood(&mut self, round: Round) -> End {
        let start = Instant::now();
        while start.elapsed() < FLOOD {
            let frames = round(self);
            let written = self.user.write(&frames);
            loop {
                match self.user.read() {
                    Ok(frame) if frame.kind == kind::GOAWAY => return End::GoAway(code(&frame, 4)),
                    Ok(frame) => self.user.acknowledge(&frame),
                    Err(error) if is_silence(&error) => break,
                    Err(_) => return End::Closed,
                }
            }
            if written.is_err() {
                return End::Closed;
            }
        }
        End::Silence
    }
}

fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, flag::NONE, stream, &8_u32.to_be_bytes())
}

/// What an attacker sends before it looks at the answers.
type Round = fn(&mut Attacker) -> Vec<u8>;

/// What a round of each flood is.
const FLOODS: &[(&str, Round)] = &[
    ("streams that are reset at once", |attacker| attacker.heads(flag::END_STREAM, reset)),
    ("streams with a body that are reset", |attacker| {
        attacker.heads(flag::NONE, |stream| [frame(kind::DATA, flag::NONE, stream, b"some"), reset(stream)].concat())
    }),
    ("streams that the gateway must reset", |attacker| attacker.heads(flag::NONE, |stream| window_update(stream, 0))),
    ("streams whose windows overflow", |attacker| {
        attacker.heads(flag::NONE, |stream| window_update(stream, 0x7fff_ffff))
    }),
    ("data after the end", |attacker| {
        attacker.heads(flag::END_STREAM, |stream| frame(kind::DATA, flag::NONE, stream, b"more"))
    }),
    ("settings", |_| frame(kind::SETTINGS, flag::NONE, 0, &[0, 1, 0, 0, 16, 0]).repeat(10)),
    ("pings", |_| frame(kind::PING, flag::NONE, 0, &[7; 8]).repeat(100)),
    ("window updates", |_| window_update(0, 1).repeat(100)),
    ("priorities", |_| frame(kind::PRIORITY, flag::NONE, 1001, &[0, 0, 0, 0, 16]).repeat(100)),
    ("unknown frames", |_| frame(0x77, flag::NONE, 0, b"what").repeat(100)),
    ("empty data", |attacker| {
        let (stream, head) = attacker.stays_open();
        [head, frame(kind::DATA, flag::NONE, stream, b"").repeat(100)].concat()
    }),
    ("window updates of a stream", |attacker| {
        let (stream, head) = attacker.stays_open();
        [head, window_update(stream, 1).repeat(100)].concat()
    }),
    ("a head without end", |attacker| {
        let first = if attacker.open.is_some() { Vec::new() } else { frame(kind::HEADERS, flag::NONE, 1, b"") };
        attacker.open = Some(1);
        [first, frame(kind::CONTINUATION, flag::NONE, 1, b"").repeat(10)].concat()
    }),
    ("a head that grows", |attacker| {
        let first = if attacker.open.is_some() { Vec::new() } else { frame(kind::HEADERS, flag::NONE, 1, b"") };
        attacker.open = Some(1);
        let field = [&[0][..], &text(b"x"), &text(&[b'y'; 16_000])].concat();
        [first, frame(kind::CONTINUATION, flag::NONE, 1, &field)].concat()
    }),
    ("heads that unfold", |attacker| {
        // One large field is kept in the table, and then said a few thousand times in a byte each.
        let stream = attacker.user.new_stream();
        let field = [&[0x40][..], &text(b"x"), &text(&[b'y'; 4000]), &vec![0xbe; 10_000]].concat();
        frame(
            kind::HEADERS,
            flag::END_HEADERS | flag::END_STREAM,
            stream,
            &[block(&fields("GET", "/1k")), field].concat(),
        )
    }),
];

#[test]
fn floods_are_told_to_calm_down_and_others_do_not_notice() {
    let mut site = Site::start();
    let load = Load::start(2, site.directory.addresses().gateway, HOST, "/1k", &site.directory.trust());
    let (start, memory) = (Instant::now(), memory_of(&mut site));
    for (what, round) in FLOODS {
        let end = Attacker::new(&site).flood(*round);
        println!("{what}: {end:?}");
        // Some of it is wrong as well, and the library has another name for that.
        assert!(matches!(end, End::GoAway(code) if code > 0) || end == End::Closed, "{what}: {end:?}");
    }
    let end = Attacker::new(&site).flood(FLOODS[0].1);
    assert!(matches!(end, End::GoAway(ENHANCE_YOUR_CALM) | End::Closed), "{end:?}");
    let grown = memory_of(&mut site).saturating_sub(memory);
    assert!(grown < MEMORY, "{grown} bytes more than before");
    finish(&mut site, load, start);
}

/// The resident memory of the server, in bytes.
fn memory_of(site: &mut Site) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.directory.process().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[track_caller]
fn finish(site: &mut Site, load: Load, start: Instant) {
    let mut shots = load.stop();
    let failed = failures(&shots, start);
    assert!(failed.is_empty(), "of {} requests of another user: {failed:#?}", shots.len());
    shots.sort_by_key(|shot| shot.ended - shot.sent);
    let slowest = &shots[shots.len() - 1 - shots.len() / 100];
    let took = slowest.ended - slowest.sent;
    println!("another user: {} requests, 99 % within {took:?}", shots.len());
    assert!(took < PATIENCE, "99 % within {took:?}");
    site.is_well();
}

/// Attackers of the long flood.
const ATTACKERS: usize = 4;

/// What the victim saw in `time`: how many requests, how long 99 % of them took at most, what failed.
fn measure(site: &Site, time: Duration) -> (usize, Duration, Vec<String>) {
    let start = Instant::now();
    let load = Load::start(2, site.directory.addresses().gateway, HOST, "/1k", &site.directory.trust());
    std::thread::sleep(time);
    let mut shots = load.stop();
    let failed = failures(&shots, start);
    shots.sort_by_key(|shot| shot.ended - shot.sent);
    let slowest = &shots[shots.len() - 1 - shots.len() / 100];
    (shots.len(), slowest.ended - slowest.sent, failed)
}

#[test]
fn attackers_who_come_back_again_and_again_cause_nobody_an_error() {
    let mut site = Site::start();
    let time = if long() { Duration::from_secs(30) } else { Duration::from_secs(3) };
    let (_, calm, failed) = measure(&site, time / 3);
    assert!(failed.is_empty(), "{failed:#?}");
    let ends = AtomicUsize::new(0);
    let (requests, flooded, failed) = std::thread::scope(|scope| {
        let stop = Instant::now() + time;
        for first in 0..ATTACKERS {
            let (site, ends) = (&site, &ends);
            scope.spawn(move || {
                for (_, round) in FLOODS.iter().cycle().skip(first * FLOODS.len() / ATTACKERS) {
                    if Instant::now() >= stop {
                        return;
                    }
                    let _ = Attacker::new(site).flood(*round);
                    ends.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        measure(&site, time)
    });
    let ends = ends.load(Ordering::SeqCst);
    println!("{ends} floods in {time:?}, beside {requests} requests: 99 % within {flooded:?}, before {calm:?}");
    assert!(ends >= ATTACKERS, "{ends}");
    assert!(failed.is_empty(), "of {requests} requests beside {ends} floods: {failed:#?}");
    site.is_well();
}

#[test]
fn a_stream_that_is_reset_ends_its_request_at_the_upstream_and_frees_its_place() {
    let mut site = Site::start();
    let (tell, ended) = std::sync::mpsc::channel();
    let held = Scripted::start(move |wire| {
        while let Ok(head) = wire.head() {
            if !head.starts_with("GET /held ") {
                wire.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            tell.send(None).map_err(std::io::Error::other)?;
            let closed = wire.is_closed_within(PATIENCE * 4)?;
            tell.send(Some(closed)).map_err(std::io::Error::other)?;
        }
        Ok(())
    });
    let _ = site.directory.publish_url("held", &held.url(), "held.localhost", "Default");
    site.directory.wait_until_served("held.localhost");
    let address = site.directory.addresses().gateway;
    let mut user = Http2::connect(address, "held.localhost", &site.directory.trust()).unwrap();
    let head: Vec<_> = fields("GET", "/held")
        .into_iter()
        .map(|field| if field.0 == b":authority" { (field.0, &b"held.localhost"[..]) } else { field })
        .collect();
    // More than there are places: each must have become free.
    for number in 0..110 {
        let stream = user.open(&head, flag::END_STREAM).unwrap();
        assert_eq!(ended.recv_timeout(PATIENCE * 4), Ok(None), "request {number} arrives");
        user.write(&reset(stream)).unwrap();
        assert_eq!(ended.recv_timeout(PATIENCE * 4), Ok(Some(true)), "request {number} ends");
        // Below the budget of ten seconds: this client is impatient, not hostile.
        std::thread::sleep(Duration::from_millis(120));
    }
    site.is_well();
}

#[test]
fn users_who_leave_while_answers_flow_do_not_end_the_tunnel() {
    let mut site = Site::start();
    let start = Instant::now();
    let load = Load::start(1, site.directory.addresses().gateway, HOST, "/1k", &site.directory.trust());
    // Far more than the thousand after which the library would end the tunnel's connection.
    for _ in 0..if long() { 300 } else { 40 } {
        let mut user = site.user();
        let streams: Vec<u32> =
            (0..100).map(|_| user.open(&fields("GET", "/download/200000"), flag::END_STREAM).unwrap()).collect();
        while user.read().expect("frames of the answers").kind != kind::DATA {}
        let resets: Vec<u8> = streams.into_iter().flat_map(reset).collect();
        user.write(&resets).unwrap();
    }
    finish(&mut site, load, start);
    let log = site.directory.process().log();
    assert!(!log.contains("locally-reset streams reached limit"), "{log}");
}

#[test]
fn an_upload_that_does_not_keep_its_pace_is_answered_408() {
    let mut site = Site::start_with("[client_limits]\nbody_grace = '1s'\nbody_pause = '2s'\n");
    let mut user = site.user();
    user.set_patience(Duration::from_secs(10));
    let stream = user.open(&fields("POST", "/upload"), flag::NONE).unwrap();
    user.write(&frame(kind::DATA, flag::NONE, stream, b"slow")).unwrap();
    let end = user.end_of(stream);
    assert!(matches!(end, End::Answer(408, _) | End::Reset(_)), "{end:?}");
    // The connection goes on, and who keeps the pace is served.
    let stream = user.open(&fields("POST", "/upload"), flag::NONE).unwrap();
    for _ in 0..20 {
        user.write(&frame(kind::DATA, flag::NONE, stream, &[b'x'; 200])).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    user.write(&frame(kind::DATA, flag::END_STREAM, stream, b"")).unwrap();
    let End::Answer(_, body) = user.end_of(stream) else { panic!("an upload at 1,000 bytes a second") };
    let seen: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(seen["bytes"], 20 * 200);
    site.is_well();
}

#[test]
fn an_ordinary_browser_is_not_taken_for_a_flood() {
    let mut site = Site::start();
    let mut user = site.user();
    // A page with a hundred pictures is left, and another is read to its end, with the pings and windows that go with it.
    for _ in 0..100 {
        let stream = user.open(&fields("GET", "/1k"), flag::END_STREAM).unwrap();
        user.write(&reset(stream)).unwrap();
    }
    for number in 0..300 {
        let extras = [window_update(0, 1024), frame(kind::PING, flag::NONE, 0, &[1; 8])].concat();
        user.write(&extras).unwrap();
        let stream = user.open(&fields("GET", "/1k"), flag::END_STREAM).unwrap();
        // The status of a later head may refer to an earlier one: that the body is whole says enough.
        let End::Answer(_, body) = user.end_of(stream) else { panic!("request {number}") };
        assert_eq!(body.len(), 1024);
    }
    let stream = user.open(&fields("GET", "/download/20000000"), flag::END_STREAM).unwrap();
    let End::Answer(_, body) = user.end_of(stream) else { panic!("the download") };
    assert_eq!(body.len(), 20_000_000);
    site.is_well();
}

#[test]
fn answers_that_nobody_takes_are_given_up_and_the_connection_goes_on() {
    let mut site = Site::start_with("[client_limits]\nwrite_stall = '2s'\n");
    // No window at all.
    let mut user = site.user_with(&[(4, 0)]);
    user.set_patience(Duration::from_secs(20));
    let streams: Vec<u32> =
        (0..50).map(|_| user.open(&fields("GET", "/download/1000000"), flag::END_STREAM).unwrap()).collect();
    let mut reset = 0;
    while reset < streams.len() {
        let frame = user.read().expect("the streams are reset before anybody loses patience");
        reset += usize::from(frame.kind == kind::RST_STREAM);
        assert_ne!(frame.kind, kind::GOAWAY, "{frame:?}");
        user.acknowledge(&frame);
    }
    user.write(&frame(kind::SETTINGS, flag::NONE, 0, &[0, 4, 0, 1, 0, 0])).unwrap();
    let stream = user.open(&fields("GET", "/1k"), flag::END_STREAM).unwrap();
    let End::Answer(_, body) = user.end_of(stream) else { panic!("the same connection serves on") };
    assert_eq!(body.len(), 1024);
    // A waiting application is not a client that does not take its answer.
    let stream = user.open(&fields("GET", "/slow/5000"), flag::END_STREAM).unwrap();
    assert!(matches!(user.end_of(stream), End::Answer(_, _)));
    site.is_well();
}
