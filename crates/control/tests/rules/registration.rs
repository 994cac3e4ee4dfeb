//! A machine becomes a connector with a registration token, once; a connector renews its certificate.

use std::collections::HashSet;
use std::time::Duration;

use adit_control::{Error, RegistrationRefused};
use adit_core::audit::{Activity, ActorKind};
use adit_core::query::Query;
use adit_core::{ConnectorIdentity, KeyGeneration, RegistrationToken};
use adit_store::{Entity, Operation};
use jiff::SignedDuration;
use tokio::task::JoinSet;

use crate::directory::{Directory, address, administrator, authority, csr, csr_of, machine, refused};

async fn connectors(directory: &Directory) -> usize {
    directory.control.list_connectors(&Query::default()).await.unwrap().items.len()
}

/// Registers, which must be refused as every bad token is, and checks that it left no trace.
async fn refused_token(directory: &Directory, token: &RegistrationToken, csr: Vec<u8>) -> String {
    let before = directory.state().await;
    let refusal = directory.register(token, "srv1", csr).await.unwrap_err();
    assert!(matches!(refusal, RegistrationRefused::Refused), "{refusal}");
    assert_eq!(directory.state().await, before, "a refused registration changes nothing");
    refusal.to_string()
}

#[tokio::test]
async fn a_token_makes_one_connector_in_its_group() {
    let directory = Directory::new().await;
    let berlin = directory.group("Berlin").await;
    let token = directory.token(berlin.id).await;
    assert_eq!(token.gateway, "localhost:8443");
    assert_eq!(token.ca_fingerprint, authority().fingerprint());
    let registered = directory.register(&token, "srv1", csr()).await.unwrap();
    assert_eq!(registered.identity.generation, KeyGeneration(1));
    assert_eq!(registered.ca_der, authority().certificate_der().to_vec());
    let connector = directory.control.connector(registered.identity.connector).await.unwrap();
    assert_eq!((connector.machine_name.as_str(), connector.connector_group), ("srv1", berlin.id));
    assert_eq!(connector.external_ip, "", "it has not connected yet");
    let record =
        directory.check_written(Activity::RegisterConnector, Entity::Connector, Operation::Insert, connector.id).await;
    assert_eq!((record.actor.kind, record.actor.name.as_deref()), (ActorKind::Connector, Some("srv1")));
    assert_eq!(record.detail["from"], address().to_string());
}

#[tokio::test]
async fn new_tokens_carry_the_address_that_was_said_last() {
    let directory = Directory::new().await;
    directory.control.set_gateway_address("gateway.example:443".to_owned());
    let token = directory.token(directory.default_group().await.id).await;
    assert_eq!(token.gateway, "gateway.example:443");
}

#[tokio::test]
async fn making_a_token_is_recorded_without_its_secret() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let token = directory.token(default.id).await;
    let changes = directory.changes().await;
    let change = changes.last().unwrap();
    assert_eq!((change.entity, change.revision), (Entity::RegistrationToken, directory.revision()));
    let record = directory
        .check_written(Activity::AddRegistrationToken, Entity::RegistrationToken, Operation::Insert, &change.id)
        .await;
    assert_eq!(record.detail["new"]["connector_group"], default.id.to_string());
    directory.control.close().await;
    let secrets = [token.secret.to_vec(), token.secret.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()];
    for (_, bytes) in directory.place.kept() {
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the secret is not kept");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_machines_that_show_one_token_at_once_make_exactly_one_connector() {
    let directory = Directory::new().await;
    let token = directory.token(directory.default_group().await.id).await;
    let before = directory.revision();
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let (control, token) = (directory.control.clone(), token.clone());
        tasks.spawn(async move {
            let request = adit_control::RegistrationRequest {
                secret: token.secret,
                csr_der: csr(),
                machine_name: machine(&format!("srv{number}")),
                version: "1".to_owned(),
            };
            control.register(request, address()).await
        });
    }
    let outcomes = tasks.join_all().await;
    let (good, bad): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (1, 99));
    assert!(bad.iter().all(|refusal| matches!(refusal, Err(RegistrationRefused::Refused))));
    assert_eq!(connectors(&directory).await, 1);
    assert_eq!(directory.revision().0, before.0 + 1);
}

#[tokio::test]
async fn unknown_used_and_expired_tokens_get_one_and_the_same_answer() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let used = directory.token(default.id).await;
    directory.register(&used, "srv1", csr()).await.unwrap();
    let expired = directory.token(default.id).await;
    let unknown = RegistrationToken { secret: [7; 32], ..used.clone() };
    directory.pass(SignedDuration::from_secs(3601));
    let mut answers = HashSet::new();
    for token in [&unknown, &used, &expired] {
        answers.insert(refused_token(&directory, token, csr()).await);
    }
    assert_eq!(answers.len(), 1);
    assert_eq!(connectors(&directory).await, 1);
}

#[tokio::test]
async fn the_same_token_with_the_same_key_returns_an_equivalent_certificate_for_ten_minutes() {
    let directory = Directory::new().await;
    let token = directory.token(directory.default_group().await.id).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let first = directory.register(&token, "srv1", csr_of(&key)).await.unwrap();
    let before = directory.state().await;
    directory.pass(SignedDuration::from_mins(9));
    let second = directory.register(&token, "srv1", csr_of(&key)).await.unwrap();
    assert_eq!(second.identity, first.identity);
    assert_eq!(directory.state().await, before, "a repeated answer changes nothing");
    assert_eq!(connectors(&directory).await, 1);
    refused_token(&directory, &token, csr()).await;
    directory.pass(SignedDuration::from_mins(2));
    refused_token(&directory, &token, csr_of(&key)).await;
}

#[tokio::test]
async fn a_quick_look_knows_tokens_that_can_be_used_or_were_a_short_while_ago() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let (used, open) = (directory.token(default.id).await, directory.token(default.id).await);
    directory.register(&used, "srv1", csr()).await.unwrap();
    let knows = |secret| {
        let control = directory.control.clone();
        async move { control.recognise(secret).await.is_ok() }
    };
    assert!(knows(used.secret).await && knows(open.secret).await && !knows([7; 32]).await);
    directory.pass(SignedDuration::from_mins(11));
    assert!(!knows(used.secret).await && knows(open.secret).await);
    directory.pass(SignedDuration::from_mins(50));
    assert!(!knows(open.secret).await, "it has expired");
}

#[tokio::test]
async fn an_answer_is_not_repeated_for_a_connector_that_was_deleted_since() {
    let directory = Directory::new().await;
    let token = directory.token(directory.default_group().await.id).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let identity = directory.register(&token, "srv1", csr_of(&key)).await.unwrap().identity;
    directory.control.delete_connector(administrator(), identity.connector).await.unwrap();
    refused_token(&directory, &token, csr_of(&key)).await;
}

#[tokio::test]
async fn a_bad_certificate_request_leaves_the_token_unused() {
    let directory = Directory::new().await;
    let token = directory.token(directory.default_group().await.id).await;
    let before = directory.state().await;
    let refusal = directory.register(&token, "srv1", b"nonsense".to_vec()).await.unwrap_err();
    assert!(matches!(refusal, RegistrationRefused::BadCsr(_)), "{refusal}");
    assert_eq!(directory.state().await, before);
    directory.register(&token, "srv1", csr()).await.unwrap();
}

#[tokio::test]
async fn a_token_lives_from_a_second_to_a_week() {
    let directory = Directory::new().await;
    let default = directory.default_group().await;
    let who = administrator();
    for seconds in [0, 7 * 24 * 3600 + 1] {
        let lifetime = Duration::from_secs(seconds);
        let command = directory.control.create_registration_token(who, default.id, None, lifetime);
        let error = refused(&directory, command).await;
        assert!(matches!(error, Error::BadLifetime), "{error}");
    }
    let week = Duration::from_secs(7 * 24 * 3600);
    directory.control.create_registration_token(who, default.id, None, week).await.unwrap();
    let nowhere = adit_core::ConnectorGroupId::new(uuid::Uuid::new_v4());
    let command = directory.control.create_registration_token(who, nowhere, None, week);
    let error = refused(&directory, command).await;
    assert!(matches!(error, Error::ConnectorGroupNotFound(_)), "{error}");
}

#[tokio::test]
async fn a_renewal_certifies_another_key_for_the_same_connector_and_is_recorded_without_a_revision() {
    let directory = Directory::new().await;
    let identity = directory.registered("srv1", directory.default_group().await.id).await.identity;
    let before = directory.revision();
    let renewed = directory.control.renew(identity, csr()).await.unwrap();
    assert!(!renewed.certificate_der.is_empty());
    assert_eq!(directory.revision(), before);
    let newest = directory.audit().await;
    assert_eq!(newest[0].activity, Activity::RenewConnector);
    let other = ConnectorIdentity { generation: KeyGeneration(identity.generation.0 + 1), ..identity };
    let refusal = directory.control.renew(other, csr()).await.unwrap_err();
    assert!(matches!(refusal, RegistrationRefused::Revoked), "{refusal}");
}

#[tokio::test]
async fn a_token_for_a_machine_is_of_no_use_to_another_and_stays_unused() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let default = directory.default_group().await;
    let hour = Duration::from_secs(3600);
    let issued = control.create_registration_token(who, default.id, Some(machine("srv1")), hour).await.unwrap();
    let refused = directory.register(&issued.token, "srv2", csr()).await.unwrap_err();
    assert!(matches!(refused, RegistrationRefused::Refused), "the same answer as for any other bad token: {refused}");
    let listed = control.open_registration_tokens().await.unwrap();
    assert_eq!(listed.iter().map(|token| token.id).collect::<Vec<_>>(), [issued.id]);
    assert_eq!(listed[0].machine_name, Some(machine("srv1")));
    directory.register(&issued.token, "SRV1", csr()).await.unwrap();
    assert!(control.open_registration_tokens().await.unwrap().is_empty(), "it was used");
}

#[tokio::test]
async fn a_revoked_token_registers_nobody_and_what_it_made_stays() {
    let directory = Directory::new().await;
    let (control, who) = (&directory.control, administrator());
    let default = directory.default_group().await;
    let hour = Duration::from_secs(3600);
    let [used, open] = [(), ()].map(|()| control.create_registration_token(who, default.id, None, hour));
    let (used, open) = (used.await.unwrap(), open.await.unwrap());
    let registered = directory.register(&used.token, "srv1", csr()).await.unwrap();
    control.revoke_registration_token(who, open.id).await.unwrap();
    let refused = directory.register(&open.token, "srv2", csr()).await.unwrap_err();
    assert!(matches!(refused, RegistrationRefused::Refused), "{refused}");
    for id in [used.id, open.id] {
        let nothing = control.revoke_registration_token(who, id).await.unwrap_err();
        assert!(matches!(nothing, Error::RegistrationTokenNotFound(found) if found == id), "{nothing}");
    }
    assert_eq!(control.connector(registered.identity.connector).await.unwrap().machine_name, machine("srv1"));
    let records = directory.audit().await;
    assert!(records.iter().any(|record| record.activity == Activity::RevokeRegistrationToken));
}

#[tokio::test]
async fn tokens_that_have_ended_are_not_listed() {
    let directory = Directory::new().await;
    directory.token(directory.default_group().await.id).await;
    assert_eq!(directory.control.open_registration_tokens().await.unwrap().len(), 1);
    directory.pass(SignedDuration::from_hours(2));
    assert!(directory.control.open_registration_tokens().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_machine_that_registers_anew_with_its_key_keeps_its_entry_while_its_last_tunnel_is_still_known() {
    let directory = Directory::new().await;
    let default = directory.default_group().await.id;
    let key = rcgen::KeyPair::generate().unwrap();
    let first = directory.register(&directory.token(default).await, "srv1", csr_of(&key)).await.unwrap().identity;
    directory.control.tunnel_up(crate::presence::tunnel(first.connector, "srv1")).await.unwrap();
    let again = directory.register(&directory.token(default).await, "SRV1", csr_of(&key)).await.unwrap().identity;
    assert_eq!(again, first, "and nothing that is under way is cut");
    assert_eq!(connectors(&directory).await, 1, "nothing is left over");
    // Another key of that name is another machine, and so is another name with the key: a copy of its data folder.
    for (name, csr) in [("srv1", csr()), ("srv2", csr_of(&key))] {
        let other = directory.register(&directory.token(default).await, name, csr).await.unwrap().identity;
        assert_ne!(other.connector, first.connector, "{name}");
    }
    // A key that the entry had before its present one proves nothing any more.
    let present = rcgen::KeyPair::generate().unwrap();
    let berlin = directory.group("Berlin").await.id;
    let old = directory.register(&directory.token(berlin).await, "srv3", csr_of(&key)).await.unwrap().identity;
    directory.pass(SignedDuration::from_mins(11));
    let taken = directory.register(&directory.token(berlin).await, "srv3", csr_of(&present)).await.unwrap().identity;
    assert_eq!(taken.connector, old.connector);
    directory.control.tunnel_up(crate::presence::tunnel(taken.connector, "srv3")).await.unwrap();
    let stale = directory.register(&directory.token(berlin).await, "srv3", csr_of(&key)).await.unwrap().identity;
    assert_ne!(stale.connector, taken.connector);
}
