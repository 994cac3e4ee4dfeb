//! Certificates that were uploaded with applications: asked for when an application has changed, and kept for as long
//! as it is published.
//!
//! Only the certificates of applications that the snapshot names are ever asked for, a batch at a time. A batch that
//! fails is asked for again, and what was known stays in use until then.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use adit_core::Snapshot;
use adit_core::id::ApplicationId;
use adit_core::revision::Revision;
use adit_core::snapshot::ApplicationDifference;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};
use tokio::time::sleep;

use super::ServerCertificate;
use crate::directory::ServerCertificates;
use crate::limits;

/// What a batch came back with, and which applications it was about.
type Answer = (Vec<ApplicationId>, Result<Vec<(ApplicationId, ServerCertificate)>, String>);

/// The uploaded certificates of what is published.
pub(super) struct Uploads {
    certificates: Arc<dyn ServerCertificates>,
    /// Each published application, and the revision at which its certificate was last asked for.
    known: HashMap<ApplicationId, Revision>,
    held: HashMap<ApplicationId, ServerCertificate>,
    wanted: HashSet<ApplicationId>,
    asked: Option<BoxFuture<'static, Answer>>,
}

impl Uploads {
    pub(super) fn new(certificates: Arc<dyn ServerCertificates>) -> Self {
        Self { certificates, known: HashMap::new(), held: HashMap::new(), wanted: HashSet::new(), asked: None }
    }

    /// Notes which applications have changed, and says whether one with a certificate did or is gone.
    pub(super) fn follow(&mut self, changes: &[ApplicationDifference<'_>]) -> bool {
        let mut touched = false;
        for change in changes {
            let id = *change.key;
            let Some(now) = change.now else {
                self.known.remove(&id);
                self.wanted.remove(&id);
                touched |= self.held.remove(&id).is_some();
                continue;
            };
            if self.known.insert(id, now.revision) != Some(now.revision) {
                self.wanted.insert(id);
                touched |= self.held.contains_key(&id);
            }
        }
        touched
    }

    /// Whether something is still to be asked for.
    pub(super) fn is_behind(&self) -> bool {
        self.asked.is_some() || !self.wanted.is_empty()
    }

    /// Waits for the next batch, and says whether it brought or took away a certificate. Never ends while nothing is
    /// wanted. May be dropped and called again.
    pub(super) async fn next(&mut self) -> bool {
        if self.asked.is_none() {
            self.asked = self.ask();
        }
        let Some(asked) = &mut self.asked else { return pending().await };
        let (batch, answer) = asked.await;
        self.asked = None;
        match answer {
            Ok(found) => self.take(&batch, found),
            Err(error) => {
                tracing::warn!(%error, "uploaded certificates could not be asked for; the earlier ones stay in use");
                self.wanted.extend(batch.into_iter().filter(|id| self.known.contains_key(id)));
                false
            }
        }
    }

    fn ask(&mut self) -> Option<BoxFuture<'static, Answer>> {
        let batch: Vec<ApplicationId> = self.wanted.iter().take(limits::UPLOADS_ASKED_FOR).copied().collect();
        if batch.is_empty() {
            return None;
        }
        for id in &batch {
            self.wanted.remove(id);
        }
        let asked = self.certificates.uploaded(batch.clone());
        let answered = async move {
            let answer = asked.await;
            if answer.is_err() {
                sleep(limits::UPLOADS_PAUSE).await;
            }
            (batch, answer)
        };
        Some(answered.boxed())
    }

    fn take(&mut self, batch: &[ApplicationId], found: Vec<(ApplicationId, ServerCertificate)>) -> bool {
        let mut found: HashMap<_, _> = found.into_iter().collect();
        let mut changed = false;
        for id in batch {
            // It may have gone since it was asked for.
            let now = found.remove(id).filter(|_| self.known.contains_key(id));
            let same = match (&now, self.held.get(id)) {
                (Some(now), Some(before)) => now.shows_the_same_as(before),
                (None, None) => true,
                _ => false,
            };
            if same {
                continue;
            }
            changed = true;
            match now {
                Some(certificate) => self.held.insert(*id, certificate),
                None => self.held.remove(id),
            };
        }
        changed
    }

    /// The certificates by the hosts of their applications.
    pub(super) fn by_host<'s>(&'s self, snapshot: &'s Snapshot) -> HashMap<&'s str, Vec<&'s ServerCertificate>> {
        let mut by_host: HashMap<&str, Vec<&ServerCertificate>> = HashMap::new();
        for (id, certificate) in &self.held {
            for host in snapshot.application(*id).into_iter().flat_map(|application| application.hosts()) {
                by_host.entry(host).or_default().push(certificate);
            }
        }
        by_host
    }
}
