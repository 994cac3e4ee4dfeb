//! What the API says about itself, to anybody: `$metadata`, the service document, OpenAPI and the page to browse it.

use std::sync::LazyLock;

use adit_odata::{Metadata, Part, metadata};
use axum::response::Response;
use http::Method;
use http::request::Parts;

use crate::answer::Answer;
use crate::error::GraphError;
use crate::model::MODEL;
use crate::preference::Preference;
use crate::service::Settings;
use crate::{openapi, origin};

static CSDL: LazyLock<String> = LazyLock::new(|| metadata::csdl(&MODEL));

/// Whether a path below the version needs no token.
pub(crate) fn is_public(parts: &[Part]) -> bool {
    match parts {
        [] => true,
        [Part::Word(word)] => ["$metadata", "openapi.json", "docs"].iter().any(|own| own.eq_ignore_ascii_case(word)),
        [Part::Word(word), _] => word.eq_ignore_ascii_case("docs"),
        _ => false,
    }
}

/// The answer to a path that needs no token; `None` for all others. Without a version, the root is a path like any
/// other that leads nowhere.
pub(crate) fn public(
    settings: &Settings,
    parts: &Parts,
    version: &str,
    rest: &[Part],
) -> Result<Option<Response>, GraphError> {
    if !is_public(rest) || (rest.is_empty() && version.is_empty()) {
        return Ok(None);
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(GraphError::method_not_allowed(vec![Method::GET]));
    }
    let origin = origin::of(parts, settings.public_url.as_ref(), &settings.trusted_proxies);
    let base = format!("{origin}{version}");
    let answer = match rest {
        [] => Answer::ok(metadata::service_document(&MODEL, &base)),
        [Part::Word(word)] if word.eq_ignore_ascii_case("$metadata") => Answer::xml(CSDL.clone()),
        [Part::Word(word)] if word.eq_ignore_ascii_case("openapi.json") => {
            Answer::file("application/json", openapi::text(&origin).into())
        }
        [_] => openapi::page("index.html", &parts.uri)?,
        [_, file, ..] => openapi::page(file.text(), &parts.uri)?,
    };
    Ok(Some(answer.into_response(Metadata::Minimal, Preference::default())))
}
