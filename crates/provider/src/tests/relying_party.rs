//! The relying party of this installation's gateway at the provider: it reads what the provider says.

use std::time::{SystemTime, UNIX_EPOCH};

use adit_control::NewUserGroup;
use adit_core::application::Attributes;
use adit_core::{DisplayName, PrincipalId};
use adit_identity::cookie::RequestCookies;
use adit_identity::{ClientSecret, ProviderSettings, RelyingParty, SealingRing, SealingSecret, Transport};

use super::browser::{Browser, NAME, PASSWORD};
use super::harness::{World, context};

const CALLBACK: &str = "https://login.example/.adit/callback";
const SIGNED_OUT: &str = "https://login.example/.adit/signed-out";

/// The path and the query of a URL of the provider.
fn path<'a>(location: &'a str, url: &str) -> &'a str {
    location.strip_prefix(url).unwrap_or_else(|| panic!("{location} is not at {url}"))
}

#[tokio::test]
async fn the_gateways_relying_party_signs_a_user_in_and_out_here() {
    let (world, url) = World::served().await;
    let user = world.user(NAME, PASSWORD, false).await;
    let group = NewUserGroup { display_name: DisplayName::parse("staff").unwrap(), attributes: Attributes::new() };
    let group = world.control.create_user_group(&context(), group).await.unwrap();
    world.control.add_group_member(&context(), group.id, user.id.uuid()).await.unwrap();
    let gateway = world.provider.admit_gateway(CALLBACK, SIGNED_OUT).unwrap();
    let settings = ProviderSettings {
        issuer: world.provider.issuer_url().to_owned(),
        client_id: gateway.client_id,
        client_secret: Some(ClientSecret::new(gateway.secret.to_string())),
        transport: Transport::Platform,
        groups_claim: "groups".to_owned(),
        scopes: Vec::new(),
    };
    let party = RelyingParty::new(settings, "login.example", CALLBACK).unwrap();
    let ring = SealingRing::new(&SealingSecret::generate().unwrap(), None).unwrap();
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let at = world.control.snapshots().borrow().version();
    let departure = party.begin(&ring, "carried", &RequestCookies::new(&[]), at, now).await.unwrap();
    let mut browser = Browser::default();
    let page = browser.get(&world, path(&departure.location, &url)).await;
    let back = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    let cookie = departure.set_cookies[0].split(';').next().unwrap();
    let query = back.location.as_ref().unwrap().query().unwrap();
    let finished = party.finish(&ring, &RequestCookies::new(&[cookie.as_bytes()]), query, now).await;
    let signed_in = finished.outcome.unwrap();
    assert_eq!(signed_in.person.principal, PrincipalId::new(user.id.uuid()));
    assert_eq!(signed_in.person.user_name.as_deref(), Some(NAME));
    assert_eq!(signed_in.person.display_name.as_deref(), Some("Ada Example"));
    assert_eq!(signed_in.groups, [PrincipalId::new(group.id.uuid())]);
    assert_eq!((signed_in.carried.as_str(), signed_in.began_at), ("carried", at));

    let location = party.end_session(SIGNED_OUT).await.unwrap();
    let question = browser.get(&world, path(&location, &url)).await;
    assert!(question.text.contains("<h1>Sign out?</h1>"), "{}", question.text);
    let form = [("client_id", question.hidden("client_id")), ("post_logout_redirect_uri", SIGNED_OUT.to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = browser.post(&world, "/adit/sign-out", &form).await;
    assert_eq!(done.location.as_ref().map(|to| to.as_str()), Some(SIGNED_OUT));
}
