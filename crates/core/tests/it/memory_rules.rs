//! What reports mean: each movement once, causes where they belong, repeats recognised.

use thumbturn_core::events::Method;
use thumbturn_core::locks::{Bolt, Traits};
use thumbturn_core::memory::{Cause, Fact, Known, Memory, What};
use thumbturn_core::ports::{How, ReadId, Report, Said};

use crate::attempt_rules::{UNREADABLE, at, by};
use crate::house::{LOCKED, TALKATIVE, TERSE, UNLOCKED};

const REMOTE: How = How::Tagged(Method::Remote, None);
const MANUAL: How = How::Tagged(Method::Manual, None);
const WAS_LOCKED: Known = Known::At(Bolt::Locked);

struct Ear {
    memory: Memory,
    traits: Traits,
}

impl Ear {
    /// The lock said that it is locked, at 0.
    fn of(traits: Traits) -> Self {
        let mut ear = Self { memory: Memory::default(), traits };
        ear.memory.asked(ReadId(0), at(0));
        ear.hear(0, LOCKED, How::Read(ReadId(0)));
        ear
    }

    fn hear(&mut self, ms: u64, said: Said, how: How) -> Vec<What> {
        self.count(ms, said, how, None).into_iter().map(|fact| fact.what).collect()
    }

    fn count(&mut self, ms: u64, said: Said, how: How, sequence: Option<u64>) -> Vec<Fact> {
        self.memory.hear(&Report { said, how, heard: at(ms), occurred_at: None, sequence }, &self.traits)
    }

    fn tick(&mut self, ms: u64) -> Option<What> {
        self.memory.tick(at(ms)).map(|fact| fact.what)
    }
}

fn unlocked(cause: Option<Cause>) -> What {
    What::Moved { from: WAS_LOCKED, to: Bolt::Unlocked, cause, doubtful: false }
}

#[test]
fn a_change_waits_a_moment_for_its_cause() {
    let mut ear = Ear::of(TALKATIVE);
    assert_eq!(ear.hear(9_000, UNLOCKED, How::Untagged), []);
    assert_eq!(ear.hear(9_040, UNLOCKED, MANUAL), [unlocked(Some(by(Method::Manual)))]);
    assert_eq!(ear.tick(9_200), None);
}

#[test]
fn a_change_whose_cause_does_not_come_is_told_without() {
    let mut ear = Ear::of(TALKATIVE);
    assert_eq!(ear.hear(9_000, UNLOCKED, How::Untagged), []);
    assert_eq!(ear.tick(9_099), None);
    assert_eq!(ear.tick(9_100), Some(unlocked(None)));
    assert_eq!(ear.memory.wake_at(), None);
}

#[test]
fn a_lock_that_does_not_tag_is_not_waited_for() {
    assert_eq!(Ear::of(TERSE).hear(9_000, UNLOCKED, How::Untagged), [unlocked(None)]);
}

#[test]
fn a_tag_that_comes_after_its_change_was_told_is_no_second_movement() {
    for traits in [TALKATIVE, TERSE] {
        let mut ear = Ear::of(traits);
        ear.hear(9_000, UNLOCKED, How::Untagged);
        ear.tick(9_100);
        let late = ear.count(9_300, UNLOCKED, REMOTE, None);
        let [Fact { what: What::Operated { late_cause: true, doubtful: false, .. }, heard, .. }] = late[..] else {
            panic!("{late:?}");
        };
        assert_eq!(heard, at(9_000), "it tells of the time of its movement, which may be before a command");
    }
}

#[test]
fn a_tag_long_after_a_change_is_an_operation_of_its_own() {
    let mut ear = Ear::of(TERSE);
    ear.hear(9_000, UNLOCKED, How::Untagged);
    let operated = What::Operated { at: Bolt::Unlocked, cause: by(Method::Remote), doubtful: false, late_cause: false };
    assert_eq!(ear.hear(16_000, UNLOCKED, REMOTE), [operated]);
}

#[test]
fn the_same_word_again_means_nothing() {
    let mut ear = Ear::of(TERSE);
    assert_eq!(ear.hear(9_000, LOCKED, How::Untagged), []);
    assert_eq!(ear.hear(9_500, UNLOCKED, How::Untagged), [unlocked(None)]);
    assert_eq!(ear.hear(9_501, UNLOCKED, How::Untagged), []);
}

#[test]
fn a_repeat_4_4_s_later_is_a_doubt_and_changes_nothing() {
    for how in [How::Untagged, REMOTE, MANUAL] {
        let mut ear = Ear::of(TERSE);
        ear.hear(10_000, UNLOCKED, how);
        ear.hear(12_000, LOCKED, how);
        assert_eq!(ear.hear(14_400, UNLOCKED, how), [What::Doubt { to: Known::At(Bolt::Unlocked) }]);
        assert_eq!(ear.memory.known(), WAS_LOCKED);
        assert!(ear.memory.in_doubt());
    }
}

#[test]
fn a_repeat_on_a_lock_that_cannot_be_read_is_marked() {
    let mut ear = Ear::of(UNREADABLE);
    ear.hear(10_000, UNLOCKED, How::Untagged);
    ear.hear(12_000, LOCKED, How::Untagged);
    let doubtful = What::Moved { from: WAS_LOCKED, to: Bolt::Unlocked, cause: None, doubtful: true };
    assert_eq!(ear.hear(14_400, UNLOCKED, How::Untagged), [doubtful]);
}

#[test]
fn a_read_that_bears_out_a_doubt_tells_its_cause() {
    let mut ear = Ear::of(TALKATIVE);
    ear.hear(10_000, UNLOCKED, REMOTE);
    ear.hear(12_000, LOCKED, REMOTE);
    ear.hear(14_000, UNLOCKED, How::Untagged);
    ear.hear(14_001, UNLOCKED, How::Tagged(Method::Keycode, Some(3)));
    ear.hear(14_002, UNLOCKED, How::Untagged);
    ear.memory.asked(ReadId(7), at(14_100));
    let cause = Some(Cause { method: Method::Keycode, slot: Some(3) });
    let (read, asked) = (ReadId(7), Some(at(14_100)));
    let answer = What::Read { read, asked, from: WAS_LOCKED, said: UNLOCKED, cause, awaits_cause: false };
    assert_eq!(ear.hear(14_130, UNLOCKED, How::Read(read)), [answer]);
    assert!(!ear.memory.in_doubt());
}

#[test]
fn a_count_already_heard_is_a_repeat() {
    let mut ear = Ear::of(TERSE);
    assert_eq!(ear.count(10_000, UNLOCKED, REMOTE, Some(1)).len(), 1);
    assert_eq!(ear.count(11_000, LOCKED, REMOTE, Some(2)).len(), 1);
    assert_eq!(ear.count(14_400, UNLOCKED, REMOTE, Some(1)).len(), 0);
    assert_eq!(ear.count(14_500, UNLOCKED, REMOTE, Some(3)).len(), 1, "a new count is no repeat");
}

#[test]
fn an_answer_to_a_read_is_never_taken_for_a_repeat() {
    let mut ear = Ear::of(TERSE);
    ear.count(10_000, UNLOCKED, REMOTE, Some(5));
    ear.memory.asked(ReadId(1), at(10_100));
    assert_eq!(ear.count(10_200, UNLOCKED, How::Read(ReadId(1)), Some(5)).len(), 1);
}

#[test]
fn what_a_hub_assumes_is_not_heard() {
    let mut ear = Ear::of(TERSE);
    assert_eq!(ear.hear(9_000, UNLOCKED, How::Assumed), []);
    assert_eq!(ear.memory.known(), WAS_LOCKED);
}

#[test]
fn what_was_remembered_is_used_only_where_nothing_better_can_be_had() {
    for traits in [TERSE, UNREADABLE] {
        let mut ear = Ear { memory: Memory::default(), traits };
        let recalled = ear.hear(0, LOCKED, How::Remembered);
        assert_eq!(recalled.is_empty(), traits.readable);
        assert_eq!(ear.hear(1, UNLOCKED, How::Remembered), [], "only as a first word");
    }
}

#[test]
fn a_jam_is_told_once_and_cleared_by_a_position() {
    let mut ear = Ear::of(TERSE);
    assert_eq!(ear.hear(9_000, Said::Jammed, How::Untagged), [What::Jammed]);
    assert_eq!(ear.hear(9_040, Said::Jammed, How::Untagged), []);
    let cleared = What::Moved { from: Known::Jammed, to: Bolt::Locked, cause: None, doubtful: false };
    assert_eq!(ear.hear(9_500, LOCKED, How::Untagged), [cleared]);
    assert_eq!(ear.hear(13_400, Said::Jammed, How::Untagged), [What::Doubt { to: Known::Jammed }], "a repeat");
}

#[test]
fn an_obstruction_said_again_is_a_doubt() {
    let mut ear = Ear::of(TERSE);
    assert_eq!(ear.hear(9_000, Said::Obstructed, How::Untagged), [What::Obstructed]);
    assert_eq!(ear.hear(13_400, Said::Obstructed, How::Untagged), [What::Doubt { to: WAS_LOCKED }]);
}

#[test]
fn what_is_held_back_is_told_before_what_contradicts_it() {
    let mut ear = Ear::of(TALKATIVE);
    assert_eq!(ear.hear(9_000, UNLOCKED, How::Untagged), []);
    assert_eq!(ear.hear(9_050, Said::Jammed, How::Untagged), [unlocked(None), What::Jammed]);
}

#[test]
fn the_first_word_of_a_session_moves_from_nothing() {
    let mut ear = Ear::of(TERSE);
    ear.memory.forget_position();
    let first = What::Moved { from: Known::Nothing, to: Bolt::Locked, cause: None, doubtful: false };
    assert_eq!(ear.hear(9_000, LOCKED, How::Untagged), [first]);
}

#[test]
fn reads_asked_before_a_command_are_nobodys_evidence() {
    let mut ear = Ear::of(TERSE);
    ear.memory.asked(ReadId(1), at(9_000));
    ear.memory.discount_reads();
    let [What::Read { asked: None, .. }] = ear.hear(9_100, LOCKED, How::Read(ReadId(1)))[..] else {
        panic!("it still counts");
    };
}

#[test]
fn a_late_answer_to_a_read_asked_before_a_command_is_no_more_than_a_doubt() {
    let doubt = [What::Doubt { to: WAS_LOCKED }];
    for how in [How::Untagged, REMOTE, How::Read(ReadId(2))] {
        let mut ear = Ear::of(TERSE);
        ear.memory.asked(ReadId(1), at(9_000));
        ear.memory.discount_reads();
        ear.memory.asked(ReadId(2), at(10_000));
        assert_eq!(ear.hear(10_100, UNLOCKED, how).len(), 1);
        assert_eq!(ear.hear(13_000, LOCKED, How::Read(ReadId(1))), doubt, "{how:?}: it unlocked since");
        assert_eq!(ear.memory.known(), Known::At(Bolt::Unlocked));
    }
}

#[test]
fn an_answer_that_nobody_waits_for_is_no_more_than_a_doubt() {
    let mut ear = Ear::of(TERSE);
    let doubt = [What::Doubt { to: Known::At(Bolt::Unlocked) }];
    assert_eq!(ear.hear(9_000, UNLOCKED, How::Read(ReadId(77))), doubt);
    assert_eq!(ear.memory.known(), WAS_LOCKED);
}

#[test]
fn no_more_than_a_few_unanswered_reads_are_kept() {
    let mut ear = Ear::of(TERSE);
    for n in 1..100 {
        ear.memory.asked(ReadId(n), at(9_000 + n));
    }
    let [What::Read { asked: None, .. }] = ear.hear(9_900, LOCKED, How::Read(ReadId(1)))[..] else {
        panic!("forgotten long ago");
    };
    let [What::Read { asked: Some(_), .. }] = ear.hear(9_901, LOCKED, How::Read(ReadId(99)))[..] else {
        panic!("the last one counts");
    };
}

#[test]
fn an_operation_after_a_first_read_is_no_late_cause() {
    let mut ear = Ear::of(TALKATIVE);
    let [Fact { what: What::Operated { late_cause: false, .. }, .. }] = ear.count(300, LOCKED, REMOTE, None)[..] else {
        panic!("nothing moved that it could be the cause of");
    };
}

#[test]
fn a_tag_after_a_read_that_found_the_movement_is_no_second_one() {
    let mut ear = Ear::of(TALKATIVE);
    ear.memory.asked(ReadId(1), at(9_000));
    ear.hear(9_100, UNLOCKED, How::Read(ReadId(1)));
    let [Fact { what: What::Operated { late_cause: true, .. }, .. }] = ear.count(9_300, UNLOCKED, MANUAL, None)[..]
    else {
        panic!("the read found it already");
    };
}

#[test]
fn what_is_said_just_after_the_session_began_may_be_a_repeat_of_what_nobody_heard() {
    for how in [How::Untagged, REMOTE, MANUAL] {
        let mut ear = Ear::of(TERSE);
        ear.memory.session_began(at(1_000));
        assert_eq!(ear.hear(7_000, UNLOCKED, how), [What::Doubt { to: Known::At(Bolt::Unlocked) }]);
        let mut ear = Ear::of(TERSE);
        ear.memory.session_began(at(1_000));
        assert!(matches!(ear.hear(7_001, UNLOCKED, how)[..], [What::Moved { doubtful: false, .. }]));
        let mut ear = Ear::of(UNREADABLE);
        ear.memory.session_began(at(1_000));
        ear.hear(2_000, LOCKED, how);
        assert!(matches!(ear.hear(6_000, UNLOCKED, how)[..], [What::Moved { doubtful: false, .. }]), "no way to know");
    }
}

#[test]
fn a_remote_operation_just_after_the_session_began_is_doubtful_and_a_code_at_the_keypad_is_not() {
    let mut ear = Ear::of(TERSE);
    ear.memory.session_began(at(0));
    assert!(matches!(ear.hear(2_000, LOCKED, REMOTE)[..], [What::Operated { doubtful: true, .. }]));
    let mut ear = Ear::of(TERSE);
    ear.memory.session_began(at(0));
    assert!(matches!(ear.hear(2_000, LOCKED, MANUAL)[..], [What::Operated { doubtful: false, .. }]));
    let mut ear = Ear::of(TERSE);
    ear.memory.session_began(at(0));
    assert_eq!(
        ear.count(2_000, UNLOCKED, REMOTE, Some(1))[0].what,
        unlocked(Some(by(Method::Remote))),
        "it is counted"
    );
}
