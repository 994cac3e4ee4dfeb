//! `applications/delta`: every application first, then what changed since.
//!
//! The link at the end of a round carries up to which revision it went. Links of both kinds are skip tokens, so nobody
//! but this directory makes them.

use std::collections::HashMap;

use adit_control::delta::ApplicationDelta;
use adit_core::query::Cursor;
use adit_core::{ApplicationId, CertificateMetadata, Revision};
use adit_odata::document::{DeltaLink, Entity};
use adit_odata::{Projection, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::application;
use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::expand;
use crate::model::APPLICATION;
use crate::skip_token;

/// Where a round of changes is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Round {
    /// Changes after this revision; none: all that there is.
    since: Option<u64>,
    /// In which epoch: after a restore, the same revisions mean other changes.
    epoch: u64,
    /// Where the page before ended.
    after: Option<Cursor>,
}

/// `GET applications/delta()`.
pub(crate) async fn applications(call: &Call) -> Result<Answer, GraphError> {
    let query = call.query_on(&APPLICATION)?;
    refuse_filters(&query)?;
    let epoch = call.control.snapshots().borrow().version().0.0;
    let token = call.options.deltatoken.as_deref().or(call.options.skiptoken.as_deref());
    let round = match token {
        Some(token) if token.eq_ignore_ascii_case("latest") => return latest(call, epoch).await,
        Some(token) => skip_token::read_as::<Round>(token, call)?,
        None => Round { since: None, epoch, after: None },
    };
    if round.epoch != epoch {
        return Err(GraphError::bad_skip_token());
    }
    let listing = crate::entities::Listing::new(&query, None, call.preferred.largest_page);
    let changes =
        call.control.application_changes(round.since.map(Revision), round.after, listing.limit.max(1)).await?;
    let present = changes.items.iter().filter_map(|change| match change {
        ApplicationDelta::Present(application) => Some(application.id),
        ApplicationDelta::Removed(_) => None,
    });
    let certificates = call.control.certificates_of(&present.collect::<Vec<_>>()).await?;
    let mut items: Vec<Entity> = changes.items.iter().map(|change| entity(change, &certificates)).collect();
    expand::fill(call, &query, &mut items).await?;
    let link = match changes.next {
        Some(after) => {
            DeltaLink::Next(link(call, "$skiptoken", &Round { since: round.since, epoch, after: Some(after) }))
        }
        None => DeltaLink::Later(link(call, "$deltatoken", &Round { since: Some(changes.upto.0), epoch, after: None })),
    };
    Ok(Answer::ok(call.document().delta("applications", &query.select, items, link)))
}

/// A link from here on, without what there is already.
async fn latest(call: &Call, epoch: u64) -> Result<Answer, GraphError> {
    let round = Round { since: Some(call.control.revision().await?.0), epoch, after: None };
    let later = DeltaLink::Later(link(call, "$deltatoken", &round));
    Ok(Answer::ok(call.document().delta("applications", &Projection::Default, Vec::new(), later)))
}

fn link(call: &Call, option: &str, round: &Round) -> String {
    let kept = call.query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        let bare = name.trim_start_matches("%24").trim_start_matches('$');
        !pair.is_empty() && !matches!(bare, "skiptoken" | "deltatoken")
    });
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("{option}={}", skip_token::write_as(round, call)));
    format!("{}?{}", call.url, query.join("&"))
}

fn refuse_filters(query: &Query) -> Result<(), GraphError> {
    let plain = query.filter.is_none()
        && query.search.is_none()
        && query.orderby.is_empty()
        && query.skip.is_none()
        && !query.count
        && query.expand.is_empty();
    if plain {
        return Ok(());
    }
    Err(GraphError::unsupported_query("Only $select and $top are supported with delta."))
}

fn entity(change: &ApplicationDelta, certificates: &HashMap<ApplicationId, CertificateMetadata>) -> Entity {
    match change {
        ApplicationDelta::Present(application) => application::shown(application, certificates.get(&application.id)),
        ApplicationDelta::Removed(id) => Entity {
            kind: &APPLICATION,
            properties: Map::from_iter([("id".to_owned(), id.to_string().into())]),
            etag: None,
            path: format!("applications/{id}"),
            select: Projection::Default,
            expanded: Vec::new(),
            annotations: Map::from_iter([("@removed".to_owned(), json!({"reason": "changed"}))]),
        },
    }
}
