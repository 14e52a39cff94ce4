//! People: for each lock somebody who commands it over the API, and something that goes wrong now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use thumbturn_core::attempts::Outcome;
use thumbturn_core::change::{IdempotencyClaim, IdempotencyKey};
use thumbturn_core::commands::Command;
use thumbturn_core::events::Method;
use thumbturn_core::hub::{Ticket, outcome_of};
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::ports::Clock;
use thumbturn_core::scope::Scope;

use crate::dice::Dice;
use crate::door::Place;
use crate::town::hub::Hub;
use crate::town::lock::{DriverTrouble, ReadTrouble};
use crate::town::trouble::Trouble;
use crate::world::{DEADLINE, Server, World};

/// For how long a trouble of one lock, and one of everything, excuses what is not confirmed.
const EXCUSES: Duration = Duration::from_secs(90);
const EXCUSES_ALL: Duration = Duration::from_secs(150);

/// The people of a story.
pub(crate) struct People {
    busy: Arc<AtomicUsize>,
}

impl People {
    /// Whether everybody has gone home.
    pub(crate) fn are_done(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

/// Sends somebody to each lock.
pub(crate) fn start(world: &Arc<World>) -> People {
    let busy = Arc::new(AtomicUsize::new(0));
    for (h, hub) in world.hubs.iter().enumerate() {
        for n in 0..hub.size() {
            let index = h * world.plan.locks + n;
            let stream = 10_000 + u64::try_from(index).unwrap_or(0);
            let person = Person {
                world: Arc::clone(world),
                hub: Arc::clone(hub),
                n,
                index,
                dice: Dice::new(world.plan.seed, stream),
            };
            busy.fetch_add(1, Ordering::Relaxed);
            let done = Arc::clone(&busy);
            tokio::spawn(async move {
                person.live().await;
                done.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
    People { busy }
}

struct Person {
    world: Arc<World>,
    hub: Arc<Hub>,
    n: usize,
    index: usize,
    dice: Dice,
}

impl Person {
    async fn live(mut self) {
        while self.world.judge.cycles() < self.world.plan.cycles && self.world.judge.is_satisfied() {
            let ms = if self.dice.one_in(4) { self.dice.between(0, 400) } else { self.dice.between(0, 40_000) };
            self.world.clock.pass(ms).await;
            let server = self.world.running().await;
            if self.world.judge.route(self.index).is_none() {
                // Not discovered yet.
                continue;
            }
            if self.dice.one_in(self.world.plan.trouble_every) {
                self.trouble(&server).await;
            }
            let many = if self.dice.one_in(10) { self.dice.between(2, 4) } else { 1 };
            let mut tickets = Vec::new();
            for _ in 0..many {
                tickets.extend(self.command(&server).await);
            }
            for ticket in tickets {
                self.wait(&server, ticket).await;
            }
        }
    }

    fn bolt_is(&self) -> Place {
        self.hub.lock(self.n, |lock| lock.door.look().place())
    }

    /// Mostly the other position, sometimes the one where the bolt is.
    fn wish(&mut self) -> Bolt {
        let there = match self.bolt_is() {
            Place::At(bolt) => bolt,
            Place::Stuck => Bolt::Unlocked,
        };
        if self.dice.one_in(6) { there } else { there.other() }
    }

    async fn command(&mut self, server: &Server) -> Option<Ticket> {
        let wanted = self.wish();
        let key = self.dice.one_in(20).then(|| format!("key {}", self.dice.between(0, u64::MAX)));
        let ticket = self.begin(server, wanted, key.clone()).await?;
        if key.is_some()
            && let Some(second) = self.begin(server, wanted, key).await
        {
            self.world.judge.repeated(second.attempt.id);
        }
        Some(ticket)
    }

    /// `None` if it was refused, or if the server crashed before it answered.
    async fn begin(&self, server: &Server, wanted: Bolt, key: Option<String>) -> Option<Ticket> {
        let route = self.world.judge.route(self.index)?;
        let claim = key.map(|key| IdempotencyClaim {
            workspace: self.world.workspace,
            credential: "api_key",
            path: "/locks/unlock_door",
            key: IdempotencyKey(key),
            body_hash: "0".to_owned(),
            at: self.world.clock.now().wall,
        });
        let scope = Scope::workspace_wide(self.world.workspace);
        tokio::select! {
            biased;
            () = server.life.ended() => None,
            begun = server.engine.begin(&scope, Some(&route), Command::Move(wanted), claim) => begun.ok(),
        }
    }

    async fn wait(&self, server: &Server, ticket: Ticket) {
        let attempt = ticket.attempt.id;
        let outcome: Option<Outcome> = tokio::select! {
            biased;
            () = server.life.ended() => None,
            outcome = outcome_of(ticket.outcome) => outcome,
            () = self.world.clock.pass(180_000) => None,
        };
        if let Some(outcome) = outcome {
            self.world.judge.told(attempt, &outcome);
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.world.plan.hubs * self.world.plan.locks).collect()
    }

    fn neighbours(&self) -> Vec<usize> {
        let first = self.index - self.n;
        (first..first + self.world.plan.locks).collect()
    }

    /// Something goes wrong around the next command.
    async fn trouble(&mut self, server: &Arc<Server>) {
        let Some(trouble) = self.dice.pick(Trouble::ALL) else { return };
        match trouble {
            Trouble::DiskFailsOnce
            | Trouble::DiskFails
            | Trouble::DiskSlow
            | Trouble::DiskBusy
            | Trouble::CrashSoon
            | Trouble::CrashLater
            | Trouble::ClockForward
            | Trouble::ClockBack => {
                self.world.judge.trouble(trouble, &self.all(), EXCUSES_ALL);
                self.trouble_of_all(trouble, server);
            }
            Trouble::SessionLost
            | Trouble::HubDown
            | Trouble::ConnectHangs
            | Trouble::LoginRefused
            | Trouble::Silence => {
                self.world.judge.trouble(trouble, &self.neighbours(), EXCUSES_ALL);
                self.trouble_of_hub(trouble);
            }
            _ => {
                self.world.judge.trouble(trouble, &[self.index], EXCUSES);
                self.trouble_of_lock(trouble).await;
            }
        }
    }

    fn trouble_of_all(&mut self, trouble: Trouble, server: &Arc<Server>) {
        let now = self.world.clock.now().steady;
        let mut health = self.world.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match trouble {
            Trouble::DiskFailsOnce => health.fails_next += 1,
            Trouble::DiskBusy => health.busy_next += 1,
            Trouble::DiskFails | Trouble::DiskSlow => {
                let ms = self.dice.between(100, 5_000);
                let until = now + Duration::from_millis(ms);
                if trouble == Trouble::DiskFails {
                    health.fails_until = health.fails_until.max(until);
                } else {
                    health.slow_until = health.slow_until.max(until);
                }
                let world = Arc::clone(&self.world);
                world.judge.halt();
                tokio::spawn(async move {
                    // The engine's pause between two tries comes on top.
                    world.clock.pass(ms + 1_500).await;
                    world.judge.resume();
                });
            }
            Trouble::CrashSoon => server.life.crash_after(self.dice.between(0, 40)),
            Trouble::CrashLater => {
                let (world, life, ms) =
                    (Arc::clone(&self.world), Arc::clone(&server.life), self.dice.between(0, 6_000));
                tokio::spawn(async move {
                    world.clock.pass(ms).await;
                    life.end();
                });
            }
            Trouble::ClockForward | Trouble::ClockBack => {
                let long = self.dice.one_in(2);
                let by = i64::try_from(self.dice.between(1, if long { 7_200_000 } else { 5_000 })).unwrap_or(0);
                let by = SignedDuration::from_millis(if trouble == Trouble::ClockBack { -by } else { by });
                let (world, ms) = (Arc::clone(&self.world), self.dice.between(0, 4_000));
                tokio::spawn(async move {
                    world.clock.pass(ms).await;
                    world.clock.jump(by);
                });
            }
            _ => {}
        }
    }

    fn trouble_of_hub(&mut self, trouble: Trouble) {
        let (hub, clock, in_ms) = (Arc::clone(&self.hub), Arc::clone(&self.world.clock), self.dice.between(0, 4_000));
        let (short, long) = (self.dice.between(0, 3_000), self.dice.between(20_000, 60_000));
        tokio::spawn(async move {
            clock.pass(in_ms).await;
            match trouble {
                Trouble::SessionLost => hub.lose(short).await,
                Trouble::HubDown => hub.lose(long).await,
                Trouble::ConnectHangs => hub.hang_next_connection().await,
                Trouble::LoginRefused => hub.refuse_logins(short).await,
                Trouble::Silence => hub.fall_silent(long / 2).await,
                _ => {}
            }
        });
    }

    async fn trouble_of_lock(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::HandBefore
            | Trouble::HandBetween
            | Trouble::HandAfter
            | Trouble::HandTwice
            | Trouble::HandRestless => self.hand(trouble).await,
            Trouble::CameBack => {
                self.turned_both_ways().await;
                self.hub.lock(self.n, |lock| lock.next = Some(trouble));
            }
            Trouble::Keypad => self.turn_later(Bolt::Unlocked, Method::Keycode, 0),
            Trouble::Relock => self.turn_later(Bolt::Locked, Method::Automatic, 0),
            Trouble::Unreachable | Trouble::OwnHubUnreachable | Trouble::WorthATry => self.lose_touch(trouble),
            Trouble::DriverHangs => self.driver(DriverTrouble::Hangs),
            Trouble::DriverHangsAfter => self.driver(DriverTrouble::HangsAfter),
            Trouble::DriverSlow => {
                let ms = self.dice.between(500, 45_000);
                self.driver(DriverTrouble::Slow(ms));
            }
            Trouble::DriverSlowLockLost => {
                let ms = self.dice.between(1_000, 20_000);
                self.driver(DriverTrouble::Slow(ms));
                self.lose_touch(Trouble::Unreachable);
            }
            Trouble::DriverRejects => self.driver(DriverTrouble::Rejects),
            Trouble::DriverPanics => self.driver(DriverTrouble::Panics),
            Trouble::StaleGreeting => {
                self.hub.lock(self.n, |lock| lock.greets_stale = true);
                self.trouble_of_hub(Trouble::SessionLost);
                // Its neighbours lose the connection as well.
                self.world.judge.trouble(Trouble::SessionLost, &self.neighbours(), EXCUSES_ALL);
            }
            _ => {
                let late = self.dice.between(500, 6_000);
                let read = match trouble {
                    Trouble::ReadFails => Some(ReadTrouble::Fails),
                    Trouble::ReadNever => Some(ReadTrouble::Never),
                    Trouble::ReadLate => Some(ReadTrouble::Late(late)),
                    Trouble::ReadHangs => Some(ReadTrouble::Hangs),
                    _ => None,
                };
                self.hub.lock(self.n, |lock| {
                    lock.next = Some(trouble);
                    lock.reads.extend(read);
                });
            }
        }
    }

    fn driver(&self, trouble: DriverTrouble) {
        self.hub.lock(self.n, |lock| lock.driver = Some(trouble));
    }

    async fn hand(&mut self, trouble: Trouble) {
        let to = match self.bolt_is() {
            Place::At(bolt) => bolt.other(),
            Place::Stuck => Bolt::Locked,
        };
        match trouble {
            Trouble::HandBefore => {
                self.hub.turn(self.n, to, Method::Manual).await;
                let ms = self.dice.between(0, 200);
                self.world.clock.pass(ms).await;
            }
            Trouble::HandTwice => {
                self.turn_later(to, Method::Manual, 0);
                self.turn_later(to.other(), Method::Manual, 3_000);
            }
            Trouble::HandRestless => {
                for (after_ms, to) in (0..).step_by(10_000).zip([to, to.other(), to, to.other(), to]) {
                    self.turn_later(to, Method::Manual, after_ms);
                }
            }
            Trouble::HandAfter => self.turn_later(to.other(), Method::Manual, 3_000),
            _ => self.turn_later(to, Method::Manual, 0),
        }
    }

    /// A hand turns the bolt away and back, so that for a while whatever is said of it has been said shortly before.
    async fn turned_both_ways(&mut self) {
        let Place::At(bolt) = self.bolt_is() else { return };
        for to in [bolt.other(), bolt] {
            self.hub.turn(self.n, to, Method::Manual).await;
            let ms = self.dice.between(100, 1_500);
            self.world.clock.pass(ms).await;
        }
    }

    fn turn_later(&mut self, to: Bolt, method: Method, from_ms: u64) {
        let (hub, clock, n) = (Arc::clone(&self.hub), Arc::clone(&self.world.clock), self.n);
        let ms = from_ms + self.dice.between(0, 3_000);
        tokio::spawn(async move {
            clock.pass(ms).await;
            hub.turn(n, to, method).await;
        });
    }

    fn lose_touch(&mut self, trouble: Trouble) {
        let (hub, clock, n) = (Arc::clone(&self.hub), Arc::clone(&self.world.clock), self.n);
        let (in_ms, for_ms) = (self.dice.between(0, 3_000), self.dice.between(500, 40_000));
        let reach = match trouble {
            Trouble::OwnHubUnreachable => Reachability::HubUnreachable,
            Trouble::WorthATry => Reachability::WorthATry,
            _ => Reachability::Unreachable,
        };
        tokio::spawn(async move {
            clock.pass(in_ms).await;
            hub.reach(n, reach).await;
            clock.pass(for_ms).await;
            hub.reach(n, Reachability::Reachable).await;
        });
    }
}

const _: () = assert!(EXCUSES.as_secs() > DEADLINE.as_secs(), "a trouble must excuse the attempt that it strikes");
