//! The relying party of this installation's gateway at the provider, as it is asked in one process: it reads what the provider
//! says, and the provider learns for whom it asks.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_control::NewUserGroup;
use adit_core::application::Attributes;
use adit_core::audit::Activity;
use adit_core::query::{LARGEST_PAGE, Query};
use adit_core::{DisplayName, PrincipalId};
use adit_identity::cookie::RequestCookies;
use adit_identity::relying_party::Finished;
use adit_identity::{ClientSecret, ProviderSettings, RelyingParty, SealingRing, SealingSecret, Transport};

use super::browser::{Browser, NAME, PASSWORD};
use super::harness::{PUBLIC_URL, World, context};

const CALLBACK: &str = "https://login.example/.adit/callback";

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

struct Gateway {
    party: RelyingParty,
    ring: SealingRing,
}

impl Gateway {
    fn of(world: &World) -> Self {
        let gateway = world.provider.admit_gateway(CALLBACK).unwrap();
        let settings = ProviderSettings {
            issuer: world.provider.issuer_url().to_owned(),
            client_id: gateway.client_id,
            client_secret: Some(ClientSecret::new(gateway.secret.to_string())),
            transport: Transport::InProcess(world.provider.in_process()),
            groups_claim: "groups".to_owned(),
            scopes: Vec::new(),
        };
        let party = RelyingParty::new(settings, "login.example", CALLBACK).unwrap();
        Self { party, ring: SealingRing::new(&SealingSecret::generate().unwrap(), None).unwrap() }
    }

    /// Somebody comes back from `from` with a code, or with `code` in its place.
    async fn sign_in(&self, world: &World, from: &str, code: Option<&str>) -> Finished {
        let at = world.control.snapshots().borrow().version();
        let none = RequestCookies::new(&[]);
        let departure = self.party.begin(&self.ring, "carried", &none, at, now()).await.unwrap();
        let mut browser = Browser::default();
        let page = browser.get(world, departure.location.strip_prefix(PUBLIC_URL).unwrap()).await;
        let back = browser.sign_in(world, &page, NAME, PASSWORD).await;
        let own = back.sent("code").unwrap();
        let query = back.location.as_ref().unwrap().query().unwrap().replace(&own, code.unwrap_or(&own));
        let cookie = departure.set_cookies[0].split(';').next().unwrap();
        let from: IpAddr = from.parse().unwrap();
        let lines = [cookie.as_bytes()];
        self.party.finish(&self.ring, &RequestCookies::new(&lines), &query, Some(from), now()).await
    }
}

#[tokio::test]
async fn the_gateways_relying_party_signs_a_user_in_here_and_sends_nobody_here_to_sign_out() {
    let world = World::start().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let group = NewUserGroup { display_name: DisplayName::parse("staff").unwrap(), attributes: Attributes::new() };
    let group = world.control.create_user_group(&context(), group).await.unwrap();
    world.control.add_group_member(&context(), group.id, user.id.uuid()).await.unwrap();
    let gateway = Gateway::of(&world);
    let at = world.control.snapshots().borrow().version();
    let signed_in = gateway.sign_in(&world, "192.0.2.7", None).await.outcome.unwrap();
    assert_eq!(signed_in.person.principal, PrincipalId::new(user.id.uuid()));
    assert_eq!(signed_in.person.user_name.as_deref(), Some(NAME));
    assert_eq!(signed_in.person.display_name.as_deref(), Some("Ada Example"));
    assert_eq!(signed_in.groups, [PrincipalId::new(group.id.uuid())]);
    assert_eq!((signed_in.carried.as_str(), signed_in.began_at), ("carried", at));
    // It has no session that could end, and would ask the user a second time.
    assert_eq!(gateway.party.end_session("https://login.example/.adit/signed-out").await, None);
}

#[tokio::test]
async fn whoever_brings_wrong_codes_to_the_gateway_is_known_by_address_and_others_still_sign_in() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let gateway = Gateway::of(&world);
    for _ in 0..20 {
        assert!(gateway.sign_in(&world, "192.0.2.7", Some("made-up")).await.outcome.is_err());
    }
    let query = Query { limit: LARGEST_PAGE, ..Query::default() };
    let refused = world.control.list_audit(&query).await.unwrap().items;
    let refused: Vec<_> = refused.iter().filter(|record| record.activity == Activity::RefuseToken).collect();
    assert_eq!(refused.len(), 10, "so many are recorded of one network in a minute");
    assert!(refused.iter().all(|record| record.detail["ip_address"] == "192.0.2.7"), "{refused:?}");
    assert!(gateway.sign_in(&world, "192.0.2.7", None).await.outcome.is_err(), "there were too many");
    assert!(gateway.sign_in(&world, "192.0.2.8", None).await.outcome.is_ok());
}
