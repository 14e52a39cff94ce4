//! Scripts: each command that reaches a lock uses up one step, whatever else happens.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use thumbturn_core::commands::AutoLock;
use thumbturn_core::locks::{Bolt, Reachability};
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Answer, How, ReadId, Refused, Said};
use thumbturn_drivers::sandbox::{
    Act, Command, Config, FaultsPatch, MOST_STEPS, Patch, Position, Profile, Settings, Simulated, Step, StepFault,
    Then, Times, VirtualHub, Word,
};

use crate::bench::{Bench, LOCKED, MANUAL, REMOTE, UNLOCKED, accepted, attempt, moment, said};

const OBEY: Step = Step { fault: None, then: None, battery_level: None, after_ms: 0 };

const fn with(fault: StepFault) -> Step {
    Step { fault: Some(fault), ..OBEY }
}

fn scripted(steps: impl Into<Vec<Step>>) -> Patch {
    Patch { script: Some(steps.into()), ..Patch::default() }
}

fn settings(bench: &Bench) -> Settings {
    bench.physical().settings
}

#[test]
fn the_first_jams_the_second_works_the_third_is_silent() {
    let mut bench = Bench::with(scripted([with(StepFault::Jam), OBEY, with(StepFault::Mute)]));
    let first = bench.unlock();
    assert_eq!(bench.at(100), [(5, accepted(first)), (20, said(Said::Jammed, How::Untagged, 1))]);
    assert_eq!(bench.physical().script, [OBEY, with(StepFault::Mute)]);
    let second = bench.unlock();
    assert_eq!(bench.at(200), [(105, accepted(second)), (120, said(UNLOCKED, REMOTE, 2))]);
    let third = bench.lock();
    assert_eq!(bench.at(300), [(205, accepted(third))]);
    assert_eq!((bench.physical().bolt, bench.physical().script.len()), (Position::Locked, 0));
    let fourth = bench.unlock();
    assert_eq!(bench.at(400), [(305, accepted(fourth)), (320, said(UNLOCKED, REMOTE, 3))], "after the script it obeys");
}

#[test]
fn every_fault_does_in_a_step_what_it_does_when_it_is_counted() {
    let always = |fault| {
        let times = Some(Times::from(1));
        let mut faults = FaultsPatch::default();
        *match fault {
            StepFault::Refuse => &mut faults.refuse,
            StepFault::Privacy => &mut faults.privacy,
            StepFault::Lie => &mut faults.lie,
            StepFault::Ignore => &mut faults.ignore,
            StepFault::Obstruct => &mut faults.obstruct,
            StepFault::Jam => &mut faults.jam,
            StepFault::Mute => &mut faults.mute,
            StepFault::Stale => &mut faults.stale,
            StepFault::Offline => &mut faults.offline,
        } = times;
        Patch { faults, ..Patch::default() }
    };
    for fault in ALL_FAULTS {
        let heard = [always(fault), scripted([with(fault)])].map(|patch| {
            let mut bench = Bench::with(patch);
            bench.unlock();
            let words = bench.at(1_000);
            (words, bench.physical().bolt, bench.physical().moves)
        });
        assert_eq!(heard[0], heard[1], "{fault:?}");
    }
}

const ALL_FAULTS: [StepFault; 9] = [
    StepFault::Refuse,
    StepFault::Privacy,
    StepFault::Lie,
    StepFault::Ignore,
    StepFault::Obstruct,
    StepFault::Jam,
    StepFault::Mute,
    StepFault::Stale,
    StepFault::Offline,
];

#[test]
fn while_a_step_is_left_counted_faults_wait() {
    let faults = FaultsPatch { refuse: Some(Times::from(1)), stale: Some(Times::from(1)), ..FaultsPatch::default() };
    let mut bench = Bench::with(Patch { faults, ..scripted([OBEY]) });
    let first = bench.unlock();
    assert_eq!(bench.at(100), [(5, accepted(first)), (20, said(UNLOCKED, REMOTE, 1))]);
    assert_eq!((settings(&bench).faults.refuse, settings(&bench).faults.stale), (Times::Next(1), Times::Next(1)));
    let second = bench.lock();
    let words = bench.at(200);
    assert!(matches!(&words[0].1, Word::Answered(named, Answer::Refused(_)) if *named == second), "{words:?}");
}

#[test]
fn what_a_step_has_in_store_happens_in_its_time() {
    let back = Step { then: Some(Then::Turn(Bolt::Locked)), after_ms: 2_000, ..OBEY };
    let tired = Step { battery_level: Some(0.1), after_ms: 500, ..OBEY };
    let mut bench = Bench::with(scripted([back, tired]));
    let first = bench.unlock();
    bench.now = 10;
    let second = bench.lock();
    let expected = [
        (5, accepted(first)),
        (15, accepted(second)),
        (20, said(UNLOCKED, REMOTE, 1)),
        (35, said(LOCKED, REMOTE, 2)),
        (515, Word::Battery(0.1)),
    ];
    assert_eq!(bench.at(1_000), expected);
    bench.act(&Act::Turn(Bolt::Unlocked));
    assert_eq!(bench.at(3_000), [(1_000, said(UNLOCKED, MANUAL, 3)), (2_005, said(LOCKED, MANUAL, 4))]);
}

#[test]
fn a_lock_can_fall_off_the_network_and_come_back_by_itself() {
    let away = Step { fault: Some(StepFault::Offline), then: Some(Then::PowerOn), after_ms: 1_000, ..OBEY };
    let mut bench = Bench::with(scripted([away]));
    bench.unlock();
    assert_eq!(bench.at(1_004), []);
    let words = bench.at(2_000);
    assert!(words.contains(&(1_010, said(UNLOCKED, How::Untagged, 2))), "{words:?}");
}

#[test]
fn a_script_can_take_the_power_in_the_middle_of_a_movement() {
    let dies = Step { then: Some(Then::PowerOff), after_ms: 5, ..OBEY };
    let mut bench = Bench::with(scripted([dies]));
    let first = bench.unlock();
    let words = bench.at(1_000);
    assert_eq!(words, [(5, accepted(first)), (15, Word::Reach(Reachability::Unreachable))]);
    assert_eq!((bench.physical().bolt, bench.physical().powered), (Position::Locked, false));
}

#[test]
fn a_new_script_replaces_all_of_the_old_one_and_a_profile_takes_it_away() {
    let later = Step { then: Some(Then::Turn(Bolt::Locked)), after_ms: 500, ..OBEY };
    for patch in [
        scripted([]),
        scripted([OBEY]),
        Patch { profile: Some(Profile::Perfect), ..Patch::default() },
        Patch { profile: Some(Profile::Perfect), ..scripted([OBEY]) },
    ] {
        let mut bench = Bench::with(scripted([later, with(StepFault::Jam)]));
        bench.unlock();
        bench.at(100);
        let left = patch.script.clone().unwrap_or_default();
        bench.set(patch.clone());
        assert_eq!(bench.physical().script, left, "{patch:?}");
        bench.at(10_000);
        assert_eq!(bench.physical().bolt, Position::Unlocked, "{patch:?}: the hand of the old script came");
    }
    let mut bench = Bench::with(scripted([later]));
    bench.set(Patch { latency_ms: Some(7), ..Patch::default() });
    assert_eq!(bench.physical().script, [later], "another setting leaves it");
}

#[test]
fn a_change_of_the_auto_lock_uses_up_a_step_too() {
    let mut bench = Bench::with(scripted([with(StepFault::Refuse), with(StepFault::Ignore), with(StepFault::Jam)]));
    let answers = [1, 2, 3].map(|number| {
        let (now, setting) = (moment(bench.now), AutoLock::After(9));
        bench.hub.configure(now, 0, attempt(number), setting).unwrap();
        let at = bench.now + 100;
        bench.at(at).into_iter().find_map(|(_, word)| match word {
            Word::Answered(_, answer) => Some(answer),
            _ => None,
        })
    });
    assert!(matches!(answers[0], Some(Answer::Refused(Refused::Other(_)))));
    assert_eq!((&answers[1], &answers[2]), (&None, &Some(Answer::Accepted)), "a setting needs no bolt");
    assert_eq!(bench.physical().script, []);
}

#[test]
fn a_script_has_its_bounds() {
    let mut bench = Bench::with(scripted([OBEY]));
    for (steps, field) in [
        (vec![OBEY; MOST_STEPS + 1], "script"),
        (vec![OBEY, Step { after_ms: 600_001, ..OBEY }], "script.after_ms"),
        (vec![Step { battery_level: Some(1.5), ..OBEY }], "script.battery_level"),
        (vec![Step { battery_level: Some(f64::NAN), ..OBEY }], "script.battery_level"),
    ] {
        assert_eq!(bench.hub.set(moment(0), 0, &scripted(steps)).unwrap_err().field, field);
        assert_eq!(bench.physical().script, [OBEY]);
    }
    bench.set(scripted(vec![OBEY; MOST_STEPS]));
    assert_eq!(bench.physical().script.len(), MOST_STEPS);
}

// ---- whatever else happens ----

/// What the lock must answer to the command that meets this step, if it can be heard afterwards.
fn answers(step: &Step, answer: &Answer) -> bool {
    match step.fault {
        Some(StepFault::Refuse) => matches!(answer, Answer::Refused(Refused::Other(_))),
        Some(StepFault::Privacy) => *answer == Answer::Refused(Refused::PrivacyMode),
        _ => *answer == Answer::Accepted,
    }
}

fn any_step(dice: &mut Xoshiro256PlusPlus) -> Step {
    let fault = dice.random_bool(0.6).then(|| ALL_FAULTS[dice.random_range(0..ALL_FAULTS.len())]);
    let thens = [Then::Turn(Bolt::Locked), Then::Turn(Bolt::Unlocked), Then::PowerOff, Then::PowerOn];
    let then = dice.random_bool(0.4).then(|| thens[dice.random_range(0..thens.len())]);
    let battery_level = dice.random_bool(0.2).then(|| f64::from(dice.random_range(0..=10_u8)) / 10.0);
    Step { fault, then, battery_level, after_ms: dice.random_range(0..300) }
}

/// Something that is no command.
fn meddle(hub: &mut VirtualHub, dice: &mut Xoshiro256PlusPlus, now: u64) {
    let (at, number) = (moment(now), dice.random_range(0..1_000));
    let wanted = if dice.random_bool(0.5) { Bolt::Locked } else { Bolt::Unlocked };
    match dice.random_range(0..8) {
        0 => drop(hub.ask(at, 0, ReadId(number))),
        1 => hub.act(at, 0, &Act::Turn(wanted)).unwrap(),
        2 => hub.act(at, 0, &Act::Keypad(Pin::new("1234").unwrap())).unwrap(),
        3 => hub.act(at, 0, &Act::PowerOff).unwrap(),
        4 | 5 => hub.act(at, 0, &Act::PowerOn).unwrap(),
        6 => {
            let away = if dice.random_bool(0.3) { Simulated::Disconnect } else { Simulated::Connect };
            assert!(hub.simulate(at, 0, away));
        }
        _ => {
            let jam = dice.random_bool(0.5).then(|| Times::from(dice.random_range(0..3_u32)));
            let faults = FaultsPatch { jam, refuse: jam, ..FaultsPatch::default() };
            let relock_after_s = dice.random_bool(0.3).then(|| dice.random_range(0..2));
            assert!(hub.set(at, 0, &Patch { faults, relock_after_s, ..Patch::default() }).unwrap());
        }
    }
}

/// Plays until `now`, one moment after the other; checks each command that reaches the lock against its step.
fn play_until(hub: &mut VirtualHub, now: u64, steps: &[Step], checked: &mut usize, seed: u64) {
    loop {
        let next = hub.next_at().filter(|next| moment(now).reached(*next)).unwrap_or(moment(now));
        let before = hub.physical(0).unwrap().commands;
        let heard = hub.advance(next);
        let truth = hub.physical(0).unwrap();
        let used = usize::try_from(truth.commands).unwrap().min(steps.len());
        assert_eq!(truth.script, steps[used..], "seed {seed}: {} commands", truth.commands);
        let answered: Vec<&Answer> = heard
            .iter()
            .filter_map(|emission| match &emission.word {
                Word::Answered(_, answer) if *answer != Answer::NotAcknowledged => Some(answer),
                _ => None,
            })
            .collect();
        if let ([answer], true, Some(step)) =
            (answered.as_slice(), truth.commands == before + 1, steps.get(usize::try_from(before).unwrap()))
        {
            assert!(answers(step, answer), "seed {seed}: {step:?} answered {answer:?}");
            *checked += 1;
        }
        if next.steady >= moment(now).steady {
            return;
        }
    }
}

#[test]
fn n_steps_are_used_up_in_order_by_n_commands_whatever_else_happens() {
    let mut checked = 0;
    for seed in 0..300 {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut hub = VirtualHub::new(&Config { locks: 1, latency_ms: 40, jitter_ms: 30, seed });
        let length = dice.random_range(0..=60);
        let steps: Vec<Step> = (0..length).map(|_| any_step(&mut dice)).collect();
        assert!(hub.set(moment(0), 0, &scripted(steps.clone())).unwrap());
        let mut now = 0;
        for number in 0..200 {
            now += dice.random_range(0..120);
            play_until(&mut hub, now, &steps, &mut checked, seed);
            if dice.random_bool(0.6) {
                let wanted = if dice.random_bool(0.5) { Bolt::Locked } else { Bolt::Unlocked };
                let _ = hub.command(moment(now), 0, Command { attempt: attempt(number), wanted });
            } else {
                meddle(&mut hub, &mut dice, now);
            }
        }
        play_until(&mut hub, now + 10_000, &steps, &mut checked, seed);
    }
    assert!(checked > 2_000, "only {checked} commands were checked against their step");
}

/// However often scripts are replaced, a lock keeps nothing of the old ones.
#[test]
fn replaced_scripts_leave_nothing_behind() {
    let mut bench = Bench::new(0);
    let later = Step { then: Some(Then::Turn(Bolt::Locked)), after_ms: 600_000, ..OBEY };
    for _ in 0..1_000 {
        bench.set(scripted([later]));
        bench.unlock();
        let now = bench.now + 1;
        bench.at(now);
    }
    bench.set(scripted([]));
    let mut happenings = 0;
    while let Some(next) = bench.hub.next_at() {
        bench.hub.advance(next);
        happenings += 1;
    }
    assert!(happenings <= 2, "{happenings} happenings were left");
    assert_eq!(bench.physical().bolt, Position::Unlocked);
}
