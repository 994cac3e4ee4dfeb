//! The control plane: the directory's store, its certificate authority, and the snapshot that gateways work from.
//!
//! Invariant: the snapshot never goes back, and it holds every change whose use case has returned. A poll once a second
//! covers what no use case waited for, such as a caller that went away during its commit.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use adit_core::audit::{Activity, AuditActor, AuditRecord};
use adit_core::connector_group::GroupKind;
use adit_core::id::AuditId;
use adit_core::{ConnectorGroup, ConnectorGroupId, DisplayName, OperationContext, Revision, Snapshot};
use adit_store::{Change, Database, Store, WriteTransaction};
use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit;
use crate::authority::CertificateAuthority;
use crate::deleted_application::purge_regularly;
use crate::error::{Error, OpenError};
use crate::permit::{Failed, Signer, Signing};
use crate::provider::keep_api_principal;
use crate::refusal::{Refusal, Refusals};
use crate::sealing::SealingKey;
use crate::session::Ended;

/// How often the snapshot is compared with the directory.
const POLL: Duration = Duration::from_secs(1);

/// How long a start waits until the server that has the directory's database gives it up, or is known to be gone: longer than
/// its hold lasts without being renewed.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What the first group of a new directory is called.
const DEFAULT_GROUP_NAME: &str = "Default";

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a control plane needs to start.
#[derive(Debug)]
pub struct Settings {
    /// The database: a file, which is made if there is none in a folder that exists, or one on a server.
    pub database: Database,
    /// The directory's own authority.
    pub authority: CertificateAuthority,
    /// The key under which secrets are kept in the database.
    pub sealing_key: SealingKey,
    /// `host:port` that connectors dial.
    pub gateway_address: String,
}

/// Who can be assigned to applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principals {
    /// Users and groups of any issuer, whoever they are, beside this directory's own.
    Foreign,
    /// Once the directory has a user or a group, only its own.
    OwnOnly,
}

/// The use cases of the directory. Clones share everything.
#[derive(Clone)]
pub struct ControlPlane {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Store,
    authority: CertificateAuthority,
    sealing_key: SealingKey,
    /// Held by the one that opens an uploaded certificate: that is slow on purpose.
    certificate_turn: Arc<Semaphore>,
    gateway_address: RwLock<String>,
    /// Whether nobody but this directory has users and groups.
    own_principals_only: AtomicBool,
    snapshots: watch::Sender<Arc<Snapshot>>,
    /// Held while a snapshot is compiled, so that a burst of changes compiles few. When all of it was signed last.
    compiling: Mutex<Signing>,
    /// Statements that could not be signed when that was last tried.
    unsigned: AtomicUsize,
    /// Sessions of users that were ended.
    ended: Ended,
    /// How many refusals may still be recorded.
    refusals: Refusals,
    clock: Clock,
}

impl From<Arc<Inner>> for ControlPlane {
    fn from(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("version", &self.inner.snapshots.borrow().version())
            .finish_non_exhaustive()
    }
}

impl ControlPlane {
    /// Opens the directory and makes it ready: schema, default group, no tunnels, first snapshot.
    ///
    /// # Errors
    /// [`OpenError`], which names the database and says what to do.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        Self::open_with_clock(settings, Arc::new(Timestamp::now)).await
    }

    /// As [`Self::open`], with the time from `clock`.
    ///
    /// # Errors
    /// [`OpenError`], which names the database and says what to do.
    pub async fn open_with_clock(settings: Settings, clock: Clock) -> Result<Self, OpenError> {
        let authority = authority_name(&settings.authority);
        let store = Store::open_database(&settings.database, Some(&authority), LONGEST_WAIT).await?;
        let opened = Self::open_store(store.clone(), settings, clock).await;
        if opened.is_err() {
            // The next start need not wait until the hold runs out.
            store.close().await;
        }
        opened
    }

    async fn open_store(store: Store, settings: Settings, clock: Clock) -> Result<Self, OpenError> {
        check_sealing_key(&store, &settings.sealing_key).await?;
        furnish(&store, clock()).await?;
        forget_tunnels(&store).await?;
        let ended = Ended::load(&store, clock()).await?;
        let step = store.snapshot_step(&Snapshot::default()).await.map_err(Error::Store)?;
        let signer = Signer::new(&settings.authority, step.version(), clock());
        let snapshot = signer.step(step, &Snapshot::default());
        let failed = signer.failed();
        let control = Self {
            inner: Arc::new(Inner {
                store,
                authority: settings.authority,
                sealing_key: settings.sealing_key,
                certificate_turn: Arc::new(Semaphore::new(1)),
                gateway_address: RwLock::new(settings.gateway_address),
                own_principals_only: AtomicBool::new(false),
                snapshots: watch::Sender::new(Arc::new(snapshot)),
                compiling: Mutex::new(Signing::new(clock())),
                unsigned: AtomicUsize::new(0),
                ended,
                refusals: Refusals::default(),
                clock,
            }),
        };
        control.inner.note_unsigned(&mut *control.inner.compiling.lock().await, failed);
        tokio::spawn(follow(Arc::downgrade(&control.inner)));
        tokio::spawn(purge_regularly(Arc::downgrade(&control.inner)));
        Ok(control)
    }

    /// The directory's own authority.
    #[must_use]
    pub fn authority(&self) -> &CertificateAuthority {
        &self.inner.authority
    }

    /// The snapshot, and every one that comes after it.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.inner.snapshots.subscribe()
    }

    /// Says at which `host:port` connectors reach the gateway; new registration tokens carry it.
    pub fn set_gateway_address(&self, address: String) {
        *self.inner.gateway_address.write().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Says who can be assigned to applications; [`Principals::Foreign`] until it is said.
    pub fn set_principals(&self, principals: Principals) {
        self.inner.own_principals_only.store(principals == Principals::OwnOnly, Ordering::Relaxed);
    }

    /// How many statements for connectors could not be signed when that was last tried. What they are about is not
    /// dialled, or not any more when the one before has ended.
    #[must_use]
    pub fn unsigned_statements(&self) -> usize {
        self.inner.unsigned.load(Ordering::Relaxed)
    }

    /// Where in its history the directory is.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn revision(&self) -> Result<Revision, Error> {
        Ok(self.inner.store.version().await?.1)
    }

    /// The revision feed: what was touched after `revision`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn changes_after(&self, revision: Revision, limit: u32) -> Result<Vec<Change>, Error> {
        Ok(self.inner.store.changes_after(revision, limit).await?)
    }

    /// Closes the database once running operations are through. Later operations fail.
    pub async fn close(&self) {
        self.inner.store.close().await;
    }

    /// A secret of this directory, by which the API recognises the places in lists that it gave out. It is made of the
    /// sealing key and gives nothing of it away.
    #[must_use]
    pub fn page_secret(&self) -> Zeroizing<[u8; 32]> {
        self.inner.sealing_key.page_secret()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn ended(&self) -> &Ended {
        &self.inner.ended
    }

    pub(crate) fn sealing_key(&self) -> &SealingKey {
        &self.inner.sealing_key
    }

    pub(crate) fn certificate_turn(&self) -> &Arc<Semaphore> {
        &self.inner.certificate_turn
    }

    pub(crate) fn principals(&self) -> Principals {
        if self.inner.own_principals_only.load(Ordering::Relaxed) { Principals::OwnOnly } else { Principals::Foreign }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    pub(crate) fn gateway_address(&self) -> String {
        self.inner.gateway_address.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a change durable and its snapshot visible.
    pub(crate) async fn commit(&self, change: WriteTransaction) -> Result<(), Error> {
        let revision = change.commit().await?;
        self.inner.catch_up(revision).await;
        Ok(())
    }

    /// Ends a command that found everything as it was asked for. What it has read is durable then, and visible in the
    /// snapshot, as after a change: commands before it may still be on the way there.
    pub(crate) async fn unchanged(&self, change: WriteTransaction) -> Result<(), Error> {
        let seen = Revision(change.revision().0.saturating_sub(1));
        change.roll_back().await?;
        self.inner.catch_up(seen).await;
        Ok(())
    }

    /// Takes room for the record of a refusal, if there is any left in this minute.
    pub(crate) fn has_room_for(&self, refusal: Refusal, from: Option<IpAddr>) -> bool {
        self.inner.refusals.take(refusal, from, self.now())
    }

    /// The record of an administrative write.
    pub(crate) fn record(
        &self,
        context: &OperationContext,
        activity: Activity,
        target: impl ToString,
        detail: serde_json::Value,
    ) -> AuditRecord {
        record(self.now(), context, activity, target, detail)
    }
}

impl Inner {
    /// Compiles a snapshot unless one of `revision` or later is out already. A failure is not the caller's: the change
    /// is durable, and the poll tries again.
    async fn catch_up(&self, revision: Revision) {
        let mut signing = self.compiling.lock().await;
        if self.snapshots.borrow().version().1 >= revision {
            return;
        }
        let last = Arc::clone(&self.snapshots.borrow());
        match self.store.snapshot_step(&last).await {
            Ok(step) => {
                let signer = Signer::new(&self.authority, step.version(), (self.clock)());
                let snapshot = signer.step(step, &last);
                self.note_unsigned(&mut signing, signer.failed());
                tracing::debug!(revision = snapshot.version().1.0, "new snapshot");
                self.snapshots.send_replace(Arc::new(snapshot));
            }
            Err(error) => tracing::error!(%error, revision = revision.0, "the snapshot could not be compiled"),
        }
    }

    fn note_unsigned(&self, signing: &mut Signing, failed: Option<Failed>) {
        let Some(failed) = failed else { return };
        self.unsigned.store(failed.statements, Ordering::Relaxed);
        signing.failed(&failed, Instant::now(), fastrand::f64());
    }

    /// Signs everything anew where that is due.
    async fn renew_signatures(&self) {
        let mut signing = self.compiling.lock().await;
        let now = (self.clock)();
        if !signing.is_due(now, Instant::now()) {
            return;
        }
        let last = Arc::clone(&self.snapshots.borrow());
        let authority = self.authority.clone();
        // A large directory takes a second or two.
        let renewing = tokio::task::spawn_blocking(move || {
            let signer = Signer::new(&authority, last.version(), now);
            (signer.renew(&last), signer.failed())
        });
        let Ok((snapshot, failed)) = renewing.await else { return };
        self.snapshots.send_replace(Arc::new(snapshot));
        if failed.is_some() {
            return self.note_unsigned(&mut signing, failed);
        }
        tracing::debug!("what connectors may dial was signed anew");
        self.unsigned.store(0, Ordering::Relaxed);
        signing.succeeded(now);
    }
}

/// Keeps the snapshot up with the directory for as long as the control plane lives.
async fn follow(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        inner.refusals.report((inner.clock)());
        match inner.store.version().await {
            Ok((_, revision)) => {
                inner.catch_up(revision).await;
                inner.renew_signatures().await;
            }
            Err(adit_store::Error::Closed) => return,
            Err(error) => tracing::warn!(%error, "the directory's revision could not be read"),
        }
    }
}

/// How a database on a server names the authority whose directory it holds: the SHA-256 of its certificate, in the form that
/// `openssl x509 -fingerprint -sha256` shows.
#[must_use]
pub fn authority_name(authority: &CertificateAuthority) -> String {
    authority.fingerprint().map(|byte| format!("{byte:02X}")).join(":")
}

/// What is sealed must open: a key that was lost or mixed up shall be noticed at the start, not when it is needed.
async fn check_sealing_key(store: &Store, key: &SealingKey) -> Result<(), OpenError> {
    let sealed_under = store.sealing_keys().await.map_err(Error::Store)?;
    match sealed_under.into_iter().find(|id| id != key.id()) {
        Some(sealed_under) => Err(OpenError::OtherSealingKey { sealed_under, given: key.id().to_owned() }),
        None => Ok(()),
    }
}

/// What a directory is never without.
async fn furnish(store: &Store, now: Timestamp) -> Result<(), Error> {
    let mut change = store.begin().await?;
    let made = (make_default_group(&mut change, now).await?, keep_api_principal(&mut change, now).await?);
    if made == (false, false) {
        return Ok(change.roll_back().await?);
    }
    change.commit().await?;
    Ok(())
}

async fn make_default_group(change: &mut WriteTransaction, now: Timestamp) -> Result<bool, Error> {
    if change.find_default_connector_group().await?.is_some() {
        return Ok(false);
    }
    let Ok(name) = DisplayName::parse(DEFAULT_GROUP_NAME) else { return Err(Error::NoDefaultGroup) };
    let mut group = ConnectorGroup {
        id: ConnectorGroupId::new(Uuid::now_v7()),
        name,
        region: None,
        kind: GroupKind::Default,
        revision: Revision::default(),
    };
    change.insert_connector_group(&mut group).await?;
    let context = OperationContext::system(Uuid::now_v7());
    let detail = audit::change(None, Some(audit::connector_group(&group)));
    change.append_audit(record(now, &context, Activity::AddConnectorGroup, group.id, detail));
    Ok(true)
}

async fn forget_tunnels(store: &Store) -> Result<(), Error> {
    let mut presence = store.begin_presence().await?;
    presence.delete_all_tunnels().await?;
    Ok(presence.commit().await?)
}

fn record(
    at: Timestamp,
    context: &OperationContext,
    activity: Activity,
    target: impl ToString,
    detail: serde_json::Value,
) -> AuditRecord {
    AuditRecord {
        id: AuditId::new(Uuid::now_v7()),
        at,
        activity,
        actor: AuditActor::from(&context.actor),
        request_id: context.request_id,
        target: target.to_string(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn opened(folder: &std::path::Path) -> ControlPlane {
        let (authority, _) = CertificateAuthority::generate().unwrap();
        let (sealing_key, _) = SealingKey::generate().unwrap();
        let (database, gateway_address) = (Database::File(folder.join("directory.db")), "localhost:8443".to_owned());
        ControlPlane::open(Settings { database, authority, sealing_key, gateway_address }).await.unwrap()
    }

    #[tokio::test]
    async fn a_statement_that_could_not_be_signed_is_signed_soon() {
        let folder = tempfile::tempdir().unwrap();
        let control = opened(folder.path()).await;
        let error = crate::authority::AuthorityError::NotIssued(String::new());
        let mut signing = control.inner.compiling.lock().await;
        control.inner.note_unsigned(&mut signing, Some(Failed { statements: 3, error }));
        drop(signing);
        assert_eq!(control.unsigned_statements(), 3);
        let mut snapshots = control.snapshots();
        snapshots.mark_unchanged();
        tokio::time::timeout(POLL * 15, snapshots.changed()).await.unwrap().unwrap();
        tokio::time::timeout(POLL, async {
            while control.unsigned_statements() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_change_that_no_command_waited_for_is_in_the_snapshot_a_poll_later() {
        let folder = tempfile::tempdir().unwrap();
        let control = opened(folder.path()).await;
        let mut snapshots = control.snapshots();
        let revision = control.store().begin().await.unwrap().commit().await.unwrap();
        let caught_up = snapshots.wait_for(|snapshot| snapshot.version().1 == revision);
        tokio::time::timeout(POLL * 5, caught_up).await.unwrap().unwrap();

        let revision = control.store().begin().await.unwrap().commit().await.unwrap();
        control.unchanged(control.store().begin().await.unwrap()).await.unwrap();
        assert_eq!(snapshots.borrow().version().1, revision, "what a command has seen is in the snapshot");
    }
}
