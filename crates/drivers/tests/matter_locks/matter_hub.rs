//! Servers that die, come back, are something else or too old; and locks that come and go.

use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_conformance::{Home, SOON};
use thumbturn_core::accounts::{LinkState, LinkTrouble};
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::matter::MatterDriver;
use thumbturn_hubsim::matter::{By, Client, LockSpec, Place};
use thumbturn_testports::Port;

use crate::house::{CONFIRMED, House, account, lock};
use crate::parrot::that_says;

/// What is said of an account whose server stands at this address.
async fn trouble_with(url: &str) -> (LinkTrouble, String) {
    let home = Home::start(account(url), Duration::from_secs(8), MatterDriver::new).await;
    home.shelf.trouble()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_server_is_told_with_what_to_do() {
    let free = Port::free().unwrap();
    let free = format!("127.0.0.1:{}", free.number());
    let (trouble, message) = trouble_with(&format!("ws://{free}")).await;
    assert_eq!(trouble, LinkTrouble::HubDisconnected);
    assert!(message.contains(&format!("Matter server {free}")) && message.contains("refused"), "{message}");

    let info = |min: u32, max: u32| {
        json!({"fabric_id": 1, "compressed_fabric_id": 5, "schema_version": max, "min_supported_schema_version": min,
               "sdk_version": "2023.1.0"})
    };
    let (trouble, message) = trouble_with(&format!("ws://{}", that_says(vec![info(1, 10)]).await)).await;
    assert_eq!(trouble, LinkTrouble::CredentialsRefused);
    assert!(message.contains("2023.1.0") && message.contains("update it"), "{message}");
    let (_, message) = trouble_with(&format!("ws://{}", that_says(vec![info(12, 14)]).await)).await;
    assert!(message.contains("update Thumbturn"), "{message}");
    // A Z-Wave JS server.
    let other = json!({"type": "version", "homeId": 1, "minSchemaVersion": 0, "maxSchemaVersion": 50});
    let (_, message) = trouble_with(&format!("ws://{}", that_says(vec![other]).await)).await;
    assert!(message.contains("not what a Matter server says"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_come_and_go_and_keep_their_ids_over_restarts_of_both_sides() {
    let mut house = House::with(vec![LockSpec::at(1), LockSpec::at(2)]).await;
    // One is commissioned while we are connected.
    let code = house.network.joins(&LockSpec::at(3)).await.unwrap();
    let mut other = Client::connect(&house.hub.url()).await.unwrap();
    assert_eq!(other.commission(&code).await.unwrap(), 3);
    house.all_known(3).await;
    assert_eq!(house.unlock(&lock(3)).await, CONFIRMED);
    assert_eq!(house.physical(3).await.bolt, Place::Unlocked);
    let removed = other.call("remove_node", json!({"node_id": 3})).await.unwrap();
    assert_eq!(removed["error_code"], Value::Null, "{removed}");
    house.until("removed", &lock(3), |state| state.reach.is_removed()).await;
    assert!(house.shelf.kinds().contains(&EventKind::DeviceRemoved));

    let ids = |house: &House| {
        let mut ids: Vec<_> =
            house.shelf.devices().into_iter().map(|device| (device.about.native, device.id)).collect();
        ids.sort();
        ids
    };
    let before = ids(&house);
    house.hub.kill().await.unwrap();
    house.until("offline", &lock(1), |state| !state.reach.is_online()).await;
    // What happens meanwhile is read, and told once.
    house.network.act(2, Place::Unlocked, By::Manual, None).await.unwrap();
    house.hub.restart(&house.network).await.unwrap();
    house.shows(&lock(2), Bolt::Unlocked).await;
    house.shows(&lock(1), Bolt::Locked).await;
    assert_eq!(house.moves().len(), 2, "{:?}", house.moves());
    house.restart_server().await;
    house.shows(&lock(1), Bolt::Locked).await;
    assert_eq!(ids(&house), before);
    assert_eq!(house.unlock(&lock(1)).await, CONFIRMED);

    // The same fabric, spelled otherwise, in the same workspace.
    let mut second = account(&format!("ws://localhost:{}", house.hub.port()));
    second.workspace = house.device(&lock(1)).workspace;
    let id = second.id;
    house.engine.add_account(second).await.unwrap();
    house.engine.account_settled(id, SOON).await;
    match house.shelf.link_of(id) {
        LinkState::Down { message, .. } => assert!(message.contains("connected already"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_says_goodbye_is_offline_and_read_when_it_is_back() {
    let house = House::with(vec![LockSpec::at(1)]).await;
    house.network.power(1, false).await.unwrap();
    house.until("offline", &lock(1), |state| !state.reach.is_online()).await;
    let outcome = house.unlock(&lock(1)).await;
    assert_eq!(crate::house::failure(&outcome), thumbturn_core::attempts::FailureKind::DeviceDisconnected);
    house.network.power(1, true).await.unwrap();
    house.shows(&lock(1), Bolt::Locked).await;
    assert_eq!(house.unlock(&lock(1)).await, CONFIRMED);
    assert_eq!(house.physical(1).await.commands.len(), 1, "nothing was kept for later");
}
