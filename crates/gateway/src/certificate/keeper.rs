//! Has a certificate for every published host, from the best source, and changes it when something changes: what is
//! published, what was uploaded, what files and ACME give, and the time.
//!
//! A new table of certificates is swapped in whole; connections that are open keep what they have. What is not published
//! any more is in no table, and its key is freed with the last handshake that uses it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::Snapshot;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::by_name::{BrowserCertificates, ByName, OwnCertificate, Shown};
use super::choice::{Choice, Shelf, choose};
use super::metrics::CertificateMetrics;
use super::uploads::Uploads;
use super::{CertificateSource, ProvidedCertificate, ServerCertificate};
use crate::directory::ServerCertificates;
use crate::limits;

/// A certificate that was passed over: for which host, from where, and until when it is valid.
type PassedOver = (String, CertificateSource, Timestamp);

/// Keeps what handshakes show.
pub(crate) struct CertificateKeeper {
    certificates: Arc<dyn ServerCertificates>,
    own_names: Vec<String>,
    /// A host that has one whatever is published: that of the sign-in.
    sign_in_host: Option<String>,
    pub(crate) own: Arc<OwnCertificate>,
    pub(crate) browsers: Arc<BrowserCertificates>,
    provided: watch::Receiver<Arc<Vec<ProvidedCertificate>>>,
    provider_lives: bool,
    shelf: Shelf,
    uploads: Uploads,
    snapshot: Arc<Snapshot>,
    /// Whether uploads were asked for once: before that nothing is chosen.
    caught_up: bool,
    /// Whether each published host has a certificate.
    is_complete: bool,
    passed_over: HashSet<PassedOver>,
    look_again: Timestamp,
    metrics: CertificateMetrics,
}

impl CertificateKeeper {
    /// Has a certificate for the gateway's own names, and nothing else yet.
    ///
    /// # Errors
    /// A sentence, when the local authority gives none.
    pub(crate) fn new(
        certificates: Arc<dyn ServerCertificates>,
        own_names: Vec<String>,
        sign_in_host: Option<String>,
        metrics: CertificateMetrics,
    ) -> Result<Self, String> {
        let own = Arc::new(OwnCertificate::new(certificates.issue(&own_names)?));
        let mut provided = certificates.provided();
        let shelf = Shelf::new(&provided.borrow_and_update());
        Ok(Self {
            browsers: Arc::new(BrowserCertificates::new(Arc::clone(&own))),
            uploads: Uploads::new(Arc::clone(&certificates)),
            certificates,
            own_names,
            sign_in_host,
            own,
            provided,
            provider_lives: true,
            shelf,
            snapshot: Arc::default(),
            caught_up: false,
            is_complete: false,
            passed_over: HashSet::new(),
            look_again: Timestamp::MIN,
            metrics,
        })
    }

    /// Takes up another version of the directory. Hosts that are new in it have a certificate afterwards.
    pub(crate) fn follow(&mut self, snapshot: &Arc<Snapshot>) {
        let before = std::mem::replace(&mut self.snapshot, Arc::clone(snapshot));
        let changes = snapshot.applications_since(&before);
        let touched = self.uploads.follow(&changes);
        if !self.caught_up {
            return;
        }
        if touched || !self.is_complete {
            return self.choose(Timestamp::now());
        }
        let shown = self.browsers.current();
        let applications = changes.iter().flat_map(|change| [change.before, change.now]).flatten();
        let hosts: BTreeSet<&str> = applications.flat_map(|application| application.hosts()).collect();
        let has_one = |host: &str| shown.of_host(host).is_some_and(|shown| shown.published);
        let other: Vec<&str> = hosts.into_iter().filter(|host| self.publishes(host) != has_one(host)).collect();
        if !other.is_empty() {
            self.choose_for(&other, Timestamp::now());
        }
    }

    /// Waits until the uploaded certificates are there, so that none of their hosts is first seen with another one; not
    /// for long.
    pub(crate) async fn catch_up(&mut self) {
        let all = async {
            while self.uploads.is_behind() {
                self.uploads.next().await;
            }
        };
        if timeout(limits::UPLOADS_AT_START, all).await.is_err() {
            tracing::error!(
                "uploaded certificates are not there yet: their hosts are served with others until they are"
            );
        }
        self.caught_up = true;
        self.choose(Timestamp::now());
    }

    /// Waits for anything but a version of the directory that changes certificates, and takes it in. May be dropped and
    /// called again.
    pub(crate) async fn attend(&mut self) {
        let pause = self.pause(Timestamp::now());
        tokio::select! {
            changed = self.uploads.next() => if changed {
                self.choose(Timestamp::now());
            },
            changed = self.provided.changed(), if self.provider_lives => match changed {
                Ok(()) => {
                    self.shelf = Shelf::new(&self.provided.borrow_and_update());
                    self.choose(Timestamp::now());
                }
                // What it gave stays in use.
                Err(_) => self.provider_lives = false,
            },
            () = sleep(pause) => self.pass_time(Timestamp::now()),
        }
    }

    fn pause(&self, now: Timestamp) -> Duration {
        let until = Duration::try_from(self.look_again.duration_since(now)).unwrap_or(Duration::ZERO);
        // Never for long, because the clock may be set.
        until.clamp(limits::SHORTEST_LOOK, limits::LONGEST_LOOK)
    }

    fn pass_time(&mut self, now: Timestamp) {
        if self.own.current().two_thirds() <= now {
            match self.certificates.issue(&self.own_names) {
                Ok(certificate) => self.own.replace(certificate),
                Err(error) => tracing::error!(%error, "the gateway's own certificate was not renewed"),
            }
        }
        if self.look_again <= now || !self.is_complete {
            self.choose(now);
        }
    }

    /// Whether a host needs a certificate.
    fn publishes(&self, host: &str) -> bool {
        self.sign_in_host.as_deref() == Some(host) || self.snapshot.has_host(host)
    }

    /// The hosts that need a certificate.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        self.snapshot.hosts().chain(self.sign_in_host.as_deref())
    }

    /// Chooses for every host anew, and swaps the result in.
    fn choose(&mut self, now: Timestamp) {
        let (before, uploaded) = (self.browsers.current(), self.uploads.by_host(&self.snapshot));
        let mut round = Round::new(now, &before);
        for host in self.hosts() {
            self.choose_published(host, &uploaded, &mut round);
        }
        for (host, above) in self.below_wildcards() {
            self.choose_below(host, &above, &uploaded, &mut round);
        }
        let outcome = round.outcome;
        self.look_again = Timestamp::MAX;
        self.take(outcome);
    }

    /// Chooses for hosts that have become published or are so no more, and leaves the others as they are.
    fn choose_for(&mut self, hosts: &[&str], now: Timestamp) {
        let (before, uploaded) = (self.browsers.current(), self.uploads.by_host(&self.snapshot));
        let mut round = Round::new(now, &before);
        round.outcome.chosen = ByName::clone(&before);
        for host in hosts {
            round.outcome.chosen.remove(host);
            if self.publishes(host) {
                self.choose_published(host, &uploaded, &mut round);
            }
        }
        let below = self.shelf_names_of(hosts);
        for name in &below {
            round.outcome.chosen.remove(name);
            if let Some(above) = self.wildcard_above(name) {
                self.choose_below(name, &above, &uploaded, &mut round);
            }
        }
        let is_other = |host: &str| !hosts.contains(&host) && !below.contains(&host);
        let others = self.passed_over.iter().filter(|(host, _, _)| is_other(host));
        round.outcome.passed_over.extend(others.cloned());
        let outcome = round.outcome;
        self.take(outcome);
    }

    /// Names in provided certificates that are not published and are such a host, or lie below it.
    fn shelf_names_of(&self, hosts: &[&str]) -> Vec<&str> {
        let is_below = |name: &str, host: &str| host.strip_prefix('*').is_some_and(|domain| name.ends_with(domain));
        let is_any_below = hosts.iter().any(|host| host.starts_with('*'));
        let below = is_any_below.then(|| self.shelf.all_names()).into_iter().flatten();
        let below = below.filter(|name| hosts.iter().any(|host| is_below(name, host)));
        let same = hosts.iter().filter_map(|host| self.shelf.name(host));
        same.chain(below).filter(|name| !self.publishes(name)).collect()
    }

    /// Chooses for a name that is not published itself, below the host of a wildcard application.
    fn choose_below(&self, name: &str, above: &str, uploaded: &UploadedByHost<'_>, round: &mut Round<'_>) {
        let candidates = of_host(uploaded, above).chain(self.shelf.for_host(name));
        let _ = round.take(name, choose(name, candidates, round.now), false);
    }

    /// Chooses for one published host.
    fn choose_published(&self, host: &str, uploaded: &UploadedByHost<'_>, round: &mut Round<'_>) {
        let choice = choose(host, of_host(uploaded, host).chain(self.shelf.for_host(host)), round.now);
        let has_one = round.take(host, choice, true) || round.take_local(host, self.certificates.as_ref());
        round.outcome.is_complete &= has_one;
    }

    /// Swaps in what a round has chosen.
    fn take(&mut self, outcome: Outcome) {
        let Outcome { chosen, passed_over, next, is_complete } = outcome;
        self.is_complete = is_complete;
        self.look_again = next.unwrap_or(Timestamp::MAX).min(self.look_again).min(self.own.current().two_thirds());
        for (host, source, not_after) in passed_over.difference(&self.passed_over) {
            tracing::warn!(host, %source, %not_after, "a certificate is not valid at the moment: another one is shown");
        }
        self.passed_over = passed_over;
        self.metrics.show(&chosen, self.passed_over.len());
        self.browsers.replace(chosen);
    }

    /// Names in provided certificates that are not published themselves but lie below the host of a wildcard
    /// application, and that host.
    fn below_wildcards(&self) -> Vec<(&str, String)> {
        let published: HashSet<&str> = self.hosts().collect();
        if !published.iter().any(|host| host.starts_with("*.")) {
            return Vec::new();
        }
        let names = self.shelf.all_names().filter(|name| !published.contains(name));
        names.filter_map(|name| Some((name, self.wildcard_above(name)?))).collect()
    }

    /// The host of the wildcard application that a name is below; the name may start with a star itself.
    fn wildcard_above(&self, name: &str) -> Option<String> {
        let one_of_them = name.strip_prefix("*.").map_or_else(|| name.to_owned(), |parent| format!("any.{parent}"));
        let host = self.snapshot.route(&one_of_them, "/")?.application.external_url.host();
        host.starts_with("*.").then(|| host.to_owned())
    }
}

/// Uploaded certificates by the hosts of their applications.
type UploadedByHost<'c> = HashMap<&'c str, Vec<&'c ServerCertificate>>;

fn of_host<'c>(
    uploaded: &UploadedByHost<'c>,
    host: &str,
) -> impl Iterator<Item = (CertificateSource, &'c ServerCertificate)> {
    let uploads = uploaded.get(host).into_iter().flatten();
    uploads.map(|certificate| (CertificateSource::Uploaded, *certificate))
}

/// What a round came to.
struct Outcome {
    chosen: ByName,
    passed_over: HashSet<PassedOver>,
    /// When something has to be chosen anew.
    next: Option<Timestamp>,
    /// Whether each host that was chosen for has a certificate.
    is_complete: bool,
}

/// One time of choosing.
struct Round<'r> {
    now: Timestamp,
    before: &'r ByName,
    outcome: Outcome,
}

impl<'r> Round<'r> {
    fn new(now: Timestamp, before: &'r ByName) -> Self {
        let (chosen, passed_over) = (ByName::default(), HashSet::new());
        Self { now, before, outcome: Outcome { chosen, passed_over, next: None, is_complete: true } }
    }

    /// Takes what was chosen for a host, if anything was.
    fn take(&mut self, host: &str, choice: Choice<'_>, published: bool) -> bool {
        self.until(choice.holds_until);
        for (source, certificate) in choice.passed_over {
            self.outcome.passed_over.insert((host.to_owned(), source, certificate.not_after()));
        }
        let Some((source, certificate)) = choice.best else { return false };
        self.show(host, Shown { source, certificate: certificate.clone(), published });
        true
    }

    /// Shows the local authority's certificate: that from before, or a new one if there is none or most of its life is
    /// over.
    fn take_local(&mut self, host: &str, certificates: &dyn ServerCertificates) -> bool {
        let before = self.before.of_host(host).filter(|shown| shown.source == CertificateSource::LocalCa);
        let before = before.map(|shown| shown.certificate.clone());
        let fresh = before.clone().filter(|certificate| self.now < certificate.two_thirds());
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let issued = fresh.map_or_else(|| certificates.issue(&[name]), Ok);
        let issued = issued.inspect_err(|error| tracing::error!(host, %error, "no certificate for a published name"));
        let complete = issued.is_ok();
        // Where none can be had, the old one is still valid for a while.
        let Some(certificate) = issued.ok().or(before) else { return false };
        self.until(Some(certificate.two_thirds()).filter(|_| complete));
        self.show(host, Shown { source: CertificateSource::LocalCa, certificate, published: true });
        complete
    }

    fn until(&mut self, change: Option<Timestamp>) {
        self.outcome.next = self.outcome.next.into_iter().chain(change).min();
    }

    fn show(&mut self, host: &str, shown: Shown) {
        let (source, not_after) = (shown.source, shown.certificate.not_after());
        match self.before.of_host(host) {
            Some(before) if before.certificate.shows_the_same_as(&shown.certificate) => {}
            Some(before) => {
                let earlier = before.source;
                tracing::info!(host, %source, %not_after, %earlier, "another certificate is shown from now on");
            }
            None => tracing::debug!(host, %source, %not_after, "a certificate is shown"),
        }
        self.outcome.chosen.insert(host, shown);
    }
}

#[cfg(test)]
mod tests;
