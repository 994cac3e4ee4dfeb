//! The tokens of a user who has signed in: who it is, for the application, and what may be done in its name, for a resource.

use adit_control::{MOST_NAMED_GROUPS, NewRefreshGrant, SignedInUser};
use adit_core::{AppId, ClientSecretId, User, UserGroupId, UserId};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::{Builder, Uuid, Variant, Version};

use crate::access_token::{self, LIFETIME};
use crate::audience::Audience;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::gateway_client::GATEWAY_CLIENT_ID;
use crate::provider::Provider;
use crate::relying_party::is_well_known;
use crate::shelf::hash;
use crate::user_scope::UserScope;

/// The header's `typ` of an id token.
pub(crate) const ID_TOKEN: &str = "JWT";

/// What a sign-in ended in.
#[derive(Debug)]
pub(crate) struct Granted<'a> {
    pub(crate) app_id: AppId,
    pub(crate) user: UserId,
    /// The id of the sign-in.
    pub(crate) sign_in: Uuid,
    pub(crate) signed_in: Timestamp,
    pub(crate) scope: UserScope,
    pub(crate) nonce: Option<String>,
    /// What was granted first at the resource, where a program comes again.
    pub(crate) within: Option<&'a [&'a str]>,
}

/// Tokens that were made.
pub(crate) struct Tokens {
    /// What the program is answered.
    pub(crate) answer: Value,
    /// What the access token allows at its resource.
    words: Vec<String>,
}

/// The answer to a program to which a user has just signed in, proved by `secret` if it has one: with a refresh token, if
/// it asked for that.
pub(crate) async fn begun(
    provider: &Provider,
    granted: &Granted<'_>,
    secret: Option<ClientSecretId>,
    scope: &str,
    form: &Form,
) -> Result<Value, Refusal> {
    let Tokens { mut answer, words } = issued(provider, granted, form).await?;
    if !granted.scope.is_offline() {
        return Ok(answer);
    }
    let new = NewRefreshGrant {
        sign_in: granted.sign_in,
        user: granted.user,
        app_id: granted.app_id,
        is_well_known: is_well_known(granted.app_id),
        secret,
        scope: scope.to_owned(),
        granted: words.join(" "),
        signed_in: granted.signed_in,
    };
    let token = provider.0.control.begin_refreshing(new).await?.ok_or(OAuthError::SignInEnded)?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("refresh_token".to_owned(), token.as_str().into());
    }
    Ok(answer)
}

/// The tokens themselves. The user is asked for again: who was disabled meanwhile, or whose sessions were ended, gets none.
pub(crate) async fn issued(provider: &Provider, granted: &Granted<'_>, form: &Form) -> Result<Tokens, Refusal> {
    let control = &provider.0.control;
    let user = control.still_signed_in(granted.user).await?.ok_or(OAuthError::UserGone)?;
    if control.is_sign_in_over(granted.user, granted.signed_in).await? {
        return Err(OAuthError::SignInEnded.into());
    }
    let scope = &granted.scope;
    if granted.app_id == GATEWAY_CLIENT_ID {
        // It asked for no more; whatever changes that shall not let it through here.
        if !scope.says_who_alone() {
            return Err(OAuthError::NothingGranted.into());
        }
    } else if !is_well_known(granted.app_id) {
        let client = control.service_principal_by_app_id(granted.app_id).await?;
        if !control.may_use(granted.user, &client).await? {
            return Err(OAuthError::UserNotAssigned.into());
        }
    }
    let (audience, words) = allowed(provider, granted, &user).await?;
    let access = access_token::of_user(provider, &user, granted.app_id, &audience, &words).await?;
    let said: Vec<&str> = words.iter().chain(scope.openid_words()).map(String::as_str).collect();
    let mut answer = json!({
        "token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": access,
        "scope": said.join(" "),
    });
    let Some(members) = answer.as_object_mut() else { return Ok(Tokens { answer, words }) };
    if scope.is_openid {
        let groups = control.groups_of_user(granted.user).await?;
        let token = id_token(provider, granted, user.user(), &groups).await?;
        members.insert("id_token".to_owned(), token.into());
    }
    // MSAL asks for it, and tells its accounts apart by it.
    if form.find("client_info") == Some("1") {
        let info = json!({"uid": granted.user, "utid": provider.0.tenant}).to_string();
        members.insert("client_info".to_owned(), BASE64_URL_SAFE_NO_PAD.encode(info).into());
    }
    Ok(Tokens { answer, words })
}

/// For whom the access token is, and what may be done there: for the user, and through this client. What a client may is
/// what it was assigned itself, by somebody who may assign that; the well-known ones run where their user is.
async fn allowed(
    provider: &Provider,
    granted: &Granted<'_>,
    user: &SignedInUser,
) -> Result<(String, Vec<String>), Refusal> {
    let (control, client) = (&provider.0.control, granted.app_id);
    match &granted.scope.audience {
        // For nobody but the provider itself: it says who somebody is, and opens nothing.
        None => Ok((provider.0.issuer.clone(), Vec::new())),
        Some(Audience::Api) => {
            let held = control.api_permissions_of_user(user.user().id).await?;
            let of_client = if is_well_known(client) {
                vec!["Directory.ReadWrite.All"]
            } else {
                control.api_permissions_of_app(client).await?
            };
            let mut covering = vec![held.as_slice(), of_client.as_slice()];
            covering.extend(granted.within);
            let words = granted.scope.granted(&covering);
            if words.is_empty() {
                return Err(OAuthError::NothingGranted.into());
            }
            Ok((provider.0.api_audience.clone(), words))
        }
        Some(audience @ Audience::Application(resource)) => {
            if !control.may_use(user.user().id, resource).await? {
                return Err(OAuthError::UserNotAssigned.into());
            }
            if !is_well_known(client) && client != resource.app_id {
                let own = control.service_principal_by_app_id(client).await?;
                if control.app_roles_of_program(&own, resource).await?.is_none() {
                    return Err(OAuthError::NotAssigned.into());
                }
            }
            Ok((audience.claim(provider), vec!["user_impersonation".to_owned()]))
        }
    }
}

/// The id of a sign-in as applications learn it. That of the grant is in refresh tokens and nowhere else, because whoever
/// knows it can make what looks like a token that was used up; it cannot be made of this one, which stays the same as long as
/// the sign-in goes on.
fn shown_id(sign_in: Uuid) -> Uuid {
    let hash = hash(&format!("sid {sign_in}"));
    let bytes = hash.first_chunk().copied().unwrap_or_default();
    Builder::from_bytes(bytes).with_version(Version::Custom).with_variant(Variant::RFC4122).into_uuid()
}

async fn id_token(
    provider: &Provider,
    granted: &Granted<'_>,
    user: &User,
    groups: &[UserGroupId],
) -> Result<String, Refusal> {
    let now = Timestamp::now().as_second();
    let named: Vec<&UserGroupId> = groups.iter().take(MOST_NAMED_GROUPS).collect();
    let mut claims = json!({
        "iss": provider.0.issuer, "aud": granted.app_id, "sub": user.id, "oid": user.id, "tid": provider.0.tenant,
        "iat": now, "nbf": now, "exp": now + LIFETIME, "auth_time": granted.signed_in.as_second(), "ver": "2.0",
        "name": user.display_name, "preferred_username": user.principal_name, "groups": named,
        "sid": shown_id(granted.sign_in),
    });
    if let Some(claims) = claims.as_object_mut() {
        if groups.len() > MOST_NAMED_GROUPS {
            claims.insert("hasgroups".to_owned(), true.into());
        }
        // Set by administrators alone, so it is the user's.
        let mail = user.attributes.get("mail").and_then(Value::as_str).filter(|mail| !mail.is_empty());
        if let Some(mail) = mail.filter(|_| granted.scope.openid_words().iter().any(|word| word == "email")) {
            claims.insert("email".to_owned(), mail.into());
        }
        if let Some(nonce) = &granted.nonce {
            claims.insert("nonce".to_owned(), nonce.as_str().into());
        }
    }
    access_token::signed(provider, ID_TOKEN, &claims).await
}
