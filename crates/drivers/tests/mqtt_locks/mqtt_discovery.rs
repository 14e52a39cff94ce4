//! Home Assistant discovery: locks of other bridges.

use std::time::Duration;

use serde_json::json;
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::devices::{OfflineBecause, Reach};
use thumbturn_core::events::Method;
use thumbturn_core::locks::Bolt;
use thumbturn_locksim::{
    Bolt as Physical, Fault, LockSpec, MosquittoConfig, Order, SimConfig, Style, Told, Watch, wait_until,
};

use crate::house::{CONFIRMED, House, SOON, UNCONFIRMED, failure};

/// Makes that report.
const REPORTING: [Style; 3] = [Style::Nuki, Style::EspHome, Style::ZwaveJsUi];

fn of(styles: &[Style]) -> SimConfig {
    SimConfig::home_assistant(1).locks(styles.iter().map(|style| LockSpec::new(format!("{style:?}")).style(*style)))
}

async fn house(config: SimConfig) -> House {
    let house = House::build(MosquittoConfig::default(), config, &json!({})).await;
    let count = house.sim.locks().len();
    let there = || {
        let devices = house.shelf.devices();
        devices.len() == count && devices.iter().all(|device| device.state.reach.is_online())
    };
    wait_until("all locks", SOON, there).await.unwrap();
    house
}

/// The device that stands for the lock of a style.
fn name(house: &House, style: Style) -> String {
    let wanted = format!("{style:?}");
    let devices = house.shelf.devices();
    devices.into_iter().map(|device| device.about.name).find(|name| name.starts_with(&wanted)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reporting_make_is_confirmed_by_its_report() {
    for device_messages in [false, true] {
        let config = of(&REPORTING).tune_discovery(|config| config.device_messages = device_messages);
        let house = house(config).await;
        for style in REPORTING {
            let device = name(&house, style);
            house.shows(&device, Bolt::Locked).await;
            assert_eq!(house.unlock(&device).await, CONFIRMED, "{style:?}");
            assert_eq!(house.lock_door(&device).await, CONFIRMED, "{style:?}");
            let lock = house.lock(&format!("{style:?}"));
            assert_eq!((lock.moves(), lock.commands().len(), lock.bolt()), (2, 2, Physical::Locked), "{style:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn makers_keep_their_names() {
    let house = house(of(&REPORTING)).await;
    let device = house.device(&name(&house, Style::Nuki));
    assert_eq!((device.about.device_type.as_str(), device.about.manufacturer.as_str()), ("nuki_lock", "nuki"));
    let device = house.device(&name(&house, Style::ZwaveJsUi));
    assert_eq!(device.about.device_type, "yale_lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_never_reports_ends_unconfirmed_and_shows_no_position() {
    let house = house(of(&[Style::Optimistic])).await;
    let device = name(&house, Style::Optimistic);
    assert_eq!(house.unlock(&device).await, UNCONFIRMED);
    house.lock("Optimistic").wait_for_moves(1, SOON).await.unwrap();
    assert_eq!(house.state(&device).shown_bolt(), None);
    assert!(house.moves().is_empty());
}

async fn a_lock_that_already_is_there_ends_unconfirmed() {
    let house = house(of(&[Style::EspHome])).await;
    let device = name(&house, Style::EspHome);
    house.shows(&device, Bolt::Locked).await;
    // It says nothing new, and it cannot be asked.
    house.lock("EspHome").set_fault(Fault::Mute);
    assert_eq!(house.lock_door(&device).await, UNCONFIRMED);
}

async fn a_slow_jam_of_a_lock_that_already_is_there_is_a_jam() {
    let house = house(of(&[Style::EspHome])).await;
    let device = name(&house, Style::EspHome);
    house.shows(&device, Bolt::Locked).await;
    house.lock("EspHome").set_fault(Fault::Motor(Duration::from_millis(2700)));
    house.lock("EspHome").set_fault(Fault::JamOnLock);
    assert_eq!(failure(&house.lock_door(&device).await), FailureKind::LockJammed);
}

async fn a_jam_is_a_jam() {
    for style in [Style::Nuki, Style::EspHome] {
        let house = house(of(&[style])).await;
        let device = name(&house, style);
        house.shows(&device, Bolt::Locked).await;
        house.lock(&format!("{style:?}")).set_fault(Fault::JamOnUnlock);
        assert_eq!(failure(&house.unlock(&device).await), FailureKind::LockJammed, "{style:?}");
    }
}

async fn an_acceptance_without_a_report_is_unknown() {
    let house = house(of(&[Style::EspHome])).await;
    let device = name(&house, Style::EspHome);
    house.shows(&device, Bolt::Locked).await;
    house.lock("EspHome").set_fault(Fault::AckWithoutMove);
    assert_eq!(failure(&house.unlock(&device).await), FailureKind::OutcomeUnknown);
    assert_eq!(house.lock("EspHome").moves(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_wants_codes_rejects_with_a_reason() {
    let house = house(of(&[Style::Templated])).await;
    let device = name(&house, Style::Templated);
    house.shows(&device, Bolt::Locked).await;
    assert_eq!(failure(&house.unlock(&device).await), FailureKind::CommandRejected);
    assert!(house.lock("Templated").commands().is_empty());
    house.sim.turn_by_hand("Templated", Order::Unlock, Told::Untagged);
    house.told(1).await;
    assert_eq!(house.moves(), [(Bolt::Unlocked, Method::Unknown, None)]);
}

async fn a_bridge_that_dies_takes_its_lock_offline() {
    let house = house(of(&REPORTING)).await;
    house.sim.die().await;
    for style in REPORTING {
        let device = name(&house, style);
        house.until("offline", &device, |state| !state.reach.is_online()).await;
        assert_eq!(failure(&house.unlock(&device).await), FailureKind::DeviceDisconnected, "{style:?}");
    }
    house.sim.revive().await.unwrap();
    for style in REPORTING {
        house.shows(&name(&house, style), Bolt::Locked).await;
    }
    assert_eq!(house.sim.total_moves(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_announcement_removes_and_a_new_one_brings_back() {
    let house = house(of(&REPORTING)).await;
    let device = name(&house, Style::EspHome);
    let before = house.device(&device).id;
    house.sim.remove_lock("EspHome");
    let removed = |reach| matches!(reach, Reach::Offline { because: OfflineBecause::DeviceRemoved, .. });
    house.until("removed", &device, |state| removed(state.reach)).await;
    house.sim.announce_again("EspHome");
    house.until("back", &device, |state| state.reach.is_online()).await;
    assert_eq!(house.device(&device).id, before);
    assert_eq!(house.shelf.devices().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_discovery_topics_breaks_nothing() {
    let house = house(of(&[Style::EspHome])).await;
    let device = name(&house, Style::EspHome);
    house.shows(&device, Bolt::Locked).await;
    let watch = Watch::start(house.broker.broker(), &["x"]).await.unwrap();
    for (n, payload) in
        ["{", "[]", "null", "\u{0}", r#"{"cmd_t":"a/#"}"#, r#"{"cmd_t":"x","val_tpl":"{{"}"#, r#"{"cmps":5}"#]
            .into_iter()
            .enumerate()
    {
        watch.publish_retained(&format!("homeassistant/lock/bad{n}/config"), payload);
        watch.publish_retained(&format!("homeassistant/device/bad{n}/config"), payload);
    }
    watch.publish_retained("homeassistant/lock/deep/config", "[".repeat(100_000));
    assert_eq!(house.unlock(&device).await, CONFIRMED);
    assert_eq!(house.shelf.devices().len(), 1);
    assert!(house.lock("EspHome").commands()[0].at.elapsed() < Duration::from_secs(60));
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        a_lock_that_already_is_there_ends_unconfirmed(),
        a_slow_jam_of_a_lock_that_already_is_there_is_a_jam(),
        a_jam_is_a_jam(),
        an_acceptance_without_a_report_is_unknown(),
        a_bridge_that_dies_takes_its_lock_offline(),
    );
}
