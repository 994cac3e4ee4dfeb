//! A client secret: by it a program proves at the token endpoint that it is a certain application.
//!
//! What is known of one (never the secret itself) is kept in the attribute `passwordCredentials` of the application or the
//! service principal that it belongs to. So whatever shows, filters, deletes and restores those does it for their secrets,
//! and a secret counts only while its holder is there.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::application::Attributes;
use crate::id::ClientSecretId;
use crate::name::DisplayName;

/// The attribute that holds what is known of the secrets.
const PASSWORD_CREDENTIALS: &str = "passwordCredentials";

/// The most secrets of one application or service principal: enough for a change-over in every place that uses one.
pub const MOST_SECRETS: usize = 20;

/// How many years a secret is valid if nothing was said.
pub const USUAL_YEARS: i32 = 2;

/// The most years that a secret is valid: what is given out for longer is never changed.
pub const MOST_YEARS: i32 = 10;

/// How many of a secret's first characters are shown later, so that people can tell secrets apart.
pub const HINT_LENGTH: usize = 3;

/// What is known of a secret after it was shown once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecret {
    /// By which it is removed.
    #[serde(rename = "keyId")]
    pub id: ClientSecretId,
    /// What it is for, if somebody said.
    pub display_name: Option<DisplayName>,
    /// Its first characters.
    pub hint: String,
    /// From when on it is valid.
    #[serde(rename = "startDateTime", with = "seven_digits")]
    pub starts: Timestamp,
    /// Until when.
    #[serde(rename = "endDateTime", with = "seven_digits")]
    pub ends: Timestamp,
}

/// Why a secret is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientSecretRefused {
    /// It would never be valid.
    #[error("a client secret must end after it starts, and in the future")]
    NeverValid,
    /// It would be valid for too long.
    #[error("a client secret is valid for at most {MOST_YEARS} years")]
    TooLong,
    /// There are too many already.
    #[error("there are {MOST_SECRETS} client secrets, and there cannot be more; remove one that is not used any more")]
    TooMany,
}

impl ClientSecret {
    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.starts <= now && now < self.ends
    }
}

/// From when until when a secret is valid that is made at `now`: what was said, else from now and for [`USUAL_YEARS`].
///
/// # Errors
/// [`ClientSecretRefused::NeverValid`], [`ClientSecretRefused::TooLong`].
pub fn validity(
    now: Timestamp,
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
) -> Result<(Timestamp, Timestamp), ClientSecretRefused> {
    let starts = starts.unwrap_or(now);
    let ends = match ends {
        Some(ends) => ends,
        None => years_after(starts, USUAL_YEARS)?,
    };
    if ends <= starts || ends <= now {
        return Err(ClientSecretRefused::NeverValid);
    }
    // A day of grace: what clients call ten years from now counts leap days in its own way.
    let latest = years_after(starts, MOST_YEARS)?.checked_add(SignedDuration::from_hours(24));
    if latest.is_ok_and(|latest| ends > latest) {
        return Err(ClientSecretRefused::TooLong);
    }
    Ok((starts, ends))
}

fn years_after(starts: Timestamp, years: i32) -> Result<Timestamp, ClientSecretRefused> {
    let later = starts.to_zoned(TimeZone::UTC).checked_add(years.years());
    later.map(|later| later.timestamp()).map_err(|_| ClientSecretRefused::TooLong)
}

/// The secrets of an application or a service principal. What cannot be read is none: nothing is signed in by it.
#[must_use]
pub fn client_secrets(attributes: &Attributes) -> Vec<ClientSecret> {
    let listed = attributes.get(PASSWORD_CREDENTIALS).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|secret| serde_json::from_value(secret.clone()).ok()).collect()
}

/// Adds a secret, behind the others.
///
/// # Errors
/// [`ClientSecretRefused::TooMany`].
pub fn add_client_secret(attributes: &mut Attributes, secret: &ClientSecret) -> Result<(), ClientSecretRefused> {
    let listed = attributes.entry(PASSWORD_CREDENTIALS).or_insert_with(|| Value::Array(Vec::new()));
    if !listed.is_array() {
        *listed = Value::Array(Vec::new());
    }
    let Some(listed) = listed.as_array_mut() else { return Err(ClientSecretRefused::TooMany) };
    if listed.len() >= MOST_SECRETS {
        return Err(ClientSecretRefused::TooMany);
    }
    listed.push(serde_json::to_value(secret).unwrap_or_default());
    Ok(())
}

/// Takes a secret away; what was known of it, if it was there.
pub fn take_client_secret(attributes: &mut Attributes, id: ClientSecretId) -> Option<ClientSecret> {
    let found = client_secrets(attributes).into_iter().find(|secret| secret.id == id)?;
    let listed = attributes.get_mut(PASSWORD_CREDENTIALS)?.as_array_mut()?;
    let is_it =
        |secret: &Value| serde_json::from_value(secret.clone()).is_ok_and(|secret: ClientSecret| secret.id == id);
    listed.retain(|secret| !is_it(secret));
    Some(found)
}

/// Instants as Graph writes them, with seven fractional digits.
mod seven_digits {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{at:.7}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn secret(number: u128) -> ClientSecret {
        ClientSecret {
            id: ClientSecretId::new(Uuid::from_u128(number)),
            display_name: None,
            hint: "abc".to_owned(),
            starts: at("2026-01-01T00:00:00Z"),
            ends: at("2028-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn a_secret_is_valid_for_two_years_if_nothing_was_said() {
        let now = at("2024-02-29T10:00:00Z");
        assert_eq!(validity(now, None, None), Ok((now, at("2026-02-28T10:00:00Z"))));
        let later = at("2025-01-01T00:00:00Z");
        assert_eq!(validity(now, Some(later), None), Ok((later, at("2027-01-01T00:00:00Z"))));
        assert_eq!(validity(now, None, Some(later)), Ok((now, later)));
    }

    #[test]
    fn what_would_never_be_valid_or_for_too_long_is_refused() {
        let (now, past) = (at("2026-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
        let never = Err(ClientSecretRefused::NeverValid);
        assert_eq!(validity(now, None, Some(past)), never);
        assert_eq!(validity(now, None, Some(now)), never);
        assert_eq!(validity(now, Some(past), Some(now)), never, "it would be over already");
        assert_eq!(validity(now, None, Some(at("2036-01-01T00:00:00Z"))), Ok((now, at("2036-01-01T00:00:00Z"))));
        for end in ["2036-01-03T00:00:00Z", "2299-12-31T23:59:59Z"] {
            assert_eq!(validity(now, None, Some(at(end))), Err(ClientSecretRefused::TooLong), "{end}");
        }
        let last = Timestamp::MAX;
        assert_eq!(validity(now, Some(last), None), Err(ClientSecretRefused::TooLong));
    }

    #[test]
    fn a_secret_is_valid_from_its_start_and_not_any_more_at_its_end() {
        let secret = secret(1);
        for (now, expected) in [
            ("2025-12-31T23:59:59Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2027-12-31T23:59:59Z", true),
            ("2028-01-01T00:00:00Z", false),
        ] {
            assert_eq!(secret.is_valid_at(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn secrets_are_kept_as_graph_shows_them_and_taken_away_by_their_id() {
        let mut attributes = Attributes::new();
        add_client_secret(&mut attributes, &secret(1)).unwrap();
        add_client_secret(&mut attributes, &secret(2)).unwrap();
        assert_eq!(
            attributes[PASSWORD_CREDENTIALS][0],
            json!({"keyId": Uuid::from_u128(1), "displayName": null, "hint": "abc",
                "startDateTime": "2026-01-01T00:00:00.0000000Z", "endDateTime": "2028-01-01T00:00:00.0000000Z"})
        );
        assert_eq!(client_secrets(&attributes), [secret(1), secret(2)]);
        assert_eq!(take_client_secret(&mut attributes, secret(1).id), Some(secret(1)));
        assert_eq!(take_client_secret(&mut attributes, secret(1).id), None);
        assert_eq!(client_secrets(&attributes), [secret(2)]);
    }

    #[test]
    fn there_are_so_many_secrets_and_no_more() {
        let mut attributes = Attributes::new();
        for number in 0..MOST_SECRETS {
            add_client_secret(&mut attributes, &secret(number as u128)).unwrap();
        }
        assert_eq!(add_client_secret(&mut attributes, &secret(99)), Err(ClientSecretRefused::TooMany));
        assert_eq!(client_secrets(&attributes).len(), MOST_SECRETS);
    }

    #[test]
    fn what_is_no_secret_signs_nobody_in() {
        for other in [json!(null), json!("x"), json!([1, {}, {"keyId": "no"}, {"keyId": Uuid::nil(), "hint": "a"}])] {
            let attributes = Attributes::from_iter([(PASSWORD_CREDENTIALS.to_owned(), other)]);
            assert_eq!(client_secrets(&attributes), []);
        }
    }
}
