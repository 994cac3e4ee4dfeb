//! Whether the gateway asks for anything. A connector that is asked nothing keeps one connection, whatever it may have: of
//! thousands that a gateway knows, most do nothing most of the time.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Remembers that something was asked, until it is told to forget while nothing is under way.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    was: AtomicBool,
    under_way: AtomicUsize,
    changed: Notify,
}

/// Something that was asked, until it is done.
#[derive(Debug)]
pub(crate) struct UnderWay<'a>(&'a Asked);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Asked {
    /// The gateway opened a stream. It may carry many requests.
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        // Nearly always it is known, and nobody is woken.
        if !self.was.load(Ordering::Acquire) && !self.was.swap(true, Ordering::AcqRel) {
            self.changed.notify_waiters();
        }
        UnderWay(self)
    }

    /// A connection was lost: unless something is under way over others, what has been asked so far does not say that there
    /// will be more.
    pub(crate) fn forget(&self) {
        if self.under_way.load(Ordering::Acquire) == 0 {
            self.was.store(false, Ordering::Release);
        }
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
    fn what_was_asked_is_waited_for_once_and_again_after_it_was_done_and_forgotten() {
        let asked = Asked::default();
        let mut waiting = Box::pin(asked.wait());
        assert_eq!(waiting.as_mut().now_or_never(), None);
        let (first, second) = (asked.begin(), asked.begin());
        assert_eq!(waiting.now_or_never(), Some(()));
        drop(first);
        asked.forget();
        assert_eq!(asked.wait().now_or_never(), Some(()), "one is under way");
        drop(second);
        assert_eq!(asked.wait().now_or_never(), Some(()), "who comes later need not wait");
        asked.forget();
        assert_eq!(asked.wait().now_or_never(), None);
    }
}
