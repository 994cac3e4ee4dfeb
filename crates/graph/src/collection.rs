//! Lists: from query options to a question about the directory, and from a page of it to an answer with a link to the
//! next one.
//!
//! A skip token says after which object the next page starts, and is bound to the question, so that one made for
//! another list or another filter is refused instead of answering something in between.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use adit_core::query::{Counting, Cursor, DEFAULT_PAGE, LARGEST_PAGE, Page, Query};
use adit_odata::document::{CollectionPage, Entity};
use adit_odata::{EntityType, QueryOptions};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::GraphError;
use crate::filter::{self, Fields};

/// The question that a list request asks, and whether an answer has any items at all (`$top=0` has none).
#[derive(Debug)]
pub(crate) struct Listing<F> {
    pub(crate) query: Query<F>,
    empty: bool,
}

impl<F: Copy> Listing<F> {
    /// Reads the question from the query options of a request for entities of the type `on`.
    pub(crate) fn of(call: &Call, on: &'static EntityType, fields: Fields<F>) -> Result<Self, GraphError> {
        let options = &call.options;
        refuse_unsupported(options)?;
        let after = options.skiptoken.as_deref().map(|token| read_token(token, call)).transpose()?;
        let counted = options.count == Some(true) && after.is_none();
        Ok(Self {
            query: Query {
                filter: options.filter.as_deref().map(|text| filter::parse(text, on, fields)).transpose()?,
                limit: options.top.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE),
                after,
                counting: if counted { Counting::Wanted } else { Counting::Skipped },
            },
            empty: options.top == Some(0),
        })
    }

    /// Reads the question of a `$count` segment: the number alone.
    pub(crate) fn count_of(call: &Call, on: &'static EntityType, fields: Fields<F>) -> Result<Self, GraphError> {
        let mut listing = Self::of(call, on, fields)?;
        listing.query.limit = 1;
        listing.query.counting = Counting::Wanted;
        Ok(listing)
    }

    /// The same about what also satisfies `filter`.
    pub(crate) fn narrowed(self, filter: adit_core::query::Filter<F>) -> Self {
        Self { query: self.query.narrowed(filter), empty: self.empty }
    }

    /// What of a page is answered, and where the next one is.
    pub(crate) fn shown<T>(&self, call: &Call, page: Page<T>) -> Shown<T> {
        if self.empty {
            return Shown { items: Vec::new(), count: page.total, next: None };
        }
        Shown { items: page.items, count: page.total, next: page.next.map(|cursor| next_link(cursor, call)) }
    }
}

/// One page as it is answered.
pub(crate) struct Shown<T> {
    pub(crate) items: Vec<T>,
    count: Option<u64>,
    next: Option<String>,
}

impl<T> Shown<T> {
    /// Answers with entities; `path` is the collection as context URLs write it.
    pub(crate) fn entities(
        self,
        call: &Call,
        on: &'static EntityType,
        path: &str,
        entities: Vec<Entity>,
    ) -> Result<Answer, GraphError> {
        let page = CollectionPage { items: entities, count: self.count, next: self.next };
        Ok(Answer::ok(call.document().collection(path, &call.projection(on)?, page)))
    }

    /// Answers with references.
    pub(crate) fn references(self, call: &Call, url: impl Fn(&T) -> String) -> Answer {
        let urls = self.items.iter().map(url).collect();
        Answer::ok(call.document().references(urls, self.count, self.next))
    }
}

/// Answers a `$count` segment.
pub(crate) fn counted<T>(page: &Page<T>) -> Answer {
    Answer::count(page.total.unwrap_or_default())
}

fn refuse_unsupported(options: &QueryOptions) -> Result<(), GraphError> {
    let refused = [
        ("$orderby", options.orderby.is_some()),
        ("$search", options.search.is_some()),
        ("$skip", options.skip.is_some_and(|skip| skip > 0)),
    ];
    match refused.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(GraphError::unsupported_query(format!("The query option '{name}' is not supported."))),
    }
}

/// The request's own URL and options, with another skip token.
fn next_link(cursor: Cursor, call: &Call) -> String {
    let kept = call.query.split('&').filter(|pair| !pair.is_empty() && !is_skiptoken(pair));
    let mut query: Vec<&str> = kept.collect();
    let token = format!("$skiptoken={}", write_token(cursor, call));
    query.push(&token);
    format!("{}?{}", call.url, query.join("&"))
}

fn is_skiptoken(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    matches!(name.as_str(), "$skiptoken" | "%24skiptoken" | "skiptoken")
}

fn write_token(Cursor(last): Cursor, call: &Call) -> String {
    let mut bytes = last.as_bytes().to_vec();
    bytes.extend(binding(last, call));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn read_token(token: &str, call: &Call) -> Result<Cursor, GraphError> {
    let refused = || GraphError::bad_request("Invalid $skiptoken: it does not belong to this request.");
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
    let (last, bound) = bytes.split_at_checked(16).ok_or_else(refused)?;
    let last = Uuid::from_slice(last).map_err(|_| refused())?;
    if bound != binding(last, call) {
        return Err(refused());
    }
    Ok(Cursor(last))
}

/// Ties a token to its list and filter. Not a secret: whoever may read the list may start it anywhere.
fn binding(last: Uuid, call: &Call) -> [u8; 8] {
    let mut hasher = DefaultHasher::new();
    let keys: Vec<String> = call.keys.iter().map(|(name, key)| format!("{name}={key:?}")).collect();
    (last, call.pattern, keys, call.options.filter.as_deref()).hash(&mut hasher);
    hasher.finish().to_be_bytes()
}
