//! By which of its public URLs an application was asked, and how what it says is translated for those who came there.
//!
//! Worked out once per snapshot: an application with an alternate URL has two translations, and a request takes the one
//! of the URL that its grant names.

use std::sync::Arc;

use adit_core::access::Grant;
use adit_core::application::{BodyLinks, HostHeader};
use adit_core::snapshot::{Entrance, PublishedApplication};

use super::links::{Links, PageLinks};
use super::mapping::UrlMapping;

/// How what one application says is translated, for each of its public URLs.
#[derive(Debug, Clone)]
pub(crate) struct Translations {
    external: Translation,
    /// Where there is an alternate URL.
    alternate: Option<Translation>,
}

/// How what an application says is translated for those who asked one of its public URLs.
#[derive(Debug, Clone)]
pub(crate) struct Translation {
    /// What its internal URL becomes.
    pub(crate) mapping: Arc<UrlMapping>,
    /// What links in its pages become, if they are translated.
    pub(crate) links: Option<PageLinks>,
}

impl Translations {
    /// Those of an application, but for links.
    pub(crate) fn of(application: &PublishedApplication) -> Self {
        let from = |entrance| Translation { mapping: Arc::new(UrlMapping::of(application, entrance)), links: None };
        let alternate = application.alternate_url.is_some().then(|| from(Entrance::Alternate));
        Self { external: from(Entrance::External), alternate }
    }

    /// What URLs that name a host become: the same, whichever URL was asked.
    pub(crate) const fn mapping(&self) -> &Arc<UrlMapping> {
        &self.external.mapping
    }

    /// With those of the links of the whole snapshot, if the application wants links translated.
    pub(crate) fn with_links(mut self, application: &PublishedApplication, all: &Arc<Links>) -> Self {
        if application.body_links == BodyLinks::Translated {
            for translation in std::iter::once(&mut self.external).chain(&mut self.alternate) {
                let own = Arc::clone(&translation.mapping);
                translation.links = Some(PageLinks { all: Arc::clone(all), own });
            }
        }
        self
    }

    /// That of the URL that was asked.
    pub(crate) const fn at(&self, entrance: Entrance) -> &Translation {
        match (entrance, &self.alternate) {
            (Entrance::Alternate, Some(alternate)) => alternate,
            _ => &self.external,
        }
    }
}

/// What the translation of an answer's head goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outward<'r> {
    pub(crate) mapping: &'r UrlMapping,
    /// Where the upstream sees the external host it knows where it is, and what it says about that stays.
    pub(crate) host_header: HostHeader,
    pub(crate) default_path: DefaultPath,
}

/// How a request came in, as far as its answer needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entered {
    pub(crate) entrance: Entrance,
    pub(crate) default_path: DefaultPath,
}

/// Which path a browser gives a cookie that names none (RFC 6265, section 5.1.4): the folder of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultPath {
    /// It is below the application's prefix.
    Within,
    /// It is above: the prefix was asked for without the slash at its end.
    Above,
}

impl Entered {
    /// `path` is that of the request for which `grant` was given.
    pub(crate) fn of(grant: &Grant, path: &str) -> Self {
        let is_prefix = grant.below() >= path.len() && !path.ends_with('/');
        let default_path = if is_prefix { DefaultPath::Above } else { DefaultPath::Within };
        Self { entrance: grant.entrance(), default_path }
    }
}
