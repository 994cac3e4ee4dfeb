//! `urn:ietf:params:oauth:grant-type:device_code`: a device asks whether its user has signed in (RFC 8628, section 3.4).

use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

use crate::client::Credentials;
use crate::device::{Answer, Device, INTERVAL};
use crate::error::{OAuthError, Refusal};
use crate::form::Form;
use crate::grant::user_tokens::{Granted, begun};
use crate::provider::Provider;
use crate::user_scope::UserScope;

/// The name of the grant.
pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The answer to a device.
pub(crate) async fn granted(provider: &Provider, headers: &HeaderMap, form: &Form) -> Result<Value, Refusal> {
    let credentials = Credentials::of(headers, form)?;
    let code = form.load("device_code")?;
    let now = Instant::now();
    let asked = |device: &mut Device| {
        let too_soon = device.asked.is_some_and(|last| {
            // A little early is not too early: clocks and networks differ.
            now.saturating_duration_since(last) < Duration::from_secs(INTERVAL) / 2
        });
        device.asked = Some(now);
        (device.clone(), too_soon)
    };
    let (device, too_soon) = provider.0.devices.with(code, now, asked).ok_or(OAuthError::DeviceExpired)?;
    if !credentials.is_client(device.app_id) {
        return Err(OAuthError::DeviceExpired.into());
    }
    let (user, signed_in) = match device.answer {
        Answer::Approved(user, signed_in) => (user, signed_in),
        Answer::Waiting if too_soon => return Err(OAuthError::SlowDown.into()),
        Answer::Waiting => return Err(OAuthError::AuthorizationPending.into()),
        Answer::Declined => return Err(OAuthError::Declined.into()),
    };
    // Of several who ask at once, one gets the tokens.
    let device = provider.0.devices.take(code, now).ok_or(OAuthError::DeviceExpired)?;
    let granted = Granted {
        app_id: device.app_id,
        user,
        sign_in: Uuid::new_v4(),
        signed_in,
        scope: UserScope::parse(provider, &device.scope).await?,
        nonce: None,
        within: None,
    };
    begun(provider, &granted, None, &device.scope, form).await
}
