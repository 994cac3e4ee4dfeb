//! A directory of a million applications and a hundred thousand connectors, as a large organisation might have it.

use std::sync::Arc;

use adit_core::application::BodyLinks;
use adit_core::permit::Statement;
use adit_core::sign_on::{AssertionState, SignOn, SignOnHeader, SignOnHeaders};
use adit_core::snapshot::{KnownConnector, PublishedApplication, SnapshotChanges};
use adit_core::{
    AppId, Application, ApplicationId, ConnectorGroupId, ConnectorId, ConnectorIdentity, DisplayName, Epoch,
    ExternalUrl, InternalUrl, KeyGeneration, Publishing, Revision, Snapshot, permit,
};
use jiff::Timestamp;
use uuid::Uuid;

pub(super) const APPLICATIONS: u128 = 1_000_000;
pub(super) const CONNECTORS: u128 = 100_000;
pub(super) const GROUPS: u128 = 10_000;

/// Objects that are put into the snapshot at once: what is made for that does not count as its memory for long.
const AT_ONCE: u128 = 10_000;

/// Bytes of a signature as text; its bytes mean nothing here, and making a million would take minutes.
const SIGNATURE: usize = 96;

/// Where a request for an application goes.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) path: String,
}

/// How applications of a kind are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// At the root of a host of its own.
    OwnHost,
    /// Deep below a host of its own.
    DeepPath,
    /// Below a host that twenty share.
    SharedHost,
    /// Below a host that ten thousand share.
    Portal,
    /// Under a wildcard of its own.
    Wildcard,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::OwnHost, Self::DeepPath, Self::SharedHost, Self::Portal, Self::Wildcard];

    pub(super) const fn of(number: u128) -> Self {
        match number % 100 {
            0..60 => Self::OwnHost,
            60..65 => Self::DeepPath,
            65..85 => Self::SharedHost,
            85..95 => Self::Portal,
            _ => Self::Wildcard,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::OwnHost => "a host of its own",
            Self::DeepPath => "a host of its own, four levels down",
            Self::SharedHost => "a host with 20 applications",
            Self::Portal => "a host with 10,000 applications",
            Self::Wildcard => "under a wildcard",
        }
    }
}

fn url_of(number: u128) -> String {
    match Kind::of(number) {
        Kind::OwnHost => format!("https://app-{number}.corp.example/"),
        Kind::DeepPath => format!("https://app-{number}.corp.example/department/team/tools/app/"),
        Kind::SharedHost => format!("https://team-{}.corp.example/app-{number}/", number / 100),
        Kind::Portal => format!("https://portal-{}.corp.example/area-{}/app-{number}/", number / 100_000, number % 7),
        Kind::Wildcard => format!("https://*.tenant-{number}.apps.example/"),
    }
}

/// What a browser asks of an application.
pub(super) fn asked(number: u128) -> Asked {
    let url = url_of(number);
    let (host, prefix) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')).expect("a URL of ours");
    Asked { host: host.replace('*', "www"), path: format!("/{prefix}a/page.html") }
}

pub(super) const fn application_id(number: u128) -> ApplicationId {
    ApplicationId::new(Uuid::from_u128(1 << 64 | number))
}

pub(super) const fn group(number: u128) -> ConnectorGroupId {
    ConnectorGroupId::new(Uuid::from_u128((3 << 64) | (number % GROUPS)))
}

pub(super) const fn connector(number: u128) -> ConnectorIdentity {
    ConnectorIdentity { connector: ConnectorId::new(Uuid::from_u128(5 << 64 | number)), generation: KeyGeneration(1) }
}

/// A statement as gateways have it: of the right length.
fn signed<S: Statement>(statement: &S) -> Arc<str> {
    let json = serde_json::to_vec(statement).expect("a statement").len();
    Arc::from("s".repeat(json.div_ceil(3) * 4 + 1 + SIGNATURE))
}

/// A published application whose connectors are those of `group`. Some translate links, some tell their upstream who asks.
pub(super) fn published(number: u128, in_group: ConnectorGroupId, revision: u64) -> PublishedApplication {
    let external = ExternalUrl::parse(&url_of(number)).expect("an external URL");
    let star = if Kind::of(number) == Kind::Wildcard { "*." } else { "" };
    let internal = format!("http://{star}server-{number}.internal.example:8080/");
    let internal = InternalUrl::parse(&internal).expect("an internal URL");
    let name = DisplayName::parse(&format!("Application {number}")).expect("a name");
    let app_id = AppId::new(Uuid::from_u128(2 << 64 | number));
    let no_attributes = serde_json::Map::new();
    let mut application = Application::new(application_id(number), app_id, name, Timestamp::UNIX_EPOCH, no_attributes);
    application.publish(Publishing::new(external, internal), in_group);
    let published = PublishedApplication::of(&application).expect("a published application");
    let permit = permit::Permit::new(
        published.id,
        in_group,
        &published.internal_url,
        published.upstream_certificate,
        Timestamp::now().as_second(),
    );
    let lists = number % 1000 == 4;
    let headers = if lists { vec![SignOnHeader::parse("X-User=id").expect("a header")] } else { Vec::new() };
    PublishedApplication {
        permit: Some(signed(&permit)),
        revision: Revision(revision),
        body_links: if number % 1000 == 3 { BodyLinks::Translated } else { published.body_links },
        sign_on: SignOn {
            headers: SignOnHeaders::new(headers).expect("headers"),
            assertion: AssertionState::default(),
        },
        ..published
    }
}

/// A connector in a group.
pub(super) fn known(number: u128, in_group: ConnectorGroupId) -> KnownConnector {
    let ConnectorIdentity { connector, generation } = connector(number);
    let membership = permit::Membership {
        connector,
        connector_group: in_group,
        epoch: Epoch(1),
        revision: Revision(1),
        until: Timestamp::now().as_second(),
    };
    KnownConnector {
        id: connector,
        connector_group: in_group,
        key_generation: generation,
        drained: None,
        membership: Some(signed(&membership)),
    }
}

/// The whole directory.
pub(super) fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::compile(Epoch(1), Revision(1), [], []);
    for from in (0..APPLICATIONS).step_by(usize::try_from(AT_ONCE).expect("a small number")) {
        let applications = (from..from + AT_ONCE).map(|number| {
            let application = published(number, group(number), 1);
            (application.id, Some(application))
        });
        let changes = SnapshotChanges { applications: applications.collect(), ..SnapshotChanges::default() };
        snapshot = snapshot.changed(Epoch(1), Revision(1), changes);
    }
    let connectors = (0..CONNECTORS).map(|number| {
        let connector = known(number, group(number));
        (connector.id, Some(connector))
    });
    let changes = SnapshotChanges { connectors: connectors.collect(), ..SnapshotChanges::default() };
    snapshot.changed(Epoch(1), Revision(1), changes)
}
