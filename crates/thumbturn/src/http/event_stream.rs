//! Events as they happen: server-sent events, in the order of commits.
//!
//! The place in the stream is the time of an event's commit, which no other event has: whoever comes back with the last one
//! misses nothing, also after a restart of the server, on another node, and when the event itself is not kept any more.
//! Nothing is kept for a client that reads slowly: the next events are read once it has taken those before.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event as Told, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::stream::{self, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use thumbturn_api::events::StreamEvents;
use thumbturn_api::{Endpoint as _, PreciseTimestamp};
use thumbturn_core::events::RecordedEvent;
use thumbturn_core::ids::WorkspaceId;
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::Scope;
use thumbturn_store::{EventFilter, EventsWatch};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::auth::authenticate;
use super::call::Call;
use super::errors::{Failure, Outcome};
use super::events;
use super::wire_event::Sent;
use crate::app::App;

/// How many events are read at once.
const PAGE: usize = 100;

/// A stream reads no more often than so. In a busy workspace each reading brings many events.
const PACE: Duration = Duration::from_millis(10);

/// How long nothing may be said: proxies and clients take a silent connection for a dead one.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a client is to wait before it comes back.
const RETRY: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: &str = "last-event-id";

/// The smallest difference of two events' times.
const A_MOMENT: SignedDuration = SignedDuration::from_micros(1);

/// Tells a proxy to pass on what it gets at once.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// `/thumbturn/events/stream`.
pub(crate) async fn follow(app: App, call: Call, headers: HeaderMap, params: StreamEvents) -> Outcome<Response> {
    let scope = call.caller.scope()?;
    let workspace = scope.workspace();
    let named = last_event_id(&headers)?.or(params.since.map(|since| since.0));
    let seat =
        app.follow().ok_or_else(|| Failure::unavailable("Too many clients follow events. Try again shortly."))?;
    // Before the place is read, so that nothing can come in between.
    let watch = app.store().watch_events(workspace);
    let place = match named {
        Some(place) => place,
        None => app.store().newest_event_at(workspace).await?.unwrap_or_default(),
    };
    let filter = events::filter(params.filters);
    let following = Following { app, headers, workspace, filter, watch, place, next: Instant::now(), _seat: seat };
    let hello = following.at_place().retry(RETRY);
    let rest = stream::unfold(Some(following), Following::step).flat_map(stream::iter);
    let mut response = Sse::new(stream::once(async { Ok::<_, Infallible>(hello) }).chain(rest)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend([UNBUFFERED]);
    Ok(response)
}

/// Where the client wants to go on.
fn last_event_id(headers: &HeaderMap) -> Outcome<Option<Timestamp>> {
    let Some(sent) = headers.get(LAST_EVENT_ID).filter(|sent| !sent.is_empty()) else { return Ok(None) };
    let time = sent.to_str().ok().and_then(|text| text.parse().ok());
    time.map(Some).ok_or_else(|| {
        Failure::invalid("Last-Event-ID must be the id of an event of this stream, such as 2026-01-15T08:30:01.250731Z")
    })
}

fn id(place: Timestamp) -> String {
    PreciseTimestamp(place).to_string()
}

/// What is said at once.
type Words = Vec<Result<Told, Infallible>>;

/// One client that follows.
struct Following {
    app: App,
    /// Those of the request: with them it shows who it is.
    headers: HeaderMap,
    workspace: WorkspaceId,
    /// `None`: nothing that happens here can match.
    filter: Option<EventFilter>,
    watch: EventsWatch,
    /// Everything up to here was told, or does not match.
    place: Timestamp,
    /// When it may read again.
    next: Instant,
    _seat: OwnedSemaphorePermit,
}

impl Following {
    /// What is said next, once there is something to say; `None` ends the stream.
    async fn step(following: Option<Self>) -> Option<(Words, Option<Self>)> {
        let mut this = following?;
        let silent = Instant::now() + SILENCE;
        loop {
            sleep_until(this.next).await;
            // Looked at before the reading: what ended on the server's way out is still told.
            let is_last = this.app.has_drained();
            let told = this.read().await?;
            this.next = Instant::now() + PACE;
            let is_silent = Instant::now() >= silent;
            if !told.is_empty() {
                return Some((told, Some(this)));
            } else if is_last || is_silent {
                return Some((vec![Ok(this.at_place())], (!is_last).then_some(this)));
            }
            tokio::select! {
                was_told = this.watch.told() => if !was_told { return None },
                () = sleep_until(silent) => {}
                () = this.app.drained() => {}
            }
        }
    }

    /// Without data it is no event, but it moves the client's place past what does not match.
    fn at_place(&self) -> Told {
        Told::default().id(id(self.place))
    }

    /// The next events. `None`: whoever follows may not any more, or the database does not answer. The client comes back and
    /// is told which.
    async fn read(&mut self) -> Option<Words> {
        let caller = authenticate(&self.app, StreamEvents::PATH, StreamEvents::AUTH, &self.headers).await.ok()?;
        let scope = caller.scope().ok().filter(|scope| scope.workspace() == self.workspace)?;
        match self.page(&scope).await {
            Ok(page) => page.iter().map(|event| told(event).map(Ok)).collect(),
            Err(error) => {
                tracing::warn!(%error, "a stream of events ends: the database cannot be read");
                None
            }
        }
    }

    /// Reads on, as far as there is anything.
    async fn page(&mut self, scope: &Scope) -> Result<Vec<RecordedEvent>, StoreError> {
        let newest = self.app.store().newest_event_at(self.workspace).await?.filter(|newest| *newest > self.place);
        let Some(newest) = newest else { return Ok(Vec::new()) };
        let page = match &self.filter {
            Some(filter) => {
                let (after, before) = (Some(self.place), newest.checked_add(A_MOMENT).ok());
                let filter = EventFilter { after, before, ..filter.clone() };
                self.app.store().events(scope, &filter, PAGE, 0).await?
            }
            None => Vec::new(),
        };
        self.place = page.last().filter(|_| page.len() == PAGE).map_or(newest, |last| last.created_at);
        Ok(page)
    }
}

fn told(event: &RecordedEvent) -> Option<Told> {
    match serde_json::to_string(&Sent(event)) {
        // The place last: who reads line by line must not keep it before it has the event.
        Ok(text) => Some(Told::default().data(text).id(id(event.created_at))),
        Err(error) => {
            tracing::error!(%error, "an event could not be written as JSON");
            None
        }
    }
}
