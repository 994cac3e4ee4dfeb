//! An authority that misbehaves, over real TLS: nothing of it is followed to other hosts, waited for or kept for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::AcmeSettings;
use super::account::AccountKeeper;
use super::failure::OrderFailed;
use super::keeper::guarded;
use super::tests::settings;
use super::transport::Busy;

/// An authority that gives the same bytes to every request. `OTHER` in them stands for the address of a listener beside
/// it, `HERE` for its own.
struct Authority {
    settings: AcmeSettings,
    elsewhere: Arc<AtomicUsize>,
}

impl Authority {
    async fn that_says(answer: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let there = format!("https://localhost:{}", other.local_addr().unwrap().port());
        let answer = answer.replace("HERE", &here).replace("OTHER", &there);
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), answer));
        let elsewhere = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&elsewhere);
        tokio::spawn(async move {
            while other.accept().await.is_ok() {
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
        let directory = Url::parse(&format!("{here}/directory")).unwrap();
        let settings = AcmeSettings { directory, ca: Some(made.cert.pem()), ..settings(&["example.com"]) };
        Self { settings, elsewhere }
    }

    /// What comes of asking it for an account.
    async fn asked(&self) -> (OrderFailed, Busy) {
        let folder = tempfile::tempdir().unwrap();
        let busy = Busy::default();
        let accounts = AccountKeeper::new(self.settings.clone(), folder.path().to_owned(), busy.clone());
        let failed = guarded(async { accounts.account().await.map(drop) }).await.unwrap_err();
        assert_eq!(self.elsewhere.load(Ordering::SeqCst), 0, "another host was asked");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was kept");
        (failed, busy)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, answer: String) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let mut request = vec![0; 16 * 1024];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                let _ = stream.write_all(answer.as_bytes()).await;
                // An answer without a length ends with the connection.
                let _ = stream.shutdown().await;
            }
        });
    }
}

fn json(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}content-type: application/json\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn other_hosts_are_not_asked_whatever_the_directory_names() {
    let directory = r#"{"newNonce": "OTHER/nonce", "newAccount": "OTHER/account", "newOrder": "OTHER/order"}"#;
    let (failed, _) = Authority::that_says(&json("200 OK", "", directory)).await.asked().await;
    assert!(failed.to_string().contains("not on its directory's host"), "{failed}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for target in ["OTHER/directory", "HERE/elsewhere"] {
        let answer = json("302 Found", &format!("location: {target}\r\n"), "{}");
        let (failed, _) = Authority::that_says(&answer).await.asked().await;
        assert!(failed.to_string().contains("redirects (302 Found)"), "{failed}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let answer = json("200 OK", "", &" ".repeat(512 * 1024));
    let (failed, _) = Authority::that_says(&answer).await.asked().await;
    assert!(failed.to_string().contains("length limit"), "{failed}");
}

#[tokio::test]
async fn nonsense_is_a_refusal_and_no_panic() {
    let nowhere = r#"{"newNonce": "\u0000 no URL", "newAccount": "HERE/a", "newOrder": "HERE/o"}"#;
    for body in ["", "nonsense", "{}", "[]", nowhere] {
        let (failed, _) = Authority::that_says(&json("200 OK", "", body)).await.asked().await;
        assert!(matches!(failed, OrderFailed::Refused(_)), "{body}: {failed:?}");
    }
}

#[tokio::test]
async fn an_authority_that_is_busy_is_left_alone() {
    let problem = r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "later"}"#;
    let (_, busy) =
        Authority::that_says(&json("429 Too Many Requests", "retry-after: 600\r\n", problem)).await.asked().await;
    let until = busy.until(Timestamp::now()).expect("a pause");
    assert!(until.as_second() - Timestamp::now().as_second() > 500);
}
