//! Each fault, and commands without one.

use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Said};
use thumbturn_drivers::sandbox::{Act, FaultsPatch, MotorState, NotTaken, Patch, Position, Times, Word};

use crate::bench::{Bench, LOCKED, REMOTE, UNLOCKED, accepted, said, uncounted};

fn faults(faults: FaultsPatch) -> Bench {
    Bench::with(Patch { faults, ..Patch::default() })
}

#[test]
fn a_bolt_takes_its_time_and_the_lock_then_says_so() {
    let mut bench = Bench::new(20);
    let attempt = bench.unlock();
    assert_eq!(bench.at(5), [(5, accepted(attempt))]);
    assert_eq!((bench.physical().motor, bench.physical().bolt), (MotorState::Moving, Position::Locked));
    assert_eq!(bench.at(19), []);
    assert_eq!(bench.at(25), [(20, said(UNLOCKED, REMOTE, 1))]);
    let physical = bench.physical();
    assert_eq!((physical.motor, physical.bolt), (MotorState::Idle, Position::Unlocked));
    assert_eq!((physical.moves, physical.commands, physical.reports), (1, 1, 1));
}

#[test]
fn without_latency_everything_happens_in_the_moment_of_the_command() {
    let mut bench = Bench::new(0);
    let attempt = bench.unlock();
    assert_eq!(bench.at(0), [(0, accepted(attempt)), (0, said(UNLOCKED, REMOTE, 1))]);
    assert_eq!(bench.hub.next_at(), None);
}

#[test]
fn a_command_to_where_the_bolt_is_runs_the_motor_and_is_no_movement() {
    let mut bench = Bench::new(20);
    let attempt = bench.lock();
    assert_eq!(bench.at(100), [(5, accepted(attempt)), (20, said(LOCKED, REMOTE, 1))]);
    assert_eq!((bench.physical().moves, bench.physical().commands), (0, 1));
}

#[test]
fn commands_to_a_moving_lock_are_carried_out_one_after_another() {
    let mut bench = Bench::new(20);
    let (first, second) = (bench.unlock(), bench.lock());
    let heard = bench.at(100);
    assert_eq!(heard[..2], [(5, accepted(first)), (5, accepted(second))]);
    assert_eq!(heard[2..], [(20, said(UNLOCKED, REMOTE, 1)), (35, said(LOCKED, REMOTE, 2))]);
    assert_eq!(bench.physical().moves, 2);
}

#[test]
fn a_lock_takes_only_so_many_commands_at_once() {
    let mut bench = Bench::new(20);
    for _ in 0..32 {
        bench.unlock();
    }
    assert_eq!(bench.order(Bolt::Unlocked), Err(NotTaken::QueueFull));
    bench.at(10_000);
    assert_eq!(bench.physical().commands, 32);
    assert!(bench.order(Bolt::Unlocked).is_ok());
}

#[test]
fn a_read_tells_where_the_bolt_is_when_it_arrives() {
    let mut bench = Bench::new(20);
    let attempt = bench.unlock();
    bench.ask(1);
    assert_eq!(bench.at(6), [(5, accepted(attempt)), (5, uncounted(LOCKED, How::Read(ReadId(1))))]);
    bench.at(30);
    bench.ask(2);
    assert_eq!(bench.at(60), [(35, uncounted(UNLOCKED, How::Read(ReadId(2))))]);
}

#[test]
fn jam_stops_the_bolt_half_way_and_the_next_command_frees_it() {
    let mut bench = faults(FaultsPatch { jam: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    assert_eq!(bench.at(30), [(5, accepted(attempt)), (20, said(Said::Jammed, How::Untagged, 1))]);
    assert_eq!((bench.physical().bolt, bench.physical().moves), (Position::Jammed, 0));
    bench.ask(1);
    assert_eq!(bench.at(40), [(35, uncounted(Said::Jammed, How::Read(ReadId(1))))]);
    let next = bench.unlock();
    assert_eq!(bench.at(100), [(45, accepted(next)), (60, said(UNLOCKED, REMOTE, 2))]);
    assert_eq!(bench.physical().settings.faults.jam, Times::Off);
}

#[test]
fn obstruct_sends_the_bolt_back() {
    let mut bench = faults(FaultsPatch { obstruct: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    assert_eq!(bench.at(30), [(5, accepted(attempt)), (20, said(Said::Obstructed, How::Untagged, 1))]);
    assert_eq!((bench.physical().bolt, bench.physical().moves), (Position::Locked, 0));
}

#[test]
fn ignore_is_accepted_and_nothing_happens() {
    let mut bench = faults(FaultsPatch { ignore: Some(Times::from(2)), ..FaultsPatch::default() });
    for _ in 0..2 {
        let attempt = bench.unlock();
        let at = bench.now + 5;
        assert_eq!(bench.at(bench.now + 100), [(at, accepted(attempt))]);
    }
    assert_eq!((bench.physical().moves, bench.physical().commands), (0, 2));
    bench.unlock();
    bench.at(bench.now + 100);
    assert_eq!(bench.physical().moves, 1);
}

#[test]
fn lie_is_the_hub_s_own_claim_and_a_read_finds_it_out() {
    let mut bench = faults(FaultsPatch { lie: Some(Times::from(true)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    assert_eq!(bench.at(30), [(5, uncounted(UNLOCKED, How::Assumed)), (5, accepted(attempt))]);
    bench.ask(1);
    assert_eq!(bench.at(60), [(35, uncounted(LOCKED, How::Read(ReadId(1))))]);
    assert_eq!(bench.physical().moves, 0);
}

#[test]
fn mute_moves_without_a_word_and_still_answers_reads() {
    let mut bench = faults(FaultsPatch { mute: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    assert_eq!(bench.at(30), [(5, accepted(attempt))]);
    assert_eq!(bench.physical().moves, 1);
    bench.ask(1);
    assert_eq!(bench.at(60), [(35, uncounted(UNLOCKED, How::Read(ReadId(1))))]);
}

#[test]
fn mute_for_good_keeps_hand_turns_to_itself_too() {
    let mut bench = faults(FaultsPatch { mute: Some(Times::Always), ..FaultsPatch::default() });
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(100), []);
    assert_eq!(bench.physical().bolt, Position::Unlocked);
}

#[test]
fn stale_repeats_the_old_position_before_the_true_one() {
    let mut bench = faults(FaultsPatch { stale: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    let heard = bench.at(30);
    let expected = [(5, accepted(attempt)), (5, uncounted(LOCKED, How::Untagged)), (20, said(UNLOCKED, REMOTE, 1))];
    assert_eq!(heard, expected);
}

#[test]
fn repeated_reports_keep_their_sequence() {
    let mut bench = faults(FaultsPatch { repeat_after_ms: Some(4_400), ..FaultsPatch::default() });
    bench.unlock();
    bench.at(30);
    bench.lock();
    let heard = bench.at(10_000);
    assert_eq!(heard[1], (50, said(LOCKED, REMOTE, 2)));
    assert_eq!(heard[2..], [(4_420, said(UNLOCKED, REMOTE, 1)), (4_450, said(LOCKED, REMOTE, 2))]);
}

#[test]
fn refuse_is_answered_and_does_not_move() {
    let mut bench = faults(FaultsPatch { refuse: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    let heard = bench.at(30);
    assert!(
        matches!(&heard[..], [(5, Word::Answered(named, Answer::Refused(Refused::Other(_))))] if *named == attempt),
        "{heard:?}"
    );
    assert_eq!((bench.physical().moves, bench.physical().commands), (0, 1));
}

#[test]
fn privacy_is_answered_as_such_and_does_not_move() {
    let mut bench = faults(FaultsPatch { privacy: Some(Times::from(1)), ..FaultsPatch::default() });
    let attempt = bench.unlock();
    let refused = Word::Answered(attempt, Answer::Refused(Refused::PrivacyMode));
    assert_eq!(bench.at(30), [(5, refused)]);
    assert_eq!((bench.physical().moves, bench.physical().commands), (0, 1));
}

#[test]
fn offline_moves_unheard_until_the_power_was_cycled() {
    let mut bench = faults(FaultsPatch { offline: Some(Times::from(1)), ..FaultsPatch::default() });
    bench.unlock();
    assert_eq!(bench.at(30), []);
    let physical = bench.physical();
    assert_eq!((physical.bolt, physical.moves, physical.heard), (Position::Unlocked, 1, false));
    bench.ask(1);
    bench.lock();
    assert_eq!(bench.at(100), [(35, Word::ReadFailed(ReadId(1)))]);
    assert_eq!(bench.physical().commands, 1, "the second command never reached the lock");
    bench.act(&Act::PowerOn);
    let back = bench.at(200);
    assert_eq!(back, [(105, Word::Battery(1.0)), (105, said(UNLOCKED, How::Untagged, 2))]);
}

#[test]
fn offline_ends_when_the_fault_is_cleared() {
    let mut bench = faults(FaultsPatch { offline: Some(Times::Always), ..FaultsPatch::default() });
    bench.unlock();
    bench.at(30);
    bench
        .set(Patch { faults: FaultsPatch { offline: Some(Times::Off), ..FaultsPatch::default() }, ..Patch::default() });
    assert_eq!(bench.at(100)[1], (35, said(UNLOCKED, How::Untagged, 2)));
    assert!(bench.physical().heard);
}

#[test]
fn of_the_exclusive_faults_one_strikes_and_only_that_one_is_used_up() {
    let both = FaultsPatch { refuse: Some(Times::from(1)), jam: Some(Times::from(1)), ..FaultsPatch::default() };
    let mut bench = faults(both);
    bench.unlock();
    bench.at(100);
    assert_eq!((bench.physical().bolt, bench.physical().settings.faults.jam), (Position::Locked, Times::Next(1)));
    bench.unlock();
    bench.at(200);
    assert_eq!(bench.physical().bolt, Position::Jammed);
}
