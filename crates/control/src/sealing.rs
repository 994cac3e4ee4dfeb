//! Sealing of what is secret and must be kept: AES-256-GCM under a key that lies outside the database, so that a copy
//! of the database alone gives nothing away.
//!
//! What is sealed is bound to its place: moved to another object, it does not open. The format is one byte for the
//! version, twelve for the nonce, then the ciphertext with its tag.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use crate::authority::sha256;

/// The only format there is so far.
const VERSION: u8 = 1;

/// The length of the key, in bytes.
const KEY_LENGTH: usize = 32;

/// How much of the hash names a key, in bytes: enough to tell keys apart.
const ID_LENGTH: usize = 8;

/// The key under which secrets are sealed. Clones share it.
#[derive(Clone)]
pub struct SealingKey {
    key: Arc<RandomizedNonceKey>,
    page_secret: Arc<Zeroizing<[u8; KEY_LENGTH]>>,
    id: String,
}

/// Why there is no sealing key, or why it did not seal or open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The system gave no random numbers.
    #[error("no sealing key could be made: the system gave no random numbers")]
    NoRandomness,
    /// The file does not hold a key.
    #[error("the sealing key must be {} hexadecimal digits", KEY_LENGTH * 2)]
    UnreadableKey,
    /// Sealing failed.
    #[error("the secret could not be sealed")]
    NotSealed,
    /// Another key, another place, or damaged.
    #[error("the sealed secret does not open: it was sealed under another key or for another object, or is damaged")]
    NotOpened,
}

impl SealingKey {
    /// Makes a new key, and what to keep of it in a file: one line of text.
    ///
    /// # Errors
    /// [`SealingError::NoRandomness`].
    pub fn generate() -> Result<(Self, Zeroizing<String>), SealingError> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        aws_lc_rs::rand::fill(key.as_mut_slice()).map_err(|_| SealingError::NoRandomness)?;
        let mut text = Zeroizing::new(String::with_capacity(KEY_LENGTH * 2 + 1));
        for byte in *key {
            for digit in [byte >> 4, byte & 0xf] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        Ok((Self::from_bytes(&key)?, text))
    }

    /// Reads the key that [`Self::generate`] made.
    ///
    /// # Errors
    /// [`SealingError::UnreadableKey`].
    pub fn from_text(text: &str) -> Result<Self, SealingError> {
        let digits: Zeroizing<Vec<u32>> = Zeroizing::new(
            text.trim()
                .chars()
                .map(|character| character.to_digit(16))
                .collect::<Option<_>>()
                .ok_or(SealingError::UnreadableKey)?,
        );
        if digits.len() != KEY_LENGTH * 2 {
            return Err(SealingError::UnreadableKey);
        }
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        for (byte, digits) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let value = digits.iter().fold(0, |value, digit| value * 16 + digit);
            *byte = u8::try_from(value).map_err(|_| SealingError::UnreadableKey)?;
        }
        Self::from_bytes(&key)
    }

    /// By what the key is told from others; says nothing of the key itself.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals `secret` for `place`.
    pub(crate) fn seal(&self, place: &str, secret: &[u8]) -> Result<Vec<u8>, SealingError> {
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(secret);
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut *text)
            .map_err(|_| SealingError::NotSealed)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what was sealed for `place`.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let (version, rest) = sealed.split_first().ok_or(SealingError::NotOpened)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealingError::NotOpened)?;
        if *version != VERSION {
            return Err(SealingError::NotOpened);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::NotOpened)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text);
        let length = opened.map_err(|_| SealingError::NotOpened)?.len();
        text.truncate(length);
        Ok(text)
    }

    fn from_bytes(key: &[u8; KEY_LENGTH]) -> Result<Self, SealingError> {
        let hashed = [b"adit sealing key ".as_slice(), key].concat();
        let hash = sha256(&Zeroizing::new(hashed));
        let id = hash.iter().take(ID_LENGTH).map(|byte| format!("{byte:02x}")).collect();
        let page_secret = Arc::new(Zeroizing::new(derived(key, b"adit page secret")?));
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealingError::UnreadableKey)?;
        Ok(Self { key: Arc::new(key), page_secret, id })
    }

    /// A secret made of the key, for authenticating places in lists. It gives nothing of the key away.
    pub(crate) fn page_secret(&self) -> Zeroizing<[u8; KEY_LENGTH]> {
        (*self.page_secret).clone()
    }
}

/// Another key for another purpose (HKDF, RFC 5869, with the purpose as its info).
fn derived(key: &[u8; KEY_LENGTH], purpose: &[u8]) -> Result<[u8; KEY_LENGTH], SealingError> {
    let mut secret = [0; KEY_LENGTH];
    Salt::new(HKDF_SHA256, &[])
        .extract(key)
        .expand(&[purpose], HKDF_SHA256)
        .and_then(|derived| derived.fill(&mut secret))
        .map_err(|_| SealingError::UnreadableKey)?;
    Ok(secret)
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_after_it_was_written_and_read() {
        let (key, text) = SealingKey::generate().unwrap();
        let sealed = key.seal("place", b"secret").unwrap();
        let read = SealingKey::from_text(&text).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.open("place", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(read.open("place", &key.seal("place", b"").unwrap()).unwrap().as_slice(), b"");
    }

    #[test]
    fn what_is_sealed_opens_only_at_its_place_under_its_key_and_whole() {
        let (key, _) = SealingKey::generate().unwrap();
        let (other, _) = SealingKey::generate().unwrap();
        let sealed = key.seal("place", b"secret").unwrap();
        assert_ne!(other.id(), key.id());
        assert_eq!(key.open("elsewhere", &sealed), Err(SealingError::NotOpened));
        assert_eq!(other.open("place", &sealed), Err(SealingError::NotOpened));
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert_eq!(key.open("place", &damaged), Err(SealingError::NotOpened), "byte {position}");
            assert_eq!(key.open("place", &sealed[..position]), Err(SealingError::NotOpened), "{position} bytes");
        }
    }

    #[test]
    fn the_same_secret_is_sealed_differently_each_time_and_the_key_is_not_shown() {
        let (key, text) = SealingKey::generate().unwrap();
        assert_ne!(key.seal("place", b"secret").unwrap(), key.seal("place", b"secret").unwrap());
        assert!(!format!("{key:?}").contains(text.trim()));
    }

    #[test]
    fn anything_but_a_key_is_refused() {
        for text in ["", "0011", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65), &"\u{e4}".repeat(64)] {
            assert_eq!(SealingKey::from_text(text).unwrap_err(), SealingError::UnreadableKey, "{text}");
        }
    }
}
