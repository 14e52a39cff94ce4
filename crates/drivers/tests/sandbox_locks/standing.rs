//! A lock's standing with its hub, its keypad for attempts, and its auto-lock.

use thumbturn_core::commands::{AutoLock, Simulation};
use thumbturn_core::events::Method;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Answer, How, Refused};
use thumbturn_drivers::sandbox::{Act, FaultsPatch, NotTaken, Patch, Position, Restored, Simulated, Times, Word};

use crate::bench::{Bench, LOCKED, MANUAL, UNLOCKED, accepted, attempt, moment, said};

const KEYCODE: How = How::Tagged(Method::Keycode, Some(1));

impl Bench {
    fn simulate(&mut self, what: Simulated) -> Vec<(u64, Word)> {
        assert!(self.hub.simulate(moment(self.now), 0, what));
        self.at(self.now)
    }

    fn type_code(&mut self, digits: &str) -> AttemptId {
        self.at_keypad(&Simulation::TypeCode(Pin::new(digits).unwrap()))
    }

    fn at_keypad(&mut self, what: &Simulation) -> AttemptId {
        let attempt = attempt(1_000 + self.now);
        assert!(self.hub.use_keypad(moment(self.now), 0, attempt, what));
        attempt
    }

    fn configure(&mut self, auto_lock: AutoLock) -> AttemptId {
        let attempt = attempt(2_000 + self.now);
        self.hub.configure(moment(self.now), 0, attempt, auto_lock).unwrap();
        attempt
    }
}

fn refused(attempt: AttemptId, why: Refused) -> Word {
    Word::Answered(attempt, Answer::Refused(why))
}

#[test]
fn what_is_simulated_shows_at_once_and_repeating_it_says_nothing() {
    let mut bench = Bench::new(20);
    let reach = |reach| vec![(0, Word::Reach(reach))];
    assert_eq!(bench.simulate(Simulated::Disconnect), reach(Reachability::Unreachable));
    assert_eq!(bench.simulate(Simulated::Disconnect), []);
    assert_eq!(bench.order(Bolt::Unlocked), Err(NotTaken::Unreachable));
    assert_eq!(bench.simulate(Simulated::DisconnectHub), reach(Reachability::HubUnreachable));
    assert_eq!(bench.simulate(Simulated::ConnectHub), reach(Reachability::Unreachable));
    let back = bench.simulate(Simulated::Connect);
    assert_eq!(back[0], (0, Word::Reach(Reachability::Reachable)));
    assert_eq!(back[1..], [(0, Word::Battery(1.0)), (0, said(LOCKED, How::Untagged, 1))]);
    assert_eq!(bench.simulate(Simulated::Connect), []);
    assert_eq!(bench.at(1_000), [], "and nothing later");
}

#[test]
fn connecting_brings_back_what_took_it_away() {
    let mut bench = Bench::new(20);
    bench.act(&Act::PowerOff);
    bench.at(100);
    assert_eq!(bench.simulate(Simulated::Connect)[0], (100, Word::Reach(Reachability::Reachable)));
    assert!(bench.physical().powered);
    let offline = FaultsPatch { offline: Some(Times::Next(1)), ..FaultsPatch::default() };
    bench.set(Patch { faults: offline, ..Patch::default() });
    bench.unlock();
    bench.at(1_000);
    let back = bench.simulate(Simulated::Connect);
    assert_eq!(back.last(), Some(&(1_000, said(UNLOCKED, How::Untagged, 3))));
}

#[test]
fn a_removed_lock_says_so_once_and_nothing_after() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.simulate(Simulated::Remove), [(0, Word::Gone)]);
    assert!(!bench.hub.has(0));
    for what in [Simulated::Remove, Simulated::Connect, Simulated::Disconnect] {
        assert_eq!(bench.simulate(what), []);
    }
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(100), [], "nobody hears it");
}

#[test]
fn an_unpaid_lock_refuses_commands_and_settings_and_not_its_keypad() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.simulate(Simulated::Subscription { ended: true }), [(0, Word::SubscriptionEnded(true))]);
    let (command, setting) = (bench.unlock(), bench.configure(AutoLock::After(5)));
    let heard = bench.at(50);
    let refusals = heard.iter().filter(|(_, word)| matches!(word, Word::Answered(_, Answer::Refused(_))));
    assert_eq!((refusals.count(), heard.len()), (2, 2), "{command} {setting} {heard:?}");
    let typed = bench.type_code("1234");
    assert_eq!(bench.at(100), [(70, said(UNLOCKED, KEYCODE, 1)), (70, accepted(typed))]);
}

#[test]
fn a_code_is_answered_after_what_it_did() {
    let mut bench = Bench::new(20);
    let right = bench.type_code("1234");
    assert_eq!(bench.at(50), [(20, said(UNLOCKED, KEYCODE, 1)), (20, accepted(right))]);
    let wrong = bench.type_code("0000");
    assert_eq!(bench.at(60), [(50, Word::Denied("unknown_code")), (50, refused(wrong, Refused::UnknownCode))]);
    let button = bench.at_keypad(&Simulation::LockAtKeypad);
    assert_eq!(bench.at(100), [(80, said(LOCKED, MANUAL, 2)), (80, accepted(button))]);
    let again = bench.at_keypad(&Simulation::LockAtKeypad);
    assert_eq!(bench.at(150), [(120, accepted(again))], "no bolt moved, so there is nothing to report");
}

#[test]
fn a_right_code_in_between_starts_the_count_anew_and_a_minute_ends_the_silence() {
    let mut bench = Bench::new(0);
    for code in ["1", "2", "3", "4", "1234", "1", "2", "3", "4"] {
        bench.type_code(code);
        bench.now += 1;
    }
    bench.at(100);
    let fifth = bench.type_code("5");
    assert_eq!(
        bench.at(100),
        [(100, Word::Denied("too_many_attempts")), (100, refused(fifth, Refused::TooManyAttempts))]
    );
    bench.at(60_099);
    let early = bench.type_code("1234");
    assert_eq!(bench.at(60_099), [(60_099, refused(early, Refused::TooManyAttempts))]);
    bench.at(60_100);
    let late = bench.type_code("1234");
    assert_eq!(bench.at(60_100).last(), Some(&(60_100, accepted(late))));
}

#[test]
fn a_lock_keeps_what_nobody_hears_and_tells_when_it_happened() {
    let mut bench = Bench::new(20);
    bench.simulate(Simulated::Disconnect);
    let wrong = bench.type_code("0000");
    assert_eq!(bench.at(10), [(0, refused(wrong, Refused::UnknownCode))]);
    let right = bench.type_code("1234");
    assert_eq!(bench.at(500), [(30, accepted(right))]);
    let told = bench.simulate(Simulated::Connect);
    let kept = |ms, word| (500, Word::Kept(moment(ms), Box::new(word)));
    assert_eq!(told[2], kept(0, Word::Denied("unknown_code")));
    assert_eq!(told[3], kept(30, said(UNLOCKED, KEYCODE, 1)));
    assert_eq!(told[4], (500, said(UNLOCKED, How::Untagged, 2)));
}

#[test]
fn without_power_a_keypad_takes_nothing_and_keeps_nothing() {
    let mut bench = Bench::new(20);
    bench.act(&Act::PowerOff);
    let typed = bench.type_code("1234");
    let heard = bench.at(0);
    assert!(matches!(&heard[..], [(0, Word::Answered(named, Answer::Refused(Refused::Other(_))))] if *named == typed));
    bench.at(100);
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert!(!bench.simulate(Simulated::Connect).iter().any(|(_, word)| matches!(word, Word::Kept(..))));
}

#[test]
fn an_auto_lock_is_told_before_it_is_accepted_and_kept_to() {
    let mut bench = Bench::new(20);
    bench.unlock();
    bench.at(100);
    let setting = bench.configure(AutoLock::After(2));
    assert_eq!(bench.at(110), [(105, Word::AutoLock(AutoLock::After(2))), (105, accepted(setting))]);
    bench.unlock();
    bench.at(200);
    let relocked = bench.at(10_000);
    assert_eq!(relocked, [(2_150, said(LOCKED, How::Tagged(Method::Automatic, None), 3))]);
    let same = bench.configure(AutoLock::After(2));
    assert_eq!(bench.at(10_100), [(10_005, accepted(same))], "no news");
}

fn restored(bolt: Position, auto_lock: Option<AutoLock>) -> Restored {
    Restored {
        bolt,
        battery_level: 1.0,
        powered: true,
        cut: true,
        hub_lost: false,
        removed: false,
        unpaid: false,
        auto_lock,
    }
}

#[test]
fn a_restored_lock_that_stands_open_locks_itself() {
    let mut bench = Bench::new(20);
    bench.hub.restore(0, restored(Position::Unlocked, Some(AutoLock::After(2))));
    bench.hub.wake(moment(0));
    bench.at(10_000);
    assert_eq!(bench.physical().bolt, Position::Locked);
}

#[test]
fn a_restored_lock_that_is_cut_off_works_alone_and_comes_back_with_its_power() {
    let mut bench = Bench::new(20);
    bench.hub.restore(0, restored(Position::Locked, None));
    let typed = bench.type_code("1234");
    assert_eq!(bench.at(100), [(20, accepted(typed))]);
    bench.act(&Act::PowerOn);
    assert_eq!(bench.at(200)[0], (105, Word::Reach(Reachability::Reachable)));
}

#[test]
fn an_auto_lock_that_is_switched_on_while_the_door_is_open_locks_it() {
    let mut bench = Bench::new(20);
    bench.unlock();
    bench.at(100);
    bench.configure(AutoLock::After(3));
    assert_eq!(bench.at(10_000).last(), Some(&(3_125, said(LOCKED, How::Tagged(Method::Automatic, None), 2))));
}
