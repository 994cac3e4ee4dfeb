//! Rules that were made change by change are those that would be made at once.

use std::collections::{BTreeMap, HashMap};

use adit_core::application::{Application, Attributes, BodyLinks, Publishing};
use adit_core::health_probe::ProbePath;
use adit_core::id::ConnectorGroupId;
use adit_core::revision::{Epoch, Revision};
use adit_core::sign_on::{SignOnHeader, SignOnHeaders};
use adit_core::snapshot::{Snapshot, SnapshotChanges};
use adit_core::{AppId, DisplayName, ExternalUrl, InternalUrl};
use uuid::Uuid;

use super::super::Serving;
use super::*;

/// What becomes of an application: `None` if it is not published any more.
fn published(number: u128, random: &mut fastrand::Rng) -> Option<PublishedApplication> {
    if random.u8(..4) == 0 {
        return None;
    }
    let external = format!("https://app-{number}-{}.example/", random.u8(..2));
    let external = ExternalUrl::parse(&external).unwrap();
    // Few upstreams, so that applications have much to do with each other, and half of the changes leave it.
    let part = if random.bool() { number % 3 } else { random.u128(..3) };
    let internal = format!("http://server-{}/part-{part}/", number % 2);
    let name = DisplayName::parse(&format!("Application {number}")).unwrap();
    let id = ApplicationId::new(Uuid::from_u128(number));
    let app_id = AppId::new(Uuid::from_u128(number + 1000));
    let mut application = Application::new(id, app_id, name, jiff::Timestamp::UNIX_EPOCH, Attributes::new());
    let publishing = Publishing::new(external, InternalUrl::parse(&internal).unwrap());
    application.publish(publishing, ConnectorGroupId::new(Uuid::from_u128(1)));
    let mut published = PublishedApplication::of(&application).unwrap();
    if random.u8(..6) == 0 {
        let header = SignOnHeader::parse(&format!("X-User-{}=id", random.u8(..3))).unwrap();
        published.sign_on.headers = SignOnHeaders::new(vec![header]).unwrap();
    }
    if random.bool() {
        published.body_links = BodyLinks::Translated;
    }
    published.health_probe.path = (random.u8(..3) == 0).then(|| ProbePath::parse("/health").unwrap());
    Some(published)
}

fn compiled(snapshot: &Snapshot) -> Serving {
    Serving::compile(Arc::new(snapshot.clone()), &[], HashMap::new(), &Serving::default())
}

/// What the rules of an application say that does not lie in it alone.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    application: u128,
    withheld: Vec<String>,
    is_probed: bool,
    /// What links to each upstream become on its pages.
    links: Vec<Option<String>>,
}

fn said(serving: &Serving) -> Vec<Said> {
    let probed: Vec<ApplicationId> = serving.probed().map(|rules| rules.application.id).collect();
    let mut all: Vec<_> = serving
        .snapshot
        .applications()
        .map(|application| {
            let rules = serving.rules(application.id).expect("rules for each application");
            assert_eq!(rules.application, *application, "rules of this version");
            let withheld = rules.sign_on.as_ref().map_or(Vec::new(), |own| own.withheld().to_vec());
            let pages = serving.page_links(rules, Entrance::External);
            let links = (0..6).map(|number| format!("http://server-{}/part-{}/x", number / 3, number % 3));
            let links = links.map(|link| pages.as_ref().and_then(|pages| pages.outward(&link))).collect();
            let is_probed = probed.contains(&application.id);
            Said { application: application.id.uuid().as_u128(), withheld, is_probed, links }
        })
        .collect();
    all.sort();
    all
}

#[test]
fn rules_that_follow_changes_are_those_that_are_made_at_once() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut snapshot = Snapshot::compile(Epoch(1), Revision(1), [], []);
        let mut serving = compiled(&snapshot);
        let mut taken = BTreeMap::new();
        for revision in 2..60 {
            let number = u128::from(random.u8(..8));
            let now = published(number, &mut random).filter(|now| {
                // Of two at one internal URL, which one links lead to is not said.
                let place = now.internal_url.to_string();
                taken.get(&place).is_none_or(|other| *other == number)
            });
            taken.retain(|_, other| *other != number);
            if let Some(now) = &now {
                taken.insert(now.internal_url.to_string(), number);
            }
            let changes = vec![(ApplicationId::new(Uuid::from_u128(number)), now)];
            let changes = SnapshotChanges { applications: changes, ..SnapshotChanges::default() };
            snapshot = snapshot.changed(Epoch(1), Revision(revision), changes);
            serving = serving.with_applications_of(Arc::new(snapshot.clone()));
            assert_eq!(said(&serving), said(&compiled(&snapshot)), "seed {seed}, revision {revision}");
        }
    }
}

#[test]
fn links_follow_an_application_whose_name_has_changed_before_its_url_did() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut next = |number| std::iter::repeat_with(|| published(number, &mut random)).flatten().next().unwrap();
    let reader = PublishedApplication { body_links: BodyLinks::Translated, ..next(1) };
    let mut wiki = next(2);
    wiki.internal_url = InternalUrl::parse("http://wiki/").unwrap();
    let mut snapshot = Snapshot::compile(Epoch(1), Revision(1), [reader.clone(), wiki.clone()], []);
    let mut serving = compiled(&snapshot);
    let mut linked_after = |wiki: Option<&PublishedApplication>, revision| {
        let changes = vec![(ApplicationId::new(Uuid::from_u128(2)), wiki.cloned())];
        let changes = SnapshotChanges { applications: changes, ..SnapshotChanges::default() };
        snapshot = snapshot.changed(Epoch(1), Revision(revision), changes);
        serving = serving.with_applications_of(Arc::new(snapshot.clone()));
        let rules = serving.rules(reader.id).unwrap();
        serving.page_links(rules, Entrance::External).unwrap().outward("http://wiki/page")
    };
    for (revision, url) in [(2, "https://old.example/"), (3, "https://old.example/"), (4, "https://new.example/")] {
        wiki.name = format!("Wiki {revision}");
        wiki.external_url = ExternalUrl::parse(url).unwrap();
        wiki.revision = Revision(revision);
        assert_eq!(linked_after(Some(&wiki), revision), Some(format!("{url}page")));
    }
    assert_eq!(linked_after(None, 5), None);
}

#[test]
fn what_did_not_change_is_shared_and_what_is_remembered_stays() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut next = |number| std::iter::repeat_with(|| published(number, &mut random)).flatten().next().unwrap();
    let plain = |application| PublishedApplication { sign_on: adit_core::sign_on::SignOn::default(), ..application };
    let (one, other) = (plain(next(1)), plain(next(2)));
    let snapshot = Snapshot::compile(Epoch(1), Revision(1), [one.clone(), other.clone()], []);
    let before = compiled(&snapshot);
    let changed = PublishedApplication { revision: Revision(2), ..one.clone() };
    let changes = SnapshotChanges { applications: vec![(one.id, Some(changed))], ..SnapshotChanges::default() };
    let after = before.with_applications_of(Arc::new(snapshot.changed(Epoch(1), Revision(2), changes)));
    let rules = |serving: &Serving, id| Arc::clone(serving.rules(id).unwrap());
    assert!(Arc::ptr_eq(&rules(&before, other.id), &rules(&after, other.id)));
    assert!(!Arc::ptr_eq(&rules(&before, one.id), &rules(&after, one.id)));
    assert!(Arc::ptr_eq(&rules(&before, one.id).ledger, &rules(&after, one.id).ledger));
}
