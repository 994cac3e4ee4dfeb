//! What forwarding needs of one application, worked out when it changes.

use std::sync::Arc;

use adit_core::application::{BodyLinks, HostHeader};
use adit_core::maintenance::MaintenanceState;
use adit_core::sign_on::Listed;
use adit_core::snapshot::PublishedApplication;
use adit_core::wildcard;
use adit_tunnel::target::Target;
use http::HeaderValue;

use crate::ledger::Ledger;
use crate::sign_on::SignOnFields;
use crate::translate::Translations;

/// What forwarding needs of an application.
#[derive(Debug)]
pub(crate) struct ForwardingRules {
    pub(crate) application: Arc<PublishedApplication>,
    pub(crate) target: Target,
    /// The `Host` the upstream sees; `None` keeps the client's.
    pub(crate) host: Option<HeaderValue>,
    /// What its internal URL becomes.
    pub(crate) translations: Translations,
    /// Which of the application's upstreams this leads to: under a wildcard there are many.
    pub(crate) destination: Destination,
    /// What the upstream is told of who asks, and clients cannot say; nothing for most applications.
    pub(crate) sign_on: Option<Arc<SignOnFields>>,
    /// What is remembered of the application across versions of the directory.
    pub(crate) ledger: Arc<Ledger>,
}

/// One upstream host of an application. What is pooled for one is never lent to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// The only one.
    Only,
    /// Under a wildcard: that of this public host.
    At(Arc<str>),
}

impl ForwardingRules {
    /// `before` are those of the application until now, `listed` is what all of them list.
    pub(super) fn of(application: &Arc<PublishedApplication>, before: Option<&Self>, listed: &Listed) -> Option<Self> {
        let translations = Translations::of(application);
        let internal = &application.internal_url;
        let authority = internal.authority();
        let host = match application.host_header {
            HostHeader::Internal => Some(HeaderValue::from_str(&authority).ok()?),
            HostHeader::External => None,
        };
        Some(Self {
            target: Target::of(application.id, internal, application.upstream_certificate),
            host,
            translations: match before {
                Some(before) => translations.shared_with(&before.translations),
                None => translations,
            },
            destination: Destination::Only,
            sign_on: SignOnFields::of(application, listed),
            ledger: before.map(|before| Arc::clone(&before.ledger)).unwrap_or_default(),
            application: Arc::clone(application),
        })
    }

    /// The rules for requests to `host`; under a wildcard each host has its own upstream.
    pub(crate) fn for_host(self: &Arc<Self>, host: &str) -> Option<Arc<Self>> {
        let application = &self.application;
        if !application.external_url.is_wildcard() {
            return Some(Arc::clone(self));
        }
        let internal = application.internal_url.with_host(&dialled_at(application, host)?);
        let shown = self.host.is_some().then(|| HeaderValue::try_from(internal.authority()));
        Some(Arc::new(Self {
            target: Target::of(application.id, &internal, application.upstream_certificate),
            host: shown.transpose().ok()?,
            translations: self.translations.clone(),
            destination: Destination::At(Arc::from(host)),
            sign_on: self.sign_on.clone(),
            ledger: Arc::clone(&self.ledger),
            application: Arc::clone(application),
        }))
    }

    /// The same, where what all applications list has changed: nothing if that changes nothing here.
    pub(super) fn with_listed(&self, listed: &Listed) -> Option<Self> {
        let sign_on = SignOnFields::of(&self.application, listed);
        let withheld = sign_on.as_deref().map_or(&[][..], SignOnFields::withheld);
        (withheld != self.withheld()).then(|| Self {
            application: Arc::clone(&self.application),
            target: self.target.clone(),
            host: self.host.clone(),
            translations: self.translations.clone(),
            destination: self.destination.clone(),
            sign_on,
            ledger: Arc::clone(&self.ledger),
        })
    }

    /// Whether the links in its pages are translated.
    pub(crate) fn translates_links(&self) -> bool {
        self.application.body_links == BodyLinks::Translated
    }

    /// The names of the fields that clients cannot set, beside those that they never can.
    fn withheld(&self) -> &[String] {
        self.sign_on.as_deref().map_or(&[], SignOnFields::withheld)
    }

    /// Whether connectors probe the upstream by themselves: not while it is closed to everybody.
    pub(crate) fn is_probed(&self) -> bool {
        self.application.health_probe.path.is_some() && self.application.maintenance.state == MaintenanceState::Off
    }

    /// Host and port of the upstream, as in an internal URL.
    pub(crate) fn internal_authority(&self) -> String {
        let internal = &self.application.internal_url;
        let host = match &self.destination {
            Destination::Only => None,
            Destination::At(host) => dialled_at(&self.application, host),
        };
        host.map_or_else(|| internal.authority(), |host| internal.with_host(&host).authority())
    }

    /// Whether a request that was prepared by `other` may go by these rules: to the same target, under the same host,
    /// with the same demand for sign-in, and the same told of who asks. The connector group may differ.
    pub(crate) fn leads_where(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let leads = |own: &Self| {
            own.target == other.target
                && own.host == other.host
                && own.application.pre_authentication == other.application.pre_authentication
                && own.application.is_sign_on_by_headers == other.application.is_sign_on_by_headers
                && own.application.sign_on == other.application.sign_on
                && own.withheld() == other.withheld()
                && own.application.maintenance.state == MaintenanceState::Off
        };
        match &other.destination {
            _ if Arc::ptr_eq(self, other) => true,
            Destination::Only => leads(self),
            Destination::At(host) => self.for_host(host).is_some_and(|own| leads(&own)),
        }
    }
}

/// The internal host for a public one under a wildcard: what stands for the star is carried over.
fn dialled_at(application: &PublishedApplication, host: &str) -> Option<String> {
    let star = wildcard::star(host, wildcard::domain(application.external_url.host())?)?;
    Some(format!("{star}{}", wildcard::domain(application.internal_url.host())?))
}
