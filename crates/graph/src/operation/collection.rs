//! GET of a collection: a page of it, its number, references to its items.

use adit_odata::document::CollectionPage;
use adit_odata::limit::TOKEN_BYTES;

use crate::answer::Answer;
use crate::call::Call;
use crate::entities::{Continuation, Entities, Listing};
use crate::error::GraphError;
use crate::expand;
use crate::model::context_of;
use crate::skip_token;

/// A page of entities, with a link to the next one.
pub(super) async fn list(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let query = call.query_on(entities.kind())?;
    expand::check(call, &query, entities.kind())?;
    let listing = Listing::new(&query, continuation(call)?, call.preferred.largest_page);
    let mut listed = entities.list(call, &call.scope, &listing).await?;
    expand::fill(call, &query, &mut listed.items).await?;
    let next = listed.next.map(|next| next_link(&next, call)).transpose()?;
    let context = context_of(entities.kind(), &call.path);
    let shape = expand::shape(entities.kind(), &query);
    let page = CollectionPage { items: listed.items, count: listed.total, next };
    Ok(Answer::ok(call.document().collection(&context, shape, page)))
}

/// The number of entities as plain text.
pub(super) async fn count(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let query = call.query_on(entities.kind())?;
    expand::check_ways(call, &query)?;
    let listed = entities.list(call, &call.scope, &Listing::count(&query)).await?;
    Ok(Answer::count(listed.total.unwrap_or_default()))
}

/// A page of references.
pub(super) async fn references(call: &Call, entities: &'static dyn Entities) -> Result<Answer, GraphError> {
    let query = call.query_on(entities.kind())?;
    expand::refuse(&query)?;
    expand::check_ways(call, &query)?;
    let listing = Listing::new(&query, continuation(call)?, call.preferred.largest_page);
    let listed = entities.list(call, &call.scope, &listing).await?;
    let urls = listed.items.iter().map(|item| call.url_of(&item.path)).collect();
    let next = listed.next.map(|next| next_link(&next, call)).transpose()?;
    Ok(Answer::ok(call.document().references(urls, listed.total, next)))
}

fn continuation(call: &Call) -> Result<Option<Continuation>, GraphError> {
    call.options.skiptoken.as_deref().map(|token| skip_token::read(token, call)).transpose()
}

/// The request's own URL and options, with another skip token; what was left out at the start is not left out again.
fn next_link(next: &Continuation, call: &Call) -> Result<String, GraphError> {
    let kept = call.query.split('&').filter(|pair| !pair.is_empty() && !is_position(pair));
    let mut query: Vec<&str> = kept.collect();
    let token = skip_token::write(next, call);
    if token.len() > TOKEN_BYTES {
        return Err(GraphError::unsupported_query("A list cannot be ordered by texts that are so long."));
    }
    let token = format!("$skiptoken={token}");
    query.push(&token);
    Ok(format!("{}?{}", call.url, query.join("&")))
}

fn is_position(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let bare = name.strip_prefix('$').or_else(|| name.strip_prefix("%24")).unwrap_or(&name);
    matches!(bare, "skiptoken" | "skip")
}
