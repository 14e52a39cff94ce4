//! A slow lock delays no other lock; a dead hub delays no other hub.

use std::time::Duration;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::locks::Action;
use thumbturn_core::ports::{How, Said};

use crate::house::{CONFIRMED, House, LOCKED, TALKATIVE, UNLOCKED, account, command, failed, route, scope};
use crate::hub::{Deed, Reads};

#[tokio::test(start_paused = true)]
async fn a_lock_that_never_answers_delays_no_neighbour() {
    for deed in [Deed::Write(vec![]), Deed::Hang, Deed::WriteAndHang(vec![])] {
        let house = House::with(3, TALKATIVE).await;
        house.hub.next(0, deed);
        let dead = house.unlock(0).await;
        house.pass(10).await;
        for n in [1, 2] {
            let ticket = house.unlock(n).await;
            assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
        }
        assert!(!house.end(dead).await.succeeded());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_driver_hangs_and_whose_reports_flood_delays_no_neighbour() {
    let house = House::with(2, TALKATIVE).await;
    house.hub.next(0, Deed::Hang);
    let dead = house.unlock(0).await;
    for n in 0..3_000 {
        house.hub.say(0, if n % 2 == 0 { UNLOCKED } else { LOCKED }, How::Assumed).await;
    }
    house.hub.say(0, LOCKED, How::Untagged).await;
    let ticket = house.unlock(1).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
    house.hub.go_away().await;
    assert_eq!(house.timed(dead).await, (failed(FailureKind::HubDisconnected), 0), "it hears while it hands over");
}

#[tokio::test(start_paused = true)]
async fn a_lock_whose_reads_hang_still_hears() {
    let house = House::built(1, TALKATIVE, |hub| hub.set(|state| state.locks[0].reads = Reads::Hang)).await;
    house.pass(10_000).await;
    house.hub.say(0, Said::Jammed, How::Untagged).await;
    house.pass(1_000).await;
    house.hub.say(0, LOCKED, How::Untagged).await;
    house.pass(500).await;
    house.hub.say(0, Said::Jammed, How::Untagged).await;
    house.pass(1).await;
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500), "while a read hangs");
}

#[tokio::test(start_paused = true)]
async fn a_dead_hub_delays_no_other_hub() {
    let house = House::with(1, TALKATIVE).await;
    let other = house.add_hub(1, TALKATIVE).await;
    house.hub.go_away().await;
    house.hub.set(|state| state.hangs = true);
    house.pass(7_000).await;
    let device = house.device_of(&other, account(1).id, 0);
    let ticket = house.engine.begin(&scope(), Some(&route(&device)), command(Action::UnlockDoor), None).await.unwrap();
    assert_eq!(house.timed(ticket).await, (CONFIRMED, 500));
    let ticket = house.unlock(0).await;
    assert_eq!(house.timed(ticket).await, (failed(FailureKind::HubDisconnected), 0));
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_never_connects_does_not_hold_up_the_start() {
    let house = House::with(1, TALKATIVE).await;
    let before = tokio_now(&house);
    house.hub.set(|state| state.hangs = true);
    house.engine.settled(Duration::from_secs(1)).await;
    assert!(tokio_now(&house) - before <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_a_mailbox_is_read_again() {
    let house = House::with(1, TALKATIVE).await;
    house.pass(10_000).await;
    house.store.takes(50);
    house.hub.say(0, Said::Jammed, How::Untagged).await;
    house.pass(1).await;
    for n in 0..800 {
        house.hub.say(0, if n % 2 == 0 { LOCKED } else { Said::Jammed }, How::Assumed).await;
    }
    let reads = house.hub.reads();
    house.hub.moved(0, thumbturn_core::locks::Bolt::Unlocked, How::Untagged).await;
    house.pass(5_000).await;
    assert_eq!(house.state(0).shown_bolt(), Some(thumbturn_core::locks::Bolt::Unlocked));
    assert_eq!(house.hub.reads() - reads, 1, "one read for all of them");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_reached_is_known_to_be_so_even_through_an_overflow() {
    use thumbturn_core::locks::Reachability::{Reachable, Unreachable};
    for (last, before_last, online) in [(Unreachable, Reachable, false), (Reachable, Unreachable, true)] {
        let house = House::with(1, TALKATIVE).await;
        house.store.takes(50);
        house.hub.say(0, Said::Jammed, How::Untagged).await;
        house.pass(1).await;
        house.hub.reach(0, before_last).await;
        for _ in 0..800 {
            house.hub.say(0, LOCKED, How::Assumed).await;
        }
        house.hub.reach(0, before_last).await;
        house.hub.reach(0, last).await;
        house.pass(5_000).await;
        assert_eq!(house.state(0).reach.is_online(), online);
    }
}

fn tokio_now(house: &House) -> Duration {
    use thumbturn_core::ports::Clock;
    house.clock.now().steady
}
