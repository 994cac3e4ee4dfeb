//! Readers that stop, beside one that reads, over two ends of a real carrier.

use std::time::Duration;

use adit_core::ApplicationId;
use bytes::Bytes;
use h2::SendStream;
use h2::client::SendRequest;
use http::Response;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use super::*;
use crate::carrier;
use crate::stream::{self, TunnelStream};
use crate::target::{Offer, Shown, Target, UpstreamTls};

const MIB: usize = 1 << 20;

/// Sends without end, as much as the window lets through.
async fn send_on(mut send: SendStream<Bytes>) {
    let part = Bytes::from(vec![b'x'; 64 * 1024]);
    loop {
        send.reserve_capacity(part.len());
        let Some(Ok(capacity)) = std::future::poll_fn(|cx| send.poll_capacity(cx)).await else { return };
        if send.send_data(part.slice(..capacity.min(part.len())), false).is_err() {
            return;
        }
    }
}

/// The gateway's end of a tunnel whose every stream is sent bytes without end.
async fn tunnel(all: &Arc<Unread>) -> (SendRequest<Bytes>, UnreadHere) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut connection = carrier::connector_end(far).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            tokio::spawn(send_on(respond.send_response(Response::new(()), false).unwrap()));
        }
    });
    let here = UnreadHere::new(all);
    let (requests, connection) = carrier::gateway_end(Counted::new(near, here.clone())).await.unwrap();
    tokio::spawn(run(Box::new(connection), here.clone()));
    (requests, here)
}

async fn open((requests, here): &(SendRequest<Bytes>, UnreadHere)) -> TunnelStream {
    let target = Target {
        application: ApplicationId::new(uuid::Uuid::from_u128(1)),
        host: "127.0.0.1".to_owned(),
        port: 1,
        tls: UpstreamTls::Off,
    };
    let mut requests = requests.clone().ready().await.unwrap();
    let stream =
        stream::open(&mut requests, &target, Offer::Http1, &Shown::default(), tokio::time::Instant::now()).unwrap();
    stream.counted(here)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("not in 30 s: {what}"));
}

#[tokio::test]
async fn readers_that_stop_hold_no_more_than_the_limit_and_little_each() {
    let all = Unread::new(2 * MIB);
    let tunnel = tunnel(&all).await;
    let mut stalled = Vec::new();
    for _ in 0..16 {
        stalled.push(open(&tunnel).await);
    }
    until("more waits than may", || all.bytes() > 2 * MIB).await;
    sleep(Duration::from_millis(300)).await;
    // What was under way when the limit was met, and 64 KiB for each; their windows are 16 MiB.
    assert!(all.bytes() < 5 * MIB, "{} bytes wait", all.bytes());
    let mut reader = open(&tunnel).await;
    let mut read = vec![0; 4 * MIB];
    timeout(Duration::from_secs(30), reader.read_exact(&mut read)).await.expect("who reads gets on").unwrap();
    assert!(all.bytes() < 5 * MIB, "{} bytes wait", all.bytes());
}

#[tokio::test]
async fn once_those_are_gone_a_stream_has_its_whole_window_again() {
    let all = Unread::new(MIB + MIB / 2);
    let tunnel = tunnel(&all).await;
    let stalled = [open(&tunnel).await, open(&tunnel).await];
    until("more waits than may", || all.bytes() > MIB + MIB / 2).await;
    drop(stalled);
    until("nothing waits", || all.bytes() == 0).await;
    let _alone = open(&tunnel).await;
    until("a whole window waits", || all.bytes() >= MIB - TOLD_AT_ONCE).await;
}

#[tokio::test]
async fn a_tunnel_that_ends_leaves_nothing_in_the_account() {
    let all = Unread::new(64 * MIB);
    let tunnel = tunnel(&all).await;
    let stalled = open(&tunnel).await;
    until("something waits", || all.bytes() > 0).await;
    drop(tunnel);
    drop(stalled);
    until("nothing waits", || all.bytes() == 0).await;
}

#[tokio::test]
async fn the_end_of_a_tunnel_that_closes_in_order_is_told() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut connection = carrier::connector_end(far).await.unwrap();
        connection.graceful_shutdown();
        while connection.accept().await.is_some() {}
    });
    let here = UnreadHere::new(&Unread::new(MIB));
    let (requests, connection) = carrier::gateway_end(Counted::new(near, here.clone())).await.unwrap();
    let ended = timeout(Duration::from_secs(30), run(Box::new(connection), here)).await;
    ended.expect("the end is told").expect("no failure");
    drop(requests);
}

#[test]
fn frames_are_found_wherever_reads_end() {
    let frame = |kind: u8, stream: u8, length: usize| {
        let size = u32::try_from(length).unwrap().to_be_bytes();
        [&size[1..], &[kind, 0, 0, 0, 0, stream], vec![7; length].as_slice()].concat()
    };
    let frames =
        [frame(1, 1, 5000), frame(0, 1, 5000), frame(0, 3, 5000), frame(0, 1, 100), frame(0, 1, 3000)].concat();
    for size in [1, 7, 4096, 100_000] {
        let here = UnreadHere::new(&Unread::new(MIB));
        let stream = here.of_stream(1);
        let mut counted = Counted::new((), here.clone());
        frames.chunks(size).for_each(|part| counted.count(part).unwrap());
        assert_eq!(here.with(|streams| streams.bytes), 8000, "small ones and those of others do not count");
        stream.taken(5000);
        assert_eq!(here.with(|streams| streams.bytes), 3000);
        drop(stream);
        assert_eq!(here.with(|streams| streams.bytes), 0);
    }
}

#[test]
fn data_with_padding_ends_the_connection() {
    let here = UnreadHere::new(&Unread::new(MIB));
    let mut counted = Counted::new((), here);
    assert!(counted.count(&[0, 16, 0, DATA, PADDED, 0, 0, 0, 1]).is_err());
}
