//! Follows the pages of a list as a client does, to its far end, and remembers where that is.

use std::time::{Duration, Instant};

use super::load::{Request, Target};

/// The largest page, so that the walk has few.
const PAGE: usize = 999;

/// Where a walk came to.
pub(super) struct Walk {
    /// The ids of all items that were passed.
    pub(super) ids: Vec<String>,
    /// The skip token of the next page.
    pub(super) skip_token: String,
    pub(super) took: Duration,
    /// How long the slowest page took.
    pub(super) slowest: Duration,
}

/// Walks over the list `path`, with more `options` such as `&$orderby=displayName`, until at least `items` were passed.
pub(super) fn walk(target: &Target, path: &str, options: &str, items: usize) -> Walk {
    let mut connection = target.connect();
    let first = format!("{path}?$top={PAGE}&$select=id{options}");
    let (mut next, mut ids, mut slowest) = (first.clone(), Vec::new(), Duration::ZERO);
    let start = Instant::now();
    loop {
        let sent = Instant::now();
        let answer = target.ask(&mut connection, &Request::get(next));
        slowest = slowest.max(sent.elapsed());
        let page = answer.json();
        let listed = page["value"].as_array().unwrap_or_else(|| panic!("{path} is no list: {}", answer.text()));
        ids.extend(listed.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned));
        let link = page["@odata.nextLink"].as_str().unwrap_or_else(|| panic!("{path} ends after {} items", ids.len()));
        let skip_token = parameter(link, "skiptoken").unwrap_or_else(|| panic!("no skip token in {link}")).to_owned();
        if ids.len() >= items {
            return Walk { ids, skip_token, took: start.elapsed(), slowest };
        }
        next = format!("{first}&$skiptoken={skip_token}");
    }
}

/// The value of a query option, as it is written.
fn parameter<'l>(link: &'l str, name: &str) -> Option<&'l str> {
    let query = link.split_once('?')?.1;
    query.split('&').find_map(|option| {
        let (own, value) = option.split_once('=')?;
        own.trim_start_matches("%24").trim_start_matches('$').eq_ignore_ascii_case(name).then_some(value)
    })
}
