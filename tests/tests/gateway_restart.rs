//! The server is replaced by a new process under mixed load: no connection is refused, no request fails, no write is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use adit_tests::directory::{parse_addresses, serve_command};
use adit_tests::graph::PROFILE;
use adit_tests::http::Connection;
use adit_tests::mixed::{Mixed, Site};
use adit_tests::{Directory, Process, Scratch, Upstream, long, settles};
use serde_json::json;

const HOST: &str = "localhost";

/// How long a process that was followed may take to drain: what takes longest under way takes less than two seconds.
const DRAINED: Duration = Duration::from_secs(30);

/// How many requests must be answered right, and none wrong.
fn wanted() -> usize {
    if long() { 1_000_000 } else { 20_000 }
}

fn site(directory: &Directory) -> Site {
    Site { gateway: directory.addresses().gateway, host: HOST.to_owned(), trust: directory.trust() }
}

/// Creates groups, one after the other; those that were acknowledged, and what was not.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<String>, Vec<String>)>,
}

impl Writer {
    fn start(directory: &Directory) -> Self {
        let (graph, stop) = (directory.graph(), Arc::<AtomicBool>::default());
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let (mut acknowledged, mut failed) = (Vec::new(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let name = format!("group {}", acknowledged.len() + failed.len());
                match graph.try_send("POST", &format!("{PROFILE}/connectorGroups"), Some(&json!({"name": name}))) {
                    Ok(answer) if answer.status == 201 => acknowledged.push(name),
                    Ok(answer) => failed.push(format!("{name}: {} {}", answer.status, answer.text())),
                    Err(error) => failed.push(format!("{name}: {error}")),
                }
                thread::sleep(Duration::from_millis(20));
            }
            (acknowledged, failed)
        });
        Self { stop, thread }
    }

    fn stop(self) -> (Vec<String>, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn group_names(directory: &Directory) -> HashSet<String> {
    let (graph, mut names) = (directory.graph(), HashSet::new());
    let mut next = format!("{PROFILE}/connectorGroups?$top=500");
    loop {
        let page = graph.get(&next);
        let groups = page["value"].as_array().unwrap();
        names.extend(groups.iter().map(|group| group["name"].as_str().unwrap().to_owned()));
        let Some(link) = page["@odata.nextLink"].as_str() else { return names };
        next = link.split_once("/beta").unwrap().1.to_owned();
    }
}

#[test]
fn a_new_process_takes_over_under_mixed_load_and_nobody_notices() {
    let mut directory = Directory::start();
    let _connectors = [directory.connector("one"), directory.connector("two")];
    let upstream = Upstream::start();
    let _application = directory.publish("published", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let load = Mixed::start(&site(&directory));
    let writer = Writer::start(&directory);
    settles("everybody is at work", Duration::from_secs(30), || load.right() > 200);
    let (before, mut restarts) = (load.right(), 0);
    while load.right() - before < wanted() || restarts < 3 {
        let mut followed = directory.take_over();
        let status = followed.finish(DRAINED);
        assert!(status.success(), "a server that was followed ends well, not with {status}");
        restarts += 1;
    }
    let (tally, (acknowledged, refused)) = (load.stop(), writer.stop());
    println!("{restarts} restarts, {} answers: {:?}", tally.total(), tally.right);
    println!("{} told, the slowest took {:?}, {} writes", tally.told, tally.slowest, acknowledged.len());
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);
    assert_eq!(tally.right.len(), 7, "every kind was at work: {:?}", tally.right);
    assert!(tally.told > 0, "WebSockets of the server that left were told");
    assert!(refused.is_empty(), "not written: {refused:#?}");
    let there = group_names(&directory);
    let lost: Vec<_> = acknowledged.iter().filter(|name| !there.contains(*name)).collect();
    assert!(lost.is_empty() && acknowledged.len() > 20, "of {} written, these are lost: {lost:?}", acknowledged.len());
}

#[test]
fn a_process_that_breaks_down_while_it_takes_over_is_followed_by_the_old_one() {
    let mut directory = Directory::start();
    let _connector = directory.connector("one");
    let upstream = Upstream::start();
    let _application = directory.publish("published", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let load = Mixed::start(&site(&directory));
    settles("everybody is at work", Duration::from_secs(30), || load.right() > 200);

    // It asks for everything, and then finds that it cannot listen for plain HTTP: somebody else does.
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = occupied.local_addr().unwrap().to_string();
    let mut command = serve_command(&directory.data_argument(), Some(directory.addresses()));
    command.args(["--take-over", "--http-listen", &taken]);
    let mut heir = Process::start("a heir", &mut command, &directory.scratch().join("heir.log"));
    assert!(!heir.finish(DRAINED).success(), "it cannot serve: {}", heir.log());

    settles("the API answers again", DRAINED, || {
        directory
            .graph()
            .try_send("GET", &format!("{PROFILE}/connectorGroups"), None)
            .is_ok_and(|answer| answer.status == 200)
    });
    let right = load.right();
    settles("it goes on", DRAINED, || load.right() > right + 500);
    assert!(directory.process().is_running());
    let tally = load.stop();
    assert!(tally.failed.is_empty(), "{} failed: {:#?}", tally.failed.len(), tally.failed);
    // Whoever comes next takes over from it as from any other.
    let mut followed = directory.take_over();
    assert!(followed.finish(DRAINED).success());
    directory.wait_until_served(HOST);
}

#[test]
fn a_start_that_may_take_over_is_a_start_like_any_other_where_nobody_serves() {
    let directory = Directory::start_with(&["--take-over"]);
    assert_eq!(directory.graph().get(&format!("{PROFILE}/connectorGroups"))["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_socket_that_a_service_manager_opened_is_the_gateways_and_keeps_connections_while_nobody_serves() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let data = scratch.join("data").display().to_string();
    // The gateway's own setting is another one, which does not count.
    let serve = serve_command(&data, None);
    let started = |socket: &TcpListener| {
        // As a service manager does it: the socket is descriptor 3, and the process has the id that it is told.
        let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=gateway exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(serve.get_program()).args(serve.get_args());
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())));
        command
    };
    let mut process = Process::start_with_input("adit serve", &mut started(&listener), &scratch.join("serve.log"));
    let addresses = || parse_addresses(&std::fs::read_to_string(scratch.join("data/addresses.json")).ok()?);
    settles("it serves", Duration::from_secs(60), || addresses().is_some());
    assert_eq!(addresses().unwrap().gateway, address);

    process.terminate();
    assert!(process.finish(DRAINED).success());
    // Nobody serves: the connection waits, and is answered once somebody does.
    let trust = adit_tests::http::Trust::of(&scratch.join("data/ca.pem"));
    let waiting = thread::spawn(move || Connection::tls(address, HOST, &trust)?.get(HOST, "/"));
    thread::sleep(Duration::from_millis(500));
    assert!(!waiting.is_finished());
    let _process = Process::start_with_input("adit serve", &mut started(&listener), &scratch.join("serve.log"));
    let answer = waiting.join().unwrap().expect("an answer");
    assert_eq!(answer.status, 404, "nothing is published: {}", answer.text());
}
