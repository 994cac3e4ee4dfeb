//! An application to which users sign in by a code: what it sends its users with, and what it sends with the code.

use serde_json::json;

use super::browser::{Browser, NAME, PASSWORD, VERIFIER, challenge};
use super::harness::{Program, World};

/// Where its users are sent back to.
pub(crate) const REDIRECT: &str = "https://wiki.example/callback";

/// What an application sends its user's browser with; some of it other, or gone where it is empty.
pub(crate) fn authorize(program: &Program, changes: &[(&str, &str)]) -> String {
    let (id, challenge) = (program.id(), challenge());
    let mut query = vec![
        ("client_id", id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        query.retain(|(known, _)| known != name);
        query.push((*name, *value));
    }
    query.retain(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("/adit/oauth2/v2.0/authorize?{query}")
}

/// What the application sends with the code.
pub(crate) fn exchange(program: &Program, code: &str, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", program.id()),
        ("client_secret", program.secret.clone()),
        ("code", code.to_owned()),
        ("redirect_uri", REDIRECT.to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ];
    for (name, value) in changes {
        form.retain(|(known, _)| known != name);
        form.push((*name, (*value).to_owned()));
    }
    form
}

/// The application.
pub(crate) async fn wiki(world: &World) -> Program {
    world.relying_party(json!({"web": {"redirectUris": [REDIRECT]}})).await
}

/// Signs in with the right password, up to the code.
pub(crate) async fn code(world: &World, program: &Program, changes: &[(&str, &str)]) -> String {
    let mut browser = Browser::default();
    let page = browser.get(world, &authorize(program, changes)).await;
    let back = browser.sign_in(world, &page, NAME, PASSWORD).await;
    back.sent("code").unwrap_or_else(|| panic!("{back:?}"))
}
