//! Assertions, and what is published for those who verify them.

use std::sync::Arc;

use adit_core::admission::{Admission, Assignee};
use adit_core::application::{Application, Attributes};
use adit_core::id::{PrincipalId, ServicePrincipalId};
use adit_core::revision::Revision;
use adit_core::{AppId, ApplicationId, DisplayName, PrincipalKind, ServicePrincipal};
use adit_identity::{AssertionKey, AssertionKeys};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::provider::now;
use super::world::sign_in::{Browser, LOGIN, SignInWorld, everybody, user};
use super::world::upstream::Upstream;
use super::{SHOP, WIKI, id, one, signed_in, tells, with_wiki};

/// The claims of an assertion, which nobody verified.
pub(super) fn unverified(assertion: &str) -> Value {
    let claims = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

async fn published(signing: &SignInWorld, path: &str) -> Response<Bytes> {
    let answer = signing.world.get(LOGIN, path).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(answer.headers().get("set-cookie"), None);
    answer
}

/// What an upstream finds when it verifies an assertion as a library does: by what the sign-in host publishes.
async fn verified(signing: &SignInWorld, assertion: &str, audience: &str) -> Result<Value, ErrorKind> {
    let document: Value =
        serde_json::from_slice(published(signing, "/.well-known/openid-configuration").await.body()).unwrap();
    let (issuer, keys) = (document["issuer"].as_str().unwrap(), document["jwks_uri"].as_str().unwrap());
    let path = keys.strip_prefix(issuer).unwrap();
    let set: JwkSet = serde_json::from_slice(published(signing, path).await.body()).unwrap();
    let header = decode_header(assertion).unwrap();
    let Some(key) = set.find(header.kid.as_deref().unwrap()) else { return Err(ErrorKind::InvalidKeyFormat) };
    let mut validation = Validation::new(Algorithm::ES256);
    validation.leeway = 0;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let data = decode(assertion, &DecodingKey::from_jwk(key).unwrap(), &validation);
    data.map(|data| data.claims).map_err(|error| error.kind().clone())
}

async fn page(signing: &SignInWorld, upstream: &Upstream, browser: &mut Browser) -> String {
    assert_eq!(browser.get(&signing.world, &format!("https://{WIKI}/x")).await.status(), StatusCode::OK);
    one(&upstream.last_head(), "adit-assertion")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_verified_by_what_the_sign_in_host_publishes_and_says_who_asks_for_what() {
    let (mut signing, upstream, _connector) = with_wiki(&[]).await;
    let mut who = user(10, &[20, 21]);
    who["name"] = json!("Zoë");
    who["email"] = json!("zoe@corp.example");
    let mut browser = signed_in(&signing, &who).await;
    let assertion = one(&upstream.last_head(), "adit-assertion");
    let claims = verified(&signing, &assertion, &id(100)).await.unwrap();
    let times = ["iat", "exp", "auth_time"].map(|name| claims[name].as_u64().unwrap());
    assert!(
        (times[0]..=times[0] + 2).contains(&now()) && times[1] == times[0] + 300 && times[2] <= times[0],
        "{claims}"
    );
    assert_eq!(
        claims,
        json!({"iss": format!("https://{LOGIN}"), "aud": id(100), "sub": id(10), "oid": id(10),
            "idp": signing.provider.url(), "iat": times[0], "exp": times[1], "name": "Zoë",
            "preferred_username": "user10@corp.example", "email": "zoe@corp.example", "auth_time": times[2],
            "groups": [id(20), id(21)]})
    );
    assert_eq!(decode_header(&assertion).unwrap().typ.as_deref(), Some("JWT"));
    // It is for one application, and nobody else's word.
    assert_eq!(verified(&signing, &assertion, &id(101)).await, Err(ErrorKind::InvalidAudience));
    let parts: Vec<&str> = assertion.split('.').collect();
    let mut changed = claims.clone();
    changed["sub"] = json!(id(11));
    let changed = format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(changed.to_string()), parts[2]);
    assert_eq!(verified(&signing, &changed, &id(100)).await, Err(ErrorKind::InvalidSignature));
    let over = AssertionKeys::clone(&signing.assertions.load());
    let mut old = claims.clone();
    old["exp"] = json!(now() - 1);
    assert_eq!(verified(&signing, &over.sign(&old).unwrap(), &id(100)).await, Err(ErrorKind::ExpiredSignature));
    // An upstream that has it can use it nowhere, and at this very application neither.
    let request = Request::get("/stolen").header("host", WIKI).header("authorization", format!("Bearer {assertion}"));
    let refused = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
    assert_eq!((refused.status(), upstream.count("/stolen")), (StatusCode::UNAUTHORIZED, 0));
    // Another application's upstream gets another one.
    let shop = Upstream::start();
    signing.publish(SHOP, &shop, everybody()).await;
    signing.world.change(tells(&[])).await;
    assert_eq!(signing.open(&mut browser, SHOP, "/", &who).await.status(), StatusCode::OK);
    let of_shop = one(&shop.last_head(), "adit-assertion");
    assert_eq!(verified(&signing, &of_shop, &id(101)).await.unwrap()["sub"], id(10));
    assert_eq!(verified(&signing, &of_shop, &id(100)).await, Err(ErrorKind::InvalidAudience));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_costs_a_signature_while_one_is_fresh_and_each_session_has_its_own() {
    let (signing, upstream, _connector) = with_wiki(&["X-User=id"]).await;
    let [mut ada, mut bob] = [signed_in(&signing, &user(10, &[])).await, signed_in(&signing, &user(11, &[])).await];
    let mut again = signed_in(&signing, &user(10, &[])).await;
    let mut all = std::collections::HashSet::new();
    for _ in 0..20 {
        for (browser, who) in [(&mut ada, 10), (&mut bob, 11), (&mut again, 10)] {
            let assertion = page(&signing, &upstream, browser).await;
            assert_eq!(unverified(&assertion)["sub"], id(who));
            all.insert(assertion);
        }
    }
    // Signatures are random, so each is another. The gateway has two cores, each of which signs for itself.
    assert!((3..=6).contains(&all.len()), "{} signatures for 60 requests of three sessions", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_signs_at_once_and_what_the_old_one_signed_is_verified_while_that_is_published() {
    let (signing, upstream, _connector) = with_wiki(&[]).await;
    let mut browser = signed_in(&signing, &user(10, &[])).await;
    let (old, new) = (AssertionKey::generate().unwrap().0, AssertionKey::generate().unwrap().0);
    let use_keys = |keys: AssertionKeys| signing.assertions.store(Arc::new(keys));
    use_keys(AssertionKeys::new(old.clone(), [&new]));
    let by_old = page(&signing, &upstream, &mut browser).await;
    use_keys(AssertionKeys::new(new.clone(), [&old]));
    let by_new = page(&signing, &upstream, &mut browser).await;
    let key = |assertion: &str| decode_header(assertion).unwrap().kid.unwrap();
    assert_eq!((key(&by_old), key(&by_new)), (old.id().to_owned(), new.id().to_owned()));
    for assertion in [&by_old, &by_new] {
        assert_eq!(verified(&signing, assertion, &id(100)).await.unwrap()["sub"], id(10));
    }
    use_keys(AssertionKeys::new(new, []));
    assert_eq!(verified(&signing, &by_old, &id(100)).await, Err(ErrorKind::InvalidKeyFormat));
    assert!(verified(&signing, &by_new, &id(100)).await.is_ok());
}

/// Who may use the wiki: everybody, and the users 10 and the program 30 in a role.
fn with_roles() -> Admission {
    let (app, name) = (AppId::new(Uuid::from_u128(1)), DisplayName::parse("Application").unwrap());
    let created = jiff::Timestamp::UNIX_EPOCH;
    let role = |number: u128, value: &str| {
        json!({"id": Uuid::from_u128(number), "value": value, "isEnabled": true, "displayName": value, "description": value,
            "allowedMemberTypes": ["User", "Application"]})
    };
    let roles = json!({"appRoles": [role(50, "Editor"), role(51, "Read,er")]});
    let attributes: Attributes = roles.as_object().unwrap().clone();
    let application = Application::new(ApplicationId::new(Uuid::from_u128(1)), app, name.clone(), created, attributes);
    let id = ServicePrincipalId::new(Uuid::from_u128(7));
    let attributes = Attributes::new();
    let principal =
        ServicePrincipal { id, app_id: app, display_name: name, created, attributes, revision: Revision(1) };
    let assigned = |number, kind, role| Assignee {
        principal: PrincipalId::new(Uuid::from_u128(number)),
        kind,
        app_role: Uuid::from_u128(role),
    };
    let all = [
        assigned(10, PrincipalKind::User, 50),
        assigned(10, PrincipalKind::User, 51),
        assigned(30, PrincipalKind::ServicePrincipal, 50),
    ];
    Admission::of(&application, &principal, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_the_application_are_told_and_programs_are_told_from_users() {
    let (mut signing, upstream, _connector) = with_wiki(&["X-Roles=appRoles", "X-User=id"]).await;
    signing.world.change(|application| application.admission = Some(Arc::new(with_roles()))).await;
    let _ = signed_in(&signing, &user(10, &[])).await;
    let head = upstream.last_head();
    assert_eq!(one(&head, "x-roles"), "Editor,Read%2Cer");
    assert_eq!(unverified(&one(&head, "adit-assertion"))["roles"], json!(["Editor", "Read,er"]));
    let _ = signed_in(&signing, &user(11, &[])).await;
    let head = upstream.last_head();
    assert_eq!((super::values(&head, "x-roles"), one(&head, "x-user")), (Vec::new(), id(11)));
    assert_eq!(unverified(&one(&head, "adit-assertion")).get("roles"), None);
    let more = json!({"idtyp": "app", "oid": id(30)});
    let token = signing.provider.access_token(&id(100), &id(30), &more);
    let request = Request::get("/x").header("host", WIKI).header("authorization", format!("Bearer {token}"));
    let answer = signing.world.send(WIKI, request.body(Full::<Bytes>::default()).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let head = upstream.last_head();
    let claims = verified(&signing, &one(&head, "adit-assertion"), &id(100)).await.unwrap();
    assert_eq!((&claims["idtyp"], &claims["sub"], claims.get("auth_time")), (&json!("app"), &json!(id(30)), None));
    assert_eq!((one(&head, "x-roles"), one(&head, "x-user")), ("Editor".to_owned(), id(30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_taken_by_get_at_the_sign_in_host_alone() {
    let (signing, upstream, _connector) = with_wiki(&[]).await;
    let posted = Request::post("/.adit/jwks").header("host", LOGIN).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(signing.world.send(LOGIN, posted).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(signing.world.get(WIKI, "/.adit/jwks").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(signing.world.get(LOGIN, "/.adit/jwks/").await.status(), StatusCode::NOT_FOUND);
    let set: Value = serde_json::from_slice(published(&signing, "/.adit/jwks").await.body()).unwrap();
    let members: Vec<&String> = set["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["kty", "crv", "use", "alg", "kid", "x", "y"], "and no private half");
    assert_eq!(upstream.connections(), 0);
}
