//! What becomes of statements that cannot be signed.

use std::cell::Cell;

use adit_core::permit::Unchecked;
use adit_core::{ConnectorGroupId, ConnectorId, KeyGeneration};
use uuid::Uuid;

use super::*;

const VERSION: (Epoch, Revision) = (Epoch(1), Revision(5));

/// A snapshot with so many connectors, whose memberships are as given.
fn connectors(count: u128, membership: Option<&str>) -> Snapshot {
    let known = |number| {
        let connector = KnownConnector {
            id: ConnectorId::new(Uuid::from_u128(number)),
            connector_group: ConnectorGroupId::new(Uuid::from_u128(1)),
            key_generation: KeyGeneration(1),
            membership: membership.map(Arc::from),
            drained: None,
        };
        (connector.id, Some(connector))
    };
    let changes = SnapshotChanges { connectors: (1..=count).map(known).collect(), ..SnapshotChanges::default() };
    Snapshot::default().changed(VERSION.0, VERSION.1, changes)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn memberships(snapshot: &Snapshot) -> Vec<Option<Arc<str>>> {
    snapshot.connectors().map(|connector| connector.membership.clone()).collect()
}

#[test]
fn what_cannot_be_signed_anew_stays_as_it_was_and_is_counted() {
    let turn = Cell::new(0);
    let every_other = |message: &[u8]| {
        turn.set(turn.get() + 1);
        let works = turn.get() % 2 == 0;
        works.then(|| message.to_vec()).ok_or_else(|| AuthorityError::NotIssued("the key is away".to_owned()))
    };
    let signer = Signer::by(Box::new(every_other), VERSION, at(0));
    let renewed = memberships(&signer.renew(&connectors(4, Some("old"))));
    assert_eq!(renewed.iter().filter(|membership| membership.as_deref() == Some("old")).count(), 2);
    let new = renewed.iter().flatten().find(|membership| &***membership != "old").unwrap();
    let said: Membership = Unchecked::parse(new).unwrap().statement().unwrap();
    assert_eq!((said.revision, said.until), (VERSION.1, at(0).as_second() + 24 * 3600));
    let failed = signer.failed().unwrap();
    assert_eq!(failed.statements, 2);
    assert!(failed.error.to_string().contains("the key is away"), "{}", failed.error);
}

#[test]
fn what_was_signed_is_signed_anew_after_half_of_its_time_and_what_was_not_soon() {
    let (mut signing, start) = (Signing::new(at(0)), Instant::now());
    assert!(!signing.is_due(at(12 * 3600 - 1), start) && signing.is_due(at(12 * 3600), start));
    assert!(signing.is_due(at(-1), start), "the clock was set back");
    let failed = || Failed { statements: 1, error: AuthorityError::NotIssued(String::new()) };
    for (random, pause) in
        [(0.5, 1), (0.5, 2), (0.5, 4), (0.5, 8), (0.5, 16), (0.5, 32), (0.5, 60), (0.5, 60), (0.0, 30)]
    {
        signing.failed(&failed(), start, random);
        let due = |after| signing.is_due(at(0), start + after);
        let pause = Duration::from_secs(pause);
        assert!(!due(pause - Duration::from_millis(1)) && due(pause), "{pause:?}");
        assert!(!signing.is_due(at(13 * 3600), start), "not more often than that, however long ago");
    }
    signing.succeeded(at(1));
    assert!(!signing.is_due(at(2), start + LONGEST_PAUSE * 2));
}
