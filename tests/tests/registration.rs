//! Registration against a running server: one token, one connector, whatever happens in between; guesses are slowed down;
//! tokens are listed and revoked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::thread;
use std::time::{Duration, Instant};

use adit_tests::command::run;
use adit_tests::graph::PROFILE;
use adit_tests::http::Connection;
use adit_tests::registrar::{Answer, Registrar, secret_of};
use adit_tests::{ConnectorProcess, Directory, long};
use serde_json::json;

/// Machines that show the same token at once.
const MACHINES: usize = 100;

/// No test here is about the limits, but the one that says so.
const WITHOUT_LIMITS: &str = "[client_limits]\nregistrations_per_address = 1000000\nregistrations = 1000000\n";

const PATIENCE: Duration = Duration::from_secs(120);

fn token(directory: &Directory, body: &serde_json::Value) -> serde_json::Value {
    let graph = directory.graph();
    let group = graph.ids(&format!("{PROFILE}/connectorGroups"))[0].clone();
    let path = format!("{PROFILE}/connectorGroups/{group}/adit.createRegistrationToken");
    graph.send("POST", &path, Some(body)).json()
}

#[test]
fn a_token_shown_by_a_hundred_machines_at_once_makes_one_connector_also_when_the_server_is_killed_meanwhile() {
    let mut directory = Directory::start_configured(WITHOUT_LIMITS);
    for round in 0..if long() { 1000 } else { 20 } {
        let secret = secret_of(token(&directory, &json!({}))["token"].as_str().unwrap());
        let (gateway, trust, name) = (directory.addresses().gateway, directory.trust(), format!("srv{round}"));
        let machines: Vec<_> = (0..MACHINES)
            .map(|_| {
                let machine = Registrar::new(&name, gateway, &trust);
                let secret = secret.clone();
                thread::spawn(move || machine.register(&secret, PATIENCE))
            })
            .collect();
        if round % 4 == 1 {
            // A different moment each time, by arithmetic so that a failure can be repeated.
            thread::sleep(Duration::from_millis((round as u64 * 37) % 120));
            directory.crash_and_restart();
        }
        let registered: Vec<String> = machines.into_iter().filter_map(|machine| machine.join().unwrap()).collect();
        assert_eq!(registered.len(), 1, "round {round}: so many keys have a certificate");
        let known = directory.graph().ids(&format!("{PROFILE}/connectors?$filter=machineName eq '{name}'"));
        assert_eq!(known, registered, "round {round}: and the directory has that connector and no other");
    }
}

#[test]
fn every_bad_token_gets_one_answer_and_guesses_are_slowed_down() {
    let directory = Directory::start();
    let machine = Registrar::new("guesser", directory.addresses().gateway, &directory.trust());
    let good = token(&directory, &json!({}));
    let bound = token(&directory, &json!({"machineName": "somebody-else"}));
    let secret = secret_of(good["token"].as_str().unwrap());
    let Answer::Registered(_) = machine.try_once(&secret).unwrap() else { panic!("a good token registers") };
    let other = Registrar::new("guesser", directory.addresses().gateway, &directory.trust());
    let refusals = [
        ("used", other.try_once(&secret)),
        ("unknown", other.try_once(&[7; 32])),
        ("short", other.try_once(&secret[..31])),
        ("for another machine", other.try_once(&secret_of(bound["token"].as_str().unwrap()))),
    ];
    let answers: Vec<Answer> = refusals.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    assert!(matches!(&answers[0], Answer::Never(reason) if reason.contains("not valid")), "{answers:?}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");

    let start = Instant::now();
    let guesses: Vec<Answer> = (0..100_u8).map(|guess| other.try_once(&[guess; 32]).unwrap()).collect();
    let later = guesses.iter().filter(|answer| matches!(answer, Answer::Later(_))).count();
    // Sixty a minute, of which the tries above took five; one more for each second that the guesses took.
    let grown = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    let refused = guesses.iter().filter(|answer| matches!(answer, Answer::Never(_))).count();
    assert_eq!(later + refused, guesses.len(), "{guesses:?}");
    assert!((55..=55 + 5 + grown).contains(&refused), "{refused} of 100 were looked at, in {:?}", start.elapsed());
    let metrics = Connection::plain(directory.addresses().metrics).unwrap().get("localhost", "/metrics").unwrap();
    let counted = format!("adit_gateway_registrations_limited_total {later}");
    assert!(metrics.text().contains(&counted), "{}", metrics.text());
}

#[test]
fn invented_tokens_use_up_nothing_of_what_all_may() {
    let directory =
        Directory::start_configured("[client_limits]\nregistrations_per_address = 1000\nregistrations = 2\n");
    let machine = |name| Registrar::new(name, directory.addresses().gateway, &directory.trust());
    let guesser = machine("guesser");
    for guess in 0..50_u8 {
        let answer = guesser.try_once(&[guess; 32]).unwrap();
        assert!(matches!(&answer, Answer::Never(reason) if reason.contains("not valid")), "{answer:?}");
    }
    for name in ["srv1", "srv2"] {
        let secret = secret_of(token(&directory, &json!({}))["token"].as_str().unwrap());
        let answer = machine(name).try_once(&secret).unwrap();
        assert!(matches!(answer, Answer::Registered(_)), "{answer:?}");
    }
    let secret = secret_of(token(&directory, &json!({}))["token"].as_str().unwrap());
    let answer = machine("srv3").try_once(&secret).unwrap();
    assert!(matches!(&answer, Answer::Later(reason) if reason.contains("too many")), "{answer:?}");
}

#[test]
fn tokens_are_listed_and_revoked_on_the_command_line() {
    let directory = Directory::start();
    let data = directory.data_argument();
    let made = ["registration-token", "--data", &data, "--machine", "srv1"];
    let line = run(&made).succeeded();
    let listed = run(&["registration-tokens", "list", "--data", &data]).succeeded();
    assert!(listed.contains("srv1") && listed.contains("Default"), "{listed}");
    assert!(!listed.contains(line.trim()), "a secret is shown once");
    let json = run(&["registration-tokens", "list", "--data", &data, "--output", "json"]).succeeded();
    let tokens: serde_json::Value = serde_json::from_str(&json).unwrap();
    let id = tokens[0]["id"].as_str().unwrap();
    let _ = run(&["registration-tokens", "revoke", id, "--data", &data]).succeeded();
    let machine = Registrar::new("srv1", directory.addresses().gateway, &directory.trust());
    assert!(matches!(machine.try_once(&secret_of(&line)).unwrap(), Answer::Never(_)));
    let again = run(&["registration-tokens", "revoke", id, "--data", &data]);
    assert!(again.stderr.contains("no registration token was revoked"), "{}", again.stderr);
}

#[test]
fn a_machine_that_lost_its_data_folder_takes_over_its_old_entry() {
    let directory = Directory::start();
    let mut lost = directory.connector("srv1");
    lost.process().kill();
    let graph = directory.graph();
    adit_tests::settles("the old tunnel is gone", PATIENCE, || graph.status_of(lost.id()) == "inactive");
    let again = ConnectorProcess::start("srv1", &directory.registration_token("Default"), &[]);
    let (id, _) = adit_tests::eventually("an active connector", PATIENCE, || graph.find_active_connector("srv1"));
    assert_eq!(id, lost.id());
    drop(again);
    // Its old key is of no use any more.
    lost.restart();
    let ended = lost.process().finish(PATIENCE);
    assert!(!ended.success());
    assert!(lost.process().log().contains("replaced by a later registration"), "{}", lost.process().log());
}

#[test]
fn a_connector_with_a_new_token_serves_as_it_was_while_the_gateway_puts_it_off_and_then_goes_over() {
    // One in ten seconds, and six at once.
    let directory = Directory::start_configured("[client_limits]\nregistrations_per_address = 6\n");
    let mut connector = directory.connector("srv1");
    let graph = directory.graph();
    let group = graph.create_group("Other");
    let token = directory.registration_token("Other");
    connector.process().kill();
    adit_tests::settles("the tunnel is gone", PATIENCE, || graph.status_of(connector.id()) == "inactive");
    let other = Registrar::new("guesser", directory.addresses().gateway, &directory.trust());
    while !matches!(other.try_once(&[7; 32]).unwrap(), Answer::Later(_)) {}

    connector.restart_with(&["--token", &token]);
    adit_tests::settles("it serves as it was", PATIENCE, || graph.status_of(connector.id()) == "active");
    let log = connector.process().log();
    assert!(log.contains("serving under the registration there is meanwhile"), "{log}");
    let members = || graph.ids(&format!("{PROFILE}/connectorGroups/{group}/members"));
    adit_tests::settles("it is in the other group", PATIENCE, || members().len() == 1);
    let new = members()[0].clone();
    assert_ne!(new, connector.id());
    adit_tests::settles("it serves there", PATIENCE, || graph.status_of(&new) == "active");
    adit_tests::settles("and only there", PATIENCE, || graph.status_of(connector.id()) == "inactive");
    connector.process().kill();
    connector.restart();
    adit_tests::settles("after a new start as well", PATIENCE, || graph.status_of(&new) == "active");
    assert_eq!(graph.status_of(connector.id()), "inactive");
}
