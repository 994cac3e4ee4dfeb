//! Follows what is published, and has certificates ordered, renewed and let go.
//!
//! The keeper itself waits for nobody: orders are tasks, a few at a time, and a host with one under way has no second.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use adit_core::Snapshot;
use adit_gateway::{CertificateSource, ServerCertificate, ShownCertificates};
use futures_util::FutureExt as _;
use instant_acme::{CertificateIdentifier, Error};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::account::AccountKeeper;
use super::challenge::Challenges;
use super::failure::{Failures, OrderFailed};
use super::kept::Kept;
use super::metrics::{AcmeMetrics, Hosts};
use super::order::{Issued, Wanted, order};
use super::renewal::{Renewal, window};
use super::transport::Busy;
use super::{AcmeSettings, ORDER, ORDERS};
use crate::certificate::Certificates;
use crate::data_folder::{DataFolder, DataFolderError};

/// How long a host is published before a certificate is ordered: long enough for an upload that comes with it to be
/// seen, and for a mistake to be taken back.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);

/// How often it is looked at least and at most whether something is due.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// See [`LONGEST_LOOK`].
const SHORTEST_LOOK: Duration = Duration::from_millis(200);

/// How soon an authority that did not say when its window changes is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);

/// What the keeper works with.
pub(crate) struct Surroundings {
    pub(crate) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) challenges: Arc<Challenges>,
    /// What the gateway shows at the moment.
    pub(crate) shown: ShownCertificates,
}

/// Keeps the certificates of one authority.
pub(crate) struct Keeper {
    settings: AcmeSettings,
    accounts: Arc<AccountKeeper>,
    kept: Kept,
    held: BTreeMap<String, Held>,
    failures: Failures,
    /// The published hosts that the settings cover, and since when they are seen.
    published: HashMap<String, Timestamp>,
    busy: Busy,
    tasks: JoinSet<Done>,
    under_way: BTreeSet<String>,
    metrics: AcmeMetrics,
}

struct Held {
    certificate: ServerCertificate,
    renewal: Renewal,
}

/// What a task came back with.
struct Done {
    host: String,
    came: Came,
}

enum Came {
    Ordered(Result<Issued, OrderFailed>),
    /// The window for renewal, and when to ask again.
    Asked(Option<(Timestamp, Timestamp)>, Duration),
}

impl Keeper {
    /// Has what is kept of the authority. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`DataFolderError`].
    pub(crate) fn open(
        settings: AcmeSettings,
        data: &DataFolder,
        registry: &mut Registry,
    ) -> Result<Self, DataFolderError> {
        let kept = Kept::open(&data.acme(), &settings.directory)?;
        let busy = Busy::default();
        let now = Timestamp::now();
        let held = kept.load(|host| settings.covers(host)).into_iter();
        Ok(Self {
            held: held.map(|(host, certificate)| (host, Held::new(certificate, now))).collect(),
            failures: Failures::load(&kept.failures()),
            accounts: Arc::new(AccountKeeper::new(settings.clone(), kept.folder().to_owned(), busy.clone())),
            settings,
            kept,
            published: HashMap::new(),
            busy,
            tasks: JoinSet::new(),
            under_way: BTreeSet::new(),
            metrics: AcmeMetrics::register(registry),
        })
    }

    /// The certificates at the moment.
    pub(crate) fn certificates(&self) -> Vec<ServerCertificate> {
        self.held.values().map(|held| held.certificate.clone()).collect()
    }

    /// Works for as long as it is polled.
    pub(crate) async fn run(mut self, mut surroundings: Surroundings) {
        let mut followed = Arc::<Snapshot>::default();
        loop {
            let snapshot = Arc::clone(&surroundings.snapshots.borrow_and_update());
            if !snapshot.has_content_of(&followed) {
                self.follow(&snapshot, &surroundings);
                followed = snapshot;
            }
            let pause = self.start_what_is_due(&surroundings, Timestamp::now());
            tokio::select! {
                changed = surroundings.snapshots.changed() => if changed.is_err() {
                    return;
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    // Nothing cancels a task, and none panics: see `guarded`.
                    let Ok(done) = done else { continue };
                    self.take(done, &surroundings).await;
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Notes what is published, and lets go of what is not any more.
    fn follow(&mut self, snapshot: &Snapshot, surroundings: &Surroundings) {
        let now = Timestamp::now();
        let hosts = snapshot.hosts().chain(self.settings.sign_in_host.as_deref());
        let hosts = hosts.filter(|host| self.settings.covers(host));
        let published = hosts.map(|host| (host.to_owned(), self.published.get(host).copied().unwrap_or(now))).collect();
        self.published = published;
        let gone: Vec<String> = self.held.keys().filter(|host| !self.published.contains_key(*host)).cloned().collect();
        for host in &gone {
            self.held.remove(host);
            self.kept.remove(host);
            tracing::info!(host, "the ACME certificate of a host that is not published any more was removed");
        }
        if !gone.is_empty() {
            self.give(surroundings);
        }
        let published = &self.published;
        self.failures.forget(|host| !published.contains_key(host));
    }

    /// Starts as many tasks as there may be, and says how long nothing else is due.
    fn start_what_is_due(&mut self, surroundings: &Surroundings, now: Timestamp) -> Duration {
        let mut next = now + SignedDuration::try_from(LONGEST_LOOK).unwrap_or_default();
        let busy = self.busy.until(now);
        let mut hosts = Hosts { held: self.held.len(), failing: self.failures.count(), ..Hosts::default() };
        let published: Vec<(String, Timestamp)> =
            self.published.iter().map(|(host, since)| (host.clone(), *since)).collect();
        for (host, since) in published {
            let Some(due) = self.due(&host, since, surroundings) else { continue };
            hosts.missing += usize::from(!self.held.contains_key(&host));
            let due = due.max(busy.unwrap_or(due));
            if due > now || self.under_way.contains(&host) || self.under_way.len() >= ORDERS {
                next = next.min(due.max(now));
            } else {
                self.start_order(host, surroundings);
            }
        }
        self.ask_for_windows(now);
        self.metrics.show(hosts);
        Duration::try_from(next.duration_since(now)).unwrap_or_default().clamp(SHORTEST_LOOK, LONGEST_LOOK)
    }

    /// When a certificate of a host is to be ordered; never while something better is shown.
    fn due(&self, host: &str, since: Timestamp, surroundings: &Surroundings) -> Option<Timestamp> {
        // A host for which nothing is shown yet is new, or has nothing at all: that is for settling to tell.
        if surroundings.shown.source_of(host).is_some_and(|source| source < CertificateSource::Acme) {
            return None;
        }
        let settled = since.saturating_add(SETTLED).unwrap_or(since);
        let due = self.held.get(host).map_or(settled, |held| held.renewal.at.max(settled));
        Some(self.failures.of(host).map_or(due, |failure| due.max(failure.again)))
    }

    fn start_order(&mut self, host: String, surroundings: &Surroundings) {
        let failures = self.failures.of(&host).map_or(0, |failure| failure.failures);
        let turn = usize::try_from(failures).unwrap_or_default();
        let challenges = &self.settings.challenges;
        let Some(kind) = turn.checked_rem(challenges.len()).and_then(|turn| challenges.get(turn)) else { return };
        // Where the first try fails, it may be for this: authorities let a certificate be replaced once.
        let replaced = self.held.get(&host).filter(|held| failures == 0 && held.renewal.has_window());
        let wanted =
            Wanted { host: host.clone(), kind: *kind, replaces: replaced.map(|held| held.certificate.clone()) };
        tracing::info!(host, challenge = %kind, "a certificate is ordered");
        let (accounts, challenges) = (Arc::clone(&self.accounts), Arc::clone(&surroundings.challenges));
        self.under_way.insert(host.clone());
        self.tasks.spawn(async move {
            let ordered = guarded(async { order(&accounts.account().await?, &wanted, &challenges).await });
            Done { host, came: Came::Ordered(ordered.await) }
        });
    }

    fn ask_for_windows(&mut self, now: Timestamp) {
        let due: Vec<(String, ServerCertificate)> = self
            .held
            .iter()
            .filter(|(host, held)| held.renewal.ask <= now && now < held.renewal.at && !self.under_way.contains(*host))
            .map(|(host, held)| (host.clone(), held.certificate.clone()))
            .take(ORDERS.saturating_sub(self.under_way.len()))
            .collect();
        for (host, certificate) in due {
            self.under_way.insert(host.clone());
            let accounts = Arc::clone(&self.accounts);
            self.tasks.spawn(async move {
                let asked = guarded(async { ask(&accounts, &certificate).await });
                let (window, again) = asked.await.unwrap_or((None, ASK_AGAIN));
                Done { host, came: Came::Asked(window, again) }
            });
        }
    }

    async fn take(&mut self, Done { host, came }: Done, surroundings: &Surroundings) {
        self.under_way.remove(&host);
        match came {
            Came::Ordered(Ok(issued)) => self.take_issued(host, issued, surroundings),
            Came::Ordered(Err(failed)) => self.take_failed(&host, &failed).await,
            Came::Asked(window, again) => {
                if let Some(held) = self.held.get_mut(&host) {
                    let spread = (again, fastrand::f64());
                    held.renewal.suggested(&held.certificate, window, Timestamp::now(), spread);
                }
            }
        }
    }

    fn take_issued(&mut self, host: String, issued: Issued, surroundings: &Surroundings) {
        self.metrics.ended("issued");
        self.failures.forget(|failed| failed == host);
        if !self.published.contains_key(&host) {
            return tracing::info!(host, "a certificate was issued for a host that is not published any more");
        }
        if let Err(error) = self.kept.keep(&host, &issued.pem) {
            tracing::error!(host, %error, "a certificate is shown but not kept: a restart would order it again");
        }
        let renewal = Renewal::of_issued(&issued.certificate, Timestamp::now(), fastrand::f64());
        let held = Held { certificate: issued.certificate, renewal };
        tracing::info!(
            host, not_after = %held.certificate.not_after(), renewed_at = %held.renewal.at, "a certificate was issued"
        );
        self.held.insert(host, held);
        self.give(surroundings);
    }

    async fn take_failed(&mut self, host: &str, failed: &OrderFailed) {
        self.metrics.ended(failed.as_str());
        let now = Timestamp::now();
        let failure = self.failures.note(host, failed, self.busy.until(now), now);
        let (again, failures) = (failure.again, failure.failures);
        let not_after = self.held.get(host).map(|held| held.certificate.not_after());
        // By then a third of its life was not enough to renew it.
        let near =
            not_after.is_some_and(|end| end <= again.saturating_add(SignedDuration::from_hours(72)).unwrap_or(end));
        if near {
            tracing::error!(host, %failed, failures, %again, ?not_after, "a certificate was not renewed and ends soon");
        } else {
            tracing::warn!(host, %failed, failures, %again, "no certificate was issued");
        }
        match failed {
            OrderFailed::UnknownAccount(_) => self.accounts.replace().await,
            _ => self.accounts.refresh().await,
        }
    }

    fn give(&self, surroundings: &Surroundings) {
        surroundings.certificates.replace(CertificateSource::Acme, &self.certificates());
    }
}

impl Held {
    fn new(certificate: ServerCertificate, now: Timestamp) -> Self {
        Self { renewal: Renewal::of(&certificate, now, fastrand::f64()), certificate }
    }
}

/// Asks the authority when it wants a certificate renewed.
async fn ask(
    accounts: &AccountKeeper,
    certificate: &ServerCertificate,
) -> Result<(Option<(Timestamp, Timestamp)>, Duration), OrderFailed> {
    let account = accounts.account().await?;
    let leaf = certificate.chain().first().and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
    let Some(leaf) = leaf else { return Ok((None, Duration::MAX)) };
    match account.renewal_info(&leaf).await {
        Ok((info, again)) => Ok((window(&info), again)),
        Err(Error::Unsupported(_)) => Ok((None, Duration::MAX)),
        Err(error) => Err(error.into()),
    }
}

/// Bounds the time of a task, and makes a failure of a panic: the library takes some nonsense of an authority for
/// impossible.
pub(super) async fn guarded<T>(work: impl Future<Output = Result<T, OrderFailed>>) -> Result<T, OrderFailed> {
    match tokio::time::timeout(ORDER, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(OrderFailed::Refused("the authority's answer makes no sense".to_owned())),
        Err(_) => Err(OrderFailed::Unreachable("the authority did not come to an end in time".to_owned())),
    }
}
