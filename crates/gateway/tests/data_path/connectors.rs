//! Connectors that come, go, are revoked or cannot be reached, and a gateway that drains: what becomes of requests.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::TokioIo;

use adit_core::application::PreAuthentication::Passthrough;

use super::world::relay::Relay;
use super::world::upstream::Upstream;
use super::world::{GOOD_SECRET, eventually, whole};
use super::{APP, post, published, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_through_the_tunnel_while_requests_go_on() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let start = std::time::Instant::now();
    while world.renewed() == 0 {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "no renewal");
        assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_does_not_cost_a_connector_the_registration_it_has() {
    let (world, _upstream) = published().await;
    let gateway = world.address.to_string();
    let data = world.connector(&[]).await.leave().await;
    let data = world.connector_on(data, GOOD_SECRET, &gateway, &[]).await.leave().await;
    assert_eq!(world.registered(), 1, "the token it came from does not register it again");
    let _running = world.connector_on(data, [2; 32], &gateway, &[]).await;
    assert_eq!(world.registered(), 1);
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_whose_network_went_silent_comes_back_by_itself() {
    let (world, _upstream) = published().await;
    let relay = Relay::start(world.address);
    let _connector = world.connector_by(&relay.address.to_string(), &[]).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    relay.freeze_what_is_open();
    let start = std::time::Instant::now();
    while world.get(APP, "/").await.status() != StatusCode::OK {
        assert!(start.elapsed() < std::time::Duration::from_secs(40), "the connector did not dial again");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_cannot_reach_the_upstream_is_passed_over() {
    let (world, _upstream) = published().await;
    let _narrow = world.connector(&["127.0.0.1:9"]).await;
    let _open = world.connector(&[]).await;
    for _ in 0..20 {
        assert_eq!(world.send(APP, post("/x", "body")).await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_traffic_goes_to_a_connector_after_it_was_revoked() {
    let (mut world, _upstream) = published().await;
    assert_eq!(reason(&world.get(APP, "/").await), "no_connector");
    let data_stays = world.connector(&[]).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    world.know(2..=9).await;
    let response = world.get(APP, "/").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::SERVICE_UNAVAILABLE, "no_connector"));
    eventually("its tunnel is closed", || world.present() == 0).await;
    drop(data_stays);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_the_only_connector_while_it_restarts() {
    let (world, upstream) = published().await;
    let gateway = world.address.to_string();
    let mut data = world.connector(&[]).await.leave().await;
    for restart in 1..=3 {
        let asking = async {
            let asked = (0..4).map(|_| world.send(APP, post("/x", "body")));
            futures_util::future::join_all(asked).await
        };
        let (answers, connector) = tokio::join!(asking, world.connector_on(data, GOOD_SECRET, &gateway, &[]));
        for answer in answers {
            assert_eq!(answer.status(), StatusCode::OK, "{}", reason(&answer));
        }
        assert_eq!(upstream.count("/x"), 4 * restart, "each arrived once");
        data = connector.leave().await;
    }
    assert!(world.metric("adit_gateway_requests_waited_total") >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_the_only_connector_when_its_network_breaks() {
    let (world, upstream) = published().await;
    let relay = Relay::start(world.address);
    let _connector = world.connector_by(&relay.address.to_string(), &[]).await;
    for (round, is_asked) in [false, true, true].into_iter().enumerate() {
        if is_asked {
            assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
        }
        let present = world.present();
        relay.break_what_is_open();
        eventually("its loss is seen", || world.present() < present).await;
        // Sent when nobody is there.
        let answers = futures_util::future::join_all((0..4).map(|_| world.send(APP, post("/x", "body")))).await;
        for answer in answers {
            assert_eq!(answer.status(), StatusCode::OK, "round {round}: {}", reason(&answer));
        }
        assert_eq!(upstream.count("/x"), 4 * (round + 1), "each arrived once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_long_or_for_a_connector_that_was_revoked() {
    let (mut world, _upstream) = published().await;
    let _data = world.connector(&[]).await.leave().await;
    let start = std::time::Instant::now();
    let response = world.get(APP, "/").await;
    assert_eq!((response.status(), reason(&response)), (StatusCode::SERVICE_UNAVAILABLE, "no_connector"));
    assert!(start.elapsed() > std::time::Duration::from_secs(2), "it was expected back");
    let waited = world.metric("adit_gateway_requests_waited_total");
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let revoked = world.connector(&[]).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    // Lost first: it was expected back until then.
    let _data = revoked.leave().await;
    world.know(3..=9).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.metric("adit_gateway_requests_waited_total"), waited, "none of these waited");
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_leave_one_after_the_other_and_no_request_fails() {
    let (world, upstream) = published().await;
    let mut first = world.connector(&[]).await;
    let world = std::sync::Arc::new(world);
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (world, going) = (world.clone(), going.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while going.load(std::sync::atomic::Ordering::Relaxed) {
                    let path = if client == 0 { "/slow" } else { "/x" };
                    let response = world.send(APP, post(path, "body")).await;
                    assert_eq!(response.status(), StatusCode::OK, "{}", reason(&response));
                    done += 1;
                }
                done
            })
        })
        .collect();
    for _ in 0..4 {
        let next = world.connector(&[]).await;
        drop(first.leave().await);
        first = next;
    }
    going.store(false, std::sync::atomic::Ordering::Relaxed);
    let done: usize = futures_util::future::join_all(clients).await.into_iter().map(Result::unwrap).sum();
    assert!(done > 50, "the load was too thin to show anything: {done}");
    assert_eq!(upstream.count("/x") + upstream.count("/slow"), done, "each POST arrived exactly once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_drains_what_is_under_way() {
    let (mut world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let io = TokioIo::new(world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/slow").header("host", APP).body(Full::<Bytes>::default()).unwrap();
    let under_way = tokio::spawn(async move { whole(sender.send_request(request).await.unwrap()).await });
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    world.drain().await;
    assert_eq!(under_way.await.unwrap().body(), "slow");
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_serves_connections_that_were_opened_before_it() {
    let (mut world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let ready = world.tls(APP, &[b"http/1.1"]).await;
    let bare = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let tls = world.tls_connector(&[b"http/1.1"]);
    let requests = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let name = rustls_pki_types::ServerName::try_from(APP).unwrap();
        let late = tls.connect(name, bare).await.unwrap();
        for connection in [ready, late] {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(connection)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::get("/x").header("host", APP).body(Full::<Bytes>::default()).unwrap();
            let response = whole(sender.send_request(request).await.unwrap()).await;
            assert_eq!(response.status(), StatusCode::OK, "{}", reason(&response));
        }
    };
    tokio::join!(world.drain(), requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revision_that_a_gateway_serves_never_goes_back() {
    let (world, _upstream) = published().await;
    let _connector = world.connector(&[]).await;
    world.offer_older_empty_snapshot().await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_gateway_asks_for_without_a_signature_is_not_dialled() {
    let (mut world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    assert_eq!(world.get(APP, "/").await.status(), StatusCode::OK);
    let vault = Upstream::start();
    // From here on the gateway has what it says from nobody but itself.
    world.signed = false;
    world.publish("https://vault.localhost/", &vault.url(), Passthrough).await;
    let refused = world.get("vault.localhost", "/").await;
    assert_eq!((refused.status(), reason(&refused)), (StatusCode::BAD_GATEWAY, "upstream_not_allowed"));
    assert_eq!(vault.connections(), 0, "not even a connection was opened");
    world.signed = true;
    world.publish("https://again.localhost/", &upstream.url(), Passthrough).await;
    assert_eq!(world.get("again.localhost", "/").await.status(), StatusCode::OK);
    assert_eq!(world.get("vault.localhost", "/").await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(vault.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_for_a_wildcards_star_is_covered_by_the_signature() {
    let (mut world, upstream) = published().await;
    let _connector = world.connector(&[]).await;
    let internal = format!("http://*.localhost:{}/", upstream.address.port());
    world.publish("https://*.apps.localhost/", &internal, Passthrough).await;
    assert_eq!(world.get("wiki.apps.localhost", "/").await.status(), StatusCode::OK);
}
