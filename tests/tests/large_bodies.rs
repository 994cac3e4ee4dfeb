//! Bodies of any size go through in constant memory: 256 MiB for each change, 5 GiB before a release. Every byte is
//! compared by hash on both sides, and the peak memory of gateway and connector is bounded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::io::{Read, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::http::Connection;
use adit_tests::pattern::{Checksum, checksum_of, give};
use adit_tests::{ConnectorProcess, Directory, Upstream, application, long, memory, python};
use serde_json::{Value, json};

const HOST: &str = "files.localhost";

const MIB: usize = 1024 * 1024;

/// What one large body may add to the peak of a process beside a small one, in KiB: the windows of its streams hold 3 MiB,
/// and an allocator keeps a few times that.
const MOST_FOR_ONE: u64 = 24 * 1024;

/// What all of [`WAITING`] bodies whose reader waits may add, in KiB: for each, the window of a tunnel's stream (1 MiB) in
/// buffers that were made for frames of 256 KiB, and 256 KiB in the TLS session of its client. Measured: 3.1 MiB.
const MOST_FOR_WAITING: u64 = WAITING as u64 * 4 * 1024;

/// Bodies under way at once whose reader waits.
const WAITING: usize = 40;

/// The size of one body.
fn size() -> usize {
    if long() { 5 * 1024 * MIB } else { 256 * MIB }
}

struct Scene {
    _upstream: Upstream,
    connector: ConnectorProcess,
    directory: Directory,
    before: [u64; 2],
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-files");
        let upstream = Upstream::start();
        let _application = directory.publish("files", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        let mut scene = Self { _upstream: upstream, connector, directory, before: [0; 2] };
        // Code, tables and buffers that any body needs are there before anything is counted: what is bounded is what a
        // larger one adds.
        assert_eq!(scene.directory.get(HOST, "/download/8000000").body.len(), 8_000_000);
        let mut user = scene.directory.user(HOST);
        user.write_head("PUT", "/upload", &[("host", HOST)], 8 * MIB).unwrap();
        give(8 * MIB, |part| user.write(part)).unwrap();
        assert_eq!(user.read_response(false).unwrap().status, 200);
        scene.before = scene.peaks();
        scene
    }

    /// The peaks of gateway and connector, in KiB.
    fn peaks(&mut self) -> [u64; 2] {
        [memory::peak(self.directory.process().id()), memory::peak(self.connector.pid())]
    }

    /// Says what the peaks are, and demands that neither grew by more than `most` KiB.
    fn assert_grew_at_most(&mut self, most: u64, what: &str) {
        let now = self.peaks();
        for ((name, before), now) in ["gateway", "connector"].iter().zip(self.before).zip(now) {
            println!("{what}: peak memory of the {name} {now} KiB, {before} KiB before");
            assert!(
                now <= before + most,
                "{what}: the {name} grew from {before} to {now} KiB, by more than {most} KiB"
            );
        }
    }

    /// curl as a user of the gateway, which gives its status after the body.
    fn curl(&self, version: &str, target: &str) -> Command {
        let mut curl = application::program("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "3000", "--no-buffer", version, "--cacert"]);
        curl.arg(self.directory.ca()).arg(format!("{}{target}", self.directory.external_url(HOST)));
        python::without_proxy(&mut curl);
        curl
    }

    fn download(&mut self, version: &str, target: &str) {
        let start = Instant::now();
        let mut curl = self.curl(version, target).stdout(Stdio::piped()).spawn().expect("curl");
        let mut output = curl.stdout.take().unwrap();
        let (mut sum, mut length, mut buffer) = (Checksum::default(), 0, vec![0; 64 * 1024]);
        loop {
            let read = output.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            sum.add(&buffer[..read]);
            length += read;
        }
        assert!(curl.wait().unwrap().success(), "curl {version} {target}");
        assert_eq!((length, sum), (size(), checksum_of(size())), "{version} {target}");
        println!("GET {target} {version}: {length} bytes in {:.1} s", start.elapsed().as_secs_f64());
        self.assert_grew_at_most(MOST_FOR_ONE, target);
    }

    /// Uploads what curl reads from a pipe, so without a length.
    fn upload(&mut self, version: &str) {
        let start = Instant::now();
        let mut curl = self.curl(version, "upload");
        curl.args(["--upload-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut curl = curl.spawn().expect("curl");
        let mut input = curl.stdin.take().unwrap();
        give(size(), |part| input.write_all(part)).unwrap();
        drop(input);
        let output = curl.wait_with_output().unwrap();
        assert!(output.status.success(), "curl {version}");
        self.assert_arrived(&serde_json::from_slice(&output.stdout).unwrap());
        println!("PUT {version}: {} bytes in {:.1} s", size(), start.elapsed().as_secs_f64());
        self.assert_grew_at_most(MOST_FOR_ONE, version);
    }

    fn assert_arrived(&self, answer: &Value) {
        assert_eq!(*answer, json!({"bytes": size(), "checksum": checksum_of(size()).to_string()}));
    }
}

#[test]
fn downloads_of_any_size_need_no_memory() {
    let mut scene = Scene::set();
    scene.download("--http1.1", &format!("download/{}", size()));
    scene.download("--http2", &format!("chunked/{}", size()));
}

#[test]
fn uploads_of_any_size_need_no_memory() {
    let mut scene = Scene::set();
    scene.upload("--http1.1");
    scene.upload("--http2");
    let mut user = scene.directory.user(HOST);
    user.write_head("PUT", "/upload", &[("host", HOST)], size()).unwrap();
    give(size(), |part| user.write(part)).unwrap();
    let answer = user.read_response(false).unwrap();
    scene.assert_arrived(&answer.json());
    scene.assert_grew_at_most(MOST_FOR_ONE, "PUT with a length");
}

#[test]
fn readers_that_wait_hold_up_nobody_and_little_memory() {
    let mut scene = Scene::set();
    let target = format!("/download/{}", size());
    let mut waiting: Vec<Connection> = (0..WAITING).map(|_| scene.directory.user(HOST)).collect();
    for user in &mut waiting {
        user.write_head("GET", &target, &[("host", HOST)], 0).unwrap();
        assert_eq!(user.read_head().unwrap().status, 200);
    }
    // Long enough to fill every buffer on the way, many times if one had no bound.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(scene.directory.get(HOST, "/download/1000000").body.len(), 1_000_000);
    scene.assert_grew_at_most(MOST_FOR_WAITING, "readers that wait");
}
