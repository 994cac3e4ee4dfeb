//! A connector is deleted while work flows through it: its tunnels are cut, and it does not come back.
//!
//! What is promised is two seconds; this test demands five times that, because it runs on slow and busy machines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::Read as _;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adit_tests::graph::PROFILE;
use adit_tests::http::Connection;
use adit_tests::{Directory, Upstream, long, settles, websocket};

const HOST: &str = "localhost";

/// Five times the two seconds that are promised.
const CUT: Duration = Duration::from_secs(10);

/// How long a connector may take to learn that it must not come back: its longest pause between two tries, twice.
const TURNED_AWAY: Duration = Duration::from_secs(30);

/// More than any machine here gets through meanwhile.
const ENDLESS: usize = 400_000_000_000;

/// What is read until it ends: when the last byte came. The first part is announced.
fn until_the_end(mut user: Connection, mut take: impl FnMut(&mut Connection) -> bool + Send + 'static) -> Ending {
    let (announce, begun) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut last = Instant::now();
        while take(&mut user) {
            last = Instant::now();
            // Nobody listens any more once it has begun.
            let _ = announce.send(());
        }
        last
    });
    begun.recv().expect("a first part");
    Ending(reading)
}

/// When the last byte came, once it has.
struct Ending(JoinHandle<Instant>);

impl Ending {
    fn after(self, moment: Instant) -> Duration {
        self.0.join().expect("a reader").saturating_duration_since(moment)
    }
}

fn download(directory: &Directory) -> Ending {
    let mut user = directory.user(HOST);
    user.write_head("GET", &format!("/download/{ENDLESS}"), &[("host", HOST)], 0).unwrap();
    assert_eq!(user.read_head().unwrap().status, 200);
    let mut buffer = vec![0; 64 * 1024];
    until_the_end(user, move |user| user.read(&mut buffer).is_ok_and(|count| count > 0))
}

fn websocket(directory: &Directory) -> Ending {
    let mut user = directory.user(HOST);
    let fields = [
        ("host", HOST),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    user.write_head("GET", "/websocket", &fields, 0).unwrap();
    assert_eq!(user.read_head().unwrap().status, 101);
    until_the_end(user, move |user| {
        thread::sleep(Duration::from_millis(10));
        let mut frame = Vec::new();
        websocket::write_frame(&mut frame, b"still there", Some([1, 2, 3, 4])).unwrap();
        user.write(&frame).is_ok() && websocket::read_frame(user).is_ok_and(|frame| frame.is_some())
    })
}

#[test]
fn deleting_a_connector_cuts_what_flows_through_it_and_it_does_not_come_back() {
    let directory = Directory::start();
    let upstream = Upstream::start();
    let mut connector = directory.connector("first");
    let _application = directory.publish("revoked under", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    for round in 0..if long() { 100 } else { 3 } {
        let flowing = [download(&directory), websocket(&directory)];
        thread::sleep(Duration::from_millis(300));
        let deleted = Instant::now();
        let path = format!("{PROFILE}/connectors/{}", connector.id());
        assert_eq!(directory.graph().send("DELETE", &path, None).status, 204);
        let lasted = flowing.map(|ending| ending.after(deleted));
        println!("round {round}: the download went on for {:?}, the WebSocket for {:?}", lasted[0], lasted[1]);
        assert!(lasted.iter().all(|lasted| *lasted < CUT), "something flowed for {lasted:?} after the revocation");

        let refused = directory.get(HOST, "/1k");
        assert_eq!((refused.status, refused.header("x-adit-reason")), (503, Some("no_connector")));
        assert!(!connector.process().finish(TURNED_AWAY).success(), "it goes with an error");
        // Its certificate is good for hours, and whoever has it gets no tunnel, through which alone it is renewed.
        connector.restart();
        assert!(!connector.process().finish(TURNED_AWAY).success(), "it is turned away again");
        assert!(connector.process().log().contains("the gateway does not accept this connector"));
        let served = directory.get(HOST, "/1k").status;
        assert_eq!(served, 503, "nothing was served through it");

        connector = directory.connector("next");
        settles("the next connector serves", CUT, || directory.get(HOST, "/1k").status == 200);
    }
}
