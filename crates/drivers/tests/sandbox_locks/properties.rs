//! What holds whatever is done to a virtual lock: seeded random stories, whose seed is in the message of a failure.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use thumbturn_core::locks::Bolt;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{How, ReadId};
use thumbturn_drivers::sandbox::{
    Act, Command, Config, Emission, FaultsPatch, NotTaken, Patch, Physical, Profile, Times, VirtualHub, Word,
};

use crate::bench::{attempt, moment};

/// What was done in a story, and what was heard.
#[derive(Debug, Default, PartialEq)]
struct Story {
    emissions: Vec<Emission>,
    turns: u64,
    pins: u64,
    asked: u64,
}

fn play(config: &Config, story_seed: u64, length: u64) -> (VirtualHub, Story) {
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(story_seed);
    let mut hub = VirtualHub::new(config);
    let mut story = Story::default();
    let mut now = 0;
    for number in 0..length {
        now += dice.random_range(0..200);
        one_move(&mut hub, &mut dice, now, number, &mut story);
        story.emissions.extend(hub.advance(moment(now)));
    }
    story.emissions.extend(hub.advance(moment(now + 10_000_000)));
    (hub, story)
}

fn one_move(hub: &mut VirtualHub, dice: &mut Xoshiro256PlusPlus, now: u64, number: u64, story: &mut Story) {
    let at = moment(now);
    let lock = dice.random_range(0..hub.len());
    let wanted = if dice.random_bool(0.5) { Bolt::Locked } else { Bolt::Unlocked };
    match dice.random_range(0..10) {
        0..=4 => {
            let taken = hub.command(at, lock, Command { attempt: attempt(number), wanted });
            assert_ne!(taken, Err(NotTaken::UnknownLock));
        }
        5 => story.asked += u64::from(hub.ask(at, lock, ReadId(number)).is_ok()),
        6 => {
            hub.act(at, lock, &Act::Turn(wanted)).unwrap();
            story.turns += 1;
        }
        7 => {
            let typed = if dice.random_bool(0.5) { "1234" } else { "4321" };
            story.pins += u64::from(hub.act(at, lock, &Act::Keypad(Pin::new(typed).unwrap())).is_ok());
        }
        8 => hub.act(at, lock, if dice.random_bool(0.6) { &Act::PowerOn } else { &Act::PowerOff }).unwrap(),
        _ => assert!(hub.set(at, lock, &any_patch(dice)).unwrap()),
    }
}

fn any_patch(dice: &mut Xoshiro256PlusPlus) -> Patch {
    let profile = Profile::ALL[dice.random_range(0..Profile::ALL.len())];
    let mut fault = || dice.random_bool(0.2).then(|| Times::from(dice.random_range(0..3_u32)));
    let faults = FaultsPatch {
        refuse: fault(),
        privacy: fault(),
        lie: fault(),
        ignore: fault(),
        obstruct: fault(),
        jam: fault(),
        mute: fault(),
        stale: fault(),
        offline: fault(),
        repeat_after_ms: None,
        busy_ms: None,
    };
    let relock_after_s = dice.random_bool(0.5).then(|| dice.random_range(0..3));
    let profile = dice.random_bool(0.3).then_some(profile);
    Patch { profile, faults, relock_after_s, jitter_ms: Some(dice.random_range(0..50)), ..Patch::default() }
}

#[test]
fn no_bolt_moves_more_often_than_it_was_told_to() {
    for seed in 0..300 {
        let config = Config { locks: 3, latency_ms: 40, jitter_ms: 30, seed };
        let (hub, story) = play(&config, seed, 300);
        let sum = |count: fn(&Physical) -> u64| -> u64 { (0..3).map(|lock| count(&hub.physical(lock).unwrap())).sum() };
        let (moves, commands, relocks) = (sum(|lock| lock.moves), sum(|lock| lock.commands), sum(|lock| lock.relocks));
        let causes = commands + story.turns + story.pins + relocks;
        assert!(moves <= causes, "seed {seed}: {moves} moves, {causes} causes");
        assert!(relocks <= commands + story.turns + story.pins, "seed {seed}: it relocked what nobody had unlocked");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let config = Config { locks: 4, latency_ms: 50, jitter_ms: 50, seed: 7 };
    let ((_, first), (_, second)) = (play(&config, 1, 500), play(&config, 1, 500));
    assert_eq!(first, second);
    let (_, other) = play(&Config { seed: 8, ..config }, 1, 500);
    assert_ne!(first.emissions, other.emissions);
}

#[test]
fn locks_do_not_disturb_each_other_s_luck() {
    let config = Config { locks: 2, latency_ms: 50, jitter_ms: 50, seed: 7 };
    let heard_of_lock_0 = |also_lock_1: bool| {
        let mut hub = VirtualHub::new(&config);
        for number in 0..50 {
            let command = Command { attempt: attempt(number), wanted: Bolt::Unlocked };
            hub.command(moment(number * 200), 0, command).unwrap();
            if also_lock_1 {
                hub.command(moment(number * 200), 1, command).unwrap();
            }
        }
        let heard = hub.advance(moment(1_000_000));
        heard.into_iter().filter(|emission| emission.lock == 0).collect::<Vec<_>>()
    };
    assert_eq!(heard_of_lock_0(false), heard_of_lock_0(true));
}

#[test]
fn emissions_come_in_the_order_of_time_and_every_read_is_answered_once() {
    for seed in 0..100 {
        let (_, story) = play(&Config { locks: 3, latency_ms: 40, jitter_ms: 40, seed }, seed, 300);
        assert!(story.emissions.is_sorted_by_key(|emission| emission.at.steady), "seed {seed}");
        let answered = story
            .emissions
            .iter()
            .filter(|emission| matches!(emission.word, Word::ReadFailed(_) | Word::Said { how: How::Read(_), .. }));
        assert_eq!(answered.count() as u64, story.asked, "seed {seed}");
    }
}

#[test]
fn sequences_only_go_back_for_repeats() {
    for seed in 0..50 {
        let (hub, story) = play(&Config { locks: 1, latency_ms: 40, jitter_ms: 40, seed }, seed, 300);
        let mut told = std::collections::HashMap::new();
        for emission in &story.emissions {
            if let Word::Said { said, how, sequence: Some(sequence) } = emission.word {
                let first = *told.entry(sequence).or_insert((said, how));
                assert_eq!(first, (said, how), "seed {seed}: {sequence} means two things");
            }
        }
        assert!(told.keys().all(|sequence| *sequence <= hub.physical(0).unwrap().reports));
    }
}
