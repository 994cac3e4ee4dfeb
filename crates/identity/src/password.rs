//! Passwords of users: hashed with Argon2id, checked against a hash, never kept.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose, so it happens on threads of its own, and only so many at
//! once: whoever sends many passwords waits in line, and takes neither memory nor processors from anybody else.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// How many passwords are hashed at once: 38 MiB, and one processor stays free on the smallest machine that has three.
const AT_ONCE: usize = 2;

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// A password could not be hashed or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The system gave no random numbers, or no memory.
    #[error("the password could not be hashed")]
    NotHashed,
    /// What is kept is no hash.
    #[error("what is kept of the password cannot be read")]
    Unreadable,
}

/// The hash of a password, with a salt of its own, in the PHC form: `$argon2id$v=19$m=19456,t=2,p=1$...`.
///
/// # Errors
/// [`PasswordError::NotHashed`].
pub async fn hash_password(password: Zeroizing<String>) -> Result<String, PasswordError> {
    in_turn(move || {
        let hash: PasswordHash =
            Argon2::default().hash_password(password.as_bytes()).map_err(|_| PasswordError::NotHashed)?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether `password` is the one of `hash`. Without a hash it takes as long and is not: who asks learns nothing about
/// which users exist.
///
/// # Errors
/// [`PasswordError`].
pub async fn is_password(password: Zeroizing<String>, hash: Option<String>) -> Result<bool, PasswordError> {
    in_turn(move || {
        let Some(hash) = hash else {
            let unused: Result<PasswordHash, _> = Argon2::default().hash_password(password.as_bytes());
            return unused.map(|_| false).map_err(|_| PasswordError::NotHashed);
        };
        let hash = PasswordHash::new(&hash).map_err(|_| PasswordError::Unreadable)?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(|_| PasswordError::NotHashed)?;
    let done = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when nobody waits for it any more.
        let _turn = turn;
        work()
    });
    done.await.unwrap_or(Err(PasswordError::NotHashed))
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
}
