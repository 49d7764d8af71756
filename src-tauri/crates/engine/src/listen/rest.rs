//! What is left of a request's body when the request was answered without reading it.
//!
//! A connection is closed if it is answered before its request was read, and a client that sends the next one there, as it
//! does for discovery after a challenge, fails. So the rest is read first; what is large or slow is not waited for.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// How much of it is read, in bytes, and for how long.
const MOST: usize = 64 * 1024;
const WITHIN: Duration = Duration::from_secs(2);

/// A body that comes back when whoever it was given to lets go of it early.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Where it comes back to.
pub(super) struct Rest(oneshot::Receiver<Incoming>);

pub(super) fn lend(body: Incoming) -> (Lent, Rest) {
    let (back, rest) = oneshot::channel();
    (Lent { body: Some(body), back: Some(back) }, Rest(rest))
}

// === impl Rest ===

impl Rest {
    /// Once the answer is there. What somebody still reads is left to them.
    pub(super) async fn read(mut self) {
        let Ok(body) = self.0.try_recv() else { return };
        let _ = tokio::time::timeout(WITHIN, read(body)).await;
    }
}

async fn read(mut body: Incoming) {
    let mut read = 0;
    while read <= MOST
        && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

// === impl Lent ===

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
            && let Some(back) = self.back.take()
        {
            // Whoever lent it may have hung up.
            let _ = back.send(body);
        }
    }
}
