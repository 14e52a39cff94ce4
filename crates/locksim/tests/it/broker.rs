//! The real Mosquitto: let in, locked out, killed, frozen.

use std::time::Duration;

use thumbturn_locksim::{
    Broker, Error, Fault, Mosquitto, MosquittoConfig, Persistence, Sim, SimConfig, Watch, wait_until,
};

use crate::support::{SOON, ms, quick};

async fn round_trip(broker: &Broker) {
    let watch = Watch::start(broker, &["a/#"]).await.unwrap();
    watch.publish("a/b", "hello");
    watch.find("the echo", SOON, |seen| seen.text() == "hello").await.unwrap();
}

#[tokio::test]
async fn anybody_gets_in_by_default() {
    round_trip(Mosquitto::start().await.unwrap().broker()).await;
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let credentials = Some(("thumb".to_owned(), "p:a ss".to_owned()));
    let config = MosquittoConfig { credentials, ..MosquittoConfig::default() };
    let mosquitto = Mosquitto::with(config).await.unwrap();
    round_trip(mosquitto.broker()).await;
    let stranger = Broker { credentials: None, ..mosquitto.broker().clone() };
    let start = Sim::start(&stranger, quick(1));
    assert!(tokio::time::timeout(Duration::from_millis(400), start).await.is_err(), "a stranger got in");
}

#[tokio::test]
async fn tls_works_and_other_authorities_do_not() {
    let config = MosquittoConfig { tls: true, ..MosquittoConfig::default() };
    let mosquitto = Mosquitto::with(config).await.unwrap();
    round_trip(mosquitto.broker()).await;
    let from_file = Broker::parse(&mosquitto.broker().url(), mosquitto.ca_file().as_deref()).unwrap();
    round_trip(&from_file).await;
    let other = thumbturn_locksim::TestCertificates::make().unwrap();
    let fooled = Broker { ca_pem: Some(other.ca), ..mosquitto.broker().clone() };
    let start = Sim::start(&fooled, quick(1));
    assert!(tokio::time::timeout(Duration::from_millis(400), start).await.is_err(), "trusted a stranger");
}

#[tokio::test]
async fn addresses_are_checked_and_never_quoted_with_their_password() {
    let broker = Broker::parse("mqtt://me:secret@example.org", None).unwrap();
    assert_eq!((broker.url(), broker.port), ("mqtt://example.org:1883".to_owned(), 1883));
    assert_eq!(broker.credentials, Some(("me".to_owned(), "secret".to_owned())));
    let problem = Broker::parse("http://me:secret@example.org", None).unwrap_err().to_string();
    assert!(problem.contains("example.org") && !problem.contains("secret"), "{problem}");
    assert!(matches!(Broker::parse("mqtts://example.org", None), Err(Error::Address { .. })));
}

#[tokio::test]
async fn without_persistence_a_restart_forgets_and_the_hub_says_only_its_state_again() {
    let mut mosquitto = Mosquitto::start().await.unwrap();
    let sim = Sim::start(mosquitto.broker(), quick(2)).await.unwrap();
    let port = mosquitto.port();
    mosquitto.kill().unwrap();
    mosquitto.restart().await.unwrap();
    assert_eq!(mosquitto.port(), port);
    let watch = Watch::start(mosquitto.broker(), &["zigbee2mqtt/#"]).await.unwrap();
    watch.find("the hub", SOON, |seen| seen.topic == "zigbee2mqtt/bridge/state").await.unwrap();
    // The hub obeys again, so whatever it says by itself at a reconnect has been said.
    watch.publish("zigbee2mqtt/lock-002/set", "UNLOCK");
    sim.lock("lock-002").wait_for_moves(1, SOON).await.unwrap();
    for lost in ["bridge/devices", "bridge/info", "lock-001/availability"] {
        assert!(watch.on(&format!("zigbee2mqtt/{lost}")).is_empty(), "{lost}");
    }
    let request = r#"{"id":"0x00158d0000a00001","options":{}}"#;
    watch.publish("zigbee2mqtt/bridge/request/device/options", request);
    watch.find("the list", SOON, |seen| seen.topic == "zigbee2mqtt/bridge/devices").await.unwrap();
}

#[tokio::test]
async fn with_persistence_a_retained_command_moves_the_bolt_again() {
    for persistence in [Persistence::OnStop, Persistence::EveryChange] {
        let config = MosquittoConfig { persistence, ..MosquittoConfig::default() };
        let mut mosquitto = Mosquitto::with(config).await.unwrap();
        let sim = Sim::start(mosquitto.broker(), quick(1)).await.unwrap();
        let lock = sim.lock("lock-001");
        let watch = Watch::start(mosquitto.broker(), &["zigbee2mqtt/#"]).await.unwrap();
        watch.publish_retained("zigbee2mqtt/lock-001/set", "UNLOCK");
        lock.wait_for_commands(1, SOON).await.unwrap();
        mosquitto.restart().await.unwrap();
        lock.wait_for_commands(2, SOON).await.unwrap();
        lock.clear_faults();
        watch.connected(SOON).await.unwrap();
        watch.find("the list", SOON, |seen| seen.topic == "zigbee2mqtt/bridge/devices").await.unwrap();
    }
}

#[tokio::test]
async fn a_frozen_broker_delivers_at_its_thaw() {
    let mosquitto = Mosquitto::start().await.unwrap();
    let sim = Sim::start(mosquitto.broker(), quick(1)).await.unwrap();
    let lock = sim.lock("lock-001");
    lock.set_fault(Fault::Motor(ms(1)));
    let watch = Watch::start(mosquitto.broker(), &["none"]).await.unwrap();
    mosquitto.freeze().unwrap();
    watch.publish("zigbee2mqtt/lock-001/set", "UNLOCK");
    let nothing = lock.wait_for_commands(1, ms(300)).await;
    assert!(matches!(nothing, Err(Error::TimedOut { .. })));
    mosquitto.thaw().unwrap();
    lock.wait_for_moves(1, SOON).await.unwrap();
}

#[tokio::test]
async fn a_frozen_broker_can_be_restarted() {
    let mut mosquitto = Mosquitto::start().await.unwrap();
    mosquitto.freeze().unwrap();
    mosquitto.restart().await.unwrap();
    round_trip(mosquitto.broker()).await;
}

#[tokio::test]
async fn the_broker_is_gone_when_dropped() {
    let mosquitto = Mosquitto::start().await.unwrap();
    let port = mosquitto.port();
    assert!(mosquitto.log().contains("mosquitto version"));
    drop(mosquitto);
    let connect = || std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
    wait_until("the end", SOON, connect).await.unwrap();
}

#[tokio::test]
async fn a_bad_line_in_the_configuration_is_told() {
    let config = MosquittoConfig { extra: vec!["nonsense true".to_owned()], ..MosquittoConfig::default() };
    let problem = Mosquitto::with(config).await.unwrap_err();
    assert!(problem.to_string().contains("nonsense"), "{problem}");
}

#[tokio::test]
async fn names_are_checked() {
    let mosquitto = Mosquitto::start().await.unwrap();
    let twice = SimConfig::zigbee2mqtt(2).each(|lock| lock.name = "same".to_owned());
    assert!(matches!(Sim::start(mosquitto.broker(), twice).await, Err(Error::Config(_))));
}
