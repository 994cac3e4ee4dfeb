//! Refresh tokens: by which a program goes on for a user who has signed in to it, without asking again (RFC 6749, section 6).
//!
//! A sign-in has one token that counts, and each use puts another in its place. One that was used up and is shown again was
//! copied, by whom nobody knows, so all that the sign-in granted is over (RFC 9700, section 4.14.2).
//!
//! Invariant: a token is shown once; its hash alone is kept. Nothing here decides what it is good for: whoever asks gets what
//! was granted first, and holds it against what the user and the program may by now.

use adit_core::admission::Admission;
use adit_core::audit::Activity;
use adit_core::{AppId, Application, ClientSecretId, OperationContext, ServicePrincipal, UserId};
use adit_store::{PresenceTransaction, RefreshGrant};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit;
use crate::authority::sha256;
use crate::control_plane::ControlPlane;
use crate::error::Error;

/// What is not used for so long is over.
pub const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long a program goes on for one sign-in: as long as a session lasts at most, and ends of sessions are remembered for
/// longer.
pub const LONGEST_GRANT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many programs go on for a user: each device and each command line is one. Those that were not used for longest go.
const MOST_OF_A_USER: u32 = 100;

/// What tokens begin with, so that they are recognised in a log or a repository scan.
const MARK: &str = "adit-refresh.";

/// Random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// Something that a program was granted for a user who has just signed in to it.
#[derive(Debug, Clone)]
pub struct NewRefreshGrant {
    /// The id of the sign-in.
    pub sign_in: Uuid,
    /// The user.
    pub user: UserId,
    /// The program.
    pub app_id: AppId,
    /// Whether every tenant knows the program: the directory has no application for it that could be disabled.
    pub is_well_known: bool,
    /// The secret by which it proved itself; none if it has none.
    pub secret: Option<ClientSecretId>,
    /// What it asked for.
    pub scope: String,
    /// What of it was granted at the resource, by spaces.
    pub granted: String,
    /// When the user signed in.
    pub signed_in: Timestamp,
}

/// A text that names what a sign-in granted. Whether it is the token that counts is not said yet.
#[derive(Debug)]
pub struct ShownToken {
    grant: RefreshGrant,
    hash: [u8; 32],
}

impl ShownToken {
    /// The program to which it was given.
    #[must_use]
    pub const fn app_id(&self) -> AppId {
        self.grant.app_id
    }

    /// Whether that program has proved itself by a secret, and has to again.
    #[must_use]
    pub const fn needs_secret(&self) -> bool {
        self.grant.secret.is_some()
    }
}

/// A refresh token that counts. Made only by [`ControlPlane::refresh_token`].
#[derive(Debug)]
pub struct RefreshToken {
    grant: RefreshGrant,
}

impl RefreshToken {
    /// What was granted by the sign-in.
    #[must_use]
    pub const fn grant(&self) -> &RefreshGrant {
        &self.grant
    }
}

impl ControlPlane {
    /// Keeps what a program was granted; its first token. `None`, and nothing is kept, where what ends such grants has come
    /// meanwhile: it has ended those that there were, and this one is not there yet.
    ///
    /// # Errors
    /// [`Error::NoRandomness`], [`Error::Store`].
    pub async fn begin_refreshing(&self, new: NewRefreshGrant) -> Result<Option<Zeroizing<String>>, Error> {
        let token = random_token(new.sign_in)?;
        let mut write = self.store().begin_presence().await?;
        // In the very transaction that writes: nobody else writes until it ends.
        if !may_begin(&mut write, &new).await? {
            return Ok(None);
        }
        let NewRefreshGrant { sign_in, user, app_id, secret, scope, granted, signed_in, .. } = new;
        let (used, token_hash) = (self.now(), sha256(token.as_bytes()));
        let grant = RefreshGrant { id: sign_in, user, app_id, secret, scope, granted, signed_in, used, token_hash };
        let before = |span: SignedDuration| used.saturating_sub(span).unwrap_or(Timestamp::MIN);
        write.forget_refresh_grants(before(LONGEST_PAUSE), before(LONGEST_GRANT)).await?;
        write.insert_refresh_grant(&grant, MOST_OF_A_USER).await?;
        write.commit().await?;
        Ok(Some(token))
    }

    /// What `text` names, if it looks like a refresh token and its sign-in is known. Nothing ends by it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn shown_refresh_token(&self, text: &str) -> Result<Option<ShownToken>, Error> {
        let Some(id) = sign_in_of(text) else { return Ok(None) };
        let grant = self.store().find_refresh_grant(id).await?;
        Ok(grant.map(|grant| ShownToken { grant, hash: sha256(text.as_bytes()) }))
    }

    /// The token that was shown by its client, if it counts. One that was used up ends what its sign-in granted, so the
    /// client must be known by then: whoever is not shall end nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn refresh_token(&self, shown: ShownToken) -> Result<Option<RefreshToken>, Error> {
        let ShownToken { grant, hash } = shown;
        if verify_slices_are_equal(&grant.token_hash, &hash).is_err() {
            self.end_reused(&grant).await?;
            return Ok(None);
        }
        let now = self.now();
        let is_over = now.duration_since(grant.used) >= LONGEST_PAUSE
            || now.duration_since(grant.signed_in) >= LONGEST_GRANT
            || self.is_sign_in_over(grant.user, grant.signed_in).await?;
        Ok((!is_over).then_some(RefreshToken { grant }))
    }

    /// Uses a token up; the one that counts from now on. `None` if somebody else has used it meanwhile: that is the end of
    /// what its sign-in granted.
    ///
    /// # Errors
    /// [`Error::NoRandomness`], [`Error::Store`].
    pub async fn renew_refresh_token(
        &self,
        shown: &RefreshToken,
        secret: Option<ClientSecretId>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let grant = &shown.grant;
        let token = random_token(grant.id)?;
        let mut write = self.store().begin_presence().await?;
        let hash = sha256(token.as_bytes());
        let is_renewed = write.replace_refresh_token(grant.id, grant.token_hash, hash, secret, self.now()).await?;
        write.commit().await?;
        if !is_renewed {
            self.end_reused(grant).await?;
            return Ok(None);
        }
        Ok(Some(token))
    }

    /// Whether the sessions of a user were ended since it signed in: then nothing comes of that sign-in any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_sign_in_over(&self, user: UserId, signed_in: Timestamp) -> Result<bool, Error> {
        Ok(self.store().were_sessions_ended(user, signed_in).await?)
    }

    async fn end_reused(&self, grant: &RefreshGrant) -> Result<(), Error> {
        let user = self.store().find_user(grant.user).await?;
        let mut write = self.store().begin_presence().await?;
        if write.delete_refresh_grant(grant.id).await? {
            let name = user.map(|user| user.display_name.as_str().to_owned());
            let detail = audit::with(audit::change(None, None), "target_name", name);
            let detail = audit::with(detail, "app_id", grant.app_id.to_string());
            let context = OperationContext::system(Uuid::now_v7());
            write.append_audit(self.record(&context, Activity::EndReusedRefreshToken, grant.user, detail));
            tracing::warn!(
                user = %grant.user, program = %grant.app_id,
                "a refresh token was shown that had been used: somebody has a copy, and the sign-in is over"
            );
        }
        Ok(write.commit().await?)
    }
}

/// Whether nothing has come that ends what is about to be granted: the user, its sessions, the secret, the program.
async fn may_begin(write: &mut PresenceTransaction, new: &NewRefreshGrant) -> Result<bool, Error> {
    let is_user_there = write.find_user(new.user).await?.is_some_and(|user| user.is_enabled);
    if !is_user_there || write.were_sessions_ended(new.user, new.signed_in).await? {
        return Ok(false);
    }
    if let Some(secret) = new.secret
        && !write.has_secret(secret).await?
    {
        return Ok(false);
    }
    let is_enabled = |(application, principal): (Application, ServicePrincipal)| {
        Admission::of(&application, &principal, []).is_enabled()
    };
    Ok(new.is_well_known || write.find_program(new.app_id).await?.is_some_and(is_enabled))
}

/// Whether a change disables a program. Who does that means that it ends; enabled again, it asks its users anew.
pub(crate) fn disables(old: (&Application, &ServicePrincipal), new: (&Application, &ServicePrincipal)) -> bool {
    let is_enabled = |(application, principal): (&Application, &ServicePrincipal)| {
        Admission::of(application, principal, []).is_enabled()
    };
    is_enabled(old) && !is_enabled(new)
}

/// A new token: the mark, the id of its sign-in, and what nobody can guess.
fn random_token(sign_in: Uuid) -> Result<Zeroizing<String>, Error> {
    let mut random = Zeroizing::new([0_u8; RANDOM_BYTES]);
    aws_lc_rs::rand::fill(random.as_mut_slice()).map_err(|_| Error::NoRandomness)?;
    let rest = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(random.as_slice()));
    Ok(Zeroizing::new(format!("{MARK}{}.{}", sign_in.simple(), rest.as_str())))
}

/// The id of the sign-in in a token. What does not look like a token ends nothing.
fn sign_in_of(text: &str) -> Option<Uuid> {
    let (id, random) = text.strip_prefix(MARK)?.split_once('.')?;
    let is_random = BASE64_URL_SAFE_NO_PAD.decode(random).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES);
    if is_random && id.len() == 32 { Uuid::try_parse(id).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_sign_in_and_nothing_else_does() {
        let id = Uuid::from_u128(7);
        let token = random_token(id).unwrap();
        assert_eq!(sign_in_of(&token), Some(id));
        assert_ne!(*token, *random_token(id).unwrap());
        let cut = &token[..token.len() - 1];
        for other in ["", MARK, cut, &token[1..], &format!("{}a", *token), &token.replace('.', "-")] {
            assert_eq!(sign_in_of(other), None, "{other}");
        }
    }
}
