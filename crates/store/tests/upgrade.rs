//! Bringing a directory of an earlier version up to date: what it held gets what is new, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;

use adit_core::application::{BodyLinks, TrafficRouting, TranslatedTo};
use adit_core::audit::{Activity, ActorKind, AuditActor};
use adit_core::query::{ApplicationField, Expression, Field, Query, Value};
use adit_core::{AppId, ApplicationId, DisplayName, ExternalUrl, ServicePrincipal};
use adit_store::Store;
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use uuid::Uuid;

/// A directory at `version` of its schema.
async fn directory_at(version: i64, path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let all = Migrator::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))).await.unwrap();
    let until = all.iter().filter(|migration| migration.version <= version).cloned().collect();
    Migrator::with_migrations(until).run(&mut connection).await.unwrap();
    connection
}

async fn run(connection: &mut SqliteConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// An application as version 2 kept it; one with a group is published.
async fn insert(connection: &mut SqliteConnection, number: u128, attributes: &str, group: Option<Uuid>) {
    let (id, app_id) = (Uuid::from_u128(number), Uuid::from_u128(number + 1000));
    let url = format!("http://app{number}/");
    let publishing = json!({
        "external_url": format!("https://app{number}.example/"), "internal_url": url,
        "pre_authentication": "sign_in", "host_header": "internal", "upstream_certificate": "verified",
        "timeout": "default", "attributes": {},
    });
    let group = group.map_or("NULL".to_owned(), |group| format!("'{group}'"));
    let publishing = if group == "NULL" { "NULL".to_owned() } else { format!("'{publishing}'") };
    let sql = format!(
        "INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, publishing, \
         connector_group_id, revision) VALUES ('{id}', '{app_id}', 'Wiki', 'wiki', '2026-01-01T00:00:00.000000000Z', \
         '{attributes}', {publishing}, {group}, 7)"
    );
    run(connection, &sql).await;
}

async fn principal_of(store: &Store, number: u128) -> Option<ServicePrincipal> {
    store.find_service_principal_of(AppId::new(Uuid::from_u128(number + 1000))).await.unwrap()
}

#[tokio::test]
async fn applications_that_were_published_before_get_their_service_principal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let mut old = directory_at(2, &path).await;
    let group = Uuid::from_u128(99);
    let sql = format!("INSERT INTO connector_group VALUES ('{group}', 'Default', 'default', NULL, 'default', 1)");
    run(&mut old, &sql).await;
    insert(&mut old, 1, "{}", Some(group)).await;
    insert(&mut old, 2, "{}", Some(group)).await;
    insert(&mut old, 3, "{}", None).await;
    old.close().await.unwrap();
    let store = Store::open(&path).await.unwrap();
    let first = principal_of(&store, 1).await.unwrap();
    assert_eq!((first.display_name.as_str(), first.revision.0), ("Wiki", 7));
    let tags = ["WindowsAzureActiveDirectoryIntegratedApp", "WindowsAzureActiveDirectoryOnPremApp"];
    assert_eq!(first.attributes["tags"], json!(tags));
    let second = principal_of(&store, 2).await.unwrap();
    assert_ne!(first.id, second.id);
    for id in [first.id, second.id] {
        assert_eq!(id.uuid().get_version_num(), 4);
        assert_eq!(id.to_string(), id.uuid().hyphenated().to_string());
    }
    assert_eq!(principal_of(&store, 3).await, None, "only published ones");
}

#[tokio::test]
async fn the_first_of_several_applications_with_one_unique_name_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let mut old = directory_at(2, &path).await;
    insert(&mut old, 1, r#"{"notes":"a"}"#, None).await;
    insert(&mut old, 2, r#"{"uniqueName":"Wiki","notes":"b"}"#, None).await;
    insert(&mut old, 3, r#"{"uniqueName":"wiki","notes":"c"}"#, None).await;
    insert(&mut old, 4, r#"{"uniqueName":null,"notes":"d"}"#, None).await;
    insert(&mut old, 5, r#"{"uniqueName":"Über Äpfel","notes":"e"}"#, None).await;
    insert(&mut old, 6, r#"{"uniqueName":"über äpfel","notes":"f"}"#, None).await;
    old.close().await.unwrap();
    let store = Store::open(&path).await.unwrap();
    let id = |number| ApplicationId::new(Uuid::from_u128(number));
    let found = store.find_application_by_unique_name("WIKI").await.unwrap().unwrap();
    assert_eq!((found.id, found.unique_name()), (id(2), Some("Wiki")));
    let found = store.find_application_by_unique_name("ÜBER ÄPFEL").await.unwrap().unwrap();
    assert_eq!((found.id, found.unique_name()), (id(5), Some("Über Äpfel")));
    for (number, notes) in [(1, "a"), (3, "c"), (4, "d"), (6, "f")] {
        let mut other = store.find_application(id(number)).await.unwrap().unwrap();
        assert_eq!((other.unique_name(), &other.attributes["notes"]), (None, &json!(notes)));
        let mut change = store.begin().await.unwrap();
        change.update_application(&mut other).await.unwrap();
        change.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_is_brought_up_to_date_has_the_settings_of_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    directory_at(2, &old).await.close().await.unwrap();
    let (old, new) = (Store::open(&old).await.unwrap(), Store::open(&new).await.unwrap());
    assert_eq!(old.load_profile().await.unwrap(), new.load_profile().await.unwrap());
}

fn actor(kind: ActorKind, id: Option<&str>, name: Option<&str>) -> AuditActor {
    AuditActor { kind, id: id.map(ToOwned::to_owned), name: name.map(ToOwned::to_owned), ip: None }
}

#[tokio::test]
async fn the_actors_of_an_earlier_audit_log_come_apart_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let cases = [
        ("user:sub-1 (Alice)", actor(ActorKind::User, Some("sub-1"), Some("Alice"))),
        ("user:sub-2 (Bob (Ops))", actor(ActorKind::User, Some("sub-2"), Some("Bob (Ops)"))),
        ("user:alice", actor(ActorKind::User, Some("alice"), None)),
        ("user:a:b", actor(ActorKind::User, Some("a:b"), None)),
        ("program:0000-1111", actor(ActorKind::Program, Some("0000-1111"), None)),
        ("connector:srv1", actor(ActorKind::Connector, None, Some("srv1"))),
        ("system", actor(ActorKind::System, None, None)),
    ];
    let mut connection = directory_at(3, &path).await;
    for (number, (text, _)) in cases.iter().enumerate() {
        sqlx::query(
            "INSERT INTO audit (id, revision, at, activity, actor, request_id, target, detail) \
             VALUES (?, ?, ?, 'add_connector_group', ?, '00000000-0000-0000-0000-0000000000aa', 't', '{\"old\":null}')",
        )
        .bind(format!("00000000-0000-0000-0000-00000000000{number}"))
        .bind(i64::try_from(number).unwrap())
        .bind(format!("2026-01-0{}T00:00:00.000000000Z", number + 1))
        .bind(*text)
        .execute(&mut connection)
        .await
        .unwrap();
    }
    connection.close().await.unwrap();

    let store = Store::open(&path).await.unwrap();
    let page = store.list_audit(&Query::default()).await.unwrap();
    assert_eq!(page.items.len(), cases.len());
    for (record, (text, expected)) in page.items.iter().rev().zip(&cases) {
        assert_eq!(record.actor, *expected, "{text}");
        assert_eq!((record.activity, record.target.as_str()), (Activity::AddConnectorGroup, "t"));
        assert_eq!(record.detail, serde_json::json!({ "old": null }));
    }
    let of_third = store.audit_of(adit_core::Revision(2)).await.unwrap();
    assert_eq!(of_third, [page.items[4].clone()], "each keeps its revision");
}

#[tokio::test]
async fn settings_that_were_kept_as_they_came_have_a_type_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let (mut old, group) = directory_with_group_at(5, &path).await;
    insert(&mut old, 1, "{}", Some(group)).await;
    insert(&mut old, 2, "{}", Some(group)).await;
    insert(&mut old, 3, "{}", None).await;
    let attributes = json!({
        "isTranslateLinksInBodyEnabled": true, "useAlternateUrlForTranslationAndRedirect": true,
        "trafficRoutingMethod": "sessionPersistence", "alternateUrl": "https://Portal.example/wiki", "wafProvider": "x",
    });
    let set =
        format!("UPDATE application SET publishing = json_set(publishing, '$.attributes', json('{attributes}')) ");
    run(&mut old, &format!("{set} WHERE id = '{}'", Uuid::from_u128(1))).await;
    old.close().await.unwrap();

    let store = Store::open(&path).await.unwrap();
    let application = async |number| store.find_application(ApplicationId::new(Uuid::from_u128(number))).await.unwrap();
    let first = application(1).await.unwrap();
    let publishing = first.publishing().unwrap();
    assert_eq!(publishing.body_links, BodyLinks::Translated);
    assert_eq!(publishing.translated_to, TranslatedTo::Alternate);
    assert_eq!(publishing.traffic_routing, TrafficRouting::SessionPersistence);
    let portal = ExternalUrl::parse("https://portal.example/wiki/").unwrap();
    assert_eq!(publishing.alternate_url, Some(portal.clone()));
    let mut change = store.begin().await.unwrap();
    let there = change.find_application_at(&portal).await.unwrap();
    assert_eq!(there.map(|found| found.id), Some(first.id), "nobody else takes it");
    change.roll_back().await.unwrap();
    assert_eq!(json!(publishing.attributes), json!({ "wafProvider": "x" }));
    let second = application(2).await.unwrap();
    assert_eq!(second.publishing().unwrap().body_links, BodyLinks::Kept);
    assert_eq!(application(3).await.unwrap().publishing(), None);
}

/// A directory of an earlier version, with the default group.
async fn directory_with_group_at(version: i64, path: &Path) -> (SqliteConnection, Uuid) {
    let mut old = directory_at(version, path).await;
    let group = Uuid::from_u128(99);
    let sql = format!("INSERT INTO connector_group VALUES ('{group}', 'Default', 'default', NULL, 'default', 1)");
    run(&mut old, &sql).await;
    (old, group)
}

/// Sets what an earlier version kept of an alternate URL, in a live or a deleted application.
async fn set_alternate_url(connection: &mut SqliteConnection, table: &str, number: u128, url: &str) {
    let sql = format!(
        "UPDATE {table} SET publishing = json_set(publishing, '$.attributes.alternateUrl', '{url}') WHERE id = '{}'",
        Uuid::from_u128(number)
    );
    run(connection, &sql).await;
}

#[tokio::test]
async fn an_alternate_url_that_was_kept_is_in_effect_where_it_is_valid_and_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let (mut old, group) = directory_with_group_at(5, &path).await;
    let cases = [
        (1, "https://portal.example/", Some("https://portal.example/")),
        (2, "https://PORTAL.example", None),
        (3, "https://app1.example/", None),
        (4, "https://app4.example:8443/", None),
        (5, "not even a URL", None),
        (6, "https://*.example/", None),
        (7, "", None),
        (8, "https://app7.example/team", Some("https://app7.example/team/")),
    ];
    for (number, url, _) in cases {
        insert(&mut old, number, "{}", Some(group)).await;
        let place = format!(
            "UPDATE application SET external_place = 'app{number}.example/' WHERE id = '{}'",
            Uuid::from_u128(number)
        );
        run(&mut old, &place).await;
        set_alternate_url(&mut old, "application", number, url).await;
    }
    run(
        &mut old,
        "INSERT INTO deleted_application (id, app_id, display_name, display_name_folded, created, attributes, publishing, \
         connector_group_id, revision, deleted) SELECT id, app_id, display_name, display_name_folded, created, \
         attributes, publishing, connector_group_id, revision, created FROM application WHERE id LIKE '%8'",
    )
    .await;
    run(&mut old, "DELETE FROM application WHERE id LIKE '%8'").await;
    old.close().await.unwrap();

    let store = Store::open(&path).await.unwrap();
    for (number, url, expected) in cases {
        let id = ApplicationId::new(Uuid::from_u128(number));
        let found = match number {
            8 => store.find_deleted_application(id).await.unwrap().unwrap().application,
            _ => store.find_application(id).await.unwrap().unwrap(),
        };
        let alternate = found.publishing().unwrap().alternate_url.as_ref().map(ToString::to_string);
        assert_eq!(alternate.as_deref(), expected, "{url}");
        assert!(!found.publishing().unwrap().attributes.contains_key("alternateUrl"), "{url}");
    }
}

#[tokio::test]
async fn urls_that_were_accepted_once_make_no_list_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let (mut old, group) = directory_with_group_at(5, &path).await;
    let urls = [
        ("external_url", "https://wiki.example/%61pp/"),
        ("internal_url", "http://w*ki/"),
        ("internal_url", "http://*.corp/app/"),
    ];
    for (number, (name, url)) in (1..).zip(urls) {
        insert(&mut old, number, "{}", Some(group)).await;
        let id = Uuid::from_u128(number);
        let set =
            format!("UPDATE application SET publishing = json_set(publishing, '$.{name}', '{url}') WHERE id = '{id}'");
        run(&mut old, &set).await;
    }
    old.close().await.unwrap();
    let store = Store::open(&path).await.unwrap();
    let page = store.list_applications(&Query::default()).await.unwrap();
    let shown: Vec<String> = page.items.iter().map(|found| json!(found.publishing()).to_string()).collect();
    assert_eq!(shown.len(), urls.len());
    for (shown, (name, url)) in shown.iter().zip(urls) {
        assert!(shown.contains(&format!("\"{name}\":\"{url}\"")), "{shown}");
    }
    assert_eq!(store.load_snapshot().await.unwrap().size().1, urls.len());
    let plain = ExternalUrl::parse("https://wiki.example/app/").unwrap();
    let first = ApplicationId::new(Uuid::from_u128(1));
    assert_eq!(found_at(&store, &plain).await, Some(first), "nobody else takes the place of an old spelling");
}

async fn found_at(store: &Store, url: &ExternalUrl) -> Option<ApplicationId> {
    let mut change = store.begin().await.unwrap();
    let there = change.find_application_at(url).await.unwrap();
    change.roll_back().await.unwrap();
    there.map(|found| found.id)
}

#[tokio::test]
async fn places_get_the_spelling_of_today_and_two_that_become_one_can_still_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let (mut old, group) = directory_with_group_at(6, &path).await;
    let urls = [
        (1, "external", "intra.example/caf%c3%a9/"),
        (2, "external", "intra.example/%61pp/"),
        (3, "external", "intra.example/app/"),
        (4, "alternate", "portal.example/%c3%a9/"),
        (5, "alternate", "portal.example/%C3%A9/"),
        (6, "alternate", "portal.example/%c3%a4/"),
    ];
    for (number, kind, place) in urls {
        insert(&mut old, number, "{}", Some(group)).await;
        let set = format!(
            "UPDATE application SET publishing = json_set(publishing, '$.{kind}_url', 'https://{place}'), \
             {kind}_place = '{place}', external_url = 'https://{place}' WHERE id = '{}'",
            Uuid::from_u128(number)
        );
        run(&mut old, &set).await;
    }
    old.close().await.unwrap();

    let store = Store::open(&path).await.unwrap();
    for (url, by) in [
        ("https://intra.example/caf%C3%A9/", 1),
        ("https://intra.example/app/", 3),
        ("https://portal.example/%C3%A9/", 5),
        ("https://portal.example/%C3%A4/", 6),
    ] {
        let there = found_at(&store, &ExternalUrl::parse(url).unwrap()).await;
        assert_eq!(there, Some(ApplicationId::new(Uuid::from_u128(by))), "{url}");
    }
    for (number, ..) in urls {
        let id = ApplicationId::new(Uuid::from_u128(number));
        let mut application = store.find_application(id).await.unwrap().unwrap();
        application.display_name = DisplayName::parse("Renamed").unwrap();
        let mut change = store.begin().await.unwrap();
        change.update_application(&mut application).await.unwrap();
        change.commit().await.unwrap();
    }
    let shown = Expression::equal(
        Field::Application(ApplicationField::ExternalUrl),
        Value::Text("https://intra.example/caf%C3%A9/".to_owned()),
    );
    let page = store.list_applications(&Query::default().narrowed(shown)).await.unwrap();
    assert_eq!(page.items.len(), 1, "what is searched has the spelling that is shown");
}
