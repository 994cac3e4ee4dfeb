//! The provider's keys over time, and what programs are allowed.

use std::path::Path;
use std::sync::{Arc, Mutex};

use adit_core::operation::Actor;
use adit_core::{Application, PrincipalKind};
use jiff::SignedDuration;

use super::*;
use crate::{
    CertificateAuthority, Clock, NewAppRoleAssignment, NewApplication, NewServicePrincipal, SealingKey,
    ServicePrincipalChange, Settings,
};

fn context() -> OperationContext {
    let actor = Actor::User { subject: "ada".to_owned(), name: None };
    OperationContext { actor, request_id: Uuid::nil() }
}

/// A clock that is set by hand.
#[derive(Clone)]
struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap())))
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || *now.lock().unwrap())
    }

    fn pass(&self, hours: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }
}

async fn opened(folder: &Path, sealing_key: SealingKey, clock: Clock) -> ControlPlane {
    let (authority, _) = CertificateAuthority::generate().unwrap();
    let (database, gateway_address) = (folder.join("directory.db"), "localhost:8443".to_owned());
    let settings = Settings { database: adit_store::Database::File(database), authority, sealing_key, gateway_address };
    ControlPlane::open_with_clock(settings, clock).await.unwrap()
}

async fn control(folder: &Path) -> ControlPlane {
    opened(folder, SealingKey::generate().unwrap().0, Hands::new().clock()).await
}

fn ids(keys: &[ProviderKey]) -> Vec<&str> {
    let mut ids: Vec<&str> = keys.iter().map(ProviderKey::id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn keys_change_with_overlap_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (sealing_key, text) = SealingKey::generate().unwrap();
    let hands = Hands::new();
    let control = opened(folder.path(), sealing_key, hands.clock()).await;
    assert!(control.signing_keys_if_any().await.unwrap().is_none(), "nothing is made before it is needed");
    let first = control.signing_keys().await.unwrap();
    let again = control.signing_keys().await.unwrap();
    assert_eq!((again.signs.id(), again.published.len()), (first.signs.id(), 1));
    control.close().await;
    let control = opened(folder.path(), SealingKey::from_text(&text).unwrap(), hands.clock()).await;
    let kept = control.signing_keys_if_any().await.unwrap().unwrap();
    assert_eq!((kept.signs.id(), kept.signs.jwk()), (first.signs.id(), first.signs.jwk()));

    hands.pass(29 * 24);
    let both = control.signing_keys().await.unwrap();
    assert_eq!((both.signs.id(), both.published.len()), (first.signs.id(), 2), "published a day before it signs");
    hands.pass(24);
    let second = control.signing_keys().await.unwrap();
    assert_ne!(second.signs.id(), first.signs.id());
    assert_eq!(ids(&second.published), ids(&both.published), "what was signed before can still be checked");
    hands.pass(48);
    let left = control.signing_keys().await.unwrap();
    assert_eq!(ids(&left.published), [second.signs.id()]);
}

#[tokio::test]
async fn keys_that_cannot_be_opened_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let first = control(folder.path()).await;
    let lost = first.signing_keys().await.unwrap();
    first.close().await;
    let second = control(folder.path()).await;
    let made = second.signing_keys().await.unwrap();
    assert_ne!(made.signs.id(), lost.signs.id());
    assert_eq!(made.published.len(), 1);
}

#[tokio::test]
async fn many_who_need_the_first_key_at_once_get_the_same_one() {
    let folder = tempfile::tempdir().unwrap();
    let control = control(folder.path()).await;
    let (one, two, three) = tokio::join!(control.signing_keys(), control.signing_keys(), control.signing_keys());
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    assert_eq!(one.signs.id(), two.signs.id());
    assert_eq!(one.signs.id(), three.signs.id());
    assert_eq!(control.store().signing_keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn no_private_key_is_in_the_database_in_plain() {
    let folder = tempfile::tempdir().unwrap();
    let control = control(folder.path()).await;
    control.signing_keys().await.unwrap();
    control.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("PRIVATE KEY"), "{}", file.path().display());
        // The same words in hexadecimal.
        assert!(!text.contains("50524956415445204b4559"), "{}", file.path().display());
    }
}

async fn application(control: &ControlPlane, name: &str) -> (Application, ServicePrincipal) {
    let display_name = DisplayName::parse(name).unwrap();
    let new = NewApplication { display_name, attributes: Attributes::new(), publishing: None, owner: None };
    let application = control.create_application(&context(), new).await.unwrap();
    let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes: Attributes::new() };
    let principal = control.create_service_principal(&context(), new).await.unwrap();
    (application, principal)
}

async fn assign(control: &ControlPlane, resource: &ServicePrincipal, program: &ServicePrincipal, app_role: Uuid) {
    let new = NewAppRoleAssignment {
        resource: resource.id,
        principal: program.id.into(),
        principal_kind: Some(PrincipalKind::ServicePrincipal),
        principal_name: None,
        app_role,
    };
    control.assign_app_role(&context(), new).await.unwrap();
}

#[tokio::test]
async fn a_program_has_the_permissions_that_it_was_assigned_and_the_api_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let control = control(folder.path()).await;
    let (_, program) = application(&control, "Backup").await;
    let api = control.service_principal_by_app_id(API_APP_ID).await.unwrap();
    assert_eq!(control.api_permissions_of(&program).await.unwrap(), [] as [&str; 0]);
    let id = |value: &str| API_PERMISSIONS.iter().find(|permission| permission.value == value).unwrap().id;
    assign(&control, &api, &program, id("User.Read.All")).await;
    assign(&control, &api, &program, id("Application.Read.All")).await;
    assign(&control, &api, &program, DEFAULT_ACCESS).await;
    let held = ["Application.Read.All", "User.Read.All"];
    assert_eq!(control.api_permissions_of(&program).await.unwrap(), held);
    assert_eq!(control.api_permissions_of_app(program.app_id).await.unwrap(), held);

    let forged = json!([{"id": id("User.Read.All"), "value": "Directory.ReadWrite.All", "isEnabled": true}]);
    let change = ServicePrincipalChange {
        attributes: Attributes::from_iter([("appRoles".to_owned(), forged)]),
        ..Default::default()
    };
    let refused = control.update_service_principal(&context(), api.id, change).await;
    assert!(matches!(refused, Err(Error::StandsForTheApi(_))), "{refused:?}");
    let refused = control.delete_service_principal(&context(), api.id).await;
    assert!(matches!(refused, Err(Error::StandsForTheApi(_))), "{refused:?}");
    let refused = control.add_service_principal_secret(&context(), api.id, Default::default()).await;
    assert!(matches!(refused, Err(Error::StandsForTheApi(_))), "{refused:?}");
    let refused = control.application_by_app_id(API_APP_ID).await;
    assert!(matches!(refused, Err(Error::AppIdNotFound(_))), "it is no application: {refused:?}");
    assert_eq!(control.api_permissions_of(&program).await.unwrap(), held);
}

#[tokio::test]
async fn roles_at_an_application_are_those_that_are_assigned_and_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let control = control(folder.path()).await;
    let (_, program) = application(&control, "Backup").await;
    let (_, resource) = application(&control, "Wiki").await;
    assert_eq!(control.app_roles_of_program(&program, &resource).await.unwrap(), None);
    assign(&control, &resource, &program, DEFAULT_ACCESS).await;
    assert_eq!(control.app_roles_of_program(&program, &resource).await.unwrap(), Some(vec![]));
    let (read, write) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let roles = |write_enabled: bool| {
        let roles = json!([
            {"id": read, "value": "read", "isEnabled": true}, {"id": write, "value": "write", "isEnabled": write_enabled}
        ]);
        let attributes = Attributes::from_iter([("appRoles".to_owned(), roles)]);
        ServicePrincipalChange { attributes, ..Default::default() }
    };
    control.update_service_principal(&context(), resource.id, roles(true)).await.unwrap();
    assign(&control, &resource, &program, write).await;
    assign(&control, &resource, &program, read).await;
    let now = async || {
        let resource = control.service_principal(resource.id).await.unwrap();
        control.app_roles_of_program(&program, &resource).await.unwrap().unwrap()
    };
    assert_eq!(now().await, ["read", "write"]);
    control.update_service_principal(&context(), resource.id, roles(false)).await.unwrap();
    assert_eq!(now().await, ["read"]);
}

#[tokio::test]
async fn the_tenant_of_a_directory_stays_and_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let control = control(folder.path()).await;
    let tenant = control.tenant().await.unwrap();
    assert_eq!(tenant.get_version_num(), 4);
    control.close().await;
    assert_eq!(super::tests::control(folder.path()).await.tenant().await.unwrap(), tenant);
    assert_ne!(super::tests::control(other.path()).await.tenant().await.unwrap(), tenant);
}
