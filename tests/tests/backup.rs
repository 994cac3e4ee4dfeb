//! A copy of the data folder is made while the server runs; the folder is lost; and a server runs on what is made of the copy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use adit_tests::command::run;
use adit_tests::{Directory, Upstream};
use serde_json::json;

const HOST: &str = "wiki.localhost";

#[test]
fn what_was_copied_is_served_again_and_what_was_ended_since_stays_ended() {
    let mut directory = Directory::start();
    let upstream = Upstream::start();
    let _connector = directory.connector("beside-the-wiki");
    let application = directory.publish("Wiki", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    let unused = directory.registration_token("Default");
    let copy = directory.scratch().join("copy").display().to_string();
    let data = directory.data_argument();

    // Somebody goes on writing.
    let (graph, done) = (directory.graph(), AtomicBool::new(false));
    let made = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut made = 0;
            while !done.load(Ordering::SeqCst) {
                let _group = graph.create_group(&format!("group {made}"));
                made += 1;
            }
            made
        });
        let said = run(&["db", "backup", &copy, "--data", &data]).succeeded();
        assert!(said.contains("at revision"), "{said}");
        done.store(true, Ordering::SeqCst);
        writing.join().unwrap()
    });
    let after = graph.create_group("after the copy");
    assert!(made > 0, "nobody wrote meanwhile");

    directory.process().kill();
    fs::rename(directory.data(), directory.scratch().join("lost")).unwrap();
    let said = run(&["db", "restore", &copy, "--data", &data]).succeeded();
    assert!(said.contains("begins with epoch"), "{said}");
    directory.restart();

    let refused = directory.graph().send("GET", "/applications", None);
    assert_eq!(refused.status, 401, "a token from before: {}", refused.text());
    let token = run(&["token", "--data", &data]).succeeded();
    let graph = directory.graph().with_token(token.trim());
    assert_eq!(graph.get(&format!("/applications/{application}"))["displayName"], json!("Wiki"));
    let profile = "/onPremisesPublishingProfiles/applicationProxy/connectorGroups";
    assert!(!graph.ids(profile).contains(&after), "what came after the copy is not in it");
    // The connector knew the CA and its own key all along.
    directory.wait_until_served(HOST);

    let folder = directory.scratch().join("late").display().to_string();
    let late = run(&["connector", "--token", &unused, "--data", &folder]);
    assert_ne!(late.code, Some(0), "a registration token from before the copy");
    assert!(late.stderr.contains("was not registered"), "{}", late.stderr);
}

#[test]
fn nothing_is_written_over_and_the_reason_is_said() {
    let directory = Directory::start();
    let (data, copy) = (directory.data_argument(), directory.scratch().join("copy").display().to_string());
    let _said = run(&["db", "backup", &copy, "--data", &data]).succeeded();
    for (words, why) in [
        (["db", "backup", &copy, "--data", &data], "exists already"),
        (["db", "restore", &copy, "--data", &data], "exists already"),
        (["db", "backup", "/nowhere/copy", "--data", &data], "cannot be created"),
        (["db", "backup", &format!("{copy}-2"), "--data", "/nowhere"], "directory.sqlite is missing"),
    ] {
        let refused = run(&words);
        assert_eq!(refused.code, Some(1), "{words:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(why), "{words:?}: {}", refused.stderr);
    }
}
