//! A directory in a place of its own, with a clock that tests turn, and the few things that every test says.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adit_control::{
    ApplicationChange, CertificateAuthority, Clock, ControlPlane, Database, Error, NewApplication, NewConnectorGroup,
    PublishingChange, PublishingPatch, Registered, RegistrationRefused, RegistrationRequest, SealingKey, Settings,
};
use adit_core::application::Attributes;
use adit_core::audit::{Activity, AuditRecord};
use adit_core::operation::Actor;
use adit_core::query::{LARGEST_PAGE, Query};
use adit_core::{
    Application, ConnectorGroup, ConnectorGroupId, DisplayName, ExternalUrl, InternalUrl, MachineName,
    OperationContext, RegistrationToken, Revision,
};
use adit_store::{Change, Entity, Operation, Store};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::place::Place;

pub(crate) struct Directory {
    pub(crate) control: ControlPlane,
    pub(crate) place: Place,
    turned: Arc<AtomicI64>,
}

impl Directory {
    pub(crate) async fn new() -> Self {
        let (place, turned) = (Place::new(), Arc::new(AtomicI64::new(0)));
        let control = open(place.database(), &turned).await;
        Self { control, place, turned }
    }

    /// The same, after a change to what is stored that no use case would make: as an earlier version left it.
    pub(crate) async fn changed_beneath(self, change: impl AsyncFnOnce(&Store)) -> Self {
        let (place, turned) = self.closed().await;
        let store = Store::open_database(&place.database(), None, Duration::ZERO).await.unwrap();
        change(&store).await;
        store.close().await;
        drop(store);
        let control = open(place.database(), &turned).await;
        Self { control, place, turned }
    }

    /// Opens the same database again, as the next process would.
    pub(crate) async fn reopened(self) -> Self {
        let (place, turned) = self.closed().await;
        let control = open(place.database(), &turned).await;
        Self { control, place, turned }
    }

    async fn closed(self) -> (Place, Arc<AtomicI64>) {
        self.control.close().await;
        (self.place, self.turned)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: SignedDuration) {
        self.turned.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    pub(crate) fn revision(&self) -> Revision {
        self.control.snapshots().borrow().version().1
    }

    pub(crate) async fn default_group(&self) -> ConnectorGroup {
        let groups = self.control.list_connector_groups(&Query::default()).await.unwrap();
        groups.items.into_iter().find(ConnectorGroup::is_default).unwrap()
    }

    pub(crate) async fn group(&self, name: &str) -> ConnectorGroup {
        let new = NewConnectorGroup { name: self::name(name), region: None };
        self.control.create_connector_group(administrator(), new).await.unwrap()
    }

    pub(crate) async fn unpublished(&self, name: &str) -> Application {
        let new = NewApplication {
            display_name: self::name(name),
            attributes: Attributes::new(),
            publishing: None,
            owner: None,
        };
        self.control.create_application(administrator(), new).await.unwrap()
    }

    pub(crate) async fn published(&self, name: &str) -> Application {
        let application = self.unpublished(name).await;
        let (external, internal) = (format!("https://{name}.example/"), format!("http://{name}.internal:8080/"));
        let change = ApplicationChange {
            publishing: PublishingChange::Merge(urls(&external, &internal)),
            ..ApplicationChange::default()
        };
        self.control.update_application(administrator(), application.id, change).await.unwrap()
    }

    pub(crate) async fn token(&self, group: ConnectorGroupId) -> RegistrationToken {
        let hour = Duration::from_secs(3600);
        self.control.create_registration_token(administrator(), group, None, hour).await.unwrap().token
    }

    pub(crate) async fn register(
        &self,
        token: &RegistrationToken,
        machine: &str,
        csr: Vec<u8>,
    ) -> Result<Registered, RegistrationRefused> {
        let request = RegistrationRequest {
            secret: token.secret,
            csr_der: csr,
            machine_name: self::machine(machine),
            version: "1.0.0".to_owned(),
        };
        self.control.register(request, address()).await
    }

    /// A machine that registered with a fresh token.
    pub(crate) async fn registered(&self, machine: &str, group: ConnectorGroupId) -> Registered {
        let token = self.token(group).await;
        self.register(&token, machine, csr()).await.unwrap()
    }

    pub(crate) async fn changes(&self) -> Vec<Change> {
        self.control.changes_after(Revision(0), 100_000).await.unwrap()
    }

    /// Everything that a refused command must not touch.
    pub(crate) async fn state(&self) -> (Revision, Vec<Change>, Vec<AuditRecord>) {
        (self.revision(), self.changes().await, self.audit().await)
    }

    /// Every audit record, the newest first.
    pub(crate) async fn audit(&self) -> Vec<AuditRecord> {
        let mut query = Query { limit: LARGEST_PAGE, ..Query::default() };
        let mut records = Vec::new();
        loop {
            let page = self.control.list_audit(&query).await.unwrap();
            records.extend(page.items);
            query.after = Some(match page.next {
                Some(next) => next,
                None => return records,
            });
        }
    }

    /// The last command was `activity`, on `target`, and its change and its record have one revision.
    pub(crate) async fn check_written(
        &self,
        activity: Activity,
        entity: Entity,
        operation: Operation,
        target: impl ToString,
    ) -> AuditRecord {
        let revision = self.revision();
        let written = Change { revision, entity, id: target.to_string(), operation };
        let changes = self.control.changes_after(Revision(revision.0 - 1), 10).await.unwrap();
        assert!(changes.contains(&written), "{written:?} is not in {changes:?}");
        let audit = self.control.audit_of(revision).await.unwrap();
        let record = audit.iter().find(|record| record.activity == activity && record.target == target.to_string());
        record.unwrap_or_else(|| panic!("no {activity:?} in {audit:?}")).clone()
    }
}

async fn open(database: Database, turned: &Arc<AtomicI64>) -> ControlPlane {
    let turned = Arc::clone(turned);
    let clock: Clock = Arc::new(move || Timestamp::now() + SignedDuration::from_secs(turned.load(Ordering::SeqCst)));
    ControlPlane::open_with_clock(settings(database), clock).await.unwrap()
}

pub(crate) fn settings(database: Database) -> Settings {
    let gateway_address = "localhost:8443".to_owned();
    Settings { database, authority: authority(), sealing_key: sealing_key(), gateway_address }
}

/// One sealing key for all tests.
pub(crate) fn sealing_key() -> SealingKey {
    static SEALING_KEY: OnceLock<SealingKey> = OnceLock::new();
    SEALING_KEY.get_or_init(|| SealingKey::generate().unwrap().0).clone()
}

/// One authority for all tests.
pub(crate) fn authority() -> CertificateAuthority {
    static AUTHORITY: OnceLock<CertificateAuthority> = OnceLock::new();
    AUTHORITY.get_or_init(|| CertificateAuthority::generate().unwrap().0).clone()
}

/// Who carries out the commands of these tests.
pub(crate) fn administrator() -> &'static OperationContext {
    static ADMINISTRATOR: OnceLock<OperationContext> = OnceLock::new();
    ADMINISTRATOR.get_or_init(|| OperationContext {
        actor: Actor::User { subject: "alice".to_owned(), name: None },
        request_id: Uuid::new_v4(),
    })
}

pub(crate) fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).unwrap()
}

pub(crate) fn machine(text: &str) -> MachineName {
    MachineName::parse(text).unwrap()
}

pub(crate) fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

pub(crate) fn urls(external: &str, internal: &str) -> PublishingPatch {
    PublishingPatch {
        external_url: Some(ExternalUrl::parse(external).unwrap()),
        internal_url: Some(InternalUrl::parse(internal).unwrap()),
        ..PublishingPatch::default()
    }
}

/// A request for a key that was just made.
pub(crate) fn csr() -> Vec<u8> {
    csr_of(&rcgen::KeyPair::generate().unwrap())
}

pub(crate) fn csr_of(key: &rcgen::KeyPair) -> Vec<u8> {
    rcgen::CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
}

/// Runs `command`, which must be refused, and checks that it left no trace.
pub(crate) async fn refused<T: std::fmt::Debug>(
    directory: &Directory,
    command: impl Future<Output = Result<T, Error>>,
) -> Error {
    let before = directory.state().await;
    let error = command.await.unwrap_err();
    assert_eq!(directory.state().await, before, "a refused command changes nothing");
    error
}
