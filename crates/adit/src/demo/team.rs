//! The demo's application for those who sign in, and the user who may.

use adit_core::{ExternalUrl, InternalUrl, PreAuthentication};
use http::Method;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::NOT_DONE;
use super::sample::SampleApplication;
use super::scenario::Group;
use super::visitor::Visitor;
use crate::api_client::ApiClient;
use crate::api_client::transport::Client;
use crate::command_error::CommandError;
use crate::publication::Publication;

/// Who signs in.
const USER: &str = "ada@demo.example";

/// What somebody is asked who has not signed in.
const FORM: &str = "<form method=\"post\"";

/// The application with sign-in.
pub(crate) struct Team {
    /// What users open.
    pub(crate) url: String,
    /// By what name they sign in.
    pub(crate) user: &'static str,
    /// And by what password: another one in each demo.
    pub(crate) password: String,
    /// Where it is shown what they may open.
    pub(crate) sign_in_host: String,
}

impl Team {
    /// Publishes `sample` for users who sign in, and makes one.
    ///
    /// # Errors
    /// When the API refuses.
    pub(crate) async fn publish(
        client: &ApiClient,
        sample: &SampleApplication,
        port: u16,
        group: &Group,
    ) -> Result<Self, CommandError> {
        let failed = |why: String| CommandError::failed(NOT_DONE, why);
        let url = format!("https://team.localhost:{port}/");
        let internal_url = InternalUrl::parse(&sample.internal_url_by_name());
        let publication = Publication {
            name: "Demo with sign-in".to_owned(),
            internal_url: internal_url.map_err(|error| failed(error.to_string()))?,
            external_url: ExternalUrl::parse(&url).map_err(|error| failed(error.to_string()))?,
            pre_authentication: PreAuthentication::SignIn,
            sign_on: None,
            connector_group: Some(group.id.clone()),
        };
        let published = publication.publish(client).await;
        published.map_err(|not_published| not_published.error.into_command_error(NOT_DONE))?;
        let password = password();
        let user = json!({
            "accountEnabled": true, "displayName": "Ada", "mailNickname": "ada", "userPrincipalName": USER,
            "passwordProfile": { "password": password, "forceChangePasswordNextSignIn": false },
        });
        let made = client.call(Method::POST, "/users", Some(&user)).await;
        made.map_err(|error| error.into_command_error(NOT_DONE))?;
        Ok(Self { url, user: USER, password, sign_in_host: format!("login.localhost:{port}") })
    }

    /// Whether somebody who has not signed in gets to the form, and not to the application.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn asks(&self, browser: &Client) -> Result<(), String> {
        let page = Visitor::new(browser).open(&self.parsed()?).await?;
        if page.text.contains(FORM) { Ok(()) } else { Err(format!("{} answered {}", page.url, page.status)) }
    }

    /// Whether the user gets to the application.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn lets_in(&self, browser: &Client) -> Result<(), String> {
        let url = self.parsed()?;
        let page = Visitor::new(browser).sign_in(&url, self.user, &self.password).await?;
        let is_there = page.url == url && page.status.is_success() && page.text.contains("x-forwarded-host");
        if is_there { Ok(()) } else { Err(format!("{} answered {}", page.url, page.status)) }
    }

    fn parsed(&self) -> Result<Url, String> {
        self.url.parse().map_err(|error| format!("{}: {error}", self.url))
    }
}

/// A random password that can be typed: four groups of four.
fn password() -> String {
    let random = Uuid::new_v4().simple().to_string();
    let groups: Vec<&str> = (0..4).filter_map(|group| random.get(group * 4..group * 4 + 4)).collect();
    groups.join("-")
}
