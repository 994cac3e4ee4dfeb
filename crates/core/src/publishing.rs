//! How an application is published: where users reach it, where it is, and what the gateway does on the way.
//!
//! [`Publishing::check`] holds what no single setting can: a wildcard is one on both sides, and an alternate URL is
//! another place than the external one. It also holds settings that were stored earlier against the rules of today.

use serde::{Deserialize, Serialize};

use crate::application::Attributes;
use crate::external_url::{ExternalUrl, NotAnExternalUrl};
use crate::health_probe::HealthProbe;
use crate::internal_url::{InternalUrl, NotAnInternalUrl};
use crate::maintenance::Maintenance;
use crate::sign_on::SignOn;
use crate::upstream_protocol::UpstreamProtocol;
use crate::upstream_times::UpstreamTimes;

/// Whether the gateway demands sign-in before it forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreAuthentication {
    /// Users sign in first. Also what holds when nothing was said: never open by accident.
    #[default]
    SignIn,
    /// Requests pass without sign-in.
    Passthrough,
}

/// Which `Host` the upstream sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// The internal one; URLs in headers are translated.
    #[default]
    Internal,
    /// The external one; headers stay as they are.
    External,
}

/// Whether the connector verifies the certificate of an `https` upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamCertificate {
    /// Verified; the default.
    #[default]
    Verified,
    /// Anything is accepted.
    NotVerified,
}

/// How long the upstream may take until it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamTimeout {
    /// 85 seconds.
    #[default]
    Default,
    /// 180 seconds.
    Long,
}

impl UpstreamTimeout {
    /// The time in seconds (contract section 1.5).
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Default => 85,
            Self::Long => 180,
        }
    }
}

/// Which of an application's public URLs stands for an internal URL that names its host, in headers and links. Paths and
/// cookies are always those of the URL that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslatedTo {
    /// The external URL, whichever was asked.
    #[default]
    External,
    /// The alternate URL, where there is one.
    Alternate,
}

/// What becomes of links to internal URLs in HTML and CSS bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyLinks {
    /// Bodies are passed on untouched.
    #[default]
    Kept,
    /// Links to internal URLs of published applications become external ones.
    Translated,
}

/// How a connector of the group is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrafficRouting {
    /// Whatever is best: of two random connectors the less busy one.
    #[default]
    None,
    /// The same.
    Random,
    /// A browser stays with its connector while that is there.
    SessionPersistence,
    /// As [`TrafficRouting::None`].
    Performance,
}

/// How an application is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    /// What users type.
    pub external_url: ExternalUrl,
    /// What the connector dials.
    pub internal_url: InternalUrl,
    /// A second URL at which users reach it.
    #[serde(default)]
    pub alternate_url: Option<ExternalUrl>,
    /// Which of the two public URLs stands for the internal one where a host is named.
    #[serde(default)]
    pub translated_to: TranslatedTo,
    /// Sign-in first, or passthrough.
    pub pre_authentication: PreAuthentication,
    /// Which `Host` the upstream sees.
    pub host_header: HostHeader,
    /// What becomes of links in bodies.
    #[serde(default)]
    pub body_links: BodyLinks,
    /// Whether the upstream's certificate is verified.
    pub upstream_certificate: UpstreamCertificate,
    /// How long to wait for the upstream's answer.
    pub timeout: UpstreamTimeout,
    /// How long its parts may take.
    #[serde(default)]
    pub upstream_times: UpstreamTimes,
    /// Which version of HTTP it is spoken to in.
    #[serde(default)]
    pub upstream_protocol: UpstreamProtocol,
    /// How a connector is chosen.
    #[serde(default)]
    pub traffic_routing: TrafficRouting,
    /// Whether it is closed for a while.
    #[serde(default)]
    pub maintenance: Maintenance,
    /// How connectors probe it by themselves.
    #[serde(default)]
    pub health_probe: HealthProbe,
    /// How its upstream is told who asks.
    #[serde(default)]
    pub sign_on: SignOn,
    /// The rest, opaque here.
    pub attributes: Attributes,
}

/// Settings of a publishing that do not go together, or are not accepted any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishingRefused {
    /// The external URL was accepted once.
    #[error("the external URL {0}")]
    External(#[source] NotAnExternalUrl),
    /// The alternate URL was accepted once.
    #[error("the alternate URL {0}")]
    Alternate(#[source] NotAnExternalUrl),
    /// The internal URL was accepted once.
    #[error("the internal URL {0}")]
    Internal(#[source] NotAnInternalUrl),
    /// One URL has a star and the other has none.
    #[error(
        "the external URL '{external}' and the internal URL '{internal}' must both start with a wildcard, or neither"
    )]
    OneSidedWildcard {
        /// What users type.
        external: ExternalUrl,
        /// What the connector dials.
        internal: InternalUrl,
    },
    /// An alternate URL beside or with a star.
    #[error("the alternate URL '{0}' cannot be combined with a wildcard")]
    AlternateOfWildcard(ExternalUrl),
    /// The alternate URL is not another place.
    #[error("the alternate URL '{0}' is the same place as the external URL")]
    AlternateIsExternal(ExternalUrl),
    /// A probe of what has no upstream of its own.
    #[error("the wildcard '{0}' stands for many upstreams, none of which can be probed")]
    ProbeOfWildcard(ExternalUrl),
}

impl Publishing {
    /// A publishing with the default of every setting.
    #[must_use]
    pub fn new(external_url: ExternalUrl, internal_url: InternalUrl) -> Self {
        Self {
            external_url,
            internal_url,
            alternate_url: None,
            translated_to: TranslatedTo::default(),
            pre_authentication: PreAuthentication::default(),
            host_header: HostHeader::default(),
            body_links: BodyLinks::default(),
            upstream_certificate: UpstreamCertificate::default(),
            timeout: UpstreamTimeout::default(),
            upstream_times: UpstreamTimes::default(),
            upstream_protocol: UpstreamProtocol::default(),
            traffic_routing: TrafficRouting::default(),
            maintenance: Maintenance::default(),
            health_probe: HealthProbe::default(),
            sign_on: SignOn::default(),
            attributes: Attributes::new(),
        }
    }

    /// Checks that the settings go together.
    ///
    /// # Errors
    /// [`PublishingRefused`], the first thing that does not.
    pub fn check(&self) -> Result<(), PublishingRefused> {
        let (external, internal) = (&self.external_url, &self.internal_url);
        external.check().map_err(PublishingRefused::External)?;
        internal.check().map_err(PublishingRefused::Internal)?;
        if external.is_wildcard() != internal.is_wildcard() {
            let (external, internal) = (external.clone(), internal.clone());
            return Err(PublishingRefused::OneSidedWildcard { external, internal });
        }
        if external.is_wildcard() && self.health_probe.path.is_some() {
            return Err(PublishingRefused::ProbeOfWildcard(external.clone()));
        }
        let Some(alternate) = &self.alternate_url else { return Ok(()) };
        alternate.check().map_err(PublishingRefused::Alternate)?;
        if external.is_wildcard() || alternate.is_wildcard() {
            return Err(PublishingRefused::AlternateOfWildcard(alternate.clone()));
        }
        if alternate.place() == external.place() {
            return Err(PublishingRefused::AlternateIsExternal(alternate.clone()));
        }
        Ok(())
    }

    /// The public URLs at which it is reached.
    pub fn entrances(&self) -> impl Iterator<Item = &ExternalUrl> {
        std::iter::once(&self.external_url).chain(&self.alternate_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::tests::publishing;

    #[test]
    fn sign_in_is_required_unless_passthrough_was_said() {
        assert_eq!(PreAuthentication::default(), PreAuthentication::SignIn);
    }

    #[test]
    fn a_wildcard_is_one_on_both_sides() {
        assert_eq!(publishing("https://*.apps.example/", "http://*.corp/").check(), Ok(()));
        for (external, internal) in
            [("https://*.apps.example/", "http://wiki/"), ("https://a.example/", "http://*.corp/")]
        {
            let refused = publishing(external, internal).check();
            assert!(matches!(refused, Err(PublishingRefused::OneSidedWildcard { .. })), "{external}");
        }
    }

    #[test]
    fn what_has_many_upstreams_is_not_probed() {
        let path = crate::health_probe::ProbePath::parse("/health").ok();
        let with = |external: &str, internal: &str| {
            let health_probe = HealthProbe { path: path.clone(), ..HealthProbe::default() };
            Publishing { health_probe, ..publishing(external, internal) }.check()
        };
        assert_eq!(with("https://a.example/", "http://a/"), Ok(()));
        let refused = with("https://*.apps.example/", "http://*.corp/");
        assert!(matches!(refused, Err(PublishingRefused::ProbeOfWildcard(_))), "{refused:?}");
    }

    #[test]
    fn an_alternate_url_is_another_place_and_no_wildcard() {
        let with = |external: &str, internal: &str, alternate: &str| {
            let alternate_url = Some(ExternalUrl::parse(alternate).unwrap());
            Publishing { alternate_url, ..publishing(external, internal) }.check()
        };
        assert_eq!(with("https://a.example/", "http://a/", "https://b.example/team/"), Ok(()));
        assert_eq!(with("https://a.example/", "http://a/", "https://a.example/team/"), Ok(()));
        let same = with("https://a.example/", "http://a/", "https://A.example:8443/");
        assert!(matches!(same, Err(PublishingRefused::AlternateIsExternal(_))), "{same:?}");
        let of_wildcard = with("https://*.a.example/", "http://*.a/", "https://b.example/");
        assert!(matches!(of_wildcard, Err(PublishingRefused::AlternateOfWildcard(_))), "{of_wildcard:?}");
        let wildcard = with("https://a.example/", "http://a/", "https://*.b.example/");
        assert!(matches!(wildcard, Err(PublishingRefused::AlternateOfWildcard(_))), "{wildcard:?}");
    }

    #[test]
    fn what_was_accepted_once_is_held_against_the_rules_of_today() {
        let odd = |text: &str| ExternalUrl::try_from(text.to_owned()).unwrap();
        let own = || publishing("https://a.example/", "http://a/");
        let external = Publishing { external_url: odd("https://a.example/%61/"), ..own() };
        assert!(matches!(external.check(), Err(PublishingRefused::External(_))), "{:?}", external.check());
        let alternate = Publishing { alternate_url: Some(odd("https://b.example/%61/")), ..own() };
        assert!(matches!(alternate.check(), Err(PublishingRefused::Alternate(_))), "{:?}", alternate.check());
        let internal_url = InternalUrl::try_from("http://w*ki/".to_owned()).unwrap();
        let internal = Publishing { internal_url, ..own() };
        assert!(matches!(internal.check(), Err(PublishingRefused::Internal(_))), "{:?}", internal.check());
    }

    #[test]
    fn what_was_stored_with_fewer_settings_is_read_with_their_defaults() {
        let stored = r#"{"external_url":"https://a.example/","internal_url":"http://a/","pre_authentication":"passthrough",
            "host_header":"internal","upstream_certificate":"verified","timeout":"default","attributes":{}}"#;
        let read: Publishing = serde_json::from_str(stored).unwrap();
        assert_eq!(read, publishing("https://a.example/", "http://a/"));
    }
}
