//! Thousands of commands on hostile locks behind a failing hub and a failing disk: no untrue answer.
//!
//! `THUMBTURN_SEED` runs one seed; `THUMBTURN_SEEDS` says how many are tried.

use jiff::SignedDuration;
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::events::Method;
use thumbturn_core::hub::BeginError;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Action, Traits};
use thumbturn_core::ports::{How, NotWritten, Refused, Said};
use thumbturn_core::time::Moment;

use crate::attempt_rules::UNREADABLE;
use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, TERSE};
use crate::hub::{Deed, Reads, Step, Word};

const LOCKS: usize = 4;
const COMMANDS: usize = 150;

/// Chance from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a lock that tells the truth does, some of it late, twice or not at all.
fn steps(chance: &mut Chance, how: &Word, repeats: bool) -> Vec<Step> {
    let motor = 100 + chance.below(3_000);
    let repeat = match how {
        Word::Tagged(method) => How::Tagged(*method, None),
        _ => How::Untagged,
    };
    let obeys = vec![(motor, Word::Move), (motor, how.clone())];
    let acked = |steps: Vec<Step>| [vec![(20, Word::Ack)], steps].concat();
    match chance.below(14) {
        0 => vec![],
        1 => acked(vec![]),
        2 => vec![(50, Word::NotAck)],
        3 => vec![(50, Word::NotAck), (motor, Word::Move)],
        4 => acked(vec![(motor, Word::Move)]),
        5 => acked(vec![(motor, Word::Jam)]),
        6 => acked(vec![(motor, Word::Obstruct)]),
        7 => vec![(40, Word::Refuse(Refused::Other("no".to_owned())))],
        8 => vec![(20, Word::Assumed), (25, Word::Ack)],
        9 => vec![(32_000, Word::Move), (32_000, how.clone())],
        10 => acked(vec![(motor, Word::Hand)]),
        11 => [vec![(10, Word::Lost)], obeys].concat(),
        12 if repeats => [acked(vec![(44, Word::Stale)]), obeys, vec![(motor + 4_400, Word::Repeat(repeat))]].concat(),
        _ => acked(obeys),
    }
}

fn deed(chance: &mut Chance, how: &Word, repeats: bool) -> Deed {
    match chance.below(20) {
        0 => Deed::Hang,
        1 => Deed::Dawdle(chance.below(40_000), steps(chance, how, repeats)),
        2 => Deed::WriteAndHang(steps(chance, how, repeats)),
        3 => Deed::NotWritten(NotWritten::TooLate),
        _ => Deed::Write(steps(chance, how, repeats)),
    }
}

struct Storm {
    house: House,
    chance: Chance,
    traits: Traits,
    begun: Vec<(usize, AttemptId)>,
    killed: bool,
}

impl Storm {
    async fn new(seed: u64, traits: Traits) -> Self {
        let house = House::with(LOCKS, traits).await;
        Self { house, chance: Chance(seed), traits, begun: Vec::new(), killed: false }
    }

    async fn rages(&mut self) {
        for _ in 0..COMMANDS {
            self.command().await;
            self.weather().await;
            let rest = if self.chance.one_in(4) { 20_000 } else { 600 };
            self.house.pass(self.chance.below(rest)).await;
        }
        self.house.hub.come_back();
        self.house.store.fails(false);
        self.house.pass(120_000).await;
        self.house.hub.set(|state| state.locks.iter_mut().for_each(|lock| lock.reads = Reads::Answer(30)));
        self.house.hub.go_away().await;
        self.house.hub.come_back();
        self.house.pass(20_000).await;
    }

    /// Whatever was reported, lost, repeated and assumed: once it is calm, the state is where the bolt is.
    fn is_calm(&self) {
        for n in 0..LOCKS {
            let said = self.house.hub.set(|state| state.locks[n].said);
            let state = self.house.state(n);
            let told = if state.jammed_since.is_some() { Some(Said::Jammed) } else { state.shown_bolt().map(Said::At) };
            assert!(!self.traits.readable || told == Some(said), "lock {n} stands at {said:?}: {state:?}");
        }
    }

    async fn command(&mut self) {
        let n = usize::try_from(self.chance.below(LOCKS as u64)).unwrap();
        let action = if self.chance.one_in(2) { Action::LockDoor } else { Action::UnlockDoor };
        let how = if self.traits.tags { Word::Tagged(Method::Remote) } else { Word::Untagged };
        // Where nothing can be read, a repeat from before the session is the one thing that cannot be told apart.
        let deed = deed(&mut self.chance, &how, self.traits.readable);
        self.house.hub.set(|state| state.locks[n].deeds.push_back(deed));
        match self.house.begin(n, action).await {
            Ok(ticket) => self.begun.push((n, ticket.attempt.id)),
            Err(BeginError::Busy | BeginError::Store(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn weather(&mut self) {
        let house = &mut self.house;
        let n = usize::try_from(self.chance.below(LOCKS as u64)).unwrap();
        match self.chance.below(40) {
            0 => house.hub.go_away().await,
            1..=4 => house.hub.come_back(),
            5 => house.store.fails(true),
            6..=9 => house.store.fails(false),
            10 => house.clock.jump(SignedDuration::from_secs(7)),
            11 => house.clock.jump(SignedDuration::from_secs(-3_600)),
            12 => house.hub.set(|state| state.locks[n].reads = Reads::Never),
            13 => house.hub.set(|state| state.locks[n].reads = Reads::Fail),
            14..=17 => house.hub.set(|state| state.locks[n].reads = Reads::Answer(30)),
            18 => house.hub.moved(n, thumbturn_core::locks::Bolt::Unlocked, How::Tagged(Method::Manual, None)).await,
            19 => {
                self.killed = true;
                house.killed(|_| {}).await;
            }
            _ => {}
        }
    }

    /// What the physical bolt and the log of written commands say about what was answered.
    fn is_judged(&self) {
        let wrote = self.house.hub.wrote();
        for (n, id) in &self.begun {
            let attempt = self.house.stored(*id);
            let outcome = attempt.outcome.unwrap_or_else(|| panic!("{id} never ended"));
            let mine: Vec<_> = wrote.iter().filter(|wrote| wrote.attempt == *id).collect();
            assert!(mine.len() <= 1, "{id} was written twice");
            match (&outcome, mine.first()) {
                // The state is the wanted one, but after a restart nobody claims to know why.
                (Outcome::Success { confirmed: false }, None) if self.killed => {}
                (Outcome::Success { .. }, None) => panic!("{id} succeeded without a command"),
                (Outcome::Failure(failure), Some(_)) => assert!(
                    !matches!(failure.kind, FailureKind::Expired | FailureKind::HubDisconnected),
                    "{id} was written, and {outcome:?} says it was not"
                ),
                (_, Some(wrote)) if outcome == CONFIRMED => {
                    assert!(self.stood(*n, Said::At(wrote.wanted), wrote.at), "lock {n}: {id} is confirmed and untrue");
                }
                (Outcome::Failure(failure), None) => assert!(
                    !matches!(failure.kind, FailureKind::NoMovement | FailureKind::LockJammed),
                    "{id} was never written: {outcome:?}"
                ),
                _ => {}
            }
        }
    }

    /// Whether the bolt of lock `n` stood there at any time since.
    fn stood(&self, n: usize, there: Said, since: Moment) -> bool {
        self.house.hub.set(|state| {
            let came = &state.locks[n].came;
            let before = came.iter().rev().find(|(at, _)| at.steady <= since.steady).map_or(LOCKED, |(_, said)| *said);
            before == there || came.iter().any(|(at, said)| at.steady >= since.steady && *said == there)
        })
    }
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("THUMBTURN_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("THUMBTURN_SEEDS").unwrap_or(12)).collect(),
    }
}

#[test]
fn no_storm_brings_an_untrue_answer() {
    for seed in seeds() {
        for traits in [TALKATIVE, TERSE, UNREADABLE] {
            println!("THUMBTURN_SEED={seed}, tags: {}, readable: {}", traits.tags, traits.readable);
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let mut storm = Storm::new(seed, traits).await;
                storm.rages().await;
                storm.is_judged();
                storm.is_calm();
            });
        }
    }
}
