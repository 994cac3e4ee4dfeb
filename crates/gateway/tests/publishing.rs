//! Where a request goes: wildcards, alternate URLs, the most specific path, and what is closed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use adit_core::application::{PreAuthentication::Passthrough, TranslatedTo};
use adit_core::maintenance::{Maintenance, MaintenanceState, MaintenanceText};
use adit_core::{ExternalUrl, Publishing};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use world::upstream::Upstream;
use world::{World, whole};

/// Gets `path` of `host` over a connection that names no host, so that no certificate is needed for it.
async fn get(world: &World, host: &str, path: &str) -> Response<Bytes> {
    let io = TokioIo::new(world.tls("127.0.0.1", &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", host).header("referer", format!("https://{host}/from"));
    whole(sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()).await
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn reason(response: &Response<Bytes>) -> &str {
    response.headers().get("x-adit-reason").map_or("", |reason| reason.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_leads_each_host_to_its_own_upstream() {
    let (upstream, special) = (Upstream::start(), Upstream::start());
    let port = upstream.address.port();
    let mut world = World::start();
    world.publish("https://*.apps.localhost/", &format!("http://*.corp.localhost:{port}/"), Passthrough).await;
    world.publish("https://special.apps.localhost/open/", &special.url(), Passthrough).await;
    let _connector = world.connector(&[]).await;
    for _ in 0..2 {
        for name in ["wiki", "shop", "a.b"] {
            let seen = get(&world, &format!("{name}.apps.localhost"), "/x").await;
            assert!(text(&seen).contains(&format!("host: {name}.corp.localhost:{port}\r\n")), "{}", text(&seen));
            let from = format!("referer: http://{name}.corp.localhost:{port}/from\r\n");
            assert!(text(&seen).contains(&from), "{}", text(&seen));
        }
    }
    // Two cores, three hosts: what was opened for one host is used for no other, and again for itself.
    let connections = upstream.connections();
    assert!((3..=6).contains(&connections), "{connections}");
    let seen = get(&world, "special.apps.localhost", "/open/x").await;
    assert!(text(&seen).starts_with("GET /x HTTP/1.1\r\n"), "{}", text(&seen));
    assert_eq!(reason(&get(&world, "special.apps.localhost", "/").await), "not_published", "no more of that host");
    assert_eq!(reason(&get(&world, "apps.localhost", "/").await), "not_published");
    assert_eq!(special.count("/"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_path_wins() {
    let (all, team) = (Upstream::start(), Upstream::start());
    let mut world = World::start();
    world.publish("https://one.localhost/", &all.url(), Passthrough).await;
    world.publish("https://one.localhost/team/", &format!("{}app/", team.url()), Passthrough).await;
    let _connector = world.connector(&[]).await;
    for (path, of_all, of_team) in
        [("/x", Some("/x"), None), ("/team/x", None, Some("/app/x")), ("/teams", Some("/teams"), None)]
    {
        assert_eq!(get(&world, "one.localhost", path).await.status(), StatusCode::OK, "{path}");
        for (upstream, seen) in [(&all, of_all), (&team, of_team)] {
            assert_eq!(seen.map_or(0, |seen| upstream.count(seen)), usize::from(seen.is_some()), "{path}");
        }
    }
    assert_eq!(all.count("/team/x") + team.count("/teams"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_path_is_the_same_place_and_reaches_the_upstream_as_it_came() {
    let (all, team) = (Upstream::start(), Upstream::start());
    let mut world = World::start();
    world.publish("https://one.localhost/", &all.url(), Passthrough).await;
    world.publish("https://one.localhost/team/", &format!("{}team/", team.url()), Passthrough).await;
    let _connector = world.connector(&[]).await;
    for path in ["/%74eam/x", "/te%61m/%78", "/%74eam"] {
        assert_eq!(get(&world, "one.localhost", path).await.status(), StatusCode::OK, "{path}");
        assert_eq!((team.count(path), all.count(path)), (1, 0), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_reached_at_its_alternate_url() {
    let upstream = Upstream::start();
    for (translated_to, seen_at) in [
        (TranslatedTo::External, "https://wiki.localhost/next?x=1"),
        (TranslatedTo::Alternate, "https://portal.localhost/wiki/next?x=1"),
    ] {
        let mut world = World::start();
        let set = |publishing: &mut Publishing| {
            publishing.pre_authentication = Passthrough;
            publishing.alternate_url = Some(ExternalUrl::parse("https://portal.localhost/wiki/").unwrap());
            publishing.translated_to = translated_to;
        };
        world.publish_as("https://wiki.localhost/", &upstream.url(), set).await;
        let _connector = world.connector(&[]).await;
        let seen = get(&world, "portal.localhost", "/wiki/x?a=1").await;
        assert!(text(&seen).starts_with("GET /x?a=1 HTTP/1.1\r\n"), "{}", text(&seen));
        for (host, path) in [("portal.localhost", "/wiki/redirect"), ("wiki.localhost", "/redirect")] {
            assert_eq!(get(&world, host, path).await.headers()["location"], seen_at, "{host}");
        }
        assert_eq!(reason(&get(&world, "portal.localhost", "/").await), "not_published");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_in_maintenance_says_so_and_gets_no_requests() {
    let upstream = Upstream::start();
    let mut world = World::start();
    let text_of = MaintenanceText::parse("Back at <ten>.").ok();
    let set = |publishing: &mut Publishing| {
        publishing.pre_authentication = Passthrough;
        publishing.maintenance = Maintenance { state: MaintenanceState::On, text: text_of };
    };
    world.publish_as("https://wiki.localhost/", &upstream.url(), set).await;
    let _connector = world.connector(&[]).await;
    let closed = get(&world, "wiki.localhost", "/x").await;
    assert_eq!((closed.status(), reason(&closed)), (StatusCode::SERVICE_UNAVAILABLE, "maintenance"));
    assert_eq!(closed.headers()["retry-after"], "60");
    assert!(text(&closed).contains("Back at &lt;ten&gt;."), "{}", text(&closed));
    assert_eq!(upstream.connections(), 0, "nothing was forwarded");
}
