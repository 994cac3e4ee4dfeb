//! For whom a token shall be: what a scope names as its resource.
//!
//! The administrative API is named by its audience, by this server's URL, or as Microsoft Graph, which SDKs ask for unless
//! they are told otherwise; in each case the token is for the one audience that the API accepts. An application of the
//! directory is named by its client id or by one of its `identifierUris`.

use adit_core::{API_APP_ID, AppId, ServicePrincipal};

use crate::client::shown;
use crate::error::{OAuthError, Refusal};
use crate::provider::Provider;

/// What a scope ends in that asks for everything that was granted.
const DEFAULT: &str = "/.default";

/// The names of Microsoft Graph.
const MICROSOFT_GRAPH: [&str; 2] = ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/// For whom a token shall be.
#[derive(Debug)]
pub(crate) enum Audience {
    /// The administrative API.
    Api,
    /// An application, by its service principal.
    Application(Box<ServicePrincipal>),
}

impl Audience {
    /// What the token has as `aud`.
    pub(crate) fn claim(&self, provider: &Provider) -> String {
        match self {
            Self::Api => provider.0.api_audience.clone(),
            Self::Application(principal) => principal.app_id.to_string(),
        }
    }
}

/// The resource of a scope that ends in `/.default`; of one scope, because a token is for one resource.
pub(crate) async fn of_default_scope(provider: &Provider, scope: &str) -> Result<Audience, Refusal> {
    let mut words = scope.split_whitespace();
    let (Some(word), None) = (words.next(), words.next()) else {
        return Err(OAuthError::BadScope("exactly one is expected, which ends in '/.default'").into());
    };
    let Some(resource) = word.strip_suffix(DEFAULT) else {
        return Err(OAuthError::BadScope("it must be the name of a resource followed by '/.default'").into());
    };
    named(provider, resource.trim_end_matches('/')).await
}

/// The resource of that name.
pub(crate) async fn named(provider: &Provider, resource: &str) -> Result<Audience, Refusal> {
    let names = [provider.0.api_audience.as_str(), &provider.0.public_url];
    if names.iter().chain(&MICROSOFT_GRAPH).any(|name| name.eq_ignore_ascii_case(resource)) {
        return Ok(Audience::Api);
    }
    let unknown = || OAuthError::UnknownResource(shown(resource));
    let app_id = resource.strip_prefix("api://").unwrap_or(resource);
    let app_id: AppId = app_id.parse().map_err(|_| unknown())?;
    if app_id == API_APP_ID {
        return Ok(Audience::Api);
    }
    match provider.0.control.service_principal_by_app_id(app_id).await {
        Ok(principal) => Ok(Audience::Application(Box::new(principal))),
        Err(adit_control::Error::NoServicePrincipalOf(_)) => Err(unknown().into()),
        Err(error) => Err(error.into()),
    }
}
