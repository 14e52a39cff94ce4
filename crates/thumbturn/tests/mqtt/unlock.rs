//! A real lock opens the way a sandbox lock does.

use std::time::Duration;

use serde_json::json;
use thumbturn_locksim::{Bolt, Mosquitto, MosquittoConfig, Order, Persistence, Sim, SimConfig, Style, Told};

use crate::server::Server;

const UNLOCK: &str = "/locks/unlock_door";
const LOCK: &str = "/locks/lock_door";

#[tokio::test(flavor = "multi_thread")]
async fn a_zigbee_lock_opens_by_one_call_and_moves_once() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(2)).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let device = server.lock("lock-001").await;

    let attempt = server.act(UNLOCK, &device).await;
    assert_eq!(attempt["status"], "success", "{attempt}");
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}));
    assert_eq!((sim.lock("lock-001").bolt(), sim.lock("lock-001").moves()), (Bolt::Unlocked, 1));
    assert_eq!(sim.lock("lock-001").motor_runs(), 1);
    assert_eq!(sim.lock("lock-002").moves(), 0);
    let seen = server.device("lock-001", |device| device["properties"]["locked"] == false).await;
    assert_eq!(seen["device_type"], "yale_lock");
    let event = server.event(&device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!(event["action_attempt_id"], attempt["action_attempt_id"]);

    let attempt = server.act(LOCK, &device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    assert_eq!((sim.lock("lock-001").bolt(), sim.lock("lock-001").moves()), (Bolt::Locked, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovered_lock_opens_the_same_way() {
    let broker = Mosquitto::start().await.unwrap();
    let config = SimConfig::home_assistant(1).each(|lock| lock.style = Style::EspHome);
    let sim = Sim::start(broker.broker(), config).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let name = sim.locks()[0].first_name().to_owned();
    let device = server.lock(&name).await;
    let attempt = server.act(UNLOCK, &device).await;
    assert_eq!(attempt["result"], json!({"was_confirmed_by_device": true}), "{attempt}");
    assert_eq!((sim.lock(&name).bolt(), sim.lock(&name).moves()), (Bolt::Unlocked, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_with_password_and_tls_is_connected_and_its_secrets_are_not_shown() {
    let config = MosquittoConfig {
        credentials: Some(("operator".to_owned(), "canary-password-71".to_owned())),
        tls: true,
        ..MosquittoConfig::default()
    };
    let broker = Mosquitto::with(config).await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1)).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let device = server.lock("lock-001").await;
    assert_eq!(server.act(UNLOCK, &device).await["status"], "success");
    assert_eq!(sim.lock("lock-001").moves(), 1);
    let (_, accounts) = server.call("/connected_accounts/list", json!({})).await;
    assert!(!accounts.to_string().contains("canary-password-71"), "{accounts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_settings_are_told() {
    let credentials = Some(("operator".to_owned(), "right".to_owned()));
    let broker = Mosquitto::with(MosquittoConfig { credentials, ..MosquittoConfig::default() }).await.unwrap();
    let server = Server::start(&[]).await;
    let config =
        json!({"url": format!("mqtt://127.0.0.1:{}", broker.port()), "username": "operator", "password": "wrong"});
    let body = json!({"provider": "mqtt", "config": config});
    let (status, answer) = server.call("/thumbturn/connected_accounts/create", body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["connected_account"]["errors"][0]["error_code"], "account_disconnected", "{answer}");
    let (status, answer) = server.call("/thumbturn/connected_accounts/create", body).await;
    assert_eq!((status, &answer["error"]["type"]), (409, &json!("hub_already_connected")));
    let body = json!({"provider": "mqtt", "config": {"url": "mqtt://127.0.0.1", "pasword": "x"}});
    let (status, answer) = server.call("/thumbturn/connected_accounts/create", body).await;
    assert_eq!((status, &answer["error"]["type"]), (400, &json!("invalid_input")));
    assert!(answer["error"]["validation_errors"]["config"]["pasword"].is_object(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_keep_their_ids_over_restarts_of_server_broker_and_hub() {
    let config = MosquittoConfig { persistence: Persistence::Off, ..MosquittoConfig::default() };
    let mut broker = Mosquitto::with(config).await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(2)).await.unwrap();
    let mut server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let before = (server.lock("lock-001").await, server.lock("lock-002").await);

    server.kill();
    server.serve().await;
    assert_eq!((server.lock("lock-001").await, server.lock("lock-002").await), before);
    broker.kill().unwrap();
    server.device("lock-001", |device| device["properties"]["online"] == false).await;
    broker.restart().await.unwrap();
    assert_eq!((server.lock("lock-001").await, server.lock("lock-002").await), before);
    sim.restart().await.unwrap();
    assert_eq!((server.lock("lock-001").await, server.lock("lock-002").await), before);
    assert_eq!(server.act(UNLOCK, &before.0).await["result"], json!({"was_confirmed_by_device": true}));
    assert_eq!(sim.total_moves(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_the_door_becomes_an_event_with_its_method() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(1)).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let device = server.lock("lock-001").await;
    sim.turn_by_hand("lock-001", Order::Unlock, Told::Manual);
    let event = server.event(&device, |event| event["event_type"] == "lock.unlocked").await;
    assert_eq!(event["method"], "manual");
    assert!(event.get("action_attempt_id").is_none(), "{event}");
    sim.auto_relock("lock-001");
    let event = server.event(&device, |event| event["event_type"] == "lock.locked").await;
    assert_eq!(event["method"], "automatic");
    let locks = server.events(&device).await;
    let moves = locks.iter().filter(|event| event["event_type"].as_str().unwrap().starts_with("lock."));
    assert_eq!(moves.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_lock_makes_no_neighbour_slower() {
    let broker = Mosquitto::start().await.unwrap();
    let sim = Sim::start(broker.broker(), SimConfig::zigbee2mqtt(2)).await.unwrap();
    let server = Server::start(&[]).await;
    server.connect(broker.broker()).await;
    let (dead, neighbour) = (server.lock("lock-001").await, server.lock("lock-002").await);
    sim.lock("lock-001").set_fault(thumbturn_locksim::Fault::UNREACHABLE);
    let (address, key) = server.address_and_key();
    let body = json!({"device_id": dead, "sync": true});
    let waiting = tokio::spawn(async move { crate::server::call(&address, &key, UNLOCK, body).await.unwrap() });
    server.accepted(&dead).await;
    for _ in 0..5 {
        for path in [UNLOCK, LOCK] {
            let started = std::time::Instant::now();
            let attempt = server.act(path, &neighbour).await;
            assert_eq!(attempt["status"], "success", "{attempt}");
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        }
    }
    let (_, answer) = waiting.await.unwrap();
    assert_eq!(answer["action_attempt"]["status"], "pending", "{answer}");
    assert_eq!(sim.lock("lock-001").moves(), 0);
}
