//! What must hold for any bytes from outside, as one function for each kind of input. A function panics when it does
//! not hold.
//!
//! A fuzzer calls them with bytes of its own making (`fuzz_targets`), and `tests/replay.rs` with the bytes in `corpus`
//! on any compiler. None of them has state, so that one input always does the same.

mod directory;
mod entity;
mod filter;
mod reference;
mod url;

pub use entity::entity;
pub use filter::filter;
pub use reference::reference;
pub use url::url;

/// The longest message, in bytes: what it repeats of an input must be cut.
const LONGEST_MESSAGE: usize = 4 * 1024;

fn check_message(error: &impl std::error::Error) {
    let message = error.to_string();
    assert!(!message.is_empty() && message.len() <= LONGEST_MESSAGE, "a message of {} bytes", message.len());
}
