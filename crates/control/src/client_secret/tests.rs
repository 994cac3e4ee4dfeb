//! What secrets are made of, who is believed by them, and when not any more.

use std::path::Path;
use std::sync::{Arc, Mutex};

use adit_core::application::Attributes;
use adit_core::operation::Actor;
use jiff::SignedDuration;

use super::*;
use crate::{
    ApplicationChange, CertificateAuthority, NewApplication, NewServicePrincipal, SealingKey, ServicePrincipalChange,
    Settings,
};

struct World {
    control: ControlPlane,
    now: Arc<Mutex<Timestamp>>,
    context: OperationContext,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = Arc::clone(&now);
        let control = opened(folder.path(), Arc::new(move || *clock.lock().unwrap())).await;
        let actor = Actor::User { subject: "ada".to_owned(), name: None };
        Self { control, now, context: OperationContext { actor, request_id: Uuid::nil() }, _folder: folder }
    }

    fn pass(&self, days: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(24 * days)).unwrap();
    }

    /// An application with a service principal.
    async fn program(&self) -> (Application, ServicePrincipal) {
        let new = NewApplication {
            display_name: DisplayName::parse("Backup").unwrap(),
            attributes: Attributes::new(),
            publishing: None,
            owner: None,
        };
        let application = self.control.create_application(&self.context, new).await.unwrap();
        let new = NewServicePrincipal { app_id: application.app_id, display_name: None, attributes: Attributes::new() };
        let principal = self.control.create_service_principal(&self.context, new).await.unwrap();
        (application, principal)
    }

    async fn secret(&self, application: &Application) -> IssuedClientSecret {
        let new = NewClientSecret::default();
        self.control.add_application_secret(&self.context, application.id, new).await.unwrap()
    }

    async fn believed(&self, app_id: AppId, secret: &str) -> Result<AppId, ProgramRefused> {
        self.control.authenticate_program(app_id, secret).await.map(|program| program.application().app_id)
    }
}

async fn opened(folder: &Path, clock: crate::Clock) -> ControlPlane {
    let (authority, _) = CertificateAuthority::generate().unwrap();
    let (sealing_key, _) = SealingKey::generate().unwrap();
    let (database, gateway_address) = (folder.join("directory.db"), "localhost:8443".to_owned());
    let settings = Settings { database: adit_store::Database::File(database), authority, sealing_key, gateway_address };
    ControlPlane::open_with_clock(settings, clock).await.unwrap()
}

#[test]
fn a_secret_is_long_random_and_recognised() {
    let (one, other) = (random_text().unwrap(), random_text().unwrap());
    assert_ne!(*one, *other);
    assert_eq!(one.len(), RANDOM_CHARACTERS + MARK.len());
    assert_eq!(&one[HINT_LENGTH..HINT_LENGTH + MARK.len()], MARK);
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~'));
    assert!(plain(&one) && plain(&other), "{:?}", one);
}

#[tokio::test]
async fn a_program_is_believed_by_each_of_its_secrets_and_by_nothing_else() {
    let world = World::new().await;
    let (application, principal) = world.program().await;
    let (others, _) = world.program().await;
    let one = world.secret(&application).await;
    let new = NewClientSecret::default();
    let two = world.control.add_service_principal_secret(&world.context, principal.id, new).await.unwrap();
    let foreign = world.secret(&others).await;
    for secret in [&one, &two] {
        assert_eq!(world.believed(application.app_id, &secret.text).await.unwrap(), application.app_id);
    }
    let longer = format!("{}a", *one.text);
    for wrong in ["", "x", &longer, &one.text[1..], &foreign.text, &one.secret.hint, &"a".repeat(5000)] {
        let refused = world.believed(application.app_id, wrong).await.unwrap_err();
        assert!(matches!(refused, ProgramRefused::WrongSecret(_)), "{wrong}: {refused}");
    }
    let nobody = AppId::new(Uuid::from_u128(7));
    let refused = world.believed(nobody, &one.text).await.unwrap_err();
    assert!(matches!(refused, ProgramRefused::Unknown(_)), "{refused}");
}

#[tokio::test]
async fn a_secret_ends_with_its_time_its_removal_and_its_program() {
    let world = World::new().await;
    let (application, principal) = world.program().await;
    let app_id = application.app_id;
    let (one, two) = (world.secret(&application).await, world.secret(&application).await);
    let later = NewClientSecret { starts: Some("2026-02-01T00:00:00Z".parse().unwrap()), ..Default::default() };
    let later = world.control.add_application_secret(&world.context, application.id, later).await.unwrap();
    let refused = world.believed(app_id, &later.text).await.unwrap_err();
    assert!(matches!(refused, ProgramRefused::NotValidNow { id, .. } if id == later.secret.id), "{refused}");
    world.control.remove_application_secret(&world.context, application.id, one.secret.id).await.unwrap();
    let again = world.control.remove_application_secret(&world.context, application.id, one.secret.id).await;
    assert!(matches!(again, Err(Error::ClientSecretNotFound(_))), "{again:?}");
    assert!(matches!(world.believed(app_id, &one.text).await, Err(ProgramRefused::WrongSecret(_))));
    assert!(world.believed(app_id, &two.text).await.is_ok(), "the other one stays");

    let disabled = |value: bool| ServicePrincipalChange {
        attributes: Attributes::from_iter([("accountEnabled".to_owned(), value.into())]),
        ..Default::default()
    };
    world.control.update_service_principal(&world.context, principal.id, disabled(false)).await.unwrap();
    assert!(matches!(world.believed(app_id, &two.text).await, Err(ProgramRefused::Disabled(_))));
    assert!(
        matches!(world.believed(app_id, "wrong").await, Err(ProgramRefused::WrongSecret(_))),
        "only who knows the secret learns that the program is disabled"
    );
    world.control.update_service_principal(&world.context, principal.id, disabled(true)).await.unwrap();

    world.control.delete_application(&world.context, application.id).await.unwrap();
    assert!(matches!(world.believed(app_id, &two.text).await, Err(ProgramRefused::Unknown(_))));
    world.control.restore_application(&world.context, application.id).await.unwrap();
    assert!(world.believed(app_id, &two.text).await.is_ok(), "it comes back with its application");
    world.pass(3 * 365);
    assert!(matches!(world.believed(app_id, &two.text).await, Err(ProgramRefused::NotValidNow { .. })));
}

#[tokio::test]
async fn nothing_is_left_of_the_secrets_of_what_is_gone_for_good() {
    let world = World::new().await;
    let (application, principal) = world.program().await;
    world.secret(&application).await;
    let new = NewClientSecret::default();
    world.control.add_service_principal_secret(&world.context, principal.id, new).await.unwrap();
    let kept = async || world.control.store().secret_hashes_of(application.app_id).await.unwrap().len();
    assert_eq!(kept().await, 2);
    world.control.delete_service_principal(&world.context, principal.id).await.unwrap();
    assert_eq!(kept().await, 1);
    world.control.delete_application(&world.context, application.id).await.unwrap();
    assert_eq!(kept().await, 1, "it can be restored");
    world.control.purge_application(&world.context, application.id).await.unwrap();
    assert_eq!(kept().await, 0);
}

#[tokio::test]
async fn a_change_of_the_application_leaves_its_secrets_alone() {
    let world = World::new().await;
    let (application, _) = world.program().await;
    let secret = world.secret(&application).await;
    let change = ApplicationChange {
        display_name: Some(DisplayName::parse("Renamed").unwrap()),
        attributes: Attributes::from_iter([("notes".to_owned(), "x".into())]),
        ..Default::default()
    };
    world.control.update_application(&world.context, application.id, change).await.unwrap();
    assert!(world.believed(application.app_id, &secret.text).await.is_ok());
}

#[tokio::test]
async fn the_audit_says_what_was_added_and_holds_no_secret() {
    let world = World::new().await;
    let (application, _) = world.program().await;
    let new = NewClientSecret { display_name: DisplayName::parse("CI").ok(), ..Default::default() };
    let issued = world.control.add_application_secret(&world.context, application.id, new).await.unwrap();
    world.control.remove_application_secret(&world.context, application.id, issued.secret.id).await.unwrap();
    let revision = world.control.revision().await.unwrap();
    let removed = world.control.audit_of(revision).await.unwrap();
    let added = world.control.audit_of(adit_core::Revision(revision.0 - 1)).await.unwrap();
    assert_eq!(removed[0].activity, Activity::RemoveApplicationSecret);
    assert_eq!((added[0].activity, added[0].target_name()), (Activity::AddApplicationSecret, Some("Backup")));
    let written = format!("{added:?}{removed:?}");
    assert!(written.contains(&issued.secret.id.to_string()) && written.contains("CI"), "{written}");
    assert!(!written.contains(issued.text.as_str()) && !written.contains(&issued.text[HINT_LENGTH..]));
    assert!(!format!("{issued:?}").contains(issued.text.as_str()));
}
