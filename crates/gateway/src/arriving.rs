//! The body of a message that arrives, over either version of HTTP.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::http1;
use crate::http1::body::AnswerBody;
use crate::http2::body::Http2Body;
use crate::http2::stream::Http2Stream;

/// A body on its way.
#[derive(Debug)]
pub(crate) enum Arriving {
    /// A request's, over HTTP/1.1.
    Http1(Incoming),
    /// An answer's, over HTTP/1.1.
    Answer(AnswerBody),
    Http2(Http2Body),
    /// None: the request asks for its stream as a connection of its own, which comes here once it has that.
    Socket(Option<oneshot::Receiver<Http2Stream>>),
}

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    #[error(transparent)]
    Answer(#[from] http1::Error),
    #[error("HTTP/2")]
    Http2(#[from] h2::Error),
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map_err(Broken::Http1),
            Self::Answer(body) => Pin::new(body).poll_frame(cx).map_err(Broken::Answer),
            Self::Http2(body) => Pin::new(body).poll_frame(cx).map_err(Broken::Http2),
            Self::Socket(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Answer(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::Socket(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Answer(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
            Self::Socket(_) => SizeHint::with_exact(0),
        }
    }
}
