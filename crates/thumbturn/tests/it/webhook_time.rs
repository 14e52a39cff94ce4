//! What webhooks do over days: the schedule of attempts and the five-day rule, with a clock that the test turns. The store,
//! the couriers and the receiver are real.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use thumbturn::metrics::Metrics;
use thumbturn::webhooks::Webhooks;
use thumbturn_core::change::Change;
use thumbturn_core::devices::DeviceState;
use thumbturn_core::events::{Event, EventKind};
use thumbturn_core::ids::{DeviceId, EventId, WebhookId, WorkspaceId};
use thumbturn_core::ports::{Clock, Later};
use thumbturn_core::scope::Scope;
use thumbturn_core::time::Moment;
use thumbturn_core::webhooks::{Delivery, DeliveryAnswer, DeliveryStanding, SigningSecret, Webhook};
use thumbturn_store::{DeliveryFilter, OpenOptions, Store};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::app::{config, eventually};

const BEGINNING: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// The waits between the eight attempts, seconds.
const SCHEDULE: [i64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];

/// Longer than a breaker stays open, and than a courier goes without looking.
const MINUTE: Duration = Duration::from_secs(61);

const HALF_A_DAY: Duration = Duration::from_secs(12 * 3_600);

/// How often time is turned on by a minute before something must have happened, and after how long each time.
const TURNS: (usize, Duration) = (500, Duration::from_millis(20));

/// A clock that goes on when it is turned.
struct Hands {
    passed: Mutex<Duration>,
    turned: Notify,
}

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self { passed: Mutex::default(), turned: Notify::new() })
    }

    fn turn(&self, by: Duration) {
        *self.passed.lock().unwrap() += by;
        self.turned.notify_waiters();
    }

    fn turn_to(&self, at: Timestamp) {
        self.turn(Duration::try_from(at.duration_since(self.now().wall)).unwrap_or_default());
    }
}

impl Clock for Hands {
    fn now(&self) -> Moment {
        let passed = *self.passed.lock().unwrap();
        Moment { wall: BEGINNING + SignedDuration::try_from(passed).unwrap(), steady: passed }
    }

    fn sleep_until(&self, moment: Moment) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let mut turned = std::pin::pin!(self.turned.notified());
                turned.as_mut().enable();
                if self.now().reached(moment) {
                    return;
                }
                turned.await;
            }
        })
    }
}

/// What a receiver was sent, and how it answers.
#[derive(Clone)]
struct Desk {
    clock: Arc<Hands>,
    status: Arc<Mutex<StatusCode>>,
    received: Arc<Mutex<Vec<(Timestamp, Value)>>>,
}

async fn receive(State(desk): State<Desk>, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    desk.received.lock().unwrap().push((desk.clock.now().wall, event["event_id"].clone()));
    *desk.status.lock().unwrap()
}

/// A store, who delivers from it, and one webhook with its receiver.
struct House {
    clock: Arc<Hands>,
    store: Store,
    _webhooks: Webhooks,
    desk: Desk,
    workspace: WorkspaceId,
    device: DeviceId,
    webhook: WebhookId,
    serving: tokio::task::JoinHandle<()>,
    _dir: TempDir,
}

impl House {
    async fn new() -> Self {
        let (dir, clock) = (TempDir::new().unwrap(), Hands::new());
        let hands = Arc::clone(&clock);
        let options = OpenOptions { clock: Arc::new(move || hands.now().wall), ..OpenOptions::new(dir.path()) };
        let store = thumbturn_store::open(options).unwrap();
        let new = thumbturn::workspaces::new("House", "House", true, BEGINNING);
        let (workspace, device) = (new.workspace.id, new.devices[0].id);
        store.commit(Change::WorkspaceCreated(Box::new(new))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = webhook(workspace, listener.local_addr().unwrap().port(), store.last_sequence().await.unwrap());
        let id = webhook.id;
        store.commit(Change::WebhookCreated(Box::new(webhook))).await.unwrap();
        let status = Arc::new(Mutex::new(StatusCode::INTERNAL_SERVER_ERROR));
        let desk = Desk { clock: Arc::clone(&clock), status, received: Arc::default() };
        let router = Router::new().fallback(receive).with_state(desk.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let settings = config(dir.path(), &[("THUMBTURN_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true")]).webhooks;
        let metrics = Metrics::new(BEGINNING);
        let clock_ = Arc::clone(&clock) as Arc<dyn Clock>;
        let webhooks = Webhooks::start(store.clone(), clock_, &settings, true, metrics.of_webhooks()).await.unwrap();
        Self { clock, store, _webhooks: webhooks, desk, workspace, device, webhook: id, serving, _dir: dir }
    }

    fn answers(&self, status: StatusCode) {
        *self.desk.status.lock().unwrap() = status;
    }

    fn received(&self) -> usize {
        self.desk.received.lock().unwrap().len()
    }

    /// Something happens.
    async fn happens(&self) -> EventId {
        let now = self.clock.now().wall;
        let id = EventId::new_at(now);
        let kind = EventKind::DeviceAdded;
        let event = Event { id, workspace: self.workspace, account: None, device: None, occurred_at: now, kind };
        let change = Change::DeviceChanged { device: self.device, state: DeviceState::default(), events: vec![event] };
        self.store.commit(change).await.unwrap();
        id
    }

    async fn deliveries(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter::default();
        self.store.deliveries(&Scope::workspace_wide(self.workspace), &filter, 1_000).await.unwrap()
    }

    async fn delivery(&self, event: EventId) -> Delivery {
        eventually("the event has a delivery", async || {
            self.deliveries().await.into_iter().find(|delivery| delivery.event == event)
        })
        .await
    }

    async fn read(&self) -> Webhook {
        self.store.webhook(&Scope::workspace_wide(self.workspace), self.webhook).await.unwrap().unwrap()
    }

    /// Turns the clock on by minutes until `look` finds something.
    async fn in_minutes<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..TURNS.0 {
            let until = tokio::time::Instant::now() + TURNS.1;
            while tokio::time::Instant::now() < until {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            self.clock.turn(MINUTE);
        }
        panic!("it never happened that {what}");
    }

    /// Turns the clock to the time at which this delivery is due, and lets its next attempt be made.
    async fn next_attempt(&self, event: EventId) -> Delivery {
        let before = self.delivery(event).await;
        let DeliveryStanding::Pending { due_at } = before.standing else { panic!("it is over: {before:?}") };
        self.clock.turn_to(due_at);
        self.in_minutes("it is tried again", async || {
            let now = self.delivery(event).await;
            (now.attempts.len() > before.attempts.len()).then_some(now)
        })
        .await
    }

    /// Something happens, and is tried for the first time, unless the webhook is disabled first.
    async fn tried(&self) -> EventId {
        let event = self.happens().await;
        self.in_minutes("it is tried", async || {
            let found = self.deliveries().await.into_iter().find(|delivery| delivery.event == event);
            let is_tried = found.is_some_and(|delivery| !delivery.attempts.is_empty());
            (is_tried || self.read().await.disabled_at.is_some()).then_some(())
        })
        .await;
        event
    }

    /// Lets every half day before `until` something happen, as long as the webhook is not disabled.
    async fn half_days(&self, until: Timestamp) {
        let next = || self.clock.now().wall + SignedDuration::from_hours(12);
        while next() < until && self.read().await.disabled_at.is_none() {
            self.clock.turn(HALF_A_DAY);
            self.tried().await;
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn webhook(workspace: WorkspaceId, port: u16, queued_until: i64) -> Webhook {
    Webhook {
        id: WebhookId(Uuid::new_v4()),
        workspace,
        url: format!("http://127.0.0.1:{port}/"),
        event_types: vec!["*".to_owned()],
        secret: SigningSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX".to_owned()),
        previous: None,
        queued_until,
        failing_since: None,
        disabled_at: None,
        created_at: BEGINNING,
    }
}

fn after(days: i64) -> Timestamp {
    BEGINNING + SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn eight_attempts_are_made_at_their_times_and_no_more() {
    let house = House::new().await;
    let event = house.tried().await;
    let mut last = house.delivery(event).await;
    for (at, planned) in SCHEDULE.into_iter().enumerate() {
        let DeliveryStanding::Pending { due_at } = last.standing else { panic!("after {at}: {last:?}") };
        let failed = last.attempts[at].at;
        let wait = due_at.duration_since(failed).as_secs_f64();
        assert!((wait - planned as f64).abs() <= 0.2 * planned as f64 + 1.0, "{wait} s instead of {planned} s");
        house.clock.turn_to(due_at - SignedDuration::from_millis(1));
        last = house.next_attempt(event).await;
        assert!(last.attempts[at + 1].at >= due_at, "it was tried before its time");
    }
    assert_eq!((last.standing, last.attempts.len()), (DeliveryStanding::Failed, 8));
    assert!(last.attempts.iter().all(|attempt| attempt.answer == DeliveryAnswer::Status(500)));
    let took = last.attempts[7].at.duration_since(last.attempts[0].at).as_hours();
    assert!((22..=35).contains(&took), "{took} h");
    house.clock.turn(HALF_A_DAY * 4);
    house.answers(StatusCode::OK);
    house.tried().await;
    assert_eq!(house.delivery(event).await.attempts.len(), 8, "what is over stays over");
    assert_eq!(house.received(), 9);
}

#[tokio::test]
async fn after_five_days_of_failures_it_is_disabled_and_once_enabled_it_has_five_days_again() {
    let house = House::new().await;
    house.tried().await;
    house.half_days(after(5) - SignedDuration::from_hours(1)).await;
    let webhook = house.read().await;
    assert_eq!(webhook.disabled_at, None, "it has not failed for so long");
    assert_eq!(webhook.failing_since.map(|since| since.duration_since(BEGINNING).as_hours()), Some(0));
    house.half_days(after(7)).await;
    let disabled_at = house.read().await.disabled_at.expect("it has failed for so long");
    assert!(disabled_at >= after(5) && disabled_at <= after(6), "{disabled_at}");
    eventually("what was on its way is dropped", async || {
        (house.store.pending_deliveries(house.webhook).await.unwrap() == 0).then_some(())
    })
    .await;
    assert!(house.deliveries().await.iter().any(|delivery| delivery.standing == DeliveryStanding::Dropped));
    house.answers(StatusCode::OK);
    let before = house.received();
    let missed = house.happens().await;
    house.clock.turn(HALF_A_DAY);
    let from = house.store.last_sequence().await.unwrap();
    house.store.commit(Change::WebhookEnabled { webhook: house.webhook, from }).await.unwrap();
    // Within two seconds the couriers have heard of it.
    house.clock.turn(MINUTE);
    let told = house.tried().await;
    assert_eq!(house.delivery(told).await.standing, DeliveryStanding::Delivered);
    assert!(house.deliveries().await.iter().all(|delivery| delivery.event != missed), "it is told from now on");
    assert_eq!(house.received(), before + 1);
    house.answers(StatusCode::INTERNAL_SERVER_ERROR);
    let again = house.clock.now().wall;
    house.tried().await;
    house.half_days(again + SignedDuration::from_hours(4 * 24)).await;
    assert_eq!(house.read().await.disabled_at, None, "its five days have begun anew");
}

#[tokio::test]
async fn one_success_within_five_days_is_enough() {
    let house = House::new().await;
    house.tried().await;
    house.half_days(after(4)).await;
    house.answers(StatusCode::NO_CONTENT);
    house.tried().await;
    eventually("it is well", async || house.read().await.failing_since.is_none().then_some(())).await;
    house.answers(StatusCode::INTERNAL_SERVER_ERROR);
    house.half_days(after(8)).await;
    let webhook = house.read().await;
    assert_eq!(webhook.disabled_at, None);
    assert!(webhook.failing_since.expect("it fails again") > after(4));
}
