//! What to change of how an application is published, and the publishing that comes of it.

use adit_core::application::{
    Attributes, BodyLinks, HostHeader, Publishing, TrafficRouting, TranslatedTo, UpstreamCertificate, UpstreamTimeout,
};
use adit_core::health_probe::{ExpectedStatuses, ProbeInterval, ProbePath, ProbeTimeout};
use adit_core::maintenance::{MaintenanceState, MaintenanceText};
use adit_core::sign_on::{AssertionState, SignOnHeaders};
use adit_core::{ExternalUrl, InternalUrl, PreAuthentication, Seconds, UpstreamProtocol};

use crate::certificate::CertificateUpload;
use crate::error::{Error, RequiredUrl};

/// What becomes of an application's publishing.
#[derive(Debug, Clone, Default)]
#[expect(clippy::large_enum_variant, reason = "a command has one, and hardly any has none")]
pub enum PublishingChange {
    /// It stays.
    #[default]
    Keep,
    /// What is given replaces what was there; an application that was not published is.
    Merge(PublishingPatch),
    /// The application is published no more.
    End,
}

impl PublishingChange {
    /// Takes out the certificate that comes with it.
    pub(super) fn certificate(&mut self) -> Option<CertificateUpload> {
        match self {
            Self::Merge(patch) => patch.certificate.take(),
            Self::Keep | Self::End => None,
        }
    }
}

/// Parts of a publishing; `None` leaves as it is, or takes the default for a new one.
#[derive(Debug, Clone, Default)]
pub struct PublishingPatch {
    /// What users type.
    pub external_url: Option<ExternalUrl>,
    /// What the connector dials.
    pub internal_url: Option<InternalUrl>,
    /// A second URL at which users reach it, or none any more.
    pub alternate_url: Option<Option<ExternalUrl>>,
    /// Which of the two public URLs stands for the internal one where a host is named.
    pub translated_to: Option<TranslatedTo>,
    /// Sign-in first, or passthrough.
    pub pre_authentication: Option<PreAuthentication>,
    /// Which `Host` the upstream sees.
    pub host_header: Option<HostHeader>,
    /// What becomes of links in bodies.
    pub body_links: Option<BodyLinks>,
    /// Whether the upstream's certificate is verified.
    pub upstream_certificate: Option<UpstreamCertificate>,
    /// How long to wait for the upstream's answer.
    pub timeout: Option<UpstreamTimeout>,
    /// How long its parts may take.
    pub upstream_times: UpstreamTimesPatch,
    /// Which version of HTTP it is spoken to in.
    pub upstream_protocol: Option<UpstreamProtocol>,
    /// How a connector is chosen.
    pub traffic_routing: Option<TrafficRouting>,
    /// Whether it is closed for a while.
    pub maintenance: Option<MaintenanceState>,
    /// What its users are told then, or nothing any more.
    pub maintenance_text: Option<Option<MaintenanceText>>,
    /// How its connectors probe it by themselves.
    pub health_probe: HealthProbePatch,
    /// By which headers its upstream is told who asks.
    pub sign_on_headers: Option<SignOnHeaders>,
    /// Whether a signed assertion goes along.
    pub assertion: Option<AssertionState>,
    /// The certificate of its external host; without one, what is there stays as long as it fits.
    pub certificate: Option<CertificateUpload>,
    /// Each key replaces what was there under it.
    pub attributes: Attributes,
}

/// Some of an application's times; the inner `None` takes a limit away.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpstreamTimesPatch {
    /// Until the connection to the upstream is open.
    pub connect: Option<Option<Seconds>>,
    /// Until the head of its answer.
    pub first_byte: Option<Option<Seconds>>,
    /// Between two parts of its body.
    pub idle: Option<Option<Seconds>>,
    /// For all of it.
    pub total: Option<Option<Seconds>>,
}

/// Some of an application's probes; the inner `None` takes a setting back to its default.
#[derive(Debug, Clone, Default)]
pub struct HealthProbePatch {
    /// What is asked for; without it nothing is.
    pub path: Option<Option<ProbePath>>,
    /// How often.
    pub interval: Option<Option<ProbeInterval>>,
    /// How long it may take.
    pub timeout: Option<Option<ProbeTimeout>>,
    /// Which answers are good.
    pub statuses: Option<Option<ExpectedStatuses>>,
}

impl PublishingPatch {
    /// Whether it has the application at another URL than before.
    pub(super) const fn gives_url(&self) -> bool {
        self.external_url.is_some() || self.internal_url.is_some() || matches!(self.alternate_url, Some(Some(_)))
    }

    /// The publishing that comes of it.
    ///
    /// # Errors
    /// [`Error::PublishingIncomplete`] for a new one without both URLs.
    pub(super) fn applied_to(self, existing: Option<Publishing>) -> Result<Publishing, Error> {
        let mut publishing = match existing {
            Some(existing) => existing,
            None => new_publishing(&self)?,
        };
        replace(&mut publishing.external_url, self.external_url);
        replace(&mut publishing.internal_url, self.internal_url);
        replace(&mut publishing.alternate_url, self.alternate_url);
        replace(&mut publishing.translated_to, self.translated_to);
        replace(&mut publishing.pre_authentication, self.pre_authentication);
        replace(&mut publishing.host_header, self.host_header);
        replace(&mut publishing.body_links, self.body_links);
        replace(&mut publishing.upstream_certificate, self.upstream_certificate);
        replace(&mut publishing.timeout, self.timeout);
        replace(&mut publishing.upstream_times.connect, self.upstream_times.connect);
        replace(&mut publishing.upstream_times.first_byte, self.upstream_times.first_byte);
        replace(&mut publishing.upstream_times.idle, self.upstream_times.idle);
        replace(&mut publishing.upstream_times.total, self.upstream_times.total);
        replace(&mut publishing.upstream_protocol, self.upstream_protocol);
        replace(&mut publishing.traffic_routing, self.traffic_routing);
        replace(&mut publishing.maintenance.state, self.maintenance);
        replace(&mut publishing.maintenance.text, self.maintenance_text);
        replace(&mut publishing.health_probe.path, self.health_probe.path);
        replace(&mut publishing.health_probe.interval, self.health_probe.interval);
        replace(&mut publishing.health_probe.timeout, self.health_probe.timeout);
        replace(&mut publishing.health_probe.statuses, self.health_probe.statuses);
        replace(&mut publishing.sign_on.headers, self.sign_on_headers);
        replace(&mut publishing.sign_on.assertion, self.assertion);
        publishing.attributes.extend(self.attributes);
        Ok(publishing)
    }
}

fn new_publishing(patch: &PublishingPatch) -> Result<Publishing, Error> {
    let missing = |missing| Error::PublishingIncomplete { missing };
    let external_url = patch.external_url.clone().ok_or_else(|| missing(RequiredUrl::External))?;
    let internal_url = patch.internal_url.clone().ok_or_else(|| missing(RequiredUrl::Internal))?;
    Ok(Publishing::new(external_url, internal_url))
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
