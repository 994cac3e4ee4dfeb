//! What a page of an application says about where it is, told the way its users see it.
//!
//! Upstreams know their internal URL and write it into headers, cookies and pages. On the way to the client it becomes
//! the external one; on the way in, what the browser says about the page (`Origin`, `Referer`) becomes the internal one.
//! All of it happens only for applications whose `Host` is translated. Nothing is guessed: what is not an internal URL,
//! letter for letter, stays as it is.

mod absolute_url;
mod cookie;
mod headers;
mod mapping;
mod refresh;

pub(crate) use cookie::OWN_PREFIX;
pub(crate) use headers::{to_client, to_upstream};
pub(crate) use mapping::UrlMapping;
