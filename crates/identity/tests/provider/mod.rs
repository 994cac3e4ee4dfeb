//! An OpenID provider for tests: a little HTTP server on loopback with discovery, keys and a token endpoint, which does what
//! the protocol says until it is told to do something else, and counts what it is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::{Url, form_urlencoded};

/// How the relying party is known here.
pub(crate) const CLIENT: &str = "adit-gateway";

/// Its secret, with characters that have to be encoded.
pub(crate) const SECRET: &str = "a secret: with % and +";

type Change = Box<dyn Fn(&mut Value) + Send>;

/// A key pair and its id.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    pub(crate) id: String,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), id: id.to_owned() }
    }

    /// Its public half as a JSON web key.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig",
            "x": BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), "y": BASE64_URL_SAFE_NO_PAD.encode(&point[33..65])})
    }

    /// The claims as a token of this key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "ES256", "typ": "JWT", "kid": self.id}), &claims.to_string())
    }

    /// The same with a header and claims as they are written.
    pub(crate) fn sign_as(&self, header: &Value, claims: &str) -> String {
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_owned()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// What was asked for when somebody signed in.
struct Asked {
    challenge: String,
    redirect_uri: String,
    claims: Value,
}

/// What makes other tokens of claims than an honest provider would.
type Forge = Box<dyn Fn(&Signer, &Value) -> String + Send>;

#[derive(Default)]
struct Behaviour {
    document: Option<Change>,
    claims: Option<Change>,
    /// The raw answer of the keys' place.
    keys: Option<String>,
    /// The raw answer of the token endpoint.
    tokens: Option<String>,
    /// Makes the ID token of the claims.
    forge: Option<Forge>,
}

/// Nobody is answered while this is held.
pub(crate) type Held = tokio::sync::OwnedRwLockWriteGuard<()>;

/// How often each place was asked.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) discovery: AtomicUsize,
    pub(crate) keys: AtomicUsize,
    pub(crate) tokens: AtomicUsize,
}

struct Shared {
    url: String,
    signer: Mutex<Arc<Signer>>,
    published: Mutex<Vec<Value>>,
    behaviour: Mutex<Behaviour>,
    codes: Mutex<HashMap<String, Asked>>,
    begun: AtomicUsize,
    counts: Counts,
    gate: Arc<tokio::sync::RwLock<()>>,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Shared>);

impl Provider {
    /// Starts one on the runtime of the test.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signer = Signer::new("one");
        let shared = Arc::new(Shared {
            url: format!("http://{}", listener.local_addr().unwrap()),
            published: Mutex::new(vec![signer.jwk()]),
            signer: Mutex::new(Arc::new(signer)),
            behaviour: Mutex::default(),
            codes: Mutex::default(),
            begun: AtomicUsize::new(0),
            counts: Counts::default(),
            gate: Arc::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&serving)));
            }
        });
        Self(shared)
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// How often the token endpoint was asked.
    pub(crate) fn tokens_asked(&self) -> usize {
        self.0.counts.tokens.load(Ordering::SeqCst)
    }

    /// Answers nobody until what is returned is dropped.
    pub(crate) async fn hold(&self) -> Held {
        Arc::clone(&self.0.gate).write_owned().await
    }

    /// Changes the discovery document.
    pub(crate) fn document(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.0.behaviour.lock().unwrap().document = Some(Box::new(change));
    }

    /// Changes the claims of the ID tokens from here on.
    pub(crate) fn claims(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.0.behaviour.lock().unwrap().claims = Some(Box::new(change));
    }

    /// Answers for its keys with these bytes.
    pub(crate) fn answers_for_keys(&self, raw: &str) {
        self.0.behaviour.lock().unwrap().keys = Some(raw.to_owned());
    }

    /// Answers at the token endpoint with these bytes.
    pub(crate) fn answers_for_tokens(&self, raw: &str) {
        self.0.behaviour.lock().unwrap().tokens = Some(raw.to_owned());
    }

    /// Makes ID tokens in another way.
    pub(crate) fn forges(&self, forge: impl Fn(&Signer, &Value) -> String + Send + 'static) {
        self.0.behaviour.lock().unwrap().forge = Some(Box::new(forge));
    }

    /// Does what the protocol says again.
    pub(crate) fn behaves(&self) {
        *self.0.behaviour.lock().unwrap() = Behaviour::default();
    }

    /// Signs with another key from here on; the old one is published beside it, or not.
    pub(crate) fn rotate(&self, signer: Signer, keeps_old: bool) {
        let mut published = self.0.published.lock().unwrap();
        if !keeps_old {
            published.clear();
        }
        published.push(signer.jwk());
        *self.0.signer.lock().unwrap() = Arc::new(signer);
    }

    /// Signs any claims, as for an access token.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.0.signer.lock().unwrap().sign(claims)
    }

    /// The same with another header.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.0.signer.lock().unwrap().sign_as(header, &claims.to_string())
    }

    /// An access token for `audience`, with `more` claims.
    pub(crate) fn access_token(&self, audience: &str, subject: &str, more: &Value) -> String {
        let mut claims = json!({"iss": self.url(), "aud": audience, "sub": subject, "iat": now() - 5, "exp": now() + 600,
            "scp": "access"});
        merge(&mut claims, more);
        self.sign(&claims)
    }

    /// Somebody signs in at the place to which the relying party sent the browser; `user` are claims of theirs. Returns the
    /// query with which the browser comes back.
    pub(crate) fn sign_in(&self, location: &str, user: &Value) -> String {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(&format!("{}/authorize?", self.url())), "{location}");
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
        assert_eq!(asked["client_id"], CLIENT);
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut claims = json!({"iss": self.url(), "aud": CLIENT, "iat": now() - 5, "exp": now() + 600,
            "nonce": asked["nonce"]});
        merge(&mut claims, user);
        let code = format!("code-{}", self.0.begun.fetch_add(1, Ordering::SeqCst));
        let (challenge, redirect_uri) = (asked["code_challenge"].clone(), asked["redirect_uri"].clone());
        self.0.codes.lock().unwrap().insert(code.clone(), Asked { challenge, redirect_uri, claims });
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code).append_pair("state", &asked["state"]).append_pair("iss", self.url());
        query.finish()
    }
}

fn merge(claims: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn serve(mut socket: TcpStream, shared: Arc<Shared>) {
    let Some((head, body)) = read(&mut socket).await else { return };
    let answer = answer(&shared, &head, &body);
    drop(shared.gate.read().await);
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}

async fn read(socket: &mut TcpStream) -> Option<(String, String)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = socket.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase().lines().find_map(|line| {
            line.strip_prefix("content-length:").and_then(|length| length.trim().parse::<usize>().ok())
        });
        if body.len() >= length.unwrap_or_default() {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

fn answer(shared: &Shared, head: &str, body: &str) -> String {
    let behaviour = shared.behaviour.lock().unwrap();
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::SeqCst);
    match head.split(' ').nth(1).unwrap_or_default() {
        "/.well-known/openid-configuration" => {
            count(&shared.counts.discovery);
            let url = &shared.url;
            let mut document = json!({"issuer": url, "jwks_uri": format!("{url}/keys"),
                "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
                "end_session_endpoint": format!("{url}/end"), "authorization_response_iss_parameter_supported": true});
            if let Some(change) = &behaviour.document {
                change(&mut document);
            }
            of_json("200 OK", &document)
        }
        "/keys" => {
            count(&shared.counts.keys);
            let keys = json!({"keys": *shared.published.lock().unwrap()});
            behaviour.keys.clone().unwrap_or_else(|| of_json("200 OK", &keys))
        }
        "/token" => {
            count(&shared.counts.tokens);
            behaviour.tokens.clone().unwrap_or_else(|| tokens(shared, &behaviour, head, body))
        }
        _ => of_json("404 Not Found", &json!({})),
    }
}

fn of_json(status: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Exchanges a code, once, for who knows the client's secret and what the challenge was made of.
fn tokens(shared: &Shared, behaviour: &Behaviour, head: &str, body: &str) -> String {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(CLIENT), encoded(SECRET));
    let basic = format!("authorization: Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
    let refused = |error: &str| of_json("400 Bad Request", &json!({"error": error}));
    if !head.lines().any(|line| line.eq_ignore_ascii_case(&basic)) {
        return refused("invalid_client");
    }
    let Some(asked) = form.get("code").and_then(|code| shared.codes.lock().unwrap().remove(code)) else {
        return refused("invalid_grant");
    };
    let proof = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if proof != asked.challenge || form["redirect_uri"] != asked.redirect_uri {
        return refused("invalid_grant");
    }
    let mut claims = asked.claims;
    if let Some(change) = &behaviour.claims {
        change(&mut claims);
    }
    let signer = Arc::clone(&shared.signer.lock().unwrap());
    let id_token = match &behaviour.forge {
        Some(forge) => forge(&signer, &claims),
        None => signer.sign(&claims),
    };
    of_json(
        "200 OK",
        &json!({"id_token": id_token, "access_token": "opaque", "token_type": "Bearer", "expires_in": 600}),
    )
}
