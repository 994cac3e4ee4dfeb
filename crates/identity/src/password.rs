//! Passwords of users: hashed with Argon2id, checked against a hash, never kept.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose, so it happens on threads of its own, and only so many at
//! once: whoever sends many passwords waits in line, and takes neither memory nor processors from anybody else. The line
//! has an end, beyond which one is told to come again; administrators who set passwords have a line of their own, so that
//! strangers who try to sign in do not keep them out.

use std::sync::{Arc, LazyLock};

use adit_core::user::LONGEST_PASSWORD;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// How many passwords are checked at once: 38 MiB, and one processor stays free on the smallest machine that has three.
const CHECKED_AT_ONCE: usize = 2;

/// How many new ones are hashed at once, beside those.
const HASHED_AT_ONCE: usize = 1;

/// How many wait for each at most: a few seconds.
const WAITING: usize = 32;

static CHECKS: LazyLock<Line> = LazyLock::new(|| Line::new(CHECKED_AT_ONCE, WAITING));

static HASHES: LazyLock<Line> = LazyLock::new(|| Line::new(HASHED_AT_ONCE, WAITING));

/// A password could not be hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting; nothing was done.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The system gave no random numbers, or no memory.
    #[error("the password could not be hashed")]
    NotHashed,
    /// What is kept is no hash.
    #[error("what is kept of the password cannot be read")]
    Unreadable,
}

/// The hash of a new password, with a salt of its own, in the PHC form: `$argon2id$v=19$m=19456,t=2,p=1$...`.
///
/// # Errors
/// [`PasswordError::Busy`], [`PasswordError::NotHashed`].
pub async fn hash_password(password: Zeroizing<String>) -> Result<String, PasswordError> {
    let hash = HASHES.in_turn(move || {
        let hash: PasswordHash =
            Argon2::default().hash_password(password.as_bytes()).map_err(|_| PasswordError::NotHashed)?;
        Ok(hash.to_string())
    });
    hash.await
}

/// Whether `password` is the one of `hash`. Without a hash it takes as long and is not: who asks learns nothing about
/// which users exist. What is longer than any password is not, whoever asks, and takes no time.
///
/// # Errors
/// [`PasswordError`].
pub async fn is_password(password: Zeroizing<String>, hash: Option<String>) -> Result<bool, PasswordError> {
    if password.len() > LONGEST_PASSWORD {
        return Ok(false);
    }
    let check = CHECKS.in_turn(move || {
        let Some(hash) = hash else {
            let unused: Result<PasswordHash, _> = Argon2::default().hash_password(password.as_bytes());
            return unused.map(|_| false).map_err(|_| PasswordError::NotHashed);
        };
        let hash = PasswordHash::new(&hash).map_err(|_| PasswordError::Unreadable)?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    check.await
}

/// Work that is done for a few at once, while a few more wait.
struct Line {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Line {
    fn new(at_once: usize, waiting: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), places: Arc::new(Semaphore::new(at_once + waiting)) }
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordError::NotHashed)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _held = (turn, place);
            work()
        });
        done.await.unwrap_or(Err(PasswordError::NotHashed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other_does() {
        let hash = hash_password(secret("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!hash.contains("horse"));
        assert!(is_password(secret("correct horse battery"), Some(hash.clone())).await.unwrap());
        for other in ["", "correct horse batter", "Correct horse battery", "correct horse battery "] {
            assert!(!is_password(secret(other), Some(hash.clone())).await.unwrap(), "{other:?}");
        }
        let again = hash_password(secret("correct horse battery")).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
    }

    #[tokio::test]
    async fn nobody_has_a_password_without_a_hash_or_with_a_damaged_one() {
        assert!(!is_password(secret(""), None).await.unwrap());
        for damaged in ["", "plain text", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$12$abcdefghijklmnopqrstuv"] {
            let answer = is_password(secret("plain text"), Some(damaged.to_owned())).await;
            assert_ne!(answer, Ok(true), "{damaged:?}");
        }
    }

    #[tokio::test]
    async fn nobody_has_a_password_that_is_longer_than_passwords_are() {
        let longest = "x".repeat(LONGEST_PASSWORD);
        let hash = hash_password(secret(&longest)).await.unwrap();
        assert!(is_password(secret(&longest), Some(hash)).await.unwrap());
        // It is not hashed: neither what is kept nor the line matters.
        let longer = "x".repeat(1024 * 1024);
        assert_eq!(is_password(secret(&longer), Some("damaged".to_owned())).await, Ok(false));
    }

    #[tokio::test]
    async fn whoever_comes_when_too_many_wait_is_told_to_come_again_and_others_lines_go_on() {
        let (checks, hashes) = (Arc::new(Line::new(2, 3)), Line::new(1, 1));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let flood = (0..5).map(|_| {
            let (checks, held) = (Arc::clone(&checks), Arc::clone(&held));
            tokio::spawn(async move {
                let wait = move || held.lock().unwrap().recv().map_err(|_| PasswordError::NotHashed);
                checks.in_turn(wait).await
            })
        });
        let flood: Vec<_> = flood.collect();
        while checks.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(checks.in_turn(|| Ok(())).await, Err(PasswordError::Busy));
        assert_eq!(hashes.in_turn(|| Ok(1)).await, Ok(1), "administrators have a line of their own");
        (0..5).for_each(|_| release.send(()).unwrap());
        for one in flood {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert_eq!(checks.in_turn(|| Ok(2)).await, Ok(2));
    }
}
