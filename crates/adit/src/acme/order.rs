//! One order, from the request to the certificate: prove the name, hand in a key, take what is issued.
//!
//! Invariant: what is returned is a certificate for the host and of the key that was made here, valid now. An authority
//! that issues anything else is refused.

use std::sync::Arc;
use std::time::Duration;

use adit_control::Zeroizing;
use adit_gateway::ServerCertificate;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeStatus, ChallengeType, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::challenge::{Answer, Challenges};
use super::failure::{OrderFailed, printable};
use super::{ChallengeKind, ORDER};

/// How often an order is looked at, unless the authority says how often.
const LOOK: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(ORDER);

/// The most certificates of a chain.
const LONGEST_CHAIN: usize = 10;

/// What an order brought.
pub(super) struct Issued {
    pub(super) certificate: ServerCertificate,
    /// The key and then the chain, as it is kept.
    pub(super) pem: Zeroizing<String>,
}

/// What is ordered.
pub(super) struct Wanted {
    pub(super) host: String,
    pub(super) kind: ChallengeKind,
    /// The certificate that this one is to replace, where the authority wants to know (RFC 9773, section 5).
    pub(super) replaces: Option<ServerCertificate>,
}

/// Orders a certificate for one host.
pub(super) async fn order(
    account: &Account,
    wanted: &Wanted,
    challenges: &Arc<Challenges>,
) -> Result<Issued, OrderFailed> {
    let identifiers = [Identifier::Dns(wanted.host.clone())];
    let mut new = NewOrder::new(&identifiers);
    let replaced = wanted.replaces.as_ref().and_then(|certificate| certificate.chain().first());
    if let Some(replaced) = replaced.and_then(|leaf| CertificateIdentifier::try_from(leaf).ok()) {
        new = new.replaces(replaced.into_owned());
    }
    let mut order = account.new_order(&new).await?;
    let answers = answer(&mut order, wanted, challenges).await?;
    let ready = order.poll_ready(&LOOK).await;
    drop(answers);
    match ready.map_err(OrderFailed::from) {
        Ok(OrderStatus::Ready) => {}
        Ok(_) => return Err(refusal(&mut order, wanted.kind).await),
        Err(OrderFailed::Refused(reason)) => return Err(OrderFailed::Refused(format!("{}: {reason}", wanted.kind))),
        Err(failed) => return Err(failed),
    }
    take(&mut order, &wanted.host).await
}

/// Answers what is not proved yet, and tells the authority to look.
async fn answer(order: &mut Order, wanted: &Wanted, challenges: &Arc<Challenges>) -> Result<Vec<Answer>, OrderFailed> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => return Err(OrderFailed::Refused(format!("the authorisation is {status:?} from the start"))),
        }
        let Some(mut challenge) = authorization.challenge(wanted.kind.into()) else {
            return Err(OrderFailed::Refused(format!("the authority offers no {} challenge", wanted.kind)));
        };
        let proof = challenge.key_authorization();
        answers.push(challenges.answer(wanted.kind, &wanted.host, &challenge.token, &proof)?);
        challenge.set_ready().await?;
    }
    Ok(answers)
}

/// Why the order became invalid, in the authority's words.
async fn refusal(order: &mut Order, kind: ChallengeKind) -> OrderFailed {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let failed = state.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Invalid);
        if let Some(problem) = failed.and_then(|challenge| challenge.error.clone()) {
            return OrderFailed::Refused(format!("{kind}: {}", printable(&problem.to_string())));
        }
    }
    OrderFailed::Refused(format!("{kind}: the authority did not accept the proof"))
}

/// Hands in a new key and takes the certificate for it.
async fn take(order: &mut Order, host: &str) -> Result<Issued, OrderFailed> {
    let failed = |error: rcgen::Error| OrderFailed::Ourselves(format!("no certificate request: {error}"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new([host.to_owned()]).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(failed)?;
    order.finalize_csr(request.der()).await?;
    let chain_pem = order.poll_certificate(&LOOK).await?;
    let key_der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let certificate = checked(&chain_pem, key_der, host, Timestamp::now()).map_err(OrderFailed::Refused)?;
    // Written anew from what was understood, so that nothing else of the answer gets into a file.
    let key_pem = Zeroizing::new(key.serialize_pem());
    Ok(Issued { pem: Zeroizing::new(format!("{}\n{}", *key_pem, chain_in_pem(&certificate))), certificate })
}

/// The certificate of an answer, if it is what was asked for.
fn checked(
    chain_pem: &str,
    key: PrivateKeyDer<'static>,
    host: &str,
    now: Timestamp,
) -> Result<ServerCertificate, String> {
    let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).take(LONGEST_CHAIN + 1);
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(|error| format!("no chain was issued: {error}"))?;
    if chain.len() > LONGEST_CHAIN {
        return Err(format!("a chain of more than {LONGEST_CHAIN} certificates was issued"));
    }
    let certificate = ServerCertificate::new(chain, key).map_err(|error| format!("what was issued: {error}"))?;
    if !certificate.covers(host) {
        return Err(format!("a certificate for {:?} was issued, not for {host}", certificate.names()));
    }
    if !certificate.is_valid_at(now) {
        return Err("a certificate was issued that is not valid now; is this machine's clock right?".to_owned());
    }
    Ok(certificate)
}

fn chain_in_pem(certificate: &ServerCertificate) -> String {
    certificate.chain().iter().map(|der| in_pem(der)).collect()
}

/// One certificate in PEM (RFC 7468).
fn in_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (position, character) in text.chars().enumerate() {
        pem.push(character);
        if position % 64 == 63 {
            pem.push('\n');
        }
    }
    if !pem.ends_with('\n') {
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

impl From<ChallengeKind> for ChallengeType {
    fn from(kind: ChallengeKind) -> Self {
        match kind {
            ChallengeKind::Http01 => Self::Http01,
            ChallengeKind::TlsAlpn01 => Self::TlsAlpn01,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(host: &str, from: i32) -> (String, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(from + 1, 1, 1));
        let pem = params.self_signed(&key).unwrap().pem();
        (pem, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    #[test]
    fn what_is_issued_must_be_for_the_host_and_the_key_and_valid() {
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let (pem, key) = issued("a.example", 2026);
        let (_, other_key) = issued("a.example", 2026);
        assert!(checked(&pem, key.clone_key(), "a.example", now).is_ok());
        assert!(checked(&pem, key.clone_key(), "b.example", now).unwrap_err().contains("not for b.example"));
        assert!(checked(&pem, other_key, "a.example", now).unwrap_err().contains("does not belong"));
        assert!(checked(&pem.repeat(11), key.clone_key(), "a.example", now).unwrap_err().contains("more than 10"));
        for nothing in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"] {
            assert!(checked(nothing, key.clone_key(), "a.example", now).is_err(), "{nothing}");
        }
        let (late, key) = issued("a.example", 2027);
        assert!(checked(&late, key, "a.example", now).unwrap_err().contains("clock"));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let (pem, key) = issued("a.example", 2026);
        let certificate = checked(&pem.repeat(2), key, "a.example", "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
        let text = chain_in_pem(&certificate);
        let read: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().unwrap();
        assert_eq!(read, certificate.chain());
        assert!(text.lines().all(|line| line.len() <= 64));
    }
}
