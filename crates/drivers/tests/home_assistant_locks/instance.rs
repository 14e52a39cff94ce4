//! Instances that restart, reload, rename, remove, refuse or are something else.

use std::time::{Duration, Instant};

use serde_json::json;
use thumbturn_conformance::{Home, wait_until};
use thumbturn_core::accounts::{LinkState, LinkTrouble, Provider};
use thumbturn_core::attempts::FailureKind;
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_hubsim::home_assistant::{Client, LockSpec, Place};
use thumbturn_locksim::TestCertificates;
use thumbturn_testports::Port;

use crate::encrypted::encrypted;
use crate::house::{CONFIRMED, House, SOON, UNCONFIRMED, account, failure};
use crate::parrot::that_says;

/// What is said of an account.
async fn trouble_with(url: &str, token: &str) -> (LinkTrouble, String) {
    let home = Home::start(account(url, token, &[]), Duration::from_secs(8), HomeAssistantDriver::new).await;
    home.shelf.trouble()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_what_to_do_and_a_refused_token_is_left_alone() {
    let house = House::plain().await;
    let (trouble, message) = trouble_with(&house.hub.url(), "wrong-token-canary").await;
    assert_eq!(trouble, LinkTrouble::CredentialsRefused);
    assert!(message.contains("refuses the token") && message.contains("profile page"), "{message}");
    assert!(!message.contains("canary"), "{message}");

    let free = Port::free().unwrap();
    let free = format!("127.0.0.1:{}", free.number());
    let (trouble, message) = trouble_with(&format!("http://{free}"), "x").await;
    assert_eq!(trouble, LinkTrouble::HubDisconnected);
    assert!(message.contains(&free) && message.contains("refused"), "{message}");

    let (required, ok) = (json!({"type": "auth_required", "ha_version": "2024.3.3"}), json!({"type": "auth_ok"}));
    let starting = json!({"id": 1, "type": "result", "success": true, "result": {"state": "STARTING"}});
    let (_, message) =
        trouble_with(&format!("http://{}", that_says(vec![required.clone(), ok.clone(), starting]).await), "x").await;
    assert!(message.contains("starting or stopping"), "{message}");
    let recovery =
        json!({"id": 1, "type": "result", "success": true, "result": {"state": "RUNNING", "recovery_mode": true}});
    let (_, message) = trouble_with(&format!("http://{}", that_says(vec![required, ok, recovery]).await), "x").await;
    assert!(message.contains("recovery mode"), "{message}");
    let (_, message) = trouble_with(&format!("http://{}", that_says(vec![json!({"hello": "world"})]).await), "x").await;
    assert!(message.contains("not what a Home Assistant says"), "{message}");
    let (_, message) = trouble_with(&format!("{}/elsewhere", house.hub.url()), "x").await;
    assert!(message.contains("HTTP status 404"), "{message}");

    let certificates = TestCertificates::make().unwrap();
    let port = encrypted(house.hub.port(), &certificates).await;
    let encrypted = |ca: &str| {
        let config = json!({"url": format!("https://localhost:{port}"), "token": house.hub.token(), "ca_pem": ca});
        thumbturn_conformance::account(Provider::HomeAssistant, &config.to_string())
    };
    let (trusting, stranger) = (encrypted(&certificates.ca), TestCertificates::make().unwrap());
    let home = Home::start(trusting, Duration::from_secs(8), HomeAssistantDriver::new).await;
    home.all_known(1).await;
    let home = Home::start(encrypted(&stranger.ca), Duration::from_secs(8), HomeAssistantDriver::new).await;
    assert!(matches!(home.shelf.link(), LinkState::Down { message, .. } if message.contains("TLS failed")));

    // Whoever may use it goes on meanwhile.
    assert_eq!(house.unlock("Front").await, CONFIRMED);
}

/// The ids of all devices, with the hub's own.
fn ids(house: &House) -> Vec<(String, String)> {
    let devices = house.shelf.devices().into_iter();
    let mut ids: Vec<_> = devices.map(|device| (device.about.native.to_string(), format!("{:?}", device.id))).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_keep_their_ids_over_restarts_renames_and_reloads() {
    let bare = LockSpec { bare: true, reads: false, battery: None, ..LockSpec::named("Bare") };
    let mut house = House::with(vec![LockSpec::named("Front"), bare]).await;
    let before = ids(&house);
    assert_eq!(before.iter().filter(|(native, _)| native == "lock.bare").count(), 1, "{before:?}");

    let mut admin = Client::connect(&house.hub).await.unwrap();
    let rename = json!({"type": "config/entity_registry/update", "entity_id": "lock.front",
                        "new_entity_id": "lock.main_entrance", "name": "Main entrance"});
    admin.call(rename).await.unwrap();
    let renamed = || house.shelf.devices().iter().any(|device| device.about.name == "Main entrance");
    wait_until("another name", SOON, renamed).await;
    assert_eq!(house.unlock("Main entrance").await, CONFIRMED);
    assert_eq!(house.physical("Front").bolt, Place::Unlocked);
    assert_eq!(house.lock_door("Main entrance").await, CONFIRMED);

    // A reload of the integration: everything is gone for a moment, and nobody is told.
    let told = house.shelf.kinds().len();
    let reload = json!({"type": "call_service", "domain": "homeassistant", "service": "reload_config_entry",
                        "target": {"entity_id": "lock.main_entrance"}});
    admin.call(reload).await.unwrap();
    // While it is gone no command is written, so that it may be given again.
    let until = Instant::now() + SOON;
    loop {
        let outcome = house.lock_door("Bare").await;
        if outcome == UNCONFIRMED {
            break;
        }
        assert_eq!(failure(&outcome), FailureKind::DeviceDisconnected, "{outcome:?}");
        assert!(Instant::now() < until, "it does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.physical("Bare").commands.len(), 1);
    let ended: Vec<_> = house.shelf.kinds().split_off(told);
    assert!(
        !ended.iter().any(|kind| matches!(kind, EventKind::DeviceDisconnected { .. } | EventKind::DeviceRemoved)),
        "{ended:?}"
    );

    admin.call(json!({"type": "call_service", "domain": "rig", "service": "save"})).await.unwrap();
    house.hub.kill().await.unwrap();
    house.until("offline", "Bare", |state| !state.reach.is_online()).await;
    house.turn_by("Bare", Place::Unlocked, None);
    house.hub.restart(&house.locks).await.unwrap();
    house.shows("Bare", Bolt::Unlocked).await;
    house.shows("Main entrance", Bolt::Locked).await;
    house.restart_server().await;
    house.all_known(2).await;
    assert_eq!(ids(&house), before);
    assert_eq!(house.unlock("Main entrance").await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_come_and_go_and_are_switched_off() {
    let house = House::with(vec![LockSpec::named("Front"), LockSpec::named("Back")]).await;
    let mut admin = Client::connect(&house.hub).await.unwrap();
    house.locks.replace("none", Some(LockSpec::named("Cellar")));
    let reload = json!({"type": "call_service", "domain": "homeassistant", "service": "reload_config_entry",
                        "target": {"entity_id": "lock.front"}});
    admin.call(reload).await.unwrap();
    house.all_known(3).await;
    assert_eq!(house.unlock("Cellar").await, CONFIRMED);

    let disable = json!({"type": "config/entity_registry/update", "entity_id": "lock.back", "disabled_by": "user"});
    admin.call(disable).await.unwrap();
    house.until("offline", "Back", |state| !state.reach.is_online()).await;
    assert!(!house.state("Back").reach.is_removed(), "it is still there");

    let remove = json!({"type": "config/entity_registry/remove", "entity_id": "lock.front"});
    admin.call(remove).await.unwrap();
    house.until("removed", "Front", |state| state.reach.is_removed()).await;
    assert!(house.shelf.kinds().contains(&EventKind::DeviceRemoved));
    assert!(house.state("Cellar").reach.is_online());
}
