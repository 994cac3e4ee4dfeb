//! By which of its public URLs an application was asked, and how what it says is translated for those who came there.
//!
//! Worked out when an application changes: one with an alternate URL has two translations, and a request takes the one
//! of the URL that its grant names.

use std::sync::Arc;

use adit_core::access::Grant;
use adit_core::application::HostHeader;
use adit_core::snapshot::{Entrance, PublishedApplication};

use super::mapping::UrlMapping;

/// What the internal URL of one application becomes, for each of its public URLs.
#[derive(Debug, Clone)]
pub(crate) struct Translations {
    external: Arc<UrlMapping>,
    /// Where there is an alternate URL.
    alternate: Option<Arc<UrlMapping>>,
}

impl Translations {
    /// Those of an application.
    pub(crate) fn of(application: &PublishedApplication) -> Self {
        let from = |entrance| Arc::new(UrlMapping::of(application, entrance));
        let alternate = application.alternate_url.is_some().then(|| from(Entrance::Alternate));
        Self { external: from(Entrance::External), alternate }
    }

    /// The same, with the mappings of `before` that they are equal to.
    pub(crate) fn shared_with(mut self, before: &Self) -> Self {
        let earlier = std::iter::once(&before.external).chain(&before.alternate);
        for mapping in std::iter::once(&mut self.external).chain(&mut self.alternate) {
            if let Some(same) = earlier.clone().find(|earlier| *earlier == mapping) {
                *mapping = Arc::clone(same);
            }
        }
        self
    }

    /// What URLs that name a host become: the same, whichever URL was asked.
    pub(crate) const fn mapping(&self) -> &Arc<UrlMapping> {
        &self.external
    }

    /// That of the URL that was asked.
    pub(crate) const fn at(&self, entrance: Entrance) -> &Arc<UrlMapping> {
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
