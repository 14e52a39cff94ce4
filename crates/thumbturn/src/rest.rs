//! The rest of a body that nobody wants: read away, so that its connection can be used again, and whoever sends all before it
//! reads finds an answer and not a broken connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// Reads a body away: so many bytes at most, and for so long at most. `false` if that was not long enough.
pub(crate) async fn read_away(mut body: impl Body<Data = Bytes> + Unpin, most: usize, patience: Duration) -> bool {
    let reading = async {
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(patience, reading).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::StreamExt as _;
    use futures::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    /// A body of so many frames of ten bytes, which counts those that were read.
    fn body(frames: usize, read: &AtomicUsize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let frame = |_| {
            read.fetch_add(1, Ordering::Relaxed);
            Ok(Frame::data(Bytes::from_static(b"0123456789")))
        };
        StreamBody::new(stream::iter(0..frames).map(frame))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_to_its_end_or_to_the_limit_but_not_for_ever() {
        let read = AtomicUsize::new(0);
        assert!(read_away(body(3, &read), 1_000, Duration::from_secs(1)).await);
        assert_eq!(read.swap(0, Ordering::Relaxed), 3);
        assert!(read_away(body(100, &read), 25, Duration::from_secs(1)).await);
        assert_eq!(read.swap(0, Ordering::Relaxed), 3, "the third one goes beyond the limit");
        let endless = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert!(!read_away(endless, 25, Duration::from_secs(1)).await);
    }
}
