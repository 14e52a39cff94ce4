//! `kill -9` at random moments under load: nothing acknowledged is lost, nothing is sent again, nothing stays pending.
//!
//! `KILL_ROUNDS` and `KILL_ROUNDS_POSTGRES` say how many kills at least, `KILL_SEED` where the seeds begin. The seed fixes what is asked for and
//! when the server dies, not how the machine shares its time. The locks count for themselves what came to them and where
//! their bolts were; they and their broker outlive every server.

mod callers;
mod house;
mod judge;
pub(crate) mod record;

use std::env;
use std::ops::AddAssign;

use futures::StreamExt as _;
use futures::stream;

use house::House;

const ROUNDS: usize = 8;
const ROUNDS_POSTGRES: usize = 4;
const SEED: u64 = 20_260;
/// A house is given up for a new one after so many kills, so that its lists stay short.
const KILLS_PER_HOUSE: usize = 20;
/// Most of a house's life is waiting for motors.
const HOUSES_AT_ONCE: usize = 6;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    kills: usize,
    attempts: usize,
    commands: usize,
    confirmed: usize,
    /// Attempts that a kill left unfinished.
    left_over: usize,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.attempts += other.attempts;
        self.commands += other.commands;
        self.confirmed += other.confirmed;
        self.left_over += other.left_over;
    }
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_sent_twice_after_a_kill() {
    kill(setting("KILL_ROUNDS", ROUNDS), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_nothing_acknowledged_is_lost_and_nothing_is_sent_twice_after_a_kill() {
    kill(setting("KILL_ROUNDS_POSTGRES", ROUNDS_POSTGRES), true).await;
}

async fn kill(rounds: usize, on_postgres: bool) {
    let seed = setting("KILL_SEED", SEED);
    println!("KILL_SEED={seed} KILL_ROUNDS={rounds}");
    let shares = (0..rounds).step_by(KILLS_PER_HOUSE).map(|from| KILLS_PER_HOUSE.min(rounds - from));
    let lives = shares.zip(seed..).map(|(kills, seed)| House::live(seed, kills, on_postgres));
    let mut sum = Sum::default();
    let mut houses = stream::iter(lives).buffer_unordered(HOUSES_AT_ONCE);
    while let Some(one) = houses.next().await {
        sum += one;
    }
    println!(
        "{} kills: {} attempts acknowledged, {} commands sent, {} attempts left unfinished by a kill, {} confirmed; \
         0 lost, 0 pending for ever, 0 second commands, 0 untrue answers",
        sum.kills, sum.attempts, sum.commands, sum.left_over, sum.confirmed,
    );
    assert!(sum.left_over > 0, "no kill met anything unfinished");
    assert!(sum.confirmed > 0, "nothing ever came to a good end");
}
