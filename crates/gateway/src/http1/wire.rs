//! What a connection is made of, as this room needs it: a stream that gives and takes parts without copying them.

use std::io;
use std::task::{Context, Poll};

use adit_tunnel::stream::TunnelStream;
use bytes::Bytes;

/// A stream of bytes in both directions.
pub(crate) trait Wire {
    /// Receives what comes next; nothing at the end.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>>;

    /// What was received last is done with.
    fn settle(&mut self);

    /// Sends `part`, and leaves in it what could not be sent yet.
    fn poll_send(&mut self, cx: &mut Context<'_>, part: &mut Bytes) -> Poll<io::Result<()>>;

    /// Ends it in order.
    fn finish(&mut self);
}

impl Wire for TunnelStream {
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        Self::poll_part(self, cx)
    }

    fn settle(&mut self) {
        self.let_next_come();
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, part: &mut Bytes) -> Poll<io::Result<()>> {
        self.poll_send_part(cx, part)
    }

    fn finish(&mut self) {
        Self::finish(self);
    }
}
