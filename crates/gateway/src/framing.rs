//! Where one message ends and the next begins, decided a second time and strictly, beneath the HTTP library.
//!
//! The library forgives what the standard allows a recipient to forgive: a line that ends in a bare LF, a length beside
//! chunks, a length that is said twice. Whoever forgives differently behind us would see other requests than we
//! authorised. So a guard stands between TLS and the library on the client's side ([`client`]) and lets through only what
//! has one meaning. Towards upstreams there is no library: what reads heads ([`head`]) and follows bodies ([`body`]) here
//! is the parser of [`crate::http1`].
//!
//! A guard reads each head once, line by line ([`head`]), follows the body ([`body`]), and holds an incomplete head back
//! until it is complete: the library never sees a byte of a head that was not checked whole. What is refused is
//! replaced by a request of the guard's own, so that the answer takes the ordinary way, after the answers that are
//! still owed. Guard and library count requests ([`agreement`]): if they ever differ, the request is refused.
//!
//! For HTTP/2 the library's own strictness suffices, but it does not bound what a peer may make it do: [`frames`] counts
//! a client's frames. Upstreams it lets end an answer before its end, which [`answers`] sees. [`patience`] bounds what
//! clients may make us wait for, and [`lingering`] lets them read our last words.

pub(crate) mod agreement;
pub(crate) mod answers;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod frames;
pub(crate) mod head;
pub(crate) mod lingering;
pub(crate) mod pace;
pub(crate) mod patience;
pub(crate) mod refusal;
