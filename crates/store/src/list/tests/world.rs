//! A small directory with every kind of value in it, in the database and in memory.

use adit_core::application::{Application, Attributes, PreAuthentication, Publishing, TrafficRouting, UpstreamTimeout};
use adit_core::connector_group::{ConnectorGroup, GroupKind};
use adit_core::id::TunnelId;
use adit_core::query::{LARGEST_PAGE, Query};
use adit_core::{
    AppId, ApplicationId, Connector, ConnectorGroupId, ConnectorId, ConnectorStatus, DisplayName, ExternalUrl,
    InternalUrl, KeyGeneration, MachineName, Region, Revision, Seconds, UpstreamTimes,
};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::testing::{self, Directory};
use crate::{Store, Tunnel};

pub(super) struct World {
    pub(super) directory: Directory,
    pub(super) groups: Vec<ConnectorGroup>,
    pub(super) connectors: Vec<Connector>,
    pub(super) applications: Vec<Application>,
}

const NAMES: [&str; 6] = ["Wiki", "wiki 100%", "ÄRGER", "ärger_2", "o'neil \\ co", "Zoë"];

impl World {
    /// The same directory on each engine.
    pub(super) async fn on_each_engine() -> Vec<Self> {
        let mut worlds = Vec::new();
        for directory in testing::each_engine().await {
            fill(&directory.store).await;
            worlds.push(Self::of(directory).await);
        }
        worlds
    }

    pub(super) const fn store(&self) -> &Store {
        &self.directory.store
    }

    async fn of(directory: Directory) -> Self {
        let store = &directory.store;
        let everything = Query { limit: LARGEST_PAGE, ..Query::default() };
        let groups = store.list_connector_groups(&everything).await.unwrap().items;
        let connectors = store.list_connectors(&everything).await.unwrap().items;
        let applications = store.list_applications(&everything).await.unwrap().items;
        assert_eq!((groups.len(), connectors.len(), applications.len()), (4, 9, 24));
        Self { directory, groups, connectors, applications }
    }
}

async fn fill(store: &Store) {
    for number in 0..4 {
        insert_group(store, number).await;
    }
    for number in 0..9 {
        insert_connector(store, number).await;
    }
    for number in 0..24 {
        insert_application(store, number, attributes(number)).await;
    }
}

fn id(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128((kind << 64) + number as u128 * 7919)
}

fn group_id(number: usize) -> ConnectorGroupId {
    ConnectorGroupId::new(id(1, number))
}

async fn insert_group(store: &Store, number: usize) {
    let mut group = ConnectorGroup {
        id: group_id(number),
        name: DisplayName::parse(["Default", "Berlin", "MÜNCHEN", "berlin 2"][number]).unwrap(),
        region: [None, Some(Region::Eur), Some(Region::Nam), None][number],
        kind: if number == 0 { GroupKind::Default } else { GroupKind::Ordinary },
        revision: Revision::default(),
    };
    let mut change = store.begin().await.unwrap();
    change.insert_connector_group(&mut group).await.unwrap();
    change.commit().await.unwrap();
}

async fn insert_connector(store: &Store, number: usize) {
    let machine_name = MachineName::parse(["srv1", "SRV1", "srv-2", "Edge"][number % 4]).unwrap();
    let mut connector = Connector {
        id: ConnectorId::new(id(2, number)),
        machine_name: machine_name.clone(),
        external_ip: String::new(),
        version: String::new(),
        status: ConnectorStatus::Inactive,
        connector_group: group_id(number % 3),
        key_generation: KeyGeneration(1),
        care: adit_core::ConnectorCare::default(),
        drained: None,
        created: Timestamp::UNIX_EPOCH,
        revision: Revision::default(),
    };
    let mut change = store.begin().await.unwrap();
    change.insert_connector(&mut connector).await.unwrap();
    change.commit().await.unwrap();
    if number.is_multiple_of(2) {
        let tunnel = Tunnel {
            id: TunnelId::new(id(3, number)),
            instance: TunnelId::new(id(4, number)),
            connector: connector.id,
            machine_name,
            version: format!("1.{number}.0-RC"),
            external_ip: format!("192.0.2.{number}"),
            needs_upgrade: false,
            since: Timestamp::UNIX_EPOCH,
        };
        let mut presence = store.begin_presence().await.unwrap();
        assert!(presence.insert_tunnel(&tunnel).await.unwrap());
        presence.commit().await.unwrap();
    }
}

pub(super) async fn insert_application(store: &Store, number: usize, document: Attributes) {
    let moments = ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00.5Z", "2025-12-31T12:30:00.25Z"];
    let mut application = Application::new(
        ApplicationId::new(id(4, number)),
        AppId::new(id(5, number)),
        DisplayName::parse(NAMES[number % NAMES.len()]).unwrap(),
        moments[number % 3].parse().unwrap(),
        document,
    );
    if !number.is_multiple_of(3) {
        application.publish(publishing(number), group_id(number % 4));
    }
    let mut change = store.begin().await.unwrap();
    change.insert_application(&mut application).await.unwrap();
    change.commit().await.unwrap();
}

fn attributes(number: usize) -> Attributes {
    let document = match number % 6 {
        0 => json!({}),
        1 => json!({
            "notes": "First NOTE", "flag": true, "count": 3, "ratio": 2.5, "at": "2026-02-01T00:00:00.5Z",
            "tags": ["red", "Blue"], "web": { "home": "https://a.example/" },
            "items": [{ "name": "x", "size": 1, "tags": ["p"] }, { "name": "Y", "size": number }],
        }),
        2 => json!({
            "notes": "", "flag": false, "count": -4, "ratio": 7, "at": "2026-02-01T01:00:00.500+01:00",
            "tags": [], "web": { "home": null }, "items": [{ "name": null, "at": "2026-01-31T23:59:59.99Z" }],
        }),
        // Of other kinds than they are asked for.
        3 => json!({
            "notes": 5, "flag": "true", "count": "3", "ratio": "x", "at": "yesterday", "tags": "red",
            "web": "none", "items": { "name": "x" },
        }),
        4 => json!({
            "notes": "trailing  ", "flag": null, "count": number, "ratio": -0.5, "at": "2026-01-31T23:59:59Z",
            "tags": ["red", 5, null, ["nested"], "RED"], "items": [1, "x", { "size": 12, "tags": [] }, null],
        }),
        _ => json!({
            "notes": "ÄRGER", "count": 0, "ratio": 0.25, "at": "2024-02-29T12:00:00.123456789123Z",
            "tags": ["green"], "web": { "home": "HTTPS://B.example/%41" }, "items": [],
        }),
    };
    document.as_object().unwrap().clone()
}

fn publishing(number: usize) -> Publishing {
    let external_url = ExternalUrl::parse(&format!("https://app{number}.example/Team{number}/")).unwrap();
    let internal_url = InternalUrl::parse(&format!("http://app{number}.internal:8080/")).unwrap();
    Publishing {
        pre_authentication: if number.is_multiple_of(2) {
            PreAuthentication::SignIn
        } else {
            PreAuthentication::Passthrough
        },
        timeout: if number.is_multiple_of(4) { UpstreamTimeout::Long } else { UpstreamTimeout::Default },
        upstream_times: UpstreamTimes { idle: Seconds::new(number as i64).ok(), ..UpstreamTimes::default() },
        traffic_routing: if number.is_multiple_of(5) { TrafficRouting::Random } else { TrafficRouting::None },
        attributes: attributes(number + 1),
        ..Publishing::new(external_url, internal_url)
    }
}
