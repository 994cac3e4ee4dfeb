//! `client_credentials`: a program gets a token for itself, by its secret (RFC 6749, section 4.4).
//!
//! The roles in it are the app roles that its service principal was assigned at the resource; a program without any gets a
//! token that allows nothing.

use adit_control::AuthenticatedProgram;
use serde_json::{Value, json};

use crate::access_token::{self, LIFETIME};
use crate::audience::{self, Audience};
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::provider::Provider;

/// The answer to a program that has proved who it is.
pub(crate) async fn granted(
    provider: &Provider,
    program: &AuthenticatedProgram,
    form: &Form,
) -> Result<Value, Refusal> {
    let audience = audience::of_default_scope(provider, form.load("scope")?).await?;
    let roles = roles(provider, program, &audience).await?;
    let token = access_token::of_program(provider, program, &audience.claim(provider), &roles).await?;
    Ok(json!({
        "token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token,
    }))
}

async fn roles(
    provider: &Provider,
    program: &AuthenticatedProgram,
    audience: &Audience,
) -> Result<Vec<String>, Refusal> {
    let control = &provider.0.control;
    match audience {
        Audience::Api => {
            let held = control.api_permissions_of(program.principal()).await?;
            Ok(held.into_iter().map(str::to_owned).collect())
        }
        Audience::Application(resource) => {
            let required = resource.attributes.get("appRoleAssignmentRequired") == Some(&Value::Bool(true));
            match control.app_roles_of_program(program.principal(), resource).await? {
                None if required => Err(OAuthError::NotAssigned.into()),
                held => Ok(held.unwrap_or_default()),
            }
        }
    }
}
