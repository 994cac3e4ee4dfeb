//! What an upstream may believe: identity and forwarding fields are the gateway's own, whatever the client wrote and
//! however it spelled them.

use serde_json::Value;

use crate::site::{HOST, Site};

/// What only a gateway may say.
const CLAIMS: &[&str] = &[
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Forwarded-Url",
    "X-Forwarded-Method",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-By",
    "Forwarded",
    "X-Real-IP",
    "X-Original-URL",
    "X-Original-Host",
    "X-Original-Forwarded-For",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-MS-Client-Principal",
    "X-MS-Client-Principal-Name",
    "X-MS-Token-AAD-Id-Token",
    "X-MS-Proxy",
    "X-Adit-User",
    "X-Adit-Reason",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "Remote-User",
    "Remote-Addr",
    "Remote-Groups",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "CF-Connecting-IP",
];

/// Spellings in which some server reads the same name.
fn spellings(name: &str) -> Vec<String> {
    let with = |sign: &str| name.replace('-', sign);
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(place, letter)| if place % 2 == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() })
        .collect();
    let last = name.rfind('-').map_or_else(|| name.to_owned(), |at| format!("{}_{}", &name[..at], &name[at + 1..]));
    vec![name.to_owned(), name.to_lowercase(), name.to_uppercase(), mixed, with("_"), with("."), with("~"), last]
}

fn head_at_upstream(site: &Site, lines: &str) -> Value {
    let seen = site.send(format!("GET /head HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n").as_bytes());
    assert_eq!(seen.answers[0].status, 200, "{lines}: {}", seen.answers[0].text());
    seen.answers[0].json()
}

#[test]
fn claims_of_a_client_do_not_reach_the_upstream_in_any_spelling() {
    let mut site = Site::start();
    let mut count = 0;
    for name in CLAIMS {
        let spellings = spellings(name);
        count += spellings.len();
        let lines: String = spellings.iter().map(|name| format!("{name}: spoofed.example\r\n")).collect();
        let text = head_at_upstream(&site, &lines).to_string();
        assert!(!text.contains("spoofed"), "{name}: {text}");
    }
    assert!(count > 300, "{count} spellings");
    site.is_well();
}

#[test]
fn fields_of_the_gateway_cannot_be_named_away() {
    let mut site = Site::start();
    for lines in [
        "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto\r\n",
        "Connection: close, Host\r\n",
        "Connection: Host, X-Forwarded-For\r\nX-Forwarded-For: spoofed.example\r\n",
        "Connection: x-forwarded-host\r\nConnection: x-forwarded-proto\r\n",
        "Connection: Content-Length\r\n",
        "Connection: ,,,\r\n",
        "Connection: Forwarded, Cookie, Authorization\r\nCookie: a=b\r\n",
    ] {
        let seen = head_at_upstream(&site, lines);
        let field = |name: &str| {
            let fields = seen["headers"].as_array().unwrap();
            let values: Vec<_> = fields.iter().filter(|field| field[0] == name).map(|field| field[1].clone()).collect();
            assert_eq!(values.len(), 1, "{lines:?}: {name} is there once: {seen}");
            values[0].as_str().unwrap().to_owned()
        };
        assert_eq!(field("x-forwarded-for"), "127.0.0.1", "{lines}");
        assert_eq!(field("x-forwarded-proto"), "https", "{lines}");
        assert_eq!(field("x-forwarded-host"), HOST, "{lines}");
        assert_eq!(field("host"), site.upstream.address().to_string(), "{lines}");
        assert!(!seen.to_string().contains("spoofed"), "{lines}: {seen}");
    }
    site.is_well();
}

#[test]
fn fields_that_end_at_a_hop_do_not_go_on() {
    let mut site = Site::start();
    let lines = "Connection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
                 Proxy-Authorization: Basic Og==\r\nTE: trailers\r\nTrailer: X-Last\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\nX-Private: yes\r\nX-Public: yes\r\n";
    let seen = head_at_upstream(&site, lines);
    let names: Vec<&str> = seen["headers"].as_array().unwrap().iter().filter_map(|field| field[0].as_str()).collect();
    for gone in ["keep-alive", "proxy-connection", "proxy-authorization", "upgrade", "http2-settings", "x-private"] {
        assert!(!names.contains(&gone), "{gone}: {names:?}");
    }
    // The gateway takes trailers itself, and says so for its own hop.
    let fields = seen["headers"].as_array().unwrap();
    let value = |name: &str| fields.iter().find(|field| field[0] == name).map(|field| field[1].as_str().unwrap());
    assert_eq!((value("te"), value("connection")), (Some("trailers"), Some("te")), "{fields:?}");
    assert!(names.contains(&"x-public"), "{names:?}");
    site.is_well();
}
