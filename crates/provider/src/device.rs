//! Devices without a browser: they show a short code, which the user enters here on another one (RFC 8628).
//!
//! The short code finds the device, and nothing else: it approves nothing by itself. The user types it, so that no link that
//! somebody sent leads past the question where it comes from, sees which application asks and for what, and signs in for each
//! device anew, whatever sign-in there was before.

use std::time::{Duration, Instant};

use adit_core::{AppId, UserId};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use crate::authorize::stays;
use crate::discovery::json_response;
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::page::{Page, alert, escaped};
use crate::permission_list::{Asked, asked};
use crate::provider::{Provider, address_of};
use crate::relying_party::RelyingParty;
use crate::sign_in::{self, Flow, Purpose, check_origin};
use crate::throttle::place;
use crate::user_scope::UserScope;

/// How long a device waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long it has to wait between two questions, in seconds.
pub(crate) const INTERVAL: u64 = 5;

/// Letters that are not mistaken for each other and make no words (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How many of them a code has: 34 bits, for fifteen minutes, from an address that may miss twenty times a minute.
const LENGTH: usize = 8;

/// A device that waits.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) app_id: AppId,
    pub(crate) name: String,
    pub(crate) scope: String,
    /// What its user is shown of that.
    pub(crate) permissions: Vec<Asked>,
    pub(crate) answer: Answer,
    pub(crate) asked: Option<Instant>,
}

/// What the user said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing yet.
    Waiting,
    /// Signed in, and when.
    Approved(UserId, Timestamp),
    /// No.
    Declined,
}

/// Answers `POST devicecode`.
pub(crate) async fn begin(provider: &Provider, request: Request) -> Response {
    match begun(provider, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn begun(provider: &Provider, request: Request) -> Result<Response, Refusal> {
    let from = address_of(&request);
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let party = RelyingParty::find(provider, form.load("client_id")?).await?;
    if !party.is_public() {
        return Err(OAuthError::NotAPublicClient.into());
    }
    let scope = form.load("scope")?.to_owned();
    let permissions = asked(provider, &UserScope::parse(provider, &scope).await?, party.app_id).await?;
    let device =
        Device { app_id: party.app_id, name: party.name, scope, permissions, answer: Answer::Waiting, asked: None };
    let now = Instant::now();
    let (Some(user_code), Some(key)) = (new_code(), provider.0.devices.put(device, from, now)) else {
        return Err(OAuthError::Unavailable.into());
    };
    provider.0.user_codes.put_under(&user_code, key.clone(), from, now);
    let shown = format!("{}-{}", user_code.get(..4).unwrap_or_default(), user_code.get(4..).unwrap_or_default());
    let uri = format!("{}/adit/device", provider.0.public_url);
    let message = format!("To sign in, open {uri} in a browser and enter the code {shown}.");
    let mut response = json_response(
        StatusCode::OK,
        &json!({
            "device_code": key, "user_code": shown, "verification_uri": uri,
            "expires_in": PATIENCE.as_secs(), "interval": INTERVAL, "message": message,
        }),
    );
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers `GET device`: the form for the code. Nothing of the URL is in it.
pub(crate) fn form(provider: &Provider) -> Response {
    shown(provider, "", None)
}

/// Answers the form for the code: the sign-in page of the device that it finds.
pub(crate) async fn entered(provider: &Provider, request: Request) -> Response {
    let from = address_of(&request);
    let address = from.map(place);
    let (parts, body) = request.into_parts();
    if let Err(refused) = check_origin(provider, &parts.headers) {
        return stays(&refused);
    }
    let form = match Form::read(&parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return stays(&error.into()),
    };
    let now = Instant::now();
    if let Some(retry_after) = address.and_then(|address| provider.0.throttles.user_codes.wait(&address, now)) {
        return stays(&OAuthError::Throttled { retry_after }.into());
    }
    let entered = form.find("user_code").unwrap_or_default();
    match found(provider, &canonical(entered), now) {
        Some((key, device)) => {
            let flow = Flow::new(Purpose::Device(key), device.name, device.permissions);
            sign_in::begin(provider, &parts.headers, from, flow)
        }
        None => {
            if let Some(address) = address {
                provider.0.throttles.user_codes.count(address, now);
            }
            shown(provider, entered, Some("There is no device that waits with this code. Look at the code again."))
        }
    }
}

/// The device that waits with a code.
fn found(provider: &Provider, code: &str, now: Instant) -> Option<(String, Device)> {
    let key = provider.0.user_codes.with(code, now, |key| key.clone())?;
    let device = provider.0.devices.with(&key, now, |device| device.clone())?;
    (device.answer == Answer::Waiting).then_some((key, device))
}

/// Lets a device go on as `user`, once.
pub(crate) fn approved(provider: &Provider, key: &str, user: UserId, name: &str) -> Response {
    if !answered(provider, key, Answer::Approved(user, Timestamp::now())) {
        return stays(&OAuthError::SignInOver.into());
    }
    let content = format!(
        "<h1>You are signed in</h1>\n<p><strong>{}</strong> goes on by itself on the other device. You can close this \
         page.</p>",
        escaped(name)
    );
    Page::new("Signed in", content).into_response()
}

/// Tells a device that its user said no, once.
pub(crate) fn declined(provider: &Provider, key: &str, name: &str) -> Response {
    if !answered(provider, key, Answer::Declined) {
        return stays(&OAuthError::SignInOver.into());
    }
    let content = format!(
        "<h1>Not signed in</h1>\n<p><strong>{}</strong> was not let in, and got nothing. You can close this page.</p>",
        escaped(name)
    );
    Page::new("Not signed in", content).into_response()
}

/// Notes what the user said, if nothing was said before.
fn answered(provider: &Provider, key: &str, answer: Answer) -> bool {
    let note = |device: &mut Device| {
        let waits = device.answer == Answer::Waiting;
        if waits {
            device.answer = answer;
        }
        waits
    };
    provider.0.devices.with(key, Instant::now(), note) == Some(true)
}

fn shown(provider: &Provider, code: &str, problem: Option<&str>) -> Response {
    let (problem, described) = alert(problem);
    let content = format!(
        "<h1>Enter the code</h1>\n<p>Enter the code that your other device shows. Go on only if you began to sign in there \
         yourself: whoever sends you a code wants to act as you.</p>\n{}\
         <form method=\"post\" action=\"{}\">\n<label for=\"code\">Code</label>\n\
         <input id=\"code\" class=\"code\" name=\"user_code\" value=\"{}\" autocomplete=\"off\" \
         autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"20\" required autofocus{}>\n\
         <button>Next</button>\n</form>",
        problem,
        escaped(&format!("{}/adit/device", provider.0.path_prefix)),
        escaped(&code.chars().take(20).collect::<String>()),
        described,
    );
    Page::new("Enter the code", content).into_response()
}

/// A code as it is kept: letters only, upper case.
fn canonical(entered: &str) -> String {
    entered.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).take(64).collect()
}

fn new_code() -> Option<String> {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        // 240 is the largest multiple of 20 below 256: each letter is as likely as any other.
        let letters = random.into_iter().filter(|byte| *byte < 240);
        let letters = letters.filter_map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()).copied());
        code.extend(letters.map(char::from).take(LENGTH - code.len()));
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_eight_letters_and_read_however_it_is_typed() {
        let code = new_code().unwrap();
        assert_eq!(code.len(), LENGTH);
        assert!(code.bytes().all(|letter| LETTERS.contains(&letter)), "{code}");
        assert_ne!(code, new_code().unwrap());
        for typed in ["bcdf-ghjk", " BCDF GHJK", "b c d f g h j k", "BCDFGHJK"] {
            assert_eq!(canonical(typed), "BCDFGHJK", "{typed}");
        }
    }
}
