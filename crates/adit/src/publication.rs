//! Publishing an application through the public API: make it, publish it, assign its connector group.
//!
//! Invariant: all of it is done, or the application that was made is deleted again. When even that fails, the error
//! says which application is left.

use adit_core::sign_on::SignOnHeaders;
use adit_core::{ExternalUrl, InternalUrl, PreAuthentication};
use http::Method;
use serde_json::{Value, json};

use crate::api_client::{ApiClient, ApiError, PROFILE};

/// What is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    /// The application's name.
    pub(crate) name: String,
    /// What the connector dials.
    pub(crate) internal_url: InternalUrl,
    /// What users open.
    pub(crate) external_url: ExternalUrl,
    /// Sign-in first, or passthrough.
    pub(crate) pre_authentication: PreAuthentication,
    /// By which headers, beside a signed assertion, it is told who asks; without this it is told nothing.
    pub(crate) sign_on: Option<SignOnHeaders>,
    /// The id of the group that shall serve it; the default group without one.
    pub(crate) connector_group: Option<String>,
}

/// Why nothing is published, and what is left of the attempt.
#[derive(Debug)]
pub(crate) struct NotPublished {
    /// The step that failed.
    pub(crate) error: ApiError,
    /// What became of the application that was made for it.
    pub(crate) remains: Remains,
}

/// What a failed publication leaves behind.
#[derive(Debug)]
pub(crate) enum Remains {
    /// It failed before anything was made.
    NothingMade,
    /// The application was deleted again.
    Undone,
    /// The application could not be deleted.
    Application {
        /// Its id.
        id: String,
        /// Why it is still there.
        error: ApiError,
    },
}

impl Publication {
    /// Publishes it and returns the application's id.
    ///
    /// # Errors
    /// [`NotPublished`].
    pub(crate) async fn publish(&self, client: &ApiClient) -> Result<String, NotPublished> {
        let made = self.create(client).await;
        let application = made.map_err(|error| NotPublished { error, remains: Remains::NothingMade })?;
        match self.publish_and_assign(client, &application).await {
            Ok(()) => Ok(application),
            Err(error) => Err(NotPublished { error, remains: undo(client, application).await }),
        }
    }

    async fn create(&self, client: &ApiClient) -> Result<String, ApiError> {
        let body = json!({ "displayName": self.name });
        client.call(Method::POST, "/applications", Some(&body)).await?.text("id")
    }

    async fn publish_and_assign(&self, client: &ApiClient, application: &str) -> Result<(), ApiError> {
        let path = format!("/applications/{application}");
        client.call(Method::PATCH, &path, Some(&self.to_graph())).await?;
        if let Some(group) = &self.connector_group {
            let reference = json!({ "@odata.id": format!("{PROFILE}/connectorGroups/{group}") });
            client.call(Method::PUT, &format!("{path}/connectorGroup/$ref"), Some(&reference)).await?;
        }
        Ok(())
    }

    fn to_graph(&self) -> Value {
        let pre_authentication = match self.pre_authentication {
            PreAuthentication::Passthrough => "passthru",
            PreAuthentication::SignIn => "aadPreAuthentication",
        };
        let mut publishing = json!({
            "externalUrl": self.external_url.to_string(),
            "internalUrl": self.internal_url.to_string(),
            "externalAuthenticationType": pre_authentication,
        });
        if let (Some(headers), Some(members)) = (&self.sign_on, publishing.as_object_mut()) {
            members.insert("singleSignOnSettings".to_owned(), json!({ "singleSignOnMode": "aadHeaderBased" }));
            members.insert("adit".to_owned(), json!({ "signOnHeaders": headers }));
        }
        json!({ "onPremisesPublishing": publishing })
    }
}

async fn undo(client: &ApiClient, application: String) -> Remains {
    match client.call(Method::DELETE, &format!("/applications/{application}"), None).await {
        Ok(_) => Remains::Undone,
        Err(error) => Remains::Application { id: application, error },
    }
}

#[cfg(test)]
mod tests {
    use adit_core::sign_on::SignOnHeader;

    use super::*;

    #[test]
    fn sign_in_is_asked_for_by_its_graph_name() {
        let mut publication = Publication {
            name: "Wiki".to_owned(),
            internal_url: InternalUrl::parse("http://wiki:8080/").unwrap(),
            external_url: ExternalUrl::parse("https://wiki.localhost:8443/").unwrap(),
            pre_authentication: PreAuthentication::SignIn,
            sign_on: None,
            connector_group: None,
        };
        let kind = |publication: &Publication| {
            publication.to_graph()["onPremisesPublishing"]["externalAuthenticationType"].clone()
        };
        assert_eq!(kind(&publication), "aadPreAuthentication");
        assert_eq!(publication.to_graph()["onPremisesPublishing"].get("singleSignOnSettings"), None);
        let header = SignOnHeader::parse("X-User=userPrincipalName").unwrap();
        publication.sign_on = Some(SignOnHeaders::new(vec![header]).unwrap());
        let told = &publication.to_graph()["onPremisesPublishing"];
        assert_eq!(told["singleSignOnSettings"], json!({ "singleSignOnMode": "aadHeaderBased" }));
        assert_eq!(told["adit"]["signOnHeaders"], json!([{ "header": "X-User", "claim": "userPrincipalName" }]));
        publication.pre_authentication = PreAuthentication::Passthrough;
        assert_eq!(kind(&publication), "passthru");
    }
}
