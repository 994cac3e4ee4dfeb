//! The time of one access decision, by itself, in a directory of 100,000 applications.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use adit_core::access::{AccessRequest, Principal, Who, decide_for};
use adit_core::admission::Assignee;
use adit_core::app_role_assignment::DEFAULT_ACCESS;
use adit_core::snapshot::PublishedApplication;
use adit_core::{
    Admission, AppId, Application, ApplicationId, ConnectorGroupId, DisplayName, Epoch, ExternalUrl, InternalUrl,
    PrincipalId, PrincipalKind, Publishing, Revision, ServicePrincipal, ServicePrincipalId, Snapshot,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sides::finding::{Finding, Goal, Table};
use crate::sides::series::{Series, at};

const APPLICATIONS: u128 = 100_000;

/// Those among them to which somebody is assigned, evenly spread.
const ASSIGNED: u128 = 10;

/// Assignments to each of these.
const ASSIGNMENTS: u128 = 1_000;

/// Groups of the one who asks: as many as a session has room for.
const GROUPS: u128 = 100;

/// Decisions that are timed as one: the clock is too coarse for a single one.
const BATCH: usize = 1_000;

const BATCHES: usize = 200;

/// Who asks for what: a line of the table.
struct Case {
    what: &'static str,
    /// The numbers of the applications that are asked for, in turn.
    applications: Vec<u128>,
    principal: PrincipalId,
    groups: Vec<PrincipalId>,
    granted: bool,
}

/// Times every case; the finding is about the slowest.
pub(super) fn measure(most: f64) -> (Table, Finding) {
    let snapshot = Snapshot::compile(Epoch(1), Revision(1), (0..APPLICATIONS).map(published), []);
    let head = format!("a decision among {APPLICATIONS} applications");
    let mut table = Table::new(&[&head, "ns", "ns, slowest 1 % of batches"]);
    let mut slowest = f64::MIN;
    for case in cases() {
        let times = times(&snapshot, &case);
        let median = times.median();
        slowest = slowest.max(median);
        table.row(vec![case.what.to_owned(), format!("{median:.0}"), format!("{:.0}", at(&times.0, 0.99))]);
    }
    (table, Finding::new("the slowest kind of access decision", slowest, " ns", Goal::AtMost(most)))
}

fn cases() -> [Case; 4] {
    // A step that has no factor in common with the number of applications: each next one is elsewhere in memory.
    let everywhere = || (0..APPLICATIONS).map(|number| number * 7_919 % APPLICATIONS);
    let any: Vec<_> = everywhere().filter(|number| !is_assigned(*number)).take(10_000).collect();
    let assigned: Vec<_> = (0..APPLICATIONS).filter(|number| is_assigned(*number)).collect();
    // The last group of the session is the one that is assigned.
    let groups = |last: u128| (0..GROUPS - 1).map(|number| id(9_000_000 + number)).chain([id(last)]).collect();
    let stranger = id(8_000_000);
    let case = |what, applications: &[u128], principal, groups, granted| Case {
        what,
        applications: applications.to_vec(),
        principal,
        groups,
        granted,
    };
    [
        case("open to everybody who has signed in", &any, stranger, Vec::new(), true),
        case("1,000 assignments, by oneself", &assigned, id(ASSIGNMENTS / 2 - 2), Vec::new(), true),
        case("1,000 assignments, by the last of 100 groups", &assigned, stranger, groups(ASSIGNMENTS - 1), true),
        case("1,000 assignments, by none of 100 groups", &assigned, stranger, groups(7_000_000), false),
    ]
}

/// Nanoseconds of one decision, batch by batch.
fn times(snapshot: &Snapshot, case: &Case) -> Series {
    let hosts: Vec<String> = case.applications.iter().map(|number| host(*number)).collect();
    let who = Principal { kind: PrincipalKind::User, id: case.principal, groups: &case.groups, groups_left_out: 0 };
    let mut next = hosts.iter().cycle();
    let mut batch = || {
        let start = Instant::now();
        for host in next.by_ref().take(BATCH) {
            let request = AccessRequest { host: black_box(host), path: "/a/page" };
            let decided = black_box(decide_for(snapshot, request, Who::Principal(who)));
            assert_eq!(decided.is_ok(), case.granted, "{}: {decided:?}", case.what);
        }
        start.elapsed().as_secs_f64() * 1e9 / BATCH as f64
    };
    Series((0..BATCHES).map(|_| batch()).collect())
}

const fn is_assigned(number: u128) -> bool {
    number.is_multiple_of(APPLICATIONS / ASSIGNED)
}

fn id(number: u128) -> PrincipalId {
    PrincipalId::new(Uuid::from_u128(number))
}

fn host(number: u128) -> String {
    format!("application-{number}.corp.example")
}

fn published(number: u128) -> PublishedApplication {
    let name = DisplayName::parse(&format!("Application {number}")).expect("a name");
    let uuid = |kind: u128| Uuid::from_u128(kind << 64 | number);
    let external = ExternalUrl::parse(&format!("https://{}/", host(number))).expect("an external URL");
    let internal = InternalUrl::parse("http://internal.corp.example:8080/").expect("an internal URL");
    let app_id = AppId::new(uuid(2));
    let created = Timestamp::UNIX_EPOCH;
    let mut application =
        Application::new(ApplicationId::new(uuid(1)), app_id, name.clone(), created, serde_json::Map::new());
    application.publish(Publishing::new(external, internal), ConnectorGroupId::new(uuid(3)));
    let attributes = match json!({"appRoleAssignmentRequired": is_assigned(number)}) {
        Value::Object(attributes) => attributes,
        other => panic!("{other} is no object"),
    };
    let principal = ServicePrincipal {
        id: ServicePrincipalId::new(uuid(4)),
        app_id,
        display_name: name,
        created,
        attributes,
        revision: Revision(0),
    };
    let assigned = if is_assigned(number) { ASSIGNMENTS } else { 0 };
    let assignees = (0..assigned).map(|number| Assignee {
        principal: id(number),
        kind: if number % 2 == 0 { PrincipalKind::User } else { PrincipalKind::Group },
        app_role: DEFAULT_ACCESS,
    });
    let admission = Admission::of(&application, &principal, assignees);
    let published = PublishedApplication::of(&application).expect("a published application");
    PublishedApplication { admission: Some(Arc::new(admission)), ..published }
}
