//! Sealing of what browsers keep for us: AES-256-GCM under keys that only gateways have, as text that fits a cookie.
//!
//! A sealed value is bound to its [`Purpose`], which has a key of its own, and its [`Audience`]: as another kind of value, at
//! another host or for another application it does not open. A ring has the current key, which seals, and the one before it, which still
//! opens; what is older does not open. Whatever is wrong with a value, the failure is the same one.
//!
//! The format, before base64url without padding: one byte for the version, four that name the key, twelve of nonce, then
//! the ciphertext with its tag.

use std::fmt;

use adit_core::ApplicationId;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The only format there is so far.
const VERSION: u8 = 1;

/// How many bytes name a key: enough to tell two of them apart.
const KEY_ID: usize = 4;

/// What stands before the ciphertext.
const HEAD: usize = 1 + KEY_ID + NONCE_LEN;

/// The length of the tag.
const TAG: usize = 16;

/// The largest value that is sealed, in bytes: a session of the largest size with what belongs to its hand-over. The text
/// fits one cookie, with its name.
const LARGEST: usize = 2_950;

/// The longest text that is looked at: four digits for three bytes.
const LONGEST_TEXT: usize = (HEAD + LARGEST + TAG).div_ceil(3) * 4;

/// What a sealed value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The session of one application, in its own cookie.
    Session,
    /// The session at the sign-in host.
    SignIn,
    /// One attempt to sign in at a provider.
    Attempt,
    /// What an application's host remembers while its user is away to sign in.
    BeforeSignIn,
    /// What an application's host asks of the sign-in host.
    HandOverRequest,
    /// What the sign-in host gives back.
    HandOverCode,
    /// Which session is to be ended, as an application's host tells the sign-in host.
    SignOut,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::Session,
        Self::SignIn,
        Self::Attempt,
        Self::BeforeSignIn,
        Self::HandOverRequest,
        Self::HandOverCode,
        Self::SignOut,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::SignIn => 2,
            Self::Attempt => 3,
            Self::BeforeSignIn => 4,
            Self::HandOverRequest => 5,
            Self::HandOverCode => 6,
            Self::SignOut => 7,
        }
    }
}

/// For whom a sealed value is: one host, and there one application or the sign-in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience<'a> {
    host: &'a str,
    application: Option<ApplicationId>,
}

impl<'a> Audience<'a> {
    /// An application at one of its hosts (lower case, without port).
    #[must_use]
    pub const fn application(application: ApplicationId, host: &'a str) -> Self {
        Self { host, application: Some(application) }
    }

    /// The sign-in host (lower case, without port).
    #[must_use]
    pub const fn sign_in_host(host: &'a str) -> Self {
        Self { host, application: None }
    }

    /// The purpose of a session that is for it.
    pub(crate) const fn session_purpose(self) -> Purpose {
        match self.application {
            Some(_) => Purpose::Session,
            None => Purpose::SignIn,
        }
    }

    /// What is authenticated with a value: the parts have one length each, but for the last.
    fn bound(self, purpose: Purpose, head: &[u8]) -> Vec<u8> {
        let id = self.application.map_or([0; 16], |application| application.uuid().into_bytes());
        let mut bound = Vec::with_capacity(64 + self.host.len());
        bound.extend_from_slice(head);
        bound.push(purpose.code());
        bound.push(u8::from(self.application.is_some()));
        bound.extend_from_slice(&id);
        bound.extend_from_slice(self.host.as_bytes());
        bound
    }
}

/// A secret from which a sealing key is made.
#[derive(Clone)]
pub struct SealingSecret(Zeroizing<[u8; 32]>);

impl SealingSecret {
    /// Takes 32 bytes that nobody can guess.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a new one.
    ///
    /// # Errors
    /// [`NotSealed`] when the system gives no random numbers.
    pub fn generate() -> Result<Self, NotSealed> {
        random().map(Self::new)
    }

    /// The secret as it is kept: 43 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
        bytes.as_slice().try_into().ok().map(Self::new)
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret")
    }
}

/// A value could not be sealed: it is too large, or the system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value could not be sealed: it is too large, or there are no random numbers")]
pub struct NotSealed;

/// A text did not open. There is one reason for everybody, whatever was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here")]
pub struct NotOpened;

/// The keys of one moment: one that seals and opens, and perhaps an older one that only opens.
pub struct SealingRing {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    id: [u8; KEY_ID],
    /// One for each purpose, in the order of [`Purpose::ALL`].
    keys: Vec<RandomizedNonceKey>,
}

impl fmt::Debug for SealingRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingRing").field("has_previous", &self.previous.is_some()).finish_non_exhaustive()
    }
}

impl SealingRing {
    /// A ring of the current key and the one before it.
    ///
    /// # Errors
    /// [`NotSealed`] when a key cannot be made.
    pub fn new(current: &SealingSecret, previous: Option<&SealingSecret>) -> Result<Self, NotSealed> {
        Ok(Self { current: Key::of_secret(current)?, previous: previous.map(Key::of_secret).transpose()? })
    }

    /// Seals `plain` for one purpose and audience.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn seal(&self, purpose: Purpose, audience: Audience<'_>, plain: &[u8]) -> Result<String, NotSealed> {
        if plain.len() > LARGEST {
            return Err(NotSealed);
        }
        let mut head = Vec::with_capacity(HEAD + plain.len() + TAG);
        head.push(VERSION);
        head.extend_from_slice(&self.current.id);
        let bound = audience.bound(purpose, &head);
        let mut sealed = plain.to_vec();
        let nonce = self
            .current
            .of(purpose)
            .ok_or(NotSealed)?
            .seal_in_place_append_tag(Aad::from(bound), &mut sealed)
            .map_err(|_| NotSealed)?;
        head.extend_from_slice(nonce.as_ref());
        head.extend_from_slice(&sealed);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(head))
    }

    /// Opens what was sealed for the same purpose and audience.
    ///
    /// # Errors
    /// [`NotOpened`], always the same.
    pub fn open(&self, purpose: Purpose, audience: Audience<'_>, text: &str) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        if text.len() > LONGEST_TEXT {
            return Err(NotOpened);
        }
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotOpened)?);
        let (head, rest) = bytes.split_at_checked(1 + KEY_ID).ok_or(NotOpened)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let (version, id) = head.split_first().ok_or(NotOpened)?;
        if *version != VERSION {
            return Err(NotOpened);
        }
        let key = self.key(id, purpose).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let bound = Aad::from(audience.bound(purpose, head));
        let length = key.open_in_place(nonce, bound, &mut plain).map_err(|_| NotOpened)?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn key(&self, id: &[u8], purpose: Purpose) -> Option<&RandomizedNonceKey> {
        let ring = [Some(&self.current), self.previous.as_ref()];
        ring.into_iter().flatten().find(|key| key.id == id)?.of(purpose)
    }
}

impl Key {
    fn of_secret(secret: &SealingSecret) -> Result<Self, NotSealed> {
        let master = Salt::new(HKDF_SHA256, b"adit sessions").extract(secret.0.as_slice());
        let derive = |info: &[&[u8]]| {
            let mut derived = Zeroizing::new([0; 32]);
            let okm = master.expand(info, HKDF_SHA256).map_err(|_| NotSealed)?;
            okm.fill(derived.as_mut_slice()).map_err(|_| NotSealed)?;
            Ok(derived)
        };
        let mut id = [0; KEY_ID];
        id.iter_mut().zip(derive(&[b"id"])?.iter()).for_each(|(to, from)| *to = *from);
        let key_for = |purpose: Purpose| {
            let key = derive(&[b"key", &[purpose.code()]])?;
            RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| NotSealed)
        };
        let keys: Result<Vec<_>, NotSealed> = Purpose::ALL.into_iter().map(key_for).collect();
        Ok(Self { id, keys: keys? })
    }

    fn of(&self, purpose: Purpose) -> Option<&RandomizedNonceKey> {
        let place = Purpose::ALL.iter().position(|own| *own == purpose)?;
        self.keys.get(place)
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NotSealed> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NotSealed)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn secret(number: u8) -> SealingSecret {
        SealingSecret::new([number; 32])
    }

    pub(crate) fn ring(current: u8, previous: Option<u8>) -> SealingRing {
        SealingRing::new(&secret(current), previous.map(secret).as_ref()).unwrap()
    }

    pub(crate) fn application(number: u128) -> ApplicationId {
        ApplicationId::new(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_purpose_application_and_host_only() {
        let ring = ring(1, None);
        let here = Audience::application(application(1), "wiki.example");
        let text = ring.seal(Purpose::Session, here, b"who").unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        assert_eq!(ring.open(Purpose::Session, here, &text).unwrap().as_slice(), b"who");
        for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Session) {
            assert_eq!(ring.open(purpose, here, &text), Err(NotOpened), "{purpose:?}");
        }
        let others = [
            Audience::application(application(2), "wiki.example"),
            Audience::application(application(1), "wiki.example."),
            Audience::application(application(1), ""),
            Audience::sign_in_host("wiki.example"),
        ];
        for other in others {
            assert_eq!(ring.open(Purpose::Session, other, &text), Err(NotOpened), "{other:?}");
        }
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        // What is authenticated beside a value is not what keeps the purposes apart.
        let (ring, here) = (ring(1, None), Audience::sign_in_host("login.example"));
        let head = [&[VERSION][..], &ring.current.id].concat();
        let mut sealed = b"who".to_vec();
        let bound = Aad::from(here.bound(Purpose::Attempt, &head));
        let nonce = ring.current.of(Purpose::SignIn).unwrap().seal_in_place_append_tag(bound, &mut sealed).unwrap();
        let text = BASE64_URL_SAFE_NO_PAD.encode([&head, &nonce.as_ref()[..], &sealed].concat());
        assert_eq!(ring.open(Purpose::Attempt, here, &text), Err(NotOpened));
    }

    #[test]
    fn after_a_rotation_the_previous_key_opens_and_an_older_one_does_not() {
        let here = Audience::sign_in_host("login.example");
        let text = ring(1, None).seal(Purpose::SignIn, here, b"who").unwrap();
        assert!(ring(2, Some(1)).open(Purpose::SignIn, here, &text).is_ok());
        assert_eq!(ring(3, Some(2)).open(Purpose::SignIn, here, &text), Err(NotOpened));
        let newer = ring(2, Some(1)).seal(Purpose::SignIn, here, b"who").unwrap();
        assert_eq!(ring(1, None).open(Purpose::SignIn, here, &newer), Err(NotOpened), "the current key seals");
    }

    #[test]
    fn every_changed_bit_every_truncation_and_every_odd_text_fails_alike() {
        let ring = ring(1, Some(2));
        let here = Audience::sign_in_host("login.example");
        let text = ring.seal(Purpose::SignIn, here, b"a session of somebody").unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(ring.open(Purpose::SignIn, here, &changed), Err(NotOpened), "bit {bit}");
        }
        for end in 0..text.len() {
            assert_eq!(ring.open(Purpose::SignIn, here, &text[..end]), Err(NotOpened), "cut at {end}");
        }
        let padded = format!("{text}=");
        let spaced = format!(" {text}");
        let huge = "A".repeat(1024 * 1024);
        for odd in ["", "=", "\u{0}", "é", "AAAA", padded.as_str(), spaced.as_str(), huge.as_str()] {
            assert_eq!(ring.open(Purpose::SignIn, here, odd), Err(NotOpened), "{}", odd.len());
        }
    }

    #[test]
    fn what_is_too_large_is_not_sealed_and_two_seals_differ() {
        let ring = ring(1, None);
        let here = Audience::sign_in_host("login.example");
        let most = vec![7; LARGEST];
        let text = ring.seal(Purpose::Attempt, here, &most).unwrap();
        assert!(text.len() <= LONGEST_TEXT);
        assert_eq!(ring.open(Purpose::Attempt, here, &text).unwrap().as_slice(), most);
        assert_eq!(ring.seal(Purpose::Attempt, here, &vec![7; LARGEST + 1]), Err(NotSealed));
        assert_ne!(ring.seal(Purpose::Attempt, here, b"x"), ring.seal(Purpose::Attempt, here, b"x"));
    }

    #[test]
    fn a_secret_that_was_kept_is_read_again() {
        let kept = secret(7).to_text();
        assert_eq!(SealingSecret::parse(&kept).unwrap().0.as_slice(), [7; 32]);
        for odd in ["", "AAAA", &kept[1..], &format!("{}A", *kept)] {
            assert!(SealingSecret::parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(
            format!("{:?} {:?}", secret(1), ring(1, None)),
            "SealingSecret SealingRing { has_previous: false, .. }"
        );
    }
}
