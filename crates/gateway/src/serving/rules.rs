//! The rules of all published applications, and what applications have to know of each other: the headers that any of them
//! lists for an upstream, and the internal URLs that links in pages may lead to.
//!
//! The rules of the next version of the directory are made from those of the last one and what became of its applications,
//! and share the rest: a change costs itself, among a million applications too. Two changes cost a look at all of them: one
//! of what is listed, because an upstream may be another application's as well, and the first application that has its links
//! translated.

use std::collections::HashSet;
use std::sync::Arc;

use adit_core::id::ApplicationId;
use adit_core::sharded::Sharded;
use adit_core::sign_on::Listed;
use adit_core::snapshot::{ApplicationDifference, Entrance, PublishedApplication};

use super::ForwardingRules;
use crate::translate::{Links, PageLinks};

/// The rules of one version of the directory.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    by_application: Sharded<ApplicationId, Arc<ForwardingRules>>,
    /// Those of the applications that ask for probes.
    probed: Sharded<ApplicationId, Arc<ForwardingRules>>,
    /// The applications that list headers.
    listing: Sharded<ApplicationId, Arc<PublishedApplication>>,
    listed: Arc<Listed>,
    /// The applications whose links are translated.
    translating: Sharded<ApplicationId, ()>,
    /// Empty where there is none of those.
    links: Arc<Links>,
}

impl Rules {
    /// Those of an application.
    pub(super) fn find(&self, application: ApplicationId) -> Option<&Arc<ForwardingRules>> {
        self.by_application.get(&application)
    }

    /// Those of the applications that ask for probes, in no order.
    pub(super) fn probed(&self) -> impl Iterator<Item = &Arc<ForwardingRules>> {
        self.probed.values()
    }

    /// How links in the pages of an application are translated, if they are.
    pub(super) fn page_links(&self, rules: &ForwardingRules, entrance: Entrance) -> Option<PageLinks> {
        let own = || Arc::clone(rules.translations.at(entrance));
        rules.translates_links().then(|| PageLinks { all: Arc::clone(&self.links), own: own() })
    }

    /// Those of a later version, in which applications differ as `changes` say.
    pub(super) fn changed(&self, changes: &[ApplicationDifference<'_>]) -> Self {
        let mut next = self.clone();
        let lists_otherwise = next.note_listing(changes);
        for change in changes {
            let before = self.find(*change.key).map(Arc::as_ref);
            let rules = change.now.and_then(|now| ForwardingRules::of(now, before, &next.listed));
            next.put(*change.key, rules.map(Arc::new));
        }
        if lists_otherwise {
            next.withhold_what_is_listed(changes);
        }
        next.link(self, changes);
        next
    }

    /// Notes which of the changed applications list headers, and says whether that is not what was listed before.
    fn note_listing(&mut self, changes: &[ApplicationDifference<'_>]) -> bool {
        let mut lists_otherwise = false;
        for change in changes {
            let (before, now) = (change.before.filter(|own| lists(own)), change.now.filter(|own| lists(own)));
            match now {
                Some(now) => self.listing.insert(*change.key, Arc::clone(now)),
                None => self.listing.remove(change.key),
            }
            lists_otherwise |= match (before, now) {
                (Some(before), Some(now)) => {
                    before.internal_url != now.internal_url || before.sign_on.headers != now.sign_on.headers
                }
                (None, None) => false,
                _ => true,
            };
        }
        if lists_otherwise {
            self.listed = Arc::new(Listed::of(self.listing.values()));
        }
        lists_otherwise
    }

    fn put(&mut self, application: ApplicationId, rules: Option<Arc<ForwardingRules>>) {
        match rules.as_ref().filter(|rules| rules.is_probed()) {
            Some(rules) => self.probed.insert(application, Arc::clone(rules)),
            None => self.probed.remove(&application),
        }
        match rules {
            Some(rules) => self.by_application.insert(application, rules),
            None => self.by_application.remove(&application),
        }
    }

    /// Makes those rules anew for which something else is listed than when they were made.
    fn withhold_what_is_listed(&mut self, changes: &[ApplicationDifference<'_>]) {
        let both = changes.iter().flat_map(|change| [change.before, change.now]).flatten();
        let upstreams: HashSet<&str> = both.filter(|own| lists(own)).map(|own| own.internal_url.host()).collect();
        let is_wildcard = |host: &str| host.starts_with('*');
        let has_wildcard = upstreams.iter().any(|host| is_wildcard(host));
        let may_be_there = |host: &str| has_wildcard || is_wildcard(host) || upstreams.contains(host);
        let changed = |rules: &Arc<ForwardingRules>| {
            let is_there = may_be_there(rules.application.internal_url.host());
            if is_there { rules.with_listed(&self.listed).map(Arc::new) } else { None }
        };
        let changed: Vec<_> = self.by_application.values().filter_map(changed).collect();
        for rules in changed {
            self.put(rules.application.id, Some(rules));
        }
    }

    /// Has links lead to what is published now.
    fn link(&mut self, before: &Self, changes: &[ApplicationDifference<'_>]) {
        for change in changes {
            match self.find(*change.key).filter(|rules| rules.translates_links()) {
                Some(_) => self.translating.insert(*change.key, ()),
                None => self.translating.remove(change.key),
            }
        }
        if self.translating.is_empty() {
            self.links = Arc::default();
            return;
        }
        let mapping = |rules: &Arc<ForwardingRules>| Arc::clone(rules.translations.mapping());
        if before.translating.is_empty() {
            self.links = Arc::new(Links::of(self.by_application.values().map(mapping)));
            return;
        }
        let mut links = Links::clone(&self.links);
        for change in changes {
            links.change(before.find(*change.key).map(mapping).as_ref(), self.find(*change.key).map(mapping));
        }
        self.links = Arc::new(links);
    }
}

fn lists(application: &PublishedApplication) -> bool {
    !application.sign_on.headers.usable().is_empty()
}

#[cfg(test)]
mod tests;
