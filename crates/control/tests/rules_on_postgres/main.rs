//! The rules of the directory once more, with each directory in a database of PostgreSQL. What is so of files alone is left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

#[path = "../rules/app_role_assignment.rs"]
mod app_role_assignment;
#[path = "../rules/application.rs"]
mod application;
#[path = "../rules/audit.rs"]
mod audit;
#[path = "../rules/authority.rs"]
mod authority;
#[path = "../rules/certificate.rs"]
mod certificate;
#[path = "../rules/connector.rs"]
mod connector;
#[path = "../rules/connector_group.rs"]
mod connector_group;
#[path = "../rules/deleted_application.rs"]
mod deleted_application;
#[path = "../rules/delta.rs"]
mod delta;
#[path = "../rules/directory.rs"]
mod directory;
#[path = "../rules/durability.rs"]
mod durability;
#[path = "../rules/expected.rs"]
mod expected;
#[path = "../rules/feed.rs"]
mod feed;
#[path = "../rules/inactivity.rs"]
mod inactivity;
#[path = "../rules/list.rs"]
mod list;
#[path = "../rules/owner.rs"]
mod owner;
#[path = "../rules/page_002.rs"]
mod page_002;
#[path = "../rules/page_003.rs"]
mod page_003;
mod place;
#[path = "../rules/presence.rs"]
mod presence;
#[path = "../rules/profile.rs"]
mod profile;
#[path = "../rules/publishing.rs"]
mod publishing;
#[path = "../rules/refresh_token.rs"]
mod refresh_token;
#[path = "../rules/registration.rs"]
mod registration;
#[path = "../rules/service_principal.rs"]
mod service_principal;
#[path = "../rules/session.rs"]
mod session;
#[path = "../rules/sessions.rs"]
mod sessions;
#[path = "../rules/snapshot.rs"]
mod snapshot;
#[path = "../rules/unique_name.rs"]
mod unique_name;

use std::collections::BTreeSet;

#[test]
fn every_rule_is_tested_here_as_well() {
    let modules =
        |text: &'static str| -> BTreeSet<&str> { text.lines().filter(|line| line.starts_with("mod ")).collect() };
    let (own, all) = (modules(include_str!("main.rs")), modules(include_str!("../rules/main.rs")));
    assert_eq!(all.difference(&own).collect::<Vec<_>>(), [&"mod file;"]);
}
