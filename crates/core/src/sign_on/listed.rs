//! Which headers an upstream believes: those that any application lists which leads there. Whoever comes to the same server by
//! another application, an open one perhaps, cannot set them either.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::plain;
use crate::internal_url::InternalUrl;
use crate::snapshot::PublishedApplication;
use crate::wildcard;

/// The names that are listed, plainly written, by the hosts and ports of upstreams.
#[derive(Debug, Default)]
pub struct Listed(HashMap<String, ByPort>);

type ByPort = HashMap<u16, BTreeSet<String>>;

impl Listed {
    /// What these applications list.
    pub fn of<'a>(applications: impl Iterator<Item = &'a Arc<PublishedApplication>>) -> Self {
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
    #[must_use]
    pub fn at(&self, internal: &InternalUrl) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let of_port = |by_port: &ByPort| by_port.get(&internal.port()).cloned().unwrap_or_default();
        let host = internal.host();
        let names: BTreeSet<String> = match wildcard::domain(host) {
            None => {
                let above = wildcard::domains_above(host).filter_map(|domain| self.0.get(&format!("*{domain}")));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::PreAuthentication;
    use crate::sign_on::{AssertionState, SignOn, SignOnHeader, SignOnHeaders};
    use crate::snapshot::tests::published;

    #[test]
    fn what_is_listed_for_an_upstream_is_listed_for_everything_that_leads_there() {
        let at = |internal: &str| InternalUrl::parse(internal).unwrap();
        let application = |internal: &str, pairs: &[&str]| {
            let headers = pairs.iter().map(|pair| SignOnHeader::parse(pair).unwrap()).collect();
            let sign_on = SignOn { headers: SignOnHeaders::new(headers).unwrap(), assertion: AssertionState::On };
            let other = published(1, "https://a.example/", PreAuthentication::Passthrough);
            Arc::new(PublishedApplication { internal_url: at(internal), sign_on, ..other })
        };
        let all = [
            application("http://wiki.corp:8080/", &["X_User=id"]),
            application("https://wiki.corp:8080/admin/", &["X-Role=appRoles"]),
            application("http://*.teams.corp/", &["X-Team=groups"]),
            application("http://mail.corp/", &[]),
        ];
        let listed = Listed::of(all.iter());
        for (internal, names) in [
            ("http://wiki.corp:8080/open/", &["x-role", "x-user"][..]),
            ("http://wiki.corp/", &[]),
            ("http://mail.corp/", &[]),
            ("http://red.teams.corp/", &["x-team"]),
            ("http://a.red.teams.corp/", &["x-team"]),
            ("http://teams.corp/", &[]),
            ("http://red.teams.corp:81/", &[]),
            ("http://*.red.teams.corp/", &["x-team"]),
            ("http://*.corp/", &["x-team"]),
            ("http://*.corp:8080/", &["x-role", "x-user"]),
            ("http://*.example/", &[]),
        ] {
            assert_eq!(listed.at(&at(internal)), names, "{internal}");
        }
        assert_eq!(Listed::default().at(&at("http://wiki.corp/")), Vec::<String>::new());
    }
}
