//! Access tokens: what is in them, and signing them.
//!
//! The claims are those of Microsoft's tokens of version 2.0, so that libraries made for them read these, in the form that
//! RFC 9068 gives access tokens.

use adit_control::{AuthenticatedProgram, SignedInUser};
use adit_core::{AppId, DirectoryRole, UserId};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::{OAuthError, Refusal};
use crate::provider::Provider;

/// How long an access token is valid, in seconds: it cannot be taken back, so not for long.
pub(crate) const LIFETIME: i64 = 60 * 60;

/// The header's `typ` of an access token (RFC 9068, section 2.1).
const KIND: &str = "at+jwt";

/// Signs an access token of a program by itself, for `audience`, with these roles.
pub(crate) async fn of_program(
    provider: &Provider,
    program: &AuthenticatedProgram,
    audience: &str,
    roles: &[String],
) -> Result<String, Refusal> {
    let (id, app_id) = (program.principal().id, program.principal().app_id);
    let own = json!({
        "sub": id, "oid": id, "azp": app_id, "appid": app_id, "azpacr": "1", "idtyp": "app",
        "app_displayname": program.application().display_name,
    });
    let mut claims = common(provider, audience);
    extend(&mut claims, own);
    if !roles.is_empty() {
        extend(&mut claims, json!({ "roles": roles }));
    }
    signed(provider, KIND, &claims).await
}

/// Signs an access token by which an application acts for a user at `audience`, within these scopes.
pub(crate) async fn of_user(
    provider: &Provider,
    user: &SignedInUser,
    app_id: AppId,
    audience: &str,
    scopes: &[String],
) -> Result<String, Refusal> {
    let user = user.user();
    let mut claims = common(provider, audience);
    let own = json!({
        "sub": user.id, "oid": user.id, "azp": app_id, "appid": app_id, "idtyp": "user", "name": user.display_name,
        "preferred_username": user.principal_name, "scp": scopes.join(" "),
    });
    extend(&mut claims, own);
    if audience == provider.0.api_audience {
        extend(&mut claims, json!({ "wids": [role(provider, user.id).await?.template_id()] }));
    }
    signed(provider, KIND, &claims).await
}

/// The administrator role of a user who has permissions at the API: whoever may everything is a global administrator. The
/// scopes, none of which goes beyond those permissions, say what of it the token is for.
async fn role(provider: &Provider, user: UserId) -> Result<DirectoryRole, Refusal> {
    let held = provider.0.control.api_permissions_of_user(user).await?;
    let may_everything = held.contains(&"Directory.ReadWrite.All");
    Ok(if may_everything { DirectoryRole::GlobalAdministrator } else { DirectoryRole::ApplicationAdministrator })
}

/// What every token says.
fn common(provider: &Provider, audience: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": provider.0.issuer, "aud": audience, "iat": now, "nbf": now, "exp": now + LIFETIME,
        "tid": provider.0.tenant, "ver": "2.0", "jti": Uuid::new_v4(),
    })
}

fn extend(claims: &mut Value, more: Value) {
    if let (Value::Object(claims), Value::Object(more)) = (claims, more) {
        claims.extend(more);
    }
}

/// Signs claims by the key of the time; `kind` is the header's `typ`.
pub(crate) async fn signed(provider: &Provider, kind: &str, claims: &Value) -> Result<String, Refusal> {
    let key = provider.0.keys.signing().await?;
    key.sign(kind, claims).map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        OAuthError::Unavailable.into()
    })
}
