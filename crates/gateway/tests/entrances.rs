//! An application that has two public URLs, and one that shares its host with others: what it says about where it is
//! leads back to the URL that was asked, and its cookies are its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::net::SocketAddr;

use adit_core::application::{BodyLinks, HostHeader, PreAuthentication::Passthrough, TranslatedTo};
use adit_core::{ExternalUrl, Publishing};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use world::{RunningConnector, World, whole};

/// An upstream whose answers name places below its `/app/`, with and without its host.
async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = socket.read(&mut buffer).await {
                    let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    if socket.write_all(answered(path, &head, address).as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn answered(path: &str, head: &str, address: SocketAddr) -> String {
    let (fields, body) = match path {
        "/app/named" => (
            format!(
                "location: http://{address}/app/next\r\ncontent-location: http://{address}/app/this\r\n\
                 link: <http://{address}/app/a>; rel=next\r\nrefresh: 5; url=http://{address}/app/next\r\n"
            ),
            format!("<a href='http://{address}/app/x'>x</a>"),
        ),
        "/app/paths" => (
            "location: /app/next\r\ncontent-location: /app/this\r\nlink: </app/a>; rel=next\r\n\
             refresh: 5; url=/app/next\r\n"
                .to_owned(),
            "<a href='/app/x'>x</a><style>b { c: url(/app/d.png) }</style>".to_owned(),
        ),
        "/app/sheet" => ("content-type: text/css\r\n".to_owned(), "a { b: url(/app/c.png) }".to_owned()),
        _ => (
            format!(
                "set-cookie: all=1; Path=/; Domain={}\r\nset-cookie: own=1; Path=/app\r\n\
                 set-cookie: part=1; Path=/app/x/; Secure\r\nset-cookie: folder=1\r\n\
                 set-cookie: other=1; Path=/other/\r\nset-cookie: __Host-host=1; Secure; Path=/\r\n",
                address.ip()
            ),
            head.to_owned(),
        ),
    };
    let kind = if fields.contains("content-type") { "" } else { "content-type: text/html\r\n" };
    format!("HTTP/1.1 200 OK\r\n{kind}{fields}content-length: {}\r\n\r\n{body}", body.len())
}

struct Scene {
    world: World,
    _connector: RunningConnector,
}

impl Scene {
    /// The upstream's `/app/` is published at `https://wiki.localhost/` and `https://portal.localhost/wiki/`.
    async fn with_two_entrances(translated_to: TranslatedTo) -> Self {
        Self::publishing("https://wiki.localhost/", |publishing| {
            publishing.alternate_url = Some(ExternalUrl::parse("https://portal.localhost/wiki/").unwrap());
            publishing.translated_to = translated_to;
            publishing.body_links = BodyLinks::Translated;
        })
        .await
    }

    async fn publishing(external: &str, set: impl FnOnce(&mut Publishing)) -> Self {
        let internal = format!("http://{}/app/", upstream().await);
        let mut world = World::start();
        let set = |publishing: &mut Publishing| {
            publishing.pre_authentication = Passthrough;
            set(publishing);
        };
        world.publish_as(external, &internal, set).await;
        let connector = world.connector(&[]).await;
        Self { world, _connector: connector }
    }

    /// Gets a URL over a connection that names no host, so that no certificate is needed for it.
    async fn get(&self, url: &str) -> Response<Bytes> {
        let (host, path) = url.split_once('/').unwrap();
        let io = TokioIo::new(self.world.tls("127.0.0.1", &[b"http/1.1"]).await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("/{path}")).header("host", host).header("referer", format!("https://{url}"));
        whole(sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()).await
    }
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn field<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers()[name].to_str().unwrap()
}

fn cookies(response: &Response<Bytes>) -> Vec<&str> {
    response.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_leads_back_to_the_url_that_was_asked_wherever_it_stands() {
    let scene = Scene::with_two_entrances(TranslatedTo::External).await;
    for (entrance, prefix) in [("wiki.localhost/", "/"), ("portal.localhost/wiki/", "/wiki/")] {
        let seen = scene.get(&format!("{entrance}paths")).await;
        assert_eq!(field(&seen, "location"), format!("{prefix}next"), "{entrance}");
        assert_eq!(field(&seen, "content-location"), format!("{prefix}this"));
        assert_eq!(field(&seen, "link"), format!("<{prefix}a>; rel=next"));
        assert_eq!(field(&seen, "refresh"), format!("5; url={prefix}next"));
        let page = format!("<a href=\"{prefix}x\">x</a><style>b {{ c: url({prefix}d.png) }}</style>");
        assert_eq!(text(&seen), page, "{entrance}");
        let sheet = scene.get(&format!("{entrance}sheet")).await;
        assert_eq!(text(&sheet), format!("a {{ b: url({prefix}c.png) }}"), "{entrance}");
        let asked = scene.get(&format!("{entrance}from")).await;
        assert!(text(&asked).contains("/app/from\r\n"), "{}", text(&asked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_with_a_host_leads_to_the_public_url_that_was_set_for_that() {
    for (translated_to, url) in [
        (TranslatedTo::External, "https://wiki.localhost/"),
        (TranslatedTo::Alternate, "https://portal.localhost/wiki/"),
    ] {
        let scene = Scene::with_two_entrances(translated_to).await;
        for entrance in ["wiki.localhost/", "portal.localhost/wiki/"] {
            let seen = scene.get(&format!("{entrance}named")).await;
            assert_eq!(field(&seen, "location"), format!("{url}next"), "{entrance}");
            assert_eq!(field(&seen, "content-location"), format!("{url}this"));
            assert_eq!(field(&seen, "link"), format!("<{url}a>; rel=next"));
            assert_eq!(field(&seen, "refresh"), format!("5; url={url}next"));
            assert_eq!(text(&seen), format!("<a href=\"{url}x\">x</a>"), "{entrance}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_for_the_application_where_it_was_asked_and_for_nothing_beside_it() {
    for translated_to in [TranslatedTo::External, TranslatedTo::Alternate] {
        let scene = Scene::with_two_entrances(translated_to).await;
        let at_a_path = ["all=1; Path=/wiki", "own=1; Path=/wiki", "part=1; Path=/wiki/x/; Secure", "folder=1"];
        let for_the_host = "__Host-host=1; Secure; Path=/";
        let seen = scene.get("portal.localhost/wiki/cookies").await;
        assert_eq!(cookies(&seen), [&at_a_path[..], &[for_the_host]].concat());
        let without_slash = scene.get("portal.localhost/wiki").await;
        assert_eq!(cookies(&without_slash)[3], "folder=1; Path=/wiki", "its folder is the root of the host");
        let at_the_root = ["all=1; Path=/", "own=1; Path=/", "part=1; Path=/x/; Secure", "folder=1"];
        let seen = scene.get("wiki.localhost/cookies").await;
        assert_eq!(cookies(&seen), [&at_the_root[..], &["other=1; Path=/other/", for_the_host]].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_confined_where_the_application_sees_its_external_host_too() {
    let set = |publishing: &mut Publishing| publishing.host_header = HostHeader::External;
    let scene = Scene::publishing("https://shared.localhost/app/", set).await;
    let seen = scene.get("shared.localhost/app/cookies").await;
    let expected = [
        "all=1; Path=/app; Domain=127.0.0.1",
        "own=1; Path=/app",
        "part=1; Path=/app/x/; Secure",
        "folder=1",
        "__Host-host=1; Secure; Path=/",
    ];
    assert_eq!(cookies(&seen), expected);
}
