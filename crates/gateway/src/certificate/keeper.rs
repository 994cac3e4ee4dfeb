//! Has a certificate for every published host, from the best source, and changes it when something changes: what is
//! published, what was uploaded, what files and ACME give, and the time.
//!
//! A new table of certificates is swapped in whole; connections that are open keep what they have. What is not published
//! any more is in no table, and its key is freed with the last handshake that uses it.

use std::collections::HashSet;
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
use super::{CertificateSource, ProvidedCertificate};
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
    /// How many hosts there were when it was chosen, if each of them has a certificate.
    complete: Option<usize>,
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
            complete: None,
            passed_over: HashSet::new(),
            look_again: Timestamp::MIN,
            metrics,
        })
    }

    /// Takes up another version of the directory. Hosts that are new in it have a certificate afterwards.
    pub(crate) fn follow(&mut self, snapshot: &Arc<Snapshot>) {
        // Most versions change nothing that a gateway knows, and looking at each of many names would cost more than the
        // change did.
        let same = self.complete.is_some() && self.snapshot.has_content_of(snapshot);
        let touched = !same && self.uploads.follow(snapshot);
        self.snapshot = Arc::clone(snapshot);
        if self.caught_up && (touched || !(same || self.is_complete())) {
            self.choose(Timestamp::now());
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
        if self.look_again <= now || self.complete.is_none() {
            self.choose(now);
        }
    }

    /// Whether each published host has a certificate, and no other host does.
    fn is_complete(&self) -> bool {
        let current = self.browsers.current();
        let has_one = |host: &str| current.of_host(host).is_some_and(|shown| shown.published);
        self.complete.is_some_and(|hosts| hosts == self.hosts().count()) && self.hosts().all(has_one)
    }

    /// The hosts that need a certificate.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        self.snapshot.hosts().chain(self.sign_in_host.as_deref())
    }

    /// Chooses for every host anew, and swaps the result in.
    fn choose(&mut self, now: Timestamp) {
        let before = self.browsers.current();
        let mut round =
            Round { now, before: &before, chosen: ByName::default(), passed_over: HashSet::new(), next: None };
        let uploaded = self.uploads.by_host(&self.snapshot);
        let uploads_of = |host: &str| {
            let uploads = uploaded.get(host).into_iter().flatten();
            uploads.map(|certificate| (CertificateSource::Uploaded, *certificate))
        };
        let mut complete = true;
        for host in self.hosts() {
            let choice = choose(host, uploads_of(host).chain(self.shelf.for_host(host)), now);
            if !round.take(host, choice, true) {
                complete &= round.take_local(host, self.certificates.as_ref());
            }
        }
        for (host, above) in self.below_wildcards() {
            let _ = round.take(host, choose(host, uploads_of(&above).chain(self.shelf.for_host(host)), now), false);
        }
        let Round { chosen, passed_over, next, .. } = round;
        self.complete = complete.then(|| self.hosts().count());
        self.look_again = next.unwrap_or(Timestamp::MAX).min(self.own.current().two_thirds());
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
        let names = self.shelf.names().filter(|name| !published.contains(name));
        names.filter_map(|name| Some((name, self.wildcard_above(name)?))).collect()
    }

    /// The host of the wildcard application that a name is below; the name may start with a star itself.
    fn wildcard_above(&self, name: &str) -> Option<String> {
        let one_of_them = name.strip_prefix("*.").map_or_else(|| name.to_owned(), |parent| format!("any.{parent}"));
        let host = self.snapshot.route(&one_of_them, "/")?.application.external_url.host();
        host.starts_with("*.").then(|| host.to_owned())
    }
}

/// One time of choosing for all hosts.
struct Round<'r> {
    now: Timestamp,
    before: &'r ByName,
    chosen: ByName,
    passed_over: HashSet<PassedOver>,
    /// When something has to be chosen anew.
    next: Option<Timestamp>,
}

impl Round<'_> {
    /// Takes what was chosen for a host, if anything was.
    fn take(&mut self, host: &str, choice: Choice<'_>, published: bool) -> bool {
        self.until(choice.holds_until);
        for (source, certificate) in choice.passed_over {
            self.passed_over.insert((host.to_owned(), source, certificate.not_after()));
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
        self.next = self.next.into_iter().chain(change).min();
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
        self.chosen.insert(host, shown);
    }
}

#[cfg(test)]
mod tests;
