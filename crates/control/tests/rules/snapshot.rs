//! The snapshot that gateways work from: it holds what was acknowledged and never goes back.

use std::sync::Arc;
use std::time::Duration;

use adit_control::{
    ApplicationChange, NewAppRoleAssignment, PublishingChange, PublishingPatch, ServicePrincipalChange,
};
use adit_core::access::{AccessRequest, Principal, Refused, Who, decide_for};
use adit_core::permit::{Membership, Permit, Statement, Unchecked};
use adit_core::{KeyGeneration, PreAuthentication, PrincipalId, PrincipalKind, Snapshot};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use jiff::SignedDuration;
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::directory::{Directory, administrator, authority};

#[tokio::test]
async fn the_snapshot_holds_a_change_before_its_command_returns() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let snapshots = control.snapshots();
    let berlin = directory.group("Berlin").await;
    let identity = directory.registered("srv1", berlin.id).await.identity;
    let known = snapshots.borrow().connector(identity.connector).unwrap().clone();
    assert_eq!((known.connector_group, known.key_generation), (berlin.id, KeyGeneration(1)));

    let wiki = directory.published("wiki").await;
    {
        let snapshot = snapshots.borrow();
        let route = snapshot.route("wiki.example", "/page").unwrap();
        assert_eq!((route.application.id, route.application.revision), (wiki.id, wiki.revision));
        assert_eq!(snapshot.version().1, wiki.revision);
    }
    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    assert_eq!(snapshots.borrow().route("wiki.example", "/").unwrap().application.connector_group, berlin.id);
    let default = directory.default_group().await;
    control.move_connector(administrator(), identity.connector, default.id).await.unwrap();
    assert_eq!(snapshots.borrow().connector(identity.connector).unwrap().connector_group, default.id);

    let end = ApplicationChange { publishing: PublishingChange::End, ..ApplicationChange::default() };
    control.update_application(administrator(), wiki.id, end).await.unwrap();
    assert!(!snapshots.borrow().publishes_host("wiki.example"));
}

#[tokio::test]
async fn deleting_a_published_application_takes_it_out_of_the_snapshot() {
    let directory = Directory::new().await;
    let wiki = directory.published("wiki").await;
    let before = directory.revision();
    directory.control.delete_application(administrator(), wiki.id).await.unwrap();
    assert_eq!(directory.revision().0, before.0 + 1);
    assert!(!directory.control.snapshots().borrow().publishes_host("wiki.example"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_that_a_gateway_sees_never_goes_back() {
    let directory = Directory::new().await;
    let mut snapshots = directory.control.snapshots();
    let watching = tokio::spawn(async move {
        let mut last = snapshots.borrow().version();
        while snapshots.changed().await.is_ok() {
            let version = snapshots.borrow_and_update().version();
            assert!(version > last, "{version:?} after {last:?}");
            last = version;
        }
        last
    });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let control = directory.control.clone();
        writers.spawn(async move {
            for number in 0..10 {
                let name = crate::directory::name(&format!("{writer} {number}"));
                let new = adit_control::NewConnectorGroup { name, region: None };
                let group = control.create_connector_group(administrator(), new).await.unwrap();
                assert!(control.snapshots().borrow().version().1 >= group.revision);
            }
        });
    }
    writers.join_all().await;
    let end = directory.control.snapshots().borrow().version();
    drop(directory);
    assert_eq!(watching.await.unwrap(), end);
}

/// What a text of the snapshot says, once the directory's CA is seen to have signed it.
fn read<S: Statement>(text: Option<&Arc<str>>) -> S {
    let unchecked = Unchecked::parse(text.expect("it is signed")).unwrap();
    let authority = authority();
    let (_, ca) = X509Certificate::from_der(authority.certificate_der()).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &ca.public_key().subject_public_key.data);
    key.verify(&unchecked.message::<S>(), &unchecked.signature).unwrap();
    unchecked.statement().unwrap()
}

#[tokio::test]
async fn what_connectors_may_dial_is_signed_with_the_change_that_allows_it() {
    let directory = Directory::new().await;
    let control = &directory.control;
    let berlin = directory.group("Berlin").await;
    let identity = directory.registered("srv1", berlin.id).await.identity;
    let wiki = directory.published("wiki").await;
    let default = directory.default_group().await;
    let signed = |snapshot: &Snapshot| {
        let route = snapshot.route("wiki.example", "/").unwrap();
        let member = snapshot.connector(identity.connector).unwrap();
        (read::<Permit>(route.application.permit.as_ref()), read::<Membership>(member.membership.as_ref()))
    };
    let (permit, before) = signed(&control.snapshots().borrow());
    assert_eq!((permit.application, permit.connector_group), (wiki.id, default.id));
    assert_eq!((before.connector, before.connector_group), (identity.connector, berlin.id));

    control.assign_connector_group(administrator(), wiki.id, berlin.id).await.unwrap();
    control.move_connector(administrator(), identity.connector, default.id).await.unwrap();
    let (permit, after) = signed(&control.snapshots().borrow());
    assert_eq!((permit.connector_group, after.connector_group), (berlin.id, default.id));
    assert!((after.epoch, after.revision) > (before.epoch, before.revision), "the later one is known as such");
}

#[tokio::test]
async fn what_was_signed_is_signed_anew_when_half_of_its_time_is_over() {
    let directory = Directory::new().await;
    directory.published("wiki").await;
    directory.registered("srv1", directory.default_group().await.id).await;
    let mut snapshots = directory.control.snapshots();
    let ends = |snapshot: &Snapshot| {
        let application = snapshot.applications().next().unwrap();
        let connector = snapshot.connectors().next().unwrap();
        (read::<Permit>(application.permit.as_ref()).until, read::<Membership>(connector.membership.as_ref()).until)
    };
    let (version, first) = (snapshots.borrow().version(), ends(&snapshots.borrow()));
    directory.pass(SignedDuration::from_hours(13));
    let renewed = snapshots.wait_for(|snapshot| ends(snapshot).0 > first.0);
    tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap().unwrap();
    let again = ends(&snapshots.borrow());
    assert!(again.0 - first.0 >= 13 * 3600 && again.1 - first.1 >= 13 * 3600, "{first:?} {again:?}");
    assert_eq!(snapshots.borrow().version(), version, "the directory is as it was");
}

/// What user 77 meets at the wiki by the present snapshot.
fn admitted(directory: &Directory) -> Result<(), Refused> {
    let id = PrincipalId::new(Uuid::from_u128(77));
    let user = Principal { kind: PrincipalKind::User, id, groups: &[], groups_left_out: 0 };
    let place = AccessRequest { host: "wiki.example", path: "/" };
    decide_for(&directory.control.snapshots().borrow(), place, Who::Principal(user)).map(|_| ())
}

#[tokio::test]
async fn who_may_use_an_application_is_in_the_snapshot_before_the_command_returns() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let wiki = directory.published("wiki").await;
    let patch = PublishingPatch { pre_authentication: Some(PreAuthentication::SignIn), ..PublishingPatch::default() };
    let closed = ApplicationChange { publishing: PublishingChange::Merge(patch), ..ApplicationChange::default() };
    control.update_application(who, wiki.id, closed).await.unwrap();
    let resource = control.service_principal_by_app_id(wiki.app_id).await.unwrap();
    assert_eq!(admitted(&directory), Ok(()), "no assignment is required");
    let attributes = serde_json::json!({ "appRoleAssignmentRequired": true });
    let attributes = attributes.as_object().unwrap().clone();
    let required = ServicePrincipalChange { attributes, ..ServicePrincipalChange::default() };
    control.update_service_principal(who, resource.id, required).await.unwrap();
    assert!(matches!(admitted(&directory), Err(Refused::NotAssigned { .. })));
    let new = NewAppRoleAssignment {
        resource: resource.id,
        principal: PrincipalId::new(Uuid::from_u128(77)),
        principal_kind: None,
        principal_name: None,
        app_role: Uuid::nil(),
    };
    let assignment = control.assign_app_role(who, new).await.unwrap();
    assert_eq!(admitted(&directory), Ok(()));

    let directory = directory.reopened().await;
    let control = &directory.control;
    assert_eq!(admitted(&directory), Ok(()), "a snapshot that is compiled anew says the same");
    control.unassign_app_role(who, assignment.id).await.unwrap();
    assert!(matches!(admitted(&directory), Err(Refused::NotAssigned { .. })));
    control.delete_service_principal(who, resource.id).await.unwrap();
    assert!(matches!(admitted(&directory), Err(Refused::SignInDisabled { .. })));
}
