//! Whether the gateway asks for anything. A connector that is asked nothing keeps one connection, whatever it may have: of
//! thousands that a gateway knows, most do nothing most of the time.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Remembers that something was asked, until it is told to forget.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    was: AtomicBool,
    changed: Notify,
}

impl Asked {
    /// The gateway opened a stream.
    pub(crate) fn note(&self) {
        // Nearly always it is known, and then nothing is written that other threads have.
        if !self.was.load(Ordering::Acquire) && !self.was.swap(true, Ordering::AcqRel) {
            self.changed.notify_waiters();
        }
    }

    /// A connection was lost: what has been asked so far does not say that there will be more.
    pub(crate) fn forget(&self) {
        self.was.store(false, Ordering::Release);
    }

    /// Completes once something has been asked.
    pub(crate) async fn wait(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.was.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn what_was_asked_is_waited_for_once_and_again_after_it_was_forgotten() {
        let asked = Asked::default();
        let mut waiting = Box::pin(asked.wait());
        assert_eq!(waiting.as_mut().now_or_never(), None);
        asked.note();
        asked.note();
        assert_eq!(waiting.now_or_never(), Some(()));
        assert_eq!(asked.wait().now_or_never(), Some(()), "who comes later need not wait");
        asked.forget();
        assert_eq!(asked.wait().now_or_never(), None);
    }
}
