//! Which headers an upstream believes: those that any application lists which leads there. Whoever comes to the same server by
//! another application, an open one perhaps, cannot set them either.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use adit_core::snapshot::PublishedApplication;
use adit_core::{InternalUrl, wildcard};

use super::plain;

/// The names that are listed, plainly written, by the hosts and ports of upstreams.
#[derive(Debug, Default)]
pub(crate) struct Listed(HashMap<String, ByPort>);

type ByPort = HashMap<u16, BTreeSet<String>>;

impl Listed {
    pub(crate) fn of<'a>(applications: impl Iterator<Item = &'a Arc<PublishedApplication>>) -> Self {
        let mut by_host: HashMap<String, ByPort> = HashMap::new();
        for application in applications {
            let internal = &application.internal_url;
            for own in application.sign_on.headers.usable() {
                let by_port = by_host.entry(internal.host().to_owned()).or_default();
                by_port.entry(internal.port()).or_default().insert(plain(&own.header));
            }
        }
        Self(by_host)
    }

    /// The names that are listed for the upstream of an application, or of one of those that it leads to, in order.
    pub(super) fn at(&self, internal: &InternalUrl) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let of_port = |by_port: &'_ ByPort| by_port.get(&internal.port()).cloned().unwrap_or_default();
        let host = internal.host();
        let names: BTreeSet<String> = match wildcard::domain(host) {
            None => {
                let above = host.match_indices('.').filter_map(|(dot, _)| host.get(dot..));
                let above = above.filter_map(|domain| self.0.get(&format!("*{domain}")));
                self.0.get(host).into_iter().chain(above).flat_map(of_port).collect()
            }
            Some(domain) => {
                let overlaps = |other: &str| match wildcard::domain(other) {
                    Some(other) => other.ends_with(domain) || domain.ends_with(other),
                    None => wildcard::star(other, domain).is_some(),
                };
                self.0.iter().filter(|(other, _)| overlaps(other)).flat_map(|(_, by_port)| of_port(by_port)).collect()
            }
        };
        names.into_iter().collect()
    }
}
