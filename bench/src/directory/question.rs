//! The requests that are measured.

use std::time::SystemTime;

use adit_tests::graph::PROFILE;

use super::content::{APPLICATIONS, SAME_PREFIX, application_name, prefix};
use super::load::{Question, Request, Target, Turn};
use super::walk::{Walk, walk};

/// How many clients ask at the same time.
const CONNECTIONS: usize = 32;

/// Items on a page.
const PAGE: usize = 100;

/// How far in a deep page is.
const DEEP: usize = 900_000;

/// Leads through many numbers before one comes again, in no order.
const STRIDE: usize = 7_654_321;

/// What a question is about, where the promises name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Other,
    FirstPage,
    DeepPage,
    FirstPageByName,
    DeepPageByName,
    Create,
    CreateAlone,
}

/// All questions, with the ids and places that they need, which are looked up here.
pub(super) fn all(target: &Target) -> Vec<(Kind, Question)> {
    let applications = walk(target, "/beta/applications", "", DEEP);
    report("in default order", &applications);
    let by_name = walk(target, "/beta/applications", "&$orderby=displayName", DEEP);
    report("by displayName", &by_name);
    let groups = walk(target, &format!("/beta{PROFILE}/connectorGroups"), "", PAGE * PAGE);
    let connectors = connectors(target);
    let (deep, deep_by_name) = (applications.skip_token, by_name.skip_token);
    let moved_between = [groups.ids[1].clone(), groups.ids[2].clone()];
    vec![
        (Kind::Other, point_read("GET an application", "/beta/applications", applications.ids)),
        (Kind::Other, point_read("GET a group", &format!("/beta{PROFILE}/connectorGroups"), groups.ids)),
        (Kind::Other, name_equals()),
        (Kind::Other, name_starts_with()),
        (Kind::FirstPage, page("first page of 100, default order", "")),
        (Kind::DeepPage, page("page 900,000 items in, default order", &format!("&$skiptoken={deep}"))),
        (Kind::FirstPageByName, page("first page of 100, by displayName", "&$orderby=displayName")),
        (
            Kind::DeepPageByName,
            page("page 900,000 items in, by displayName", &format!("&$orderby=displayName&$skiptoken={deep_by_name}")),
        ),
        (Kind::Other, members()),
        (Kind::Create, create("POST a group", "shared", CONNECTIONS)),
        (Kind::CreateAlone, create("POST a group, one client", "alone", 1)),
        (Kind::Other, moves(connectors, moved_between)),
    ]
}

/// The same writes by many clients and by one.
pub(super) fn writes() -> Vec<(Kind, Question)> {
    vec![
        (Kind::Create, create("POST a group", "shared slowly", CONNECTIONS)),
        (Kind::CreateAlone, create("POST a group, one client", "alone slowly", 1)),
    ]
}

fn report(order: &str, walk: &Walk) {
    println!(
        "walked over {} applications {order} in {:.1} s, pages of 999; the slowest took {:.0} ms",
        walk.ids.len(),
        walk.took.as_secs_f64(),
        walk.slowest.as_secs_f64() * 1e3
    );
}

fn connectors(target: &Target) -> Vec<String> {
    let list = format!("/beta{PROFILE}/connectors?$top={CONNECTIONS}");
    let answer = target.ask(&mut target.connect(), &Request::get(list)).json();
    let listed = answer["value"].as_array().expect("a list of connectors");
    listed.iter().map(|connector| connector["id"].as_str().expect("an id").to_owned()).collect()
}

fn point_read(name: &'static str, path: &str, ids: Vec<String>) -> Question {
    let path = path.to_owned();
    Question::new(name, CONNECTIONS, move |turn| Request::get(format!("{path}/{}", ids[any(turn, ids.len())])))
}

fn name_equals() -> Question {
    let make = |turn| {
        let name = application_name(any(turn, APPLICATIONS)).replace(' ', "%20");
        Request::get(format!("/beta/applications?$filter=displayName%20eq%20'{name}'"))
    };
    Question::new("$filter=displayName eq '..'", CONNECTIONS, make).listing(1)
}

fn name_starts_with() -> Question {
    let make = |turn| {
        let prefix = prefix(any(turn, APPLICATIONS)).replace(' ', "%20");
        Request::get(format!("/beta/applications?$filter=startswith(displayName,'{prefix}')&$top={PAGE}"))
    };
    const { assert!(SAME_PREFIX > PAGE, "the page is full") };
    Question::new("$filter=startswith(displayName,'..')&$top=100", CONNECTIONS, make).listing(PAGE)
}

fn page(name: &'static str, options: &str) -> Question {
    let target = format!("/beta/applications?$top={PAGE}{options}");
    Question::new(name, CONNECTIONS, move |_| Request::get(target.clone())).listing(PAGE)
}

fn members() -> Question {
    let target = format!("/beta{PROFILE}/connectorGroups?$top={PAGE}&$expand=members");
    Question::new("groups with $expand=members&$top=100", CONNECTIONS, move |_| Request::get(target.clone()))
        .listing(PAGE)
}

fn create(name: &'static str, prefix: &'static str, connections: usize) -> Question {
    // A folder that is kept has the groups of earlier runs.
    let run = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let make = move |turn: Turn| {
        let name = format!("{prefix} {run} {} {}", turn.client, turn.number);
        Request::post(format!("/beta{PROFILE}/connectorGroups"), format!(r#"{{"name":"{name}"}}"#))
    };
    Question::new(name, connections, make).answered(201)
}

/// Each client moves a connector of its own to and fro.
fn moves(connectors: Vec<String>, groups: [String; 2]) -> Question {
    let make = move |turn: Turn| {
        let group = &groups[usize::from(turn.number.is_multiple_of(2))];
        let connector = &connectors[turn.client];
        let reference = format!("https://graph.microsoft.com/beta{PROFILE}/connectors/{connector}");
        let target = format!("/beta{PROFILE}/connectorGroups/{group}/members/$ref");
        Request::post(target, format!(r#"{{"@odata.id":"{reference}"}}"#))
    };
    Question::new("POST members/$ref: move a connector", CONNECTIONS, make).answered(204)
}

/// A number below `total`, another one for each turn of each client.
fn any(turn: Turn, total: usize) -> usize {
    let number = usize::try_from(turn.number).unwrap_or_default();
    (number * CONNECTIONS + turn.client).wrapping_mul(STRIDE) % total
}
