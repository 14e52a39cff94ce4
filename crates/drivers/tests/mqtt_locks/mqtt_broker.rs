//! Brokers that stop, forget, want passwords and speak TLS.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use thumbturn_core::accounts::{LinkState, LinkTrouble};
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::hub::outcome_of;
use thumbturn_core::ids::{AttemptId, NativeId};
use thumbturn_core::locks::{Action, Bolt, Unavailable};
use thumbturn_core::ports::{Driver, Gate, NotWritten, Order};
use thumbturn_drivers::mqtt::{MqttDriver, parse_config};
use thumbturn_locksim::{Mosquitto, MosquittoConfig, Persistence, Sim, SimConfig, Watch, wait_until};

use tokio::sync::mpsc;

use crate::house::{CONFIRMED, House, SOON, account, clock, failure, settings};

const LOCK: &str = "lock-001";

async fn with(broker: MosquittoConfig) -> House {
    let house = House::build(broker, SimConfig::zigbee2mqtt(2), &json!({})).await;
    house.all_known().await;
    house
}

async fn is_down(house: &House, trouble: LinkTrouble) -> String {
    let down = || matches!(house.shelf.link(), LinkState::Down { trouble: known, .. } if known == trouble);
    wait_until("the link down", SOON, down).await.unwrap();
    match house.shelf.link() {
        LinkState::Down { message, .. } => message,
        _ => String::new(),
    }
}

async fn no_command_is_kept_for_a_broker_that_is_away() {
    for persistence in [Persistence::Off, Persistence::OnStop] {
        let mut house = with(MosquittoConfig { persistence, ..MosquittoConfig::default() }).await;
        let before = house.device(LOCK).id;
        house.broker.stop().await.unwrap();
        is_down(&house, LinkTrouble::HubDisconnected).await;
        assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::HubDisconnected);
        house.broker.restart().await.unwrap();
        house.all_known().await;
        assert_eq!(house.sim.total_moves(), 0, "{persistence:?}");
        assert!(house.lock(LOCK).commands().is_empty(), "{persistence:?}");
        assert_eq!(house.device(LOCK).id, before);
        assert_eq!(house.shelf.devices().len(), 2);
        assert_eq!(house.unlock(LOCK).await, CONFIRMED, "{persistence:?}");
        assert_eq!(house.lock(LOCK).moves(), 1);
    }
}

async fn a_broker_that_dies_in_the_middle_of_a_command_leaves_the_outcome_to_a_read() {
    let mut house = with(MosquittoConfig::default()).await;
    house.lock(LOCK).set_fault(thumbturn_locksim::Fault::Motor(Duration::from_secs(1)));
    let unlocking = house.begin(LOCK, Action::UnlockDoor).await;
    house.lock(LOCK).wait_for_commands(1, Duration::from_secs(5)).await.unwrap();
    house.broker.kill().unwrap();
    house.lock(LOCK).wait_for_moves(1, Duration::from_secs(5)).await.unwrap();
    house.broker.restart().await.unwrap();
    assert_eq!(outcome_of(unlocking).await, Some(CONFIRMED));
    assert_eq!((house.lock(LOCK).moves(), house.lock(LOCK).commands().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_retained() {
    let house = with(MosquittoConfig::default()).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    assert_eq!(house.lock_door(LOCK).await, CONFIRMED);
    let watch = Watch::start(house.broker.broker(), &["#"]).await.unwrap();
    watch.find("what the broker kept", SOON, |seen| seen.topic.ends_with("lock-002/availability")).await.unwrap();
    let kept: Vec<_> =
        watch.all().into_iter().filter(|seen| seen.topic.ends_with("/set") || seen.topic.ends_with("/get")).collect();
    assert!(kept.is_empty(), "{kept:?}");
}

async fn a_frozen_broker_is_noticed_and_gets_no_further_commands() {
    let house = with(MosquittoConfig::default()).await;
    house.broker.freeze().unwrap();
    is_down(&house, LinkTrouble::HubDisconnected).await;
    assert_eq!(failure(&house.unlock(LOCK).await), FailureKind::HubDisconnected);
    house.broker.thaw().unwrap();
    house.shows(LOCK, Bolt::Locked).await;
    assert_eq!(house.sim.total_moves(), 0);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_keep_their_ids_over_a_restart_of_the_server() {
    let mut house = with(MosquittoConfig::default()).await;
    let before = house.device(LOCK).id;
    house.restart_server().await;
    house.all_known().await;
    assert_eq!(house.device(LOCK).id, before);
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_tls_work() {
    let credentials = Some(("thumbturn".to_owned(), "CANARY-pass".to_owned()));
    let house = with(MosquittoConfig { credentials: credentials.clone(), ..MosquittoConfig::default() }).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
    let house = with(MosquittoConfig { credentials, tls: true, ..MosquittoConfig::default() }).await;
    assert_eq!(house.unlock(LOCK).await, CONFIRMED);
}

async fn a_wrong_password_is_the_accounts_trouble() {
    let credentials = Some(("thumbturn".to_owned(), "right".to_owned()));
    let broker = MosquittoConfig { credentials, ..MosquittoConfig::default() };
    for (further, hint) in [
        (json!({"password": "CANARY-wrong"}), "refuses the user name or the password"),
        (json!({"username": null, "password": null}), "wants a user name"),
    ] {
        let house = House::build(broker.clone(), SimConfig::zigbee2mqtt(1), &further).await;
        let message = is_down(&house, LinkTrouble::CredentialsRefused).await;
        assert!(message.contains(hint) && !message.contains("CANARY"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_is_refused_and_said_so() {
    let broker = MosquittoConfig { tls: true, ..MosquittoConfig::default() };
    let stranger = thumbturn_locksim::TestCertificates::make().unwrap().ca;
    let house = House::build(broker, SimConfig::zigbee2mqtt(1), &json!({"ca_pem": stranger})).await;
    let message = is_down(&house, LinkTrouble::HubDisconnected).await;
    assert!(message.contains("TLS"), "{message}");
    // Plain MQTT on a port for TLS.
    let port = house.broker.port();
    let plain = json!({"url": format!("mqtt://127.0.0.1:{port}")}).to_string();
    house.engine.add_account(account(&plain)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_named() {
    let mut house = with(MosquittoConfig::default()).await;
    house.broker.kill().unwrap();
    let message = is_down(&house, LinkTrouble::HubDisconnected).await;
    assert!(message.contains(&house.broker.port().to_string()), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_gate_and_an_unknown_lock_write_nothing() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1)).await.unwrap();
    let clock = clock();
    let (sender, mut signals) = mpsc::channel(1024);
    let driver = MqttDriver::new(Arc::clone(&clock));
    let account = account(&settings(broker.broker(), &json!({})));
    let link = driver.connect(&account, &[], sender).await.unwrap();
    let order = |lock: &str| Order {
        attempt: AttemptId(uuid::Uuid::now_v7()),
        lock: NativeId(lock.to_owned()),
        command: Bolt::Unlocked.into(),
    };
    let ieee = sim.lock(LOCK).id().to_owned();
    let closed = Gate::new(&*clock, clock.now());
    assert_eq!(link.carry_out(order(&ieee), closed).await, Err(NotWritten::TooLate));
    let open = Gate::new(&*clock, clock.now().after(SOON));
    let removed = Err(NotWritten::Unavailable(Unavailable::DeviceRemoved));
    assert_eq!(link.carry_out(order("0x0000000000000009"), open).await, removed);
    assert_eq!(link.carry_out(order(&ieee), open).await, Ok(()));
    sim.lock(LOCK).wait_for_moves(1, SOON).await.unwrap();
    assert_eq!(sim.lock(LOCK).commands().len(), 1);
    drop(link);
    // The connection goes with the link: the channel ends.
    while signals.recv().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn the_harness_speaks_the_config_of_the_api() {
    let broker = thumbturn_locksim::Broker::plain("127.0.0.1", 1883);
    assert_eq!(parse_config(&settings(&broker, &json!({}))).unwrap().hub_key(), "127.0.0.1:1883");
}

/// Tests that mostly wait, side by side.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_its_time() {
    tokio::join!(
        no_command_is_kept_for_a_broker_that_is_away(),
        a_broker_that_dies_in_the_middle_of_a_command_leaves_the_outcome_to_a_read(),
        a_frozen_broker_is_noticed_and_gets_no_further_commands(),
        a_wrong_password_is_the_accounts_trouble(),
    );
}
