//! What is explained of users is what happens to their requests.

use adit_core::PrincipalId;
use adit_core::explain::{Explained, Visitor};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::world::sign_in::{Browser, SignInWorld, admission, everybody, only, user};
use super::world::upstream::Upstream;
use super::{SHOP, WIKI, reason};

const OPEN: &str = "open.localhost";

fn visitor(number: u128, groups: &[u128]) -> Visitor {
    let id = |number: u128| PrincipalId::new(Uuid::from_u128(number));
    Visitor { id: id(number), groups: groups.iter().copied().map(id).collect(), groups_left_out: 0 }
}

fn explained(signing: &SignInWorld, host: &str, visitor: Option<&Visitor>) -> Explained {
    signing.world.explain(&format!("https://{host}/x"), visitor)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_of_a_user_is_what_happens_to_the_user() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    let many: Vec<u128> = (1000..1200).collect();
    signing.publish(WIKI, &upstream, only(&[10], &[20, 1199])).await;
    signing.publish(SHOP, &upstream, admission(json!({"accountEnabled": false}), &[10], &[])).await;
    signing.publish("everybody.localhost", &upstream, everybody()).await;
    let _connector = signing.world.connector(&[]).await;
    let cases = [(10, &[][..]), (11, &[21, 20][..]), (11, &[21][..]), (20, &[][..]), (12, &many[..])];
    for host in [WIKI, SHOP, "everybody.localhost"] {
        for (who, groups) in cases {
            let answer = signing.open(&mut Browser::default(), host, "/x", &user(who, groups)).await;
            let said = explained(&signing, host, Some(&visitor(who, groups)));
            let access = said.explanation.access.as_ref().unwrap();
            assert_eq!(access.is_granted, answer.status() == StatusCode::OK, "{host} {who}: {access:?}");
            let refusal = said.refusal.as_ref().map_or("", |refusal| refusal.reason);
            assert_eq!(refusal, reason(&answer), "{host} {who}: {access:?}");
            let status = said.refusal.as_ref().map_or(200, |refusal| refusal.status);
            assert_eq!(status, answer.status().as_u16(), "{host} {who}");
            assert_eq!(said.upstream_url.is_some(), access.is_granted, "where a request goes is said where one goes");
        }
    }
    let left_out = explained(&signing, WIKI, Some(&visitor(12, &many))).explanation.access.unwrap();
    assert_eq!((left_out.groups_left_out, left_out.assignments.len()), (100, 1), "the assigned ones have room first");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nobody_it_is_said_whether_sign_in_is_asked_for() {
    let (mut signing, upstream) = (SignInWorld::start().await, Upstream::start());
    signing.publish(WIKI, &upstream, everybody()).await;
    signing.world.publish(&format!("https://{OPEN}/"), &upstream.url(), super::Passthrough).await;
    let _connector = signing.world.connector(&[]).await;
    let closed = explained(&signing, WIKI, None);
    assert_eq!(closed.refusal.unwrap().reason, "sign_in_required");
    assert!(closed.upstream_url.is_none() && closed.headers.is_empty());
    let open = explained(&signing, OPEN, None);
    assert!(open.refusal.is_none() && open.explanation.access.unwrap().is_granted);
}
