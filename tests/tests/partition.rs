//! The network between a connector and its gateway swallows everything, and tells neither end.
//!
//! What is promised is four seconds; this test demands five times that, because it runs on slow and busy machines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::thread;
use std::time::{Duration, Instant};

use adit_tests::load::{Load, failures};
use adit_tests::network::{Apart, GATEWAY, is_inside};
use adit_tests::pair::HOST;
use adit_tests::{Directory, Upstream, long, settles};

/// Five times the four seconds that are promised.
const NOTICED: Duration = Duration::from_secs(20);

/// What the gateway counts.
const RETRIES: &str = "adit_gateway_retries_total";
/// See [`RETRIES`].
const TUNNEL_CONNECTIONS: &str = "adit_gateway_tunnel_connections";

/// A connector that was cut off dials again after ten seconds of silence and a pause of up to fifteen; and that thrice.
const BACK: Duration = Duration::from_secs(75);

/// Connections of both connectors.
const TUNNELS: u64 = 4;

#[test]
fn a_connector_whose_network_is_cut_off_delays_requests_and_fails_none() {
    if !is_inside("a_connector_whose_network_is_cut_off_delays_requests_and_fails_none") {
        return;
    }
    let directory = Directory::start_dialled_at(GATEWAY);
    let connectors = [1, 2].map(|number| Apart::start(&directory, number));
    let upstream = Upstream::start_on(GATEWAY);
    let _application = directory.publish("served twice", &upstream, HOST, "Default");
    directory.wait_until_served(HOST);
    for round in 0..if long() { 100 } else { 3 } {
        let gateway = directory.addresses().gateway;
        let load = Load::start(16, gateway, HOST, "/1k", &directory.trust());
        thread::sleep(Duration::from_millis(500));
        let apart = &connectors[round % 2];
        settles("all connections are there", BACK, || directory.metrics([TUNNEL_CONNECTIONS]) == [TUNNELS]);
        let [sent_again] = directory.metrics([RETRIES]);
        apart.cut();
        let cut = Instant::now();
        settles("requests that wait are sent again", NOTICED, || {
            let [again, left] = directory.metrics([RETRIES, TUNNEL_CONNECTIONS]);
            assert_eq!(left, TUNNELS, "they waited until the silent connections were given up");
            again > sent_again
        });
        settles("its loss", NOTICED, || available(&directory) == 1);
        let noticed = cut.elapsed();
        thread::sleep(Duration::from_secs(1));
        let shots = load.stop();
        apart.heal();

        let failed = failures(&shots, cut);
        assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
        let mut waited: Vec<Duration> = shots.iter().map(|shot| shot.ended - shot.sent).collect();
        waited.sort();
        let (p99, longest) = (waited[waited.len() * 99 / 100], waited[waited.len() - 1]);
        println!("round {round}: {} answers, noticed after {noticed:?}, p99 {p99:?}, longest {longest:?}", shots.len());
        assert!(longest < NOTICED, "a request took {longest:?}");
        settles("its return", BACK, || available(&directory) == 2);
        // The old connections are closed once the gateway has heard nothing of them for ten seconds.
        // If it had to dial again it comes back with one, as nothing is asked of it any more.
        settles("all of it", BACK, || (TUNNELS - 1..=TUNNELS).contains(&directory.metrics([TUNNEL_CONNECTIONS])[0]));
    }
}

/// How many connectors take requests.
fn available(directory: &Directory) -> usize {
    let url = directory.external_url(HOST).replace(':', "%3A").replace('/', "%2F");
    let explanation = directory.graph().get(&format!("/applications/adit.explain(url='{url}')"));
    let connectors = explanation["connectors"].as_array().expect("connectors").iter();
    connectors.filter(|own| own["availability"] == "available").count()
}
