//! Servers that die, come back, are something else or too old; and locks that come and go.

use std::time::Duration;

use serde_json::json;
use thumbturn_conformance::{Home, wait_until};
use thumbturn_core::accounts::{LinkState, LinkTrouble, Provider};
use thumbturn_core::events::EventKind;
use thumbturn_core::locks::Bolt;
use thumbturn_drivers::zwave_js::ZwaveJsDriver;
use thumbturn_hubsim::zwave::{Client, House as Network, LockSpec, Place, Tells};
use thumbturn_locksim::TestCertificates;
use thumbturn_testports::Port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::encrypted::encrypted;
use crate::house::{CONFIRMED, FIRST, House, SOON, account, lock};
use crate::parrot::that_says;

/// What is said of an account whose server stands at this address.
async fn trouble_with(url: &str) -> (LinkTrouble, String) {
    let home = Home::start(account(url), Duration::from_secs(8), ZwaveJsDriver::new).await;
    home.shelf.trouble()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_server_is_told_with_what_to_do() {
    let free = Port::free().unwrap();
    let free = format!("127.0.0.1:{}", free.number());
    let (trouble, message) = trouble_with(&format!("ws://{free}")).await;
    assert_eq!(trouble, LinkTrouble::HubDisconnected);
    assert!(message.contains(&free) && message.contains("refused"), "{message}");

    let old = json!({"type": "version", "homeId": 1, "serverVersion": "1.10.0", "minSchemaVersion": 0, "maxSchemaVersion": 17});
    let (trouble, message) = trouble_with(&format!("ws://{}", that_says(vec![old]).await)).await;
    assert_eq!(trouble, LinkTrouble::CredentialsRefused);
    assert!(message.contains("1.10.0") && message.contains("update it"), "{message}");

    let (_, message) = trouble_with(&format!("ws://{}", that_says(vec![json!({"hello": "world"})]).await)).await;
    assert!(message.contains("is not what a Z-Wave JS server says"), "{message}");

    let unready = json!({"type": "version", "serverVersion": "3.0.0", "minSchemaVersion": 0, "maxSchemaVersion": 50});
    let (_, message) = trouble_with(&format!("ws://{}", that_says(vec![unready]).await)).await;
    assert!(message.contains("driver is not ready"), "{message}");

    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", web.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let (_, message) = trouble_with(&url).await;
    assert!(message.contains("HTTP status 404"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_server_is_used_if_its_authority_is_trusted() {
    let certificates = TestCertificates::make().unwrap();
    let house = House::plain().await;
    let port = encrypted(house.hub.port(), &certificates).await;
    let url = format!("wss://localhost:{port}");
    let trusting = json!({"url": url, "ca_pem": certificates.ca}).to_string();
    let account = thumbturn_conformance::account(Provider::ZwaveJs, &trusting);
    let home = Home::start(account, Duration::from_secs(8), ZwaveJsDriver::new).await;
    home.all_known(1).await;
    assert_eq!(home.unlock(&lock(FIRST)).await, CONFIRMED);

    let stranger = TestCertificates::make().unwrap();
    let distrusting = json!({"url": url, "ca_pem": stranger.ca}).to_string();
    let account = thumbturn_conformance::account(Provider::ZwaveJs, &distrusting);
    let home = Home::start(account, Duration::from_secs(8), ZwaveJsDriver::new).await;
    match home.shelf.link() {
        LinkState::Down { message, .. } => assert!(message.contains("TLS failed"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_has_one_account() {
    let house = House::plain().await;
    // The same server, spelled otherwise, in the same workspace.
    let mut second = account(&format!("ws://localhost:{}/", house.hub.port()));
    second.workspace = house.device(&lock(FIRST)).workspace;
    let id = second.id;
    house.engine.add_account(second).await.unwrap();
    house.engine.account_settled(id, SOON).await;
    match house.shelf.link_of(id) {
        LinkState::Down { trouble: LinkTrouble::CredentialsRefused, message, .. } => {
            assert!(message.contains("7e570001") && message.contains("connected already"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.shelf.devices().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_keep_their_ids_over_restarts_of_both_sides() {
    let mut house = House::with(vec![LockSpec::at(2), LockSpec::at(3)]).await;
    let ids = |house: &House| {
        let mut ids: Vec<_> =
            house.shelf.devices().into_iter().map(|device| (device.about.native, device.id)).collect();
        ids.sort();
        ids
    };
    let before = ids(&house);
    house.hub.kill().await.unwrap();
    house.until("offline", &lock(2), |state| !state.reach.is_online()).await;
    house.network.turn(3, Place::Unlocked, Tells::Both).await.unwrap();
    house.hub.restart(&house.network).await.unwrap();
    house.shows(&lock(3), Bolt::Unlocked).await;
    house.restart_server().await;
    house.all_known(2).await;
    assert_eq!(ids(&house), before);
    assert_eq!(house.unlock(&lock(2)).await, CONFIRMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_come_and_go() {
    let house = House::plain().await;
    let mut other = Client::connect(&house.hub.url()).await.unwrap();
    house.network.joins(&LockSpec::at(7)).await.unwrap();
    other.call(json!({"command": "controller.begin_inclusion", "options": {"strategy": 2}})).await.unwrap();
    house.all_known(2).await;
    assert_eq!(house.unlock(&lock(7)).await, CONFIRMED);
    assert_eq!(house.physical(7).await.bolt, Place::Unlocked);

    house.network.leaves(FIRST).await.unwrap();
    other.call(json!({"command": "controller.begin_exclusion"})).await.unwrap();
    house.until("removed", &lock(FIRST), |state| state.reach.is_removed()).await;
    assert!(house.shelf.kinds().contains(&EventKind::DeviceRemoved));
    assert!(house.state(&lock(7)).reach.is_online());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_went_while_nobody_listened_is_removed_at_the_hubs_word() {
    let mut house = House::with(vec![LockSpec::at(2), LockSpec::at(3)]).await;
    house.hub.kill().await.unwrap();
    house.until("offline", &lock(2), |state| !state.reach.is_online()).await;
    house.network.vanishes(3).await.unwrap();
    house.hub.restart(&house.network).await.unwrap();
    house.until("removed", &lock(3), |state| state.reach.is_removed()).await;
    house.shows(&lock(2), Bolt::Locked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_read_once_after_a_connection_and_not_on_a_timer() {
    let house = House::with(vec![LockSpec::at(2), LockSpec::at(3)]).await;
    house.is_settled().await;
    for node in [2, 3] {
        // Once by the hub itself when it gets to know the lock, and once by us.
        assert_eq!(house.physical(node).await.reads, 2, "node {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_built_without_locks() {
    let network = Network::build(&[], &[9]).await.unwrap();
    let house = House::on(network, Vec::new()).await;
    let synced = || house.shelf.kinds().contains(&EventKind::AccountCompletedFirstSync);
    wait_until("the first sync", SOON, synced).await;
    assert_eq!(house.shelf.devices().len(), 0);
}
