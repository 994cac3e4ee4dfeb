//! The applications that could be meant by a host, and why each was chosen or not.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{ExplainedRoute, Place};
use crate::external_url::ExternalUrl;
use crate::snapshot::{PublishedApplication, Snapshot};
use crate::wildcard;

/// One public URL of an application whose host covers the place.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The application.
    pub application: Arc<PublishedApplication>,
    /// The URL: its external or its alternate one.
    pub url: ExternalUrl,
    /// Why it was chosen, or was not.
    pub standing: Standing,
}

/// Why an application was chosen, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was.
    Chosen,
    /// The path is not below its prefix.
    PathOutside,
    /// Another's prefix covers the path and is longer.
    ShorterPrefix,
    /// It is a wildcard, and something is published at the host itself, whatever the path.
    HostPublished,
    /// It is a wildcard, and another one's domain is longer.
    ShorterDomain,
}

/// Every candidate: the chosen one first, then those at the host itself, then wildcards; longer ones before shorter.
pub(super) fn candidates(snapshot: &Snapshot, place: &Place, route: Option<&ExplainedRoute>) -> Vec<Candidate> {
    let host = place.host.as_str();
    let covering = snapshot.applications().flat_map(|application| {
        let urls = [Some(&application.external_url), application.alternate_url.as_ref()];
        urls.into_iter().flatten().filter(|url| covers(url, host)).map(move |url| (application, url))
    });
    let mut found: Vec<(&Arc<PublishedApplication>, &ExternalUrl)> = covering.collect();
    found.sort_by_key(|(_, url)| (url.is_wildcard(), Reverse(url.host().len()), Reverse(url.prefix().as_str().len())));
    let host_is_published = found.iter().any(|(_, url)| !url.is_wildcard());
    let mut candidates: Vec<Candidate> = found
        .into_iter()
        .map(|(application, url)| Candidate {
            application: Arc::clone(application),
            url: url.clone(),
            standing: standing(application, url, place, route, host_is_published),
        })
        .collect();
    candidates.sort_by_key(|candidate| candidate.standing != Standing::Chosen);
    candidates
}

fn covers(url: &ExternalUrl, host: &str) -> bool {
    match wildcard::domain(url.host()) {
        Some(domain) => wildcard::star(host, domain).is_some(),
        None => url.host() == host,
    }
}

fn standing(
    application: &Arc<PublishedApplication>,
    url: &ExternalUrl,
    place: &Place,
    route: Option<&ExplainedRoute>,
    host_is_published: bool,
) -> Standing {
    let chosen = route.is_some_and(|route| route.application.id == application.id && route.entrance == *url);
    match (chosen, url.is_wildcard()) {
        (true, _) => Standing::Chosen,
        (false, true) if host_is_published => Standing::HostPublished,
        (false, true) => Standing::ShorterDomain,
        (false, false) if url.prefix().below(&place.path).is_none() => Standing::PathOutside,
        (false, false) => Standing::ShorterPrefix,
    }
}
