//! What a page of an application says about where it is, told the way its users see it.
//!
//! Upstreams know their internal URL and write it into headers, cookies and pages. On the way to the client it becomes
//! the external one; on the way in, what the browser says about the page (`Origin`, `Referer`) becomes the internal one.
//! All of it happens only for applications whose `Host` is translated. Nothing is guessed: what is not an internal URL,
//! letter for letter, stays as it is. Only cookies are looked at always: an application sets them for itself alone, for no
//! host above its own and no path beside it.
//!
//! Links in the bodies of pages and style sheets become external ones too, for applications that ask for it; those lead
//! to any published application, headers only to the one they come from.

mod absolute_url;
mod body;
mod cookie;
mod css;
mod decode;
mod entrance;
mod headers;
mod held;
mod html;
mod links;
mod mapping;
mod refresh;

pub(crate) use body::{Passing, RestoredBody, TranslatedBody, translate};
pub(crate) use decode::restrict_accepted;
pub(crate) use entrance::{DefaultPath, Entered, Outward, Translations};
pub(crate) use headers::{to_client, to_upstream};
pub(crate) use held::Held;
pub(crate) use links::{Links, PageLinks};
