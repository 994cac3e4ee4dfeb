//! Many requests at the same time: each is answered as some order one after the other would have answered it.

use std::sync::Barrier;
use std::thread;

use adit_tests::Directory;
use adit_tests::graph::{Graph, PROFILE, id_of, reference};
use adit_tests::http::Response;
use serde_json::{Value, json};

use crate::assert_error;

/// How many at the same time.
const MANY: usize = 100;

/// Sends a request from each of `count` threads at the same moment.
fn at_once(count: usize, send: impl Fn(usize) -> Response + Sync) -> Vec<Response> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, send) = (&start, &send);
                scope.spawn(move || {
                    start.wait();
                    send(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client")).collect()
    })
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn move_into(graph: &Graph, connector: &str, group: &str) -> Response {
    let target = format!("{PROFILE}/connectorGroups/{group}/members/$ref");
    graph.send("POST", &target, Some(&reference(&format!("{PROFILE}/connectors/{connector}"))))
}

#[test]
fn the_same_reference_a_hundred_times_at_once_is_one_link() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("wanted");
    let group = graph.create_group("Wanted");
    let answers = at_once(MANY, |_| move_into(&graph, connector.id(), &group));
    assert_eq!(count(&answers, 204), MANY, "{:?}", answers.iter().find(|answer| answer.status != 204));
    assert_eq!(graph.ids(&format!("{PROFILE}/connectorGroups/{group}/members")), [connector.id()]);
    assert_eq!(graph.group_of_connector(connector.id()), group);
}

#[test]
fn a_connector_that_two_groups_want_at_once_is_in_one_of_them() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("torn");
    let groups = [graph.create_group("One"), graph.create_group("Other")];
    let answers = at_once(MANY, |number| move_into(&graph, connector.id(), &groups[number % 2]));
    assert_eq!(count(&answers, 204), MANY);
    let found = graph.group_of_connector(connector.id());
    for group in &groups {
        let members = graph.ids(&format!("{PROFILE}/connectorGroups/{group}/members"));
        assert_eq!(members.len(), usize::from(*group == found), "{members:?}");
    }
}

#[test]
fn a_group_that_is_deleted_while_a_connector_moves_in_either_is_gone_or_has_it() {
    let directory = Directory::start();
    let graph = directory.graph();
    let connector = directory.connector("moving-in");
    let default = graph.group_named("Default");
    for round in 0..20 {
        let group = graph.create_group(&format!("Round {round}"));
        let path = format!("{PROFILE}/connectorGroups/{group}");
        let answers = at_once(2, |number| match number {
            0 => move_into(&graph, connector.id(), &group),
            _ => graph.send("DELETE", &path, None),
        });
        match (answers[0].status, answers[1].status) {
            (204, 400) => assert_eq!(graph.group_of_connector(connector.id()), group),
            (404, 204) => {
                assert_eq!(graph.group_of_connector(connector.id()), default);
                assert_eq!(graph.send("GET", &path, None).status, 404);
            }
            other => panic!("no order explains {other:?}: {} {}", answers[0].text(), answers[1].text()),
        }
        graph.move_connector(connector.id(), &default);
    }
}

#[test]
fn a_group_that_is_deleted_while_an_application_is_assigned_either_is_gone_or_serves_it() {
    let directory = Directory::start();
    let graph = directory.graph();
    let publishing = json!({"internalUrl": "http://a.internal.example/", "externalUrl": "https://a.apps.example/",
        "externalAuthenticationType": "passthru"});
    let application = graph.publish("Assigned", &publishing);
    let default = graph.group_named("Default");
    for round in 0..20 {
        let group = graph.create_group(&format!("Round {round}"));
        let path = format!("{PROFILE}/connectorGroups/{group}");
        let assignment = format!("/applications/{application}/connectorGroup/$ref");
        let answers = at_once(2, |number| match number {
            0 => graph.send("PUT", &assignment, Some(&reference(&path))),
            _ => graph.send("DELETE", &path, None),
        });
        match (answers[0].status, answers[1].status) {
            (204, 400) => assert_eq!(graph.group_of_application(&application), group),
            (404, 204) => assert_eq!(graph.group_of_application(&application), default),
            other => panic!("no order explains {other:?}: {} {}", answers[0].text(), answers[1].text()),
        }
        graph.assign_group(&application, &default);
    }
}

#[test]
fn of_many_that_want_one_name_or_one_url_one_gets_it() {
    let directory = Directory::start();
    let graph = directory.graph();
    let groups = format!("{PROFILE}/connectorGroups");
    let answers = at_once(20, |_| graph.send("POST", &groups, Some(&json!({"name": "The only one"}))));
    assert_eq!((count(&answers, 201), count(&answers, 400)), (1, 19));
    assert_eq!(graph.ids(&format!("{groups}?$filter=name eq 'The only one'")).len(), 1);

    let applications: Vec<String> = (0..10)
        .map(|number| {
            let made = graph.send("POST", "/applications", Some(&json!({"displayName": format!("Wants {number}")})));
            id_of(&made.json())
        })
        .collect();
    let answers = at_once(applications.len(), |number| {
        let publishing = json!({"internalUrl": format!("http://n{number}.internal.example/"),
            "externalUrl": "https://wanted.apps.example/", "externalAuthenticationType": "passthru"});
        let path = format!("/applications/{}", applications[number]);
        graph.send("PATCH", &path, Some(&json!({"onPremisesPublishing": publishing})))
    });
    assert_eq!((count(&answers, 204), count(&answers, 400)), (1, 9));
    let published: Vec<Value> = graph
        .list("/applications?$select=id,onPremisesPublishing")
        .into_iter()
        .filter(|application| !application["onPremisesPublishing"].is_null())
        .collect();
    assert_eq!(published.len(), 1, "{published:?}");
}

#[test]
fn an_old_etag_changes_nothing_and_of_many_with_the_newest_one_wins() {
    let directory = Directory::start();
    let graph = directory.graph();
    let group = graph.create_group("First name");
    let path = format!("{PROFILE}/connectorGroups/{group}");
    let target = format!("/beta{path}");
    let old = graph.get(&path)["@odata.etag"].as_str().expect("an ETag").to_owned();
    let patch = |etag: &str, name: &str| {
        let headers = [("content-type", "application/json"), ("if-match", etag)];
        graph.send_as_spelled("PATCH", &target, &headers, json!({"name": name}).to_string().as_bytes())
    };
    assert_eq!(patch(&old, "Second name").status, 204);
    for answer in [
        patch(&old, "Too late"),
        graph.send_as_spelled("DELETE", &target, &[("if-match", &old)], b""),
        patch("\"nonsense\"", "Never"),
    ] {
        assert_error(&answer, 412, "changed");
    }
    assert_eq!(graph.get(&path)["name"], "Second name");

    let newest = graph.get(&path)["@odata.etag"].as_str().expect("an ETag").to_owned();
    let answers = at_once(20, |number| patch(&newest, &format!("Name {number}")));
    assert_eq!((count(&answers, 204), count(&answers, 412)), (1, 19));
    let winner = answers.iter().position(|answer| answer.status == 204).expect("a winner");
    assert_eq!(graph.get(&path)["name"], format!("Name {winner}"));
    assert_eq!(patch("*", "Any").status, 204, "* matches whatever there is");
    assert_eq!(graph.send_as_spelled("DELETE", &target, &[("if-match", "*")], b"").status, 204);
}
