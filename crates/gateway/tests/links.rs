//! Links in bodies: which are translated, plain and compressed, and what passes untouched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use adit_core::Publishing;
use adit_core::application::{BodyLinks, PreAuthentication::Passthrough};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use world::{RunningConnector, World};

const APP: &str = "wiki.localhost";
const OTHER: &str = "http://shop.internal/";
const SHOP: &str = "https://shop.localhost/open/";

/// Larger than any page that is translated, and all the same.
const BOMB: usize = 32 * 1024 * 1024;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Brotli of a text of 2 to 65536 bytes: a window, one uncompressed part, the end (RFC 7932, section 9).
fn brotli(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len() - 1).unwrap();
    let head = (length << 4) | (1 << 20);
    [&head.to_le_bytes()[..3], text, &[3]].concat()
}

/// A page of an application at `own` with a link to itself and one to `shop`.
fn page(own: &str, shop: &str, quote: char) -> String {
    format!(
        "<!doctype html><a href={quote}{own}x?a=1&amp;b=2#c{quote}>\u{e4}</a><a href='http://elsewhere.example/'>y</a>\
         <style>@import url({shop}a.css);</style><script>var own = '{OTHER}';</script>{OTHER}"
    )
}

fn answer(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}etag: \"1\"\r\naccept-ranges: bytes\r\ncontent-length: ");
    [format!("{head}{}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn answered(own: &str, path: &str) -> Vec<u8> {
    let text = page(own, OTHER, '\'');
    let html = "content-type: text/html; charset=UTF-8\r\n";
    let compressed = |coding: &str| format!("{html}content-encoding: {coding}\r\n");
    match path {
        "/gzip" => answer(&compressed("gzip"), &gzip(text.as_bytes())),
        "/brotli" => answer(&compressed("br"), &brotli(text.as_bytes())),
        "/sheet" => answer("content-type: text/css\r\n", format!("a {{ b: url({OTHER}c.png) }}").as_bytes()),
        "/bomb" => answer(&compressed("gzip"), &gzip(&vec![b' '; BOMB])),
        "/broken" => answer(&compressed("gzip"), text.as_bytes()),
        "/zstd" => answer(&compressed("zstd"), text.as_bytes()),
        "/latin" => answer("content-type: text/html; charset=iso-8859-1\r\n", text.as_bytes()),
        "/script" => answer("content-type: text/javascript\r\n", text.as_bytes()),
        "/file" => answer(&format!("{html}content-disposition: attachment\r\n"), text.as_bytes()),
        "/part" => {
            let head = format!("HTTP/1.1 206 Partial Content\r\n{html}content-range: bytes 0-3/100\r\n");
            format!("{head}content-length: 4\r\n\r\n<a h").into_bytes()
        }
        // A first part, and never an end.
        "/slow" => {
            let first = format!("<a href='{OTHER}'>first</a>");
            format!("HTTP/1.1 200 OK\r\n{html}transfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n", first.len())
                .into_bytes()
        }
        _ => answer(html, text.as_bytes()),
    }
}

/// An upstream that tells the test which `Accept-Encoding` it was sent.
async fn upstream(accepted: tokio::sync::mpsc::UnboundedSender<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let accepted = accepted.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = socket.read(&mut buffer).await {
                    let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    let field = head.lines().find_map(|line| line.strip_prefix("accept-encoding: "));
                    let _ = accepted.send(field.unwrap_or_default().to_owned());
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    let mut answer = answered(&format!("http://{address}/"), path);
                    if head.starts_with("HEAD ") {
                        let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
                        answer.truncate(end);
                    }
                    if socket.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

struct Scene {
    world: World,
    own: String,
    accepted: tokio::sync::mpsc::UnboundedReceiver<String>,
    _connector: RunningConnector,
}

async fn scene(links: BodyLinks) -> Scene {
    let (tell, accepted) = tokio::sync::mpsc::unbounded_channel();
    let own = format!("http://{}/", upstream(tell).await);
    let mut world = World::start();
    world.publish(SHOP, OTHER, Passthrough).await;
    let set = |publishing: &mut Publishing| {
        publishing.pre_authentication = Passthrough;
        publishing.body_links = links;
    };
    world.publish_as(&format!("https://{APP}/"), &own, set).await;
    let connector = world.connector(&[]).await;
    Scene { world, own, accepted, _connector: connector }
}

fn request(method: Method, path: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", APP);
    request.header("accept-encoding", "gzip, zstd, br").body(Full::default()).unwrap()
}

impl Scene {
    async fn get(&self, path: &str) -> Response<Bytes> {
        self.world.send(APP, request(Method::GET, path)).await
    }
}

fn field<'r>(response: &'r Response<Bytes>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_published_applications_however_a_page_is_compressed() {
    let mut scene = scene(BodyLinks::Translated).await;
    let expected = page(&format!("https://{APP}/"), SHOP, '"');
    for path in ["/plain", "/gzip", "/brotli"] {
        let seen = scene.get(path).await;
        assert_eq!(text(&seen), expected, "{path}");
        assert_eq!(field(&seen, "etag"), Some("W/\"1\""), "{path}");
        for gone in ["content-length", "content-encoding", "accept-ranges"] {
            assert_eq!(field(&seen, gone), None, "{path} has {gone}");
        }
    }
    assert_eq!(text(&scene.get("/sheet").await), format!("a {{ b: url({SHOP}c.png) }}"));
    assert_eq!(scene.accepted.recv().await.unwrap(), "gzip, br", "the upstream uses what can be undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_or_need_not_be_translated_passes_as_it_came() {
    let scene = scene(BodyLinks::Translated).await;
    let came = page(&scene.own, OTHER, '\'');
    for (path, encoding) in
        [("/broken", Some("gzip")), ("/zstd", Some("zstd")), ("/latin", None), ("/script", None), ("/file", None)]
    {
        let seen = scene.get(path).await;
        assert_eq!((text(&seen), field(&seen, "content-encoding")), (came.as_str(), encoding), "{path}");
        assert_eq!(field(&seen, "etag"), Some("\"1\""), "{path}");
    }
    let bomb = scene.get("/bomb").await;
    assert_eq!(field(&bomb, "content-encoding"), Some("gzip"));
    assert!(bomb.body() == &gzip(&vec![b' '; BOMB]), "a bomb is the client's to open");
    let part = scene.get("/part").await;
    assert_eq!((part.status().as_u16(), text(&part), field(&part, "content-length")), (206, "<a h", Some("4")));
    let head = scene.world.send(APP, request(Method::HEAD, "/plain")).await;
    assert_eq!(field(&head, "content-length"), Some(came.len().to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nothing_is_touched() {
    let mut scene = scene(BodyLinks::Kept).await;
    let seen = scene.get("/plain").await;
    assert_eq!(text(&seen), page(&scene.own, OTHER, '\''));
    assert_eq!((field(&seen, "etag"), field(&seen, "accept-ranges")), (Some("\"1\""), Some("bytes")));
    assert_eq!(field(&scene.get("/gzip").await, "content-encoding"), Some("gzip"));
    assert_eq!(scene.accepted.recv().await.unwrap(), "gzip, zstd, br");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_translated_as_it_comes() {
    let scene = scene(BodyLinks::Translated).await;
    let io = TokioIo::new(scene.world.tls(APP, &[b"http/1.1"]).await);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut body = sender.send_request(request(Method::GET, "/slow")).await.unwrap().into_body();
    let first = tokio::time::timeout(Duration::from_secs(30), body.frame()).await.expect("the first part, at once");
    let first = first.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(format!("<a href=\"{SHOP}\">").as_bytes()), "{first:?}");
    drop(body);
    assert!(scene.get("/plain").await.status().is_success(), "the next request is served");
}
