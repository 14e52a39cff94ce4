//! What happens at the door: hands, keypad, batteries, relocking.

use thumbturn_core::commands::AutoLock;
use thumbturn_core::events::Method;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Answer, How};
use thumbturn_drivers::sandbox::{
    Act, ActError, FaultsPatch, NotTaken, Patch, Position, Profile, Restored, Times, Word,
};

use crate::bench::{AUTOMATIC, Bench, LOCKED, MANUAL, REMOTE, UNLOCKED, accepted, moment, said};

fn pin(digits: &str) -> Act {
    Act::Keypad(Pin::new(digits).unwrap())
}

fn relock(after_s: u64) -> Bench {
    Bench::with(Patch { relock_after_s: Some(after_s), ..Patch::default() })
}

#[test]
fn a_hand_turn_is_reported_as_manual_at_once() {
    let mut bench = Bench::new(20);
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(0), [(0, said(UNLOCKED, MANUAL, 1))]);
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(50), [], "it already was there");
    assert_eq!((bench.physical().moves, bench.physical().commands), (1, 0));
}

#[test]
fn a_hand_frees_a_jammed_bolt() {
    let jam = FaultsPatch { jam: Some(Times::Next(1)), ..FaultsPatch::default() };
    let mut bench = Bench::with(Patch { faults: jam, ..Patch::default() });
    bench.unlock();
    bench.at(30);
    bench.act(&Act::Turn(Bolt::Locked));
    assert_eq!(bench.at(30), [(30, said(LOCKED, MANUAL, 2))]);
}

#[test]
fn the_preset_pin_opens_and_names_its_slot() {
    let mut bench = Bench::new(20);
    bench.act(&pin("1234"));
    assert_eq!(bench.at(50), [(20, said(UNLOCKED, How::Tagged(Method::Keycode, Some(1)), 1))]);
    assert_eq!(bench.physical().moves, 1);
}

#[test]
fn a_wrong_pin_is_denied() {
    let mut bench = Bench::new(20);
    bench.act(&pin("0000"));
    assert_eq!(bench.at(50), [(0, Word::Denied("unknown_code"))]);
    assert_eq!(bench.physical().bolt, Position::Locked);
}

#[test]
fn a_lock_without_a_keypad_takes_no_pin() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.hub.act(moment(0), 4, &pin("1234")), Err(ActError::NoKeypad));
    assert_eq!(bench.hub.act(moment(0), 99, &pin("1234")), Err(ActError::UnknownLock));
}

#[test]
fn without_power_the_hub_soon_knows_and_commands_are_not_taken() {
    let mut bench = Bench::new(20);
    bench.act(&Act::PowerOff);
    let lost = bench.unlock();
    assert_eq!(
        bench.at(10),
        [(5, Word::Reach(Reachability::Unreachable)), (5, Word::Answered(lost, Answer::NotAcknowledged))]
    );
    assert_eq!(bench.order(Bolt::Unlocked), Err(NotTaken::Unreachable));
    assert_eq!(bench.physical().commands, 0);
}

#[test]
fn what_is_turned_without_power_is_told_when_it_comes_back() {
    let mut bench = Bench::new(20);
    bench.act(&Act::PowerOff);
    bench.at(10);
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(20), []);
    assert_eq!(bench.physical().moves, 1);
    bench.act(&Act::PowerOn);
    let back = bench.at(50);
    assert_eq!(back[0], (25, Word::Reach(Reachability::Reachable)));
    assert_eq!(back[1..], [(25, Word::Battery(1.0)), (25, said(UNLOCKED, How::Untagged, 2))]);
}

#[test]
fn a_power_cut_stops_the_motor_for_good() {
    let mut bench = Bench::new(20);
    let attempt = bench.unlock();
    assert_eq!(bench.at(10), [(5, accepted(attempt))]);
    bench.act(&Act::PowerOff);
    bench.act(&Act::PowerOn);
    let later = bench.at(1_000);
    assert_eq!(later, [(15, Word::Battery(1.0)), (15, said(LOCKED, How::Untagged, 1))]);
    assert_eq!(bench.physical().moves, 0);
}

#[test]
fn power_acts_repeated_change_nothing() {
    let mut bench = Bench::new(20);
    bench.act(&Act::PowerOn);
    assert_eq!(bench.at(100), []);
    bench.act(&Act::PowerOff);
    bench.act(&Act::PowerOff);
    assert_eq!(bench.at(200), [(105, Word::Reach(Reachability::Unreachable))]);
}

#[test]
fn it_locks_itself_after_its_time() {
    let mut bench = relock(3);
    bench.unlock();
    bench.at(30);
    assert_eq!(bench.at(5_000), [(3_040, said(LOCKED, AUTOMATIC, 2))]);
    assert_eq!(bench.hub.next_at(), None);
}

#[test]
fn relocking_is_called_off_when_somebody_locks() {
    let mut bench = relock(3);
    bench.act(&Act::Turn(Bolt::Unlocked));
    bench.at(1_000);
    bench.act(&Act::Turn(Bolt::Locked));
    bench.at(1_001);
    assert_eq!(bench.at(10_000), []);
    assert_eq!(bench.physical().moves, 2);
}

#[test]
fn each_unlock_starts_the_time_again() {
    let mut bench = relock(3);
    bench.unlock();
    bench.at(2_000);
    bench.unlock();
    assert_eq!(bench.at(4_000)[1], (2_020, said(UNLOCKED, REMOTE, 2)));
    assert_eq!(bench.at(9_000), [(5_040, said(LOCKED, AUTOMATIC, 3))]);
}

#[test]
fn a_shorter_time_counts_from_the_next_unlock() {
    let mut bench = relock(60);
    bench.unlock();
    bench.at(1_000);
    bench.set(Patch { relock_after_s: Some(2), ..Patch::default() });
    bench.unlock();
    bench.at(1_100);
    assert_eq!(bench.at(5_000), [(3_040, said(LOCKED, AUTOMATIC, 3))]);
    assert_eq!(bench.at(100_000), [], "the longer one is forgotten");
}

#[test]
fn switching_relocking_off_leaves_the_door_open() {
    let mut bench = relock(3);
    bench.unlock();
    bench.at(1_000);
    bench.set(Patch { relock_after_s: Some(0), ..Patch::default() });
    assert_eq!(bench.at(10_000), [(1_000, Word::AutoLock(AutoLock::Off))]);
    assert_eq!(bench.physical().bolt, Position::Unlocked);
}

#[test]
fn a_dying_battery_ends_in_darkness_and_new_ones_bring_it_back() {
    let mut bench = Bench::with(Patch { profile: Some(Profile::DyingBattery), ..Patch::default() });
    let mut levels = Vec::new();
    for turn in 1..=6_u64 {
        bench.unlock();
        let heard = bench.at(turn * 10_000);
        levels.extend(heard.iter().filter_map(|(_, word)| match word {
            Word::Battery(level) => Some((level * 100.0).round()),
            _ => None,
        }));
    }
    assert_eq!(levels, [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    assert!(!bench.physical().powered);
    assert_eq!(bench.order(Bolt::Locked), Err(NotTaken::Unreachable));
    bench.act(&Act::PowerOn);
    bench.at(100_000);
    assert!(bench.order(Bolt::Locked).is_ok());
    assert!((bench.physical().battery_level - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_restored_lock_stands_where_it_stood() {
    let mut bench = Bench::new(20);
    let jammed = Restored {
        bolt: Position::Jammed,
        battery_level: 0.4,
        powered: false,
        cut: false,
        hub_lost: false,
        removed: false,
        unpaid: false,
        auto_lock: None,
    };
    bench.hub.restore(0, jammed);
    let physical = bench.physical();
    assert_eq!((physical.bolt, physical.powered), (Position::Jammed, false));
    assert_eq!(bench.order(Bolt::Locked), Err(NotTaken::Unreachable));
}
