//! Tokens that are accepted and tokens that are not: forged, expired, for others, and issuers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::DirectoryRole;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::local_key::{Holder, TokenRequest};
use crate::token::TokenKind;

fn request(scopes: &str) -> TokenRequest {
    TokenRequest {
        holder: Holder::Administrator,
        scopes: scopes.to_owned(),
        lifetime: Duration::from_secs(3600),
        now: SystemTime::now(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn parts(header: &Value, claims: &Value, signature: &str) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", encode(header), encode(claims))
}

/// A little OpenID provider on loopback that counts how often it was asked.
struct Provider {
    url: String,
    asked: Arc<AtomicUsize>,
    key: KeyPair,
}

impl Provider {
    /// Serves its discovery document (with `change` applied) and one key, then goes away after `lives` answers.
    async fn start(change: fn(&mut Value), lives: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let key = KeyPair::generate().unwrap();
        let point = key.der_bytes();
        let set = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
            "x": BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), "y": BASE64_URL_SAFE_NO_PAD.encode(&point[33..65]),
        }]});
        let mut document = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        change(&mut document);
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            for _ in 0..lives {
                let (mut stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let body = if head[..length].starts_with(b"GET /keys ") { &set } else { &document };
                let body = body.to_string();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, asked, key }
    }

    fn settings(&self) -> IssuerSettings {
        IssuerSettings { url: self.url.clone(), audience: "api://test".to_owned(), ca: None }
    }

    fn claims(&self) -> Value {
        json!({"iss": self.url, "aud": "api://test", "sub": "somebody", "exp": now() + 600, "nbf": now() - 5,
            "scp": "Directory.ReadWrite.All", "azp": "a-client", "preferred_username": "ada@example.test"})
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&self.key.serialize_der())).unwrap()
    }
}

fn verifier(provider: &Provider) -> Verifier {
    let (local, _) = LocalKey::generate().unwrap();
    Verifier::new(&local, vec![provider.settings()]).unwrap()
}

#[tokio::test]
async fn a_local_token_says_who_and_what() {
    let (key, _) = LocalKey::generate().unwrap();
    let verifier = Verifier::new(&key, vec![]).unwrap();
    let token = key.issue(&request("Directory.ReadWrite.All  Other")).unwrap();
    let verified = verifier.verify(&format!(" {token} ")).await.unwrap();
    assert_eq!(verified.scopes(), ["Directory.ReadWrite.All", "Other"]);
    assert_eq!((verified.subject(), verified.client()), ("local", Some("adit-cli")));
    assert_eq!(verified.kind(), TokenKind::Delegated);
    assert_eq!(verified.directory_roles(), [DirectoryRole::GlobalAdministrator]);
}

#[tokio::test]
async fn a_user_has_the_administrator_roles_that_the_issuer_names_and_no_other() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    let developer = DirectoryRole::ApplicationDeveloper.template_id().to_string();
    for (wids, expected) in [
        (json!(null), vec![]),
        (json!([]), vec![]),
        (json!(["62e90394-69f5-4237-9190-012177145e1"]), vec![]),
        (json!(["Global Administrator", "b79fbf4d-3ef9-4689-8143-76b194e85509"]), vec![]),
        (json!(["x", developer.to_uppercase()]), vec![DirectoryRole::ApplicationDeveloper]),
        (json!(developer), vec![DirectoryRole::ApplicationDeveloper]),
    ] {
        let mut claims = provider.claims();
        if !wids.is_null() {
            claims["wids"] = wids.clone();
        }
        let verified = verifier.verify(&provider.token("one", &claims)).await.unwrap();
        assert_eq!(verified.directory_roles(), expected, "{wids}");
    }
}

#[tokio::test]
async fn tokens_of_another_key_or_outside_their_time_are_refused() {
    let (key, _) = LocalKey::generate().unwrap();
    let (other, _) = LocalKey::generate().unwrap();
    let verifier = Verifier::new(&key, vec![]).unwrap();
    // Without its key id the other key's token reaches the signature check.
    let foreign = other.issue(&request("x")).unwrap();
    assert_eq!(verifier.verify(&foreign).await, Err(TokenRefused::WrongSignature));
    let day = Duration::from_secs(86_400);
    let past = TokenRequest { now: SystemTime::now() - day, ..request("x") };
    assert_eq!(verifier.verify(&key.issue(&past).unwrap()).await, Err(TokenRefused::Expired));
    let future = TokenRequest { now: SystemTime::now() + day, ..request("x") };
    assert_eq!(verifier.verify(&key.issue(&future).unwrap()).await, Err(TokenRefused::NotYetValid));
    let skewed = TokenRequest { now: SystemTime::now() + Duration::from_secs(30), ..request("x") };
    assert!(verifier.verify(&key.issue(&skewed).unwrap()).await.is_ok());
}

#[tokio::test]
async fn what_is_no_token_is_refused_with_its_reason() {
    let (key, _) = LocalKey::generate().unwrap();
    let verifier = Verifier::new(&key, vec![]).unwrap();
    assert_eq!(verifier.verify("  ").await, Err(TokenRefused::Empty));
    for text in ["nonsense", "a.b", "a.b.c", "a.b.c.d", &"x".repeat(20_000)] {
        assert!(matches!(verifier.verify(text).await, Err(TokenRefused::Malformed(_))), "{text}");
    }
    let claims =
        json!({"iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE, "exp": now() + 60, "scp": "Directory.ReadWrite.All"});
    for algorithm in ["none", "None", "NONE", "HS256", "HS512", "RS1", ""] {
        let token = parts(&json!({"alg": algorithm, "typ": "JWT"}), &claims, "");
        assert_eq!(verifier.verify(&token).await, Err(TokenRefused::AlgorithmNotAccepted), "{algorithm}");
    }
    // RS256 is accepted in general, but no local key is for it.
    let token = parts(&json!({"alg": "RS256"}), &claims, "AAAA");
    assert_eq!(verifier.verify(&token).await, Err(TokenRefused::UnknownKey));
    let token = parts(&json!({"alg": "ES256", "crit": ["x"]}), &claims, "AAAA");
    assert!(matches!(verifier.verify(&token).await, Err(TokenRefused::Malformed(_))));
}

#[tokio::test]
async fn a_genuine_microsoft_graph_token_is_refused_with_an_explanation() {
    let (key, _) = LocalKey::generate().unwrap();
    let verifier = Verifier::new(&key, vec![]).unwrap();
    for audience in [json!("https://graph.microsoft.com/"), json!(["00000003-0000-0000-c000-000000000000"])] {
        let claims = json!({"iss": "https://sts.windows.net/x/", "aud": audience});
        let refused = verifier.verify(&parts(&json!({"alg": "RS256"}), &claims, "AAAA")).await.unwrap_err();
        assert!(refused.to_string().contains("only Microsoft can verify"), "{refused}");
    }
}

#[tokio::test]
async fn a_configured_issuer_is_discovered_and_its_tokens_are_accepted() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    for _ in 0..3 {
        let verified = verifier.verify(&provider.token("one", &provider.claims())).await.unwrap();
        assert_eq!((verified.subject(), verified.name()), ("somebody", Some("ada@example.test")));
        assert_eq!(verified.client(), Some("a-client"));
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2, "one discovery, one key set");
}

#[tokio::test]
async fn app_only_tokens_carry_roles() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    let mut claims = provider.claims();
    claims.as_object_mut().unwrap().remove("scp");
    claims.as_object_mut().unwrap().remove("preferred_username");
    claims["roles"] = json!(["Directory.Read.All"]);
    let verified = verifier.verify(&provider.token("one", &claims)).await.unwrap();
    assert_eq!((verified.kind(), verified.roles()), (TokenKind::AppOnly, &["Directory.Read.All".to_owned()][..]));
    // A user's ID token has the user's roles and no scope either.
    for (claim, value) in [
        ("preferred_username", json!("ada@example.test")),
        ("upn", json!("ada@example.test")),
        ("nonce", json!("x")),
        ("wids", json!(["b79fbf4d-3ef9-4689-8143-76b194e85509"])),
    ] {
        let mut of_user = claims.clone();
        of_user[claim] = value;
        let verified = verifier.verify(&provider.token("one", &of_user)).await.unwrap();
        assert_eq!(verified.kind(), TokenKind::Delegated, "with {claim} it speaks for a user");
        of_user["idtyp"] = json!("app");
        let said = verifier.verify(&provider.token("one", &of_user)).await.unwrap();
        assert_eq!(said.kind(), TokenKind::AppOnly, "the issuer says what it is");
    }
}

#[tokio::test]
async fn changed_claims_are_refused_each_with_its_reason() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    let wrong_audience = TokenRefused::WrongAudience { expected: "api://test".to_owned() };
    let claim = |name: &str| TokenRefused::BadClaim(name.to_owned());
    let mutations: [(&str, Value, TokenRefused); 13] = [
        ("aud", json!("api://other"), wrong_audience.clone()),
        ("aud", json!(["api://other", "x"]), wrong_audience.clone()),
        ("aud", Value::Null, claim("aud")),
        ("aud", json!(5), claim("aud")),
        ("iss", json!(5), claim("iss")),
        ("iss", json!(LOCAL_ISSUER), TokenRefused::WrongSignature),
        ("iss", json!("https://elsewhere.test"), TokenRefused::UnknownIssuer("https://elsewhere.test".to_owned())),
        ("exp", Value::Null, claim("exp")),
        ("exp", json!("never"), claim("exp")),
        ("exp", json!((now() + 600) * 1000), claim("exp")),
        ("exp", json!(now() - 120), TokenRefused::Expired),
        ("nbf", json!(now() + 120), TokenRefused::NotYetValid),
        ("nbf", json!("soon"), claim("nbf")),
    ];
    for (name, value, expected) in mutations {
        let mut claims = provider.claims();
        claims[name] = value.clone();
        let refused = verifier.verify(&provider.token("one", &claims)).await;
        assert_eq!(refused, Err(expected), "{name} = {value}");
    }
}

#[tokio::test]
async fn an_unknown_key_id_causes_one_refresh_a_minute_and_the_old_set_stays() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    let good = provider.token("one", &provider.claims());
    verifier.verify(&good).await.unwrap();
    for number in 0..10 {
        let token = provider.token(&format!("made-up-{number}"), &provider.claims());
        assert_eq!(verifier.verify(&token).await, Err(TokenRefused::UnknownKey));
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    verifier.verify(&good).await.unwrap();
}

#[tokio::test]
async fn keys_that_the_token_brings_along_are_never_used() {
    let provider = Provider::start(|_| (), 2).await;
    let verifier = verifier(&provider);
    let attacker = KeyPair::generate().unwrap();
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("one".to_owned());
    header.jku = Some(format!("{}/attacker", provider.url));
    header.x5u = header.jku.clone();
    let signing = EncodingKey::from_ec_der(&attacker.serialize_der());
    header.jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&signing, Algorithm::ES256).ok();
    assert!(header.jwk.is_some());
    let token = jsonwebtoken::encode(&header, &provider.claims(), &signing).unwrap();
    assert_eq!(verifier.verify(&token).await, Err(TokenRefused::WrongSignature));
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn poor_discovery_documents_leave_the_issuer_without_keys() {
    let changes: [fn(&mut Value); 4] = [
        |document| document["issuer"] = json!("https://elsewhere.test"),
        |document| document["jwks_uri"] = json!("http://192.0.2.1/keys"),
        |document| document["jwks_uri"] = json!("file:///etc/passwd"),
        |document| *document = json!("hello"),
    ];
    for change in changes {
        let provider = Provider::start(change, 1).await;
        let refused = verifier(&provider).verify(&provider.token("one", &provider.claims())).await;
        assert_eq!(refused, Err(TokenRefused::IssuerUnavailable));
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn issuers_that_cannot_be_right_are_refused_at_start() {
    let (key, _) = LocalKey::generate().unwrap();
    for (url, audience) in
        [("http://example.test", "a"), ("example", "a"), ("file:///x", "a"), ("https://example.test", " ")]
    {
        let settings = IssuerSettings { url: url.to_owned(), audience: audience.to_owned(), ca: None };
        assert!(Verifier::new(&key, vec![settings]).is_err(), "{url} {audience}");
    }
}

/// A server that gives one raw answer to each request.
async fn raw_server(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

#[tokio::test]
async fn redirects_are_not_followed_and_large_answers_are_dropped() {
    let provider = Provider::start(|_| (), 2).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}/keys\r\ncontent-length: 0\r\n\r\n", provider.url);
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n{{{}", " ".repeat(1_999_999));
    for answer in [redirect, large, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned(), "rubbish".to_owned()] {
        let (url, asked) = raw_server(answer).await;
        let (local, _) = LocalKey::generate().unwrap();
        let settings = IssuerSettings { url: url.clone(), audience: "api://test".to_owned(), ca: None };
        let verifier = Verifier::new(&local, vec![settings]).unwrap();
        let mut claims = provider.claims();
        claims["iss"] = json!(url);
        let refused = verifier.verify(&provider.token("one", &claims)).await;
        assert_eq!(refused, Err(TokenRefused::IssuerUnavailable));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_issuer_over_https_is_reached_with_the_authority_it_was_configured_with() {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = identity.cert.der().clone();
    let key = rustls_pki_types::PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let signing = KeyPair::generate().unwrap();
    let point = signing.der_bytes();
    let document = json!({"issuer": url, "jwks_uri": format!("{url}/keys"), "keys": [{
        "kty": "EC", "crv": "P-256",
        "x": BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), "y": BASE64_URL_SAFE_NO_PAD.encode(&point[33..65]),
    }]})
    .to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", document.len());
            let _ = stream.write_all(format!("{head}{document}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let claims = json!({"iss": url, "aud": "api://test", "sub": "x", "exp": now() + 60});
    let signing = EncodingKey::from_ec_der(&signing.serialize_der());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &signing).unwrap();
    let (local, _) = LocalKey::generate().unwrap();
    let with =
        |ca| Verifier::new(&local, vec![IssuerSettings { url: url.clone(), audience: "api://test".to_owned(), ca }]);
    assert!(with(Some(certificate)).unwrap().verify(&token).await.is_ok());
    assert_eq!(with(None).unwrap().verify(&token).await, Err(TokenRefused::IssuerUnavailable));
}

/// The two numbers of an RSA public key in PKCS#1 form.
fn rsa_numbers(der: &[u8]) -> (String, String) {
    let (n, rest) = integer(&der[4..]);
    let (e, _) = integer(rest);
    (BASE64_URL_SAFE_NO_PAD.encode(n), BASE64_URL_SAFE_NO_PAD.encode(e))
}

/// Just enough DER to read an integer: its number, and what follows.
fn integer(der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], 2);
    let (length, start) = match der[1] {
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        0x81 => (usize::from(der[2]), 3),
        short => (usize::from(short), 2),
    };
    let number = &der[start..start + length];
    (number.strip_prefix(&[0]).unwrap_or(number), &der[start + length..])
}

#[test]
fn rsa_and_edwards_keys_verify_with_their_own_algorithms_only() {
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let (n, e) = rsa_numbers(rsa.der_bytes());
    let edwards = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let set = json!({"keys": [
        {"kty": "RSA", "n": n, "e": e, "kid": "rsa", "use": "sig"},
        {"kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(edwards.der_bytes()), "kid": "edwards"},
    ]});
    let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let issuer = Issuer::local("https://issuer.test", "api://test", set.clone());
    let claims = json!({"iss": "https://issuer.test", "aud": "api://test", "sub": "x", "exp": now() + 60});
    let rsa_key = EncodingKey::from_rsa_der(&rsa_private(&rsa));
    let edwards_key = EncodingKey::from_ed_der(&edwards.serialize_der());
    for (algorithm, kid, key) in [
        (Algorithm::RS256, "rsa", &rsa_key),
        (Algorithm::PS256, "rsa", &rsa_key),
        (Algorithm::EdDSA, "edwards", &edwards_key),
    ] {
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, key).unwrap();
        let candidates: Vec<_> = set.candidates(Some(kid), algorithm).collect();
        assert_eq!(candidates.len(), 1, "{algorithm:?}");
        let checked = jwt::check::<Claims>(&token, &candidates[0].key, algorithm, &issuer, &["api://test"]);
        assert!(checked.is_ok(), "{algorithm:?}");
    }
    assert_eq!(set.candidates(Some("rsa"), Algorithm::ES256).count(), 0);
    assert_eq!(set.candidates(Some("edwards"), Algorithm::RS256).count(), 0);
}

/// The PKCS#1 form inside the PKCS#8 form: an octet string at the end of three fixed parts.
fn rsa_private(key: &KeyPair) -> Vec<u8> {
    let pkcs8 = key.serialize_der();
    let start = pkcs8.windows(2).skip(4).position(|pair| pair == [0x04, 0x82]).unwrap() + 4;
    pkcs8[start + 4..].to_vec()
}
