//! Room for what is large: bodies that are coming, rows that are in memory to become an answer, and answers that were made
//! and not taken yet.
//! Requests are counted by their places; this bounds what those few cost that are worth thousands of others.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use futures::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::app::LARGEST_PAGE;

/// As many of the largest pages as there are connections to read them with.
const ROWS: usize = 4 * LARGEST_PAGE;

/// How long a list waits for its turn.
const WAIT: Duration = Duration::from_secs(2);

/// Bodies and answers up to this size need no room: the number of connections bounds them.
const SMALL: usize = 16 * 1024;

/// All larger bodies together that have not come to their end, in KiB.
const COMING_KIB: usize = 128 * 1024;

/// All larger answers together, in KiB.
const UNTAKEN_KIB: usize = 256 * 1024;

/// How much of a large answer is handed over at once.
const PIECE: usize = 64 * 1024;

/// A client may take so long for an answer, and a second more for each [`SLOWEST`] bytes of it.
const AT_LEAST: Duration = Duration::from_secs(30);

/// The slowest rate at which a large answer may be taken, in bytes a second.
const SLOWEST: u64 = 32 * 1024;

/// How much room there is.
pub(crate) struct Room {
    rows: Arc<Semaphore>,
    coming: Arc<Semaphore>,
    untaken: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        let [rows, coming, untaken] = [ROWS, COMING_KIB, UNTAKEN_KIB].map(|room| Arc::new(Semaphore::new(room)));
        Self { rows, coming, untaken }
    }
}

impl Room {
    /// Waits for room for so many rows; `None` if there was none for some time.
    pub(crate) async fn rows(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count.min(ROWS)).ok()?;
        let waiting = Arc::clone(&self.rows).acquire_many_owned(count);
        tokio::time::timeout(WAIT, waiting).await.ok()?.ok()
    }

    /// Room for a body of up to `size` bytes, held until it has come; `None` if there is none.
    pub(crate) fn body(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let kib = if size > SMALL { u32::try_from(size.div_ceil(1024)).ok()? } else { 0 };
        Arc::clone(&self.coming).try_acquire_many_owned(kib).ok()
    }

    /// The same answer, whose room is free again once it was taken or given up; `None` if there is no room for it.
    pub(crate) fn keep(&self, response: Response) -> Option<Response> {
        let Some(size) = response.body().size_hint().exact().filter(|size| *size > SMALL as u64) else {
            return Some(response);
        };
        let kib = u32::try_from(size.div_ceil(1024)).ok()?;
        let permit = Arc::clone(&self.untaken).try_acquire_many_owned(kib).ok()?;
        let (head, body) = response.into_parts();
        // Our answers are whole when they are made, so this waits for nothing.
        let rest = body.collect().now_or_never()?.ok()?.to_bytes();
        let until = Instant::now() + AT_LEAST + Duration::from_secs(size / SLOWEST);
        Some(Response::from_parts(head, Body::new(Untaken { rest, until, _permit: permit })))
    }
}

/// A large answer on its way, piece by piece.
struct Untaken {
    rest: Bytes,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Ends the connection.
#[derive(Debug, thiserror::Error)]
#[error("the answer was taken too slowly")]
struct TooSlow;

impl HttpBody for Untaken {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if Instant::now() > self.until {
            return Poll::Ready(Some(Err(TooSlow)));
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(kib: usize) -> Response {
        Response::new(Body::from(vec![b'x'; kib * 1024]))
    }

    #[tokio::test]
    async fn large_answers_that_nobody_takes_fill_the_room_and_leave_it() {
        let room = Room::default();
        let half = room.keep(large(UNTAKEN_KIB / 2)).unwrap();
        let other = room.keep(large(UNTAKEN_KIB / 2)).unwrap();
        assert!(room.keep(large(17)).is_none());
        assert!(room.keep(large(16)).is_some(), "small ones need none");
        drop(half);
        let again = room.keep(large(UNTAKEN_KIB / 2)).unwrap();
        assert!(room.keep(large(17)).is_none());
        let taken = other.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(taken.len(), UNTAKEN_KIB / 2 * 1024);
        assert!(room.keep(large(17)).is_some());
        drop(again);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_large_answer_too_slowly_does_not_get_the_rest() {
        let room = Room::default();
        let mut body = room.keep(large(96)).unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), PIECE);
        tokio::time::advance(AT_LEAST + Duration::from_secs(4)).await;
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_waits_for_room_but_not_for_ever() {
        let room = Room::default();
        let all = room.rows(usize::MAX).await.unwrap();
        let (none, ()) = tokio::join!(room.rows(1), tokio::time::sleep(WAIT * 2));
        assert!(none.is_none());
        let (some, ()) = tokio::join!(room.rows(1), async { drop(all) });
        assert!(some.is_some());
    }
}
