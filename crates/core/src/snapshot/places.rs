//! The entrances of applications by host, and which of those at a host a path is below: the one with the longest prefix.
//!
//! The few of most hosts are looked at one after the other. At a host with many each is found by its prefix, and a path costs
//! a look for each depth that prefixes have there, whether it is a hundred entrances or a million. Among a million, what a
//! look costs is the places in memory that it goes to; so what most looks need lies where it is found.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entrance, PublishedApplication};
use crate::external_url::ExternalUrl;
use crate::id::ApplicationId;
use crate::request_path::{PathPrefix, push_segment};
use crate::sharded::Sharded;

/// The most entrances at a host that are looked at one after the other: that takes as long as to find one by its prefix.
const FEW: usize = 16;

/// The depths that have a bit of their own; those beyond share the last one.
const DEPTHS: usize = 63;

/// One entrance of one application.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) application: Arc<PublishedApplication>,
    pub(super) entrance: Entrance,
    /// Its prefix, unless that is the root.
    prefix: Option<PathPrefix>,
}

impl Place {
    /// That of an application at one of its URLs.
    pub(super) fn new(application: &Arc<PublishedApplication>, entrance: Entrance) -> Self {
        let prefix = application.url_at(entrance).prefix();
        let prefix = (prefix.as_str() != "/").then(|| prefix.clone());
        Self { application: Arc::clone(application), entrance, prefix }
    }

    fn url(&self) -> &ExternalUrl {
        self.application.url_at(self.entrance)
    }

    fn below(&self, path: &str) -> Option<usize> {
        self.prefix.as_ref().map_or_else(|| path.starts_with('/').then_some(1), |prefix| prefix.below(path))
    }

    /// What comes first is asked first: the deepest. Of two spellings of one path the plain one comes first, which is the
    /// shorter: an earlier version accepted both.
    fn order(&self) -> (Reverse<usize>, usize) {
        let prefix = self.url().prefix();
        (Reverse(prefix.decoded_len()), prefix.as_str().len())
    }

    fn is_of(&self, application: ApplicationId, entrance: Entrance) -> bool {
        self.application.id == application && self.entrance == entrance
    }
}

/// Some places in their order: the one of most hosts and prefixes without a list.
#[derive(Debug, Clone)]
enum InOrder {
    One(Place),
    Few(Vec<Place>),
}

impl InOrder {
    fn as_slice(&self) -> &[Place] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Few(places) => places,
        }
    }

    /// These; nothing if there are none.
    fn of(mut places: Vec<Place>) -> Option<Self> {
        if places.len() > 1 {
            return Some(Self::Few(places));
        }
        places.pop().map(Self::One)
    }

    fn with(&self, place: Place) -> Vec<Place> {
        let mut all = self.as_slice().to_vec();
        all.insert(all.partition_point(|other| other.order() <= place.order()), place);
        all
    }
}

/// What there is at one host.
#[derive(Debug, Clone)]
enum AtHost {
    Few(InOrder),
    /// Which depths there are, by their bits, and the deepest: how many segments prefixes have.
    Many(u64, usize),
}

const fn bit(depth: usize) -> u64 {
    1 << if depth < DEPTHS { depth } else { DEPTHS }
}

/// All entrances but those under wildcards.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    by_host: Sharded<Arc<str>, AtHost>,
    /// Those at hosts with many, by host and prefix. More than one where there are two spellings of one path.
    by_prefix: Sharded<Arc<[u8]>, InOrder>,
    /// How many there are of each depth at hosts with many.
    depths: Sharded<Arc<str>, BTreeMap<usize, usize>>,
}

impl Places {
    /// Whether there is one at `host`.
    pub(super) fn has(&self, host: &str) -> bool {
        self.by_host.get(host).is_some()
    }

    /// The hosts at which there is one.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.by_host.keys().map(|host| &**host)
    }

    /// How many hosts that are.
    pub(super) const fn host_count(&self) -> usize {
        self.by_host.len()
    }

    /// The place at `host` with the longest prefix that `path` is below, and where in the path that part starts. Nothing
    /// where there is no place at that host, and nothing in something where the path is below none of them.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<Option<(&Place, usize)>> {
        Some(match self.by_host.get(host)? {
            AtHost::Few(few) => few.as_slice().iter().find_map(|place| Some((place, place.below(path)?))),
            AtHost::Many(depths, deepest) => self.deepest(host, path, (*depths, *deepest)),
        })
    }

    fn deepest(&self, host: &str, path: &str, (depths, deepest): (u64, usize)) -> Option<(&Place, usize)> {
        if !path.starts_with('/') {
            return None;
        }
        let key = PrefixKey::of(host, path, deepest);
        let mut ends = key.ends.iter().enumerate().rev().filter(|(depth, _)| depths & bit(*depth) != 0);
        ends.find_map(|(_, end)| {
            let same = self.by_prefix.get(key.bytes.get(..end.of_key)?)?;
            Some((same.as_slice().first()?, end.of_path))
        })
    }

    /// Takes in an entrance of an application.
    pub(super) fn insert(&mut self, place: Place) {
        let host: Arc<str> = Arc::from(place.url().host());
        let all = match self.by_host.get(&host) {
            None => vec![place],
            Some(AtHost::Few(few)) => few.with(place),
            Some(AtHost::Many(..)) => return self.insert_by_prefix(&host, [place]),
        };
        if all.len() > FEW {
            self.insert_by_prefix(&host, all);
        } else if let Some(few) = InOrder::of(all) {
            self.by_host.insert(host, AtHost::Few(few));
        }
    }

    fn insert_by_prefix(&mut self, host: &Arc<str>, places: impl IntoIterator<Item = Place>) {
        let mut depths = self.depths.get(host).cloned().unwrap_or_default();
        for place in places {
            let (key, depth) = PrefixKey::of_entrance(place.url());
            *depths.entry(depth).or_default() += 1;
            let all = self.by_prefix.get(&key[..]).map_or_else(|| vec![place.clone()], |same| same.with(place.clone()));
            if let Some(same) = InOrder::of(all) {
                self.by_prefix.insert(Arc::from(key), same);
            }
        }
        self.note_depths(host, depths);
    }

    fn note_depths(&mut self, host: &Arc<str>, depths: BTreeMap<usize, usize>) {
        if depths.is_empty() {
            self.by_host.remove(host);
            self.depths.remove(host);
        } else {
            let bits = depths.keys().fold(0, |bits, depth| bits | bit(*depth));
            let deepest = depths.keys().next_back().copied().unwrap_or_default();
            self.by_host.insert(Arc::clone(host), AtHost::Many(bits, deepest));
            self.depths.insert(Arc::clone(host), depths);
        }
    }

    /// Forgets an entrance of an application.
    pub(super) fn remove(&mut self, application: &PublishedApplication, entrance: Entrance) {
        let url = application.url_at(entrance);
        let host: Arc<str> = Arc::from(url.host());
        let others = |all: &[Place]| {
            let others = all.iter().filter(|place| !place.is_of(application.id, entrance));
            others.cloned().collect::<Vec<_>>()
        };
        match self.by_host.get(&host) {
            None => {}
            Some(AtHost::Few(few)) => match InOrder::of(others(few.as_slice())) {
                Some(left) => self.by_host.insert(host, AtHost::Few(left)),
                None => self.by_host.remove(&host),
            },
            Some(AtHost::Many(..)) => {
                let (key, depth) = PrefixKey::of_entrance(url);
                let Some(same) = self.by_prefix.get(&key[..]) else { return };
                let left = others(same.as_slice());
                let gone = same.as_slice().len() - left.len();
                match InOrder::of(left) {
                    Some(left) => self.by_prefix.insert(Arc::from(key), left),
                    None => self.by_prefix.remove(&key[..]),
                }
                let mut depths = self.depths.get(&host).cloned().unwrap_or_default();
                if let Some(count) = depths.get_mut(&depth) {
                    *count = count.saturating_sub(gone);
                }
                depths.retain(|_, count| *count > 0);
                self.note_depths(&host, depths);
            }
        }
    }
}

/// A host and the first segments of a path, each decoded and with its length before it: what is the same as a key is the same
/// host and the same segments.
struct PrefixKey {
    bytes: Vec<u8>,
    /// For each depth.
    ends: Vec<End>,
}

/// Where the segments down to a depth end.
struct End {
    of_key: usize,
    /// Where what is below them starts, as [`PathPrefix::below`] has it.
    of_path: usize,
}

impl PrefixKey {
    /// Of as many segments as the path has, and `deepest` at most.
    fn of(host: &str, path: &str, deepest: usize) -> Self {
        let mut bytes = Vec::with_capacity(host.len() + path.len() + 64);
        push_segment(&mut bytes, host);
        let mut ends = Vec::with_capacity(8);
        let mut of_path = 1;
        ends.push(End { of_key: bytes.len(), of_path });
        for segment in path.split('/').skip(1).take(deepest) {
            push_segment(&mut bytes, segment);
            of_path = (of_path + segment.len() + 1).min(path.len());
            ends.push(End { of_key: bytes.len(), of_path });
        }
        Self { bytes, ends }
    }

    /// That of an entrance, and its depth.
    fn of_entrance(url: &ExternalUrl) -> (Vec<u8>, usize) {
        // Without the slash at the end, behind which there is no segment.
        let path = url.prefix().as_str().trim_end_matches('/');
        let Self { bytes, ends } = Self::of(url.host(), path, usize::MAX);
        (bytes, ends.len() - 1)
    }
}
