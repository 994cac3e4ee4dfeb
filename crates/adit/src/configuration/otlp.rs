//! `[otlp]`: where spans go, and of how many requests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::is_loopback;
use crate::api_client::transport::Trust;
use crate::otlp::OtlpSettings;

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtlpTable {
    endpoint: String,
    #[serde(default = "all")]
    sampled: f64,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    pub(super) ca: Option<PathBuf>,
}

const fn all() -> f64 {
    1.0
}

/// What a collector wants to see, which may be a key.
#[derive(Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why spans cannot be sent as it is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadOtlp {
    #[error(
        "otlp: endpoint must be the http:// or https:// URL that takes traces, as in http://127.0.0.1:4318/v1/traces, \
         without user, query and fragment: keys belong into headers"
    )]
    BadEndpoint,
    #[error("otlp: sampled is {0}, but a share is a number from 0.0 to 1.0")]
    BadShare(f64),
    #[error("otlp: '{0}' is no field, or its value is none")]
    BadHeader(String),
    #[error("otlp: headers may hold keys, which are sent over https:// only (or to a loopback host)")]
    KeysInTheClear,
    #[error("otlp: the CA {} cannot be read: {source}", path.display())]
    Ca { path: PathBuf, source: std::io::Error },
}

/// Checks what was written.
///
/// # Errors
/// [`BadOtlp`] for the first setting that is wrong.
pub(super) fn resolve(table: OtlpTable) -> Result<OtlpSettings, BadOtlp> {
    // What is wrong with it may be the key in it, so it is not shown.
    let url = Url::parse(&table.endpoint).ok().filter(is_endpoint).ok_or(BadOtlp::BadEndpoint)?;
    if !(0.0..=1.0).contains(&table.sampled) {
        return Err(BadOtlp::BadShare(table.sampled));
    }
    let in_the_clear = url.scheme() != "https" && !url.host().is_some_and(|host| is_loopback(&host));
    if in_the_clear && !table.headers.is_empty() {
        return Err(BadOtlp::KeysInTheClear);
    }
    let trust = match table.ca {
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(pem) => Trust::Authority(pem),
            Err(source) => return Err(BadOtlp::Ca { path, source }),
        },
        None => Trust::System,
    };
    Ok(OtlpSettings {
        endpoint: url.as_str().parse().map_err(|_| BadOtlp::BadEndpoint)?,
        sampled: table.sampled,
        headers: headers(table.headers)?,
        trust,
    })
}

/// Keys in a URL would go over plain HTTP and into the log, so there is no place for one.
fn is_endpoint(url: &Url) -> bool {
    let of_nobody = url.username().is_empty() && url.password().is_none();
    let place_alone = url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && of_nobody && place_alone
}

fn headers(written: BTreeMap<String, Secret>) -> Result<HeaderMap, BadOtlp> {
    let header = |(name, value): (String, Secret)| {
        let parsed = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(value.0).ok());
        let (parsed, mut value) = parsed.ok_or(BadOtlp::BadHeader(name))?;
        value.set_sensitive(true);
        Ok((parsed, value))
    };
    written.into_iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<OtlpSettings, BadOtlp> {
        resolve(toml::from_str(text).unwrap())
    }

    #[test]
    fn an_endpoint_suffices_and_every_trace_is_sampled() {
        let settings = resolved("endpoint = 'http://collector.example:4318/v1/traces'").unwrap();
        assert_eq!((settings.endpoint.path(), settings.sampled), ("/v1/traces", 1.0));
        assert!(settings.headers.is_empty());
    }

    #[test]
    fn keys_go_over_tls_or_stay_on_this_machine_and_are_not_shown() {
        let with_key = |url: &str| resolved(&format!("endpoint = '{url}'\nheaders = {{ api-key = 'canary' }}"));
        for fine in ["https://collector.example/v1/traces", "http://127.0.0.1:4318/v1/traces"] {
            let settings = with_key(fine).unwrap();
            assert_eq!(settings.headers["api-key"], "canary");
            assert!(!format!("{settings:?}").contains("canary"));
        }
        assert!(matches!(with_key("http://collector.example/v1/traces"), Err(BadOtlp::KeysInTheClear)));
        let table: OtlpTable = toml::from_str("endpoint = 'a'\nheaders = { api-key = 'canary' }").unwrap();
        assert!(!format!("{table:?}").contains("canary"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for endpoint in ["/v1/traces", "grpc://a/", "http://a/#b", "a:4318", ""] {
            let refused = resolved(&format!("endpoint = '{endpoint}'"));
            assert!(matches!(refused, Err(BadOtlp::BadEndpoint)), "{endpoint}");
        }
        let more = |text: &str| resolved(&format!("endpoint = 'https://a/'\n{text}"));
        for share in ["1.5", "-0.1", "nan"] {
            assert!(matches!(more(&format!("sampled = {share}")), Err(BadOtlp::BadShare(_))), "{share}");
        }
        assert!(matches!(more("headers = { 'a b' = 'c' }"), Err(BadOtlp::BadHeader(_))));
        assert!(matches!(more("ca = '/nowhere/ca.pem'"), Err(BadOtlp::Ca { .. })));
        assert!(toml::from_str::<OtlpTable>("sampled = 1.0").is_err(), "nowhere to send them");
    }

    #[test]
    fn keys_have_no_place_in_an_endpoint_and_are_not_shown() {
        for rest in ["a/?key=canary", "a/v1/traces?canary", "canary@a/", "user:canary@a/"] {
            for scheme in ["http", "https"] {
                let refused = resolved(&format!("endpoint = '{scheme}://{rest}'")).unwrap_err();
                assert!(matches!(refused, BadOtlp::BadEndpoint), "{scheme}://{rest}");
                assert!(!format!("{refused} {refused:?}").contains("canary"), "{scheme}://{rest}");
            }
        }
    }
}
