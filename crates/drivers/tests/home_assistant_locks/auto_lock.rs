//! Z-Wave locks without a keypad that keep among their parameters when they lock themselves, over Home Assistant's own
//! integration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use thumbturn_conformance::codes::{Keypads as _, Line};
use thumbturn_conformance::{Home, wait_until};
use thumbturn_core::attempts::{FailureKind, Outcome};
use thumbturn_core::codes::CodeFault;
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::hub::outcome_of;
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_hubsim::home_assistant::Client;
use thumbturn_hubsim::zwave::{Faults, LockSpec, Parameter};

use crate::house::{CONFIRMED, SOON, account, failure};
use crate::keypads::{Keypad, NODE};

/// Long enough for a lock that does not answer.
const DEADLINE: Duration = Duration::from_secs(25);

/// Locks whose parameters the hub's database of devices knows, and one that has no such parameters.
const YALE: (&str, [u16; 3]) = ("Assure Keyed Touch Screen Deadbolt", [0x0129, 0x8002, 0x46d2]);
const DANALOCK: (&str, [u16; 3]) = ("Z-Wave Controlled Door Lock with Bluetooth Smart", [0x010e, 0x0009, 0x0001]);
const KWIKSET: (&str, [u16; 3]) = ("Touchpad Electronic Deadbolt", [0x0090, 0x0003, 0x0541]);

fn with_parameters(node: u32, model: [u16; 3], parameters: &[(u8, u8, i32)]) -> LockSpec {
    let parameters = parameters.iter().map(|&(number, size, value)| Parameter { number, size, value }).collect();
    LockSpec { model: Some(model), parameters, ..LockSpec::at(node) }
}

/// Those with auto-lock that the engine has.
fn offering(home: &Home) -> Vec<String> {
    let mut devices = home.shelf.devices();
    devices.retain(|device| device.about.can_configure_auto_lock);
    let mut names: Vec<_> = devices.into_iter().map(|device| device.about.name).collect();
    names.sort();
    names
}

async fn set(home: &Home, name: &str, to: AutoLock) -> Outcome {
    outcome_of(home.command(name, Command::AutoLock(to)).await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_zwave_lock_locks_itself_is_set_by_its_parameters_and_asked_of_it() {
    let site = Keypad::on(&[
        LockSpec::at(NODE),
        with_parameters(3, YALE.1, &[(2, 1, 0), (3, 1, 30)]),
        with_parameters(4, DANALOCK.1, &[(6, 4, 90)]),
        // One number for both: a bit for the switch, a byte for the time.
        with_parameters(5, KWIKSET.1, &[(36, 2, 0x1e00)]),
    ])
    .await;
    // None has a keypad.
    let line = Line::to(&site).await;
    assert!(matches!(line.set(1, "24681").await, Err(CodeFault::NotWritten(_))));
    assert!(matches!(line.read(1).await, Err(CodeFault::Unknown(_))));
    drop(line);

    let home = Home::start(site.account(), DEADLINE, HomeAssistantDriver::new).await;
    let names = [YALE.0, DANALOCK.0, KWIKSET.0];
    wait_until("auto-locks", SOON, || offering(&home) == [YALE.0, KWIKSET.0, DANALOCK.0]).await;
    assert_eq!(home.shelf.devices().len(), 4);
    let told = names.map(|name| home.state(name).auto_lock);
    assert_eq!(told, [Some(AutoLock::Off), Some(AutoLock::After(90)), Some(AutoLock::Off)]);
    let parameters = async |node| site.network.truth(node).await.unwrap().parameters;
    for to in [AutoLock::After(60), AutoLock::Off] {
        for name in names {
            assert_eq!((set(&home, name, to).await, home.state(name).auto_lock), (CONFIRMED, Some(to)), "{name}");
        }
        if to == AutoLock::After(60) {
            assert_eq!(parameters(3).await, BTreeMap::from([(2, -1), (3, 60)]));
            assert_eq!(parameters(4).await, BTreeMap::from([(6, 60)]));
            assert_eq!(parameters(5).await, BTreeMap::from([(36, 0x3c01)]));
        }
    }
    assert_eq!(parameters(3).await, BTreeMap::from([(2, 0), (3, 60)]), "the time stays");
    assert_eq!(parameters(4).await, BTreeMap::from([(6, 0)]));
    assert_eq!(parameters(5).await, BTreeMap::from([(36, 0x3c00)]));

    what_is_not_taken_is_not_called_set(&site, &home).await;
    others_and_another_token(&site, &home).await;
}

/// Home Assistant answers *success* for all of these.
async fn what_is_not_taken_is_not_called_set(site: &Keypad, home: &Home) {
    let faults = async |faults| site.network.set_faults(3, faults).await.unwrap();
    assert_eq!(set(home, YALE.0, AutoLock::After(30)).await, CONFIRMED);
    for bad in [Faults { refuse: true, ..Faults::default() }, Faults { lie: true, ..Faults::default() }] {
        faults(bad).await;
        for to in [AutoLock::Off, AutoLock::After(45)] {
            assert_eq!(failure(&set(home, YALE.0, to).await), FailureKind::CommandRejected, "{bad:?} {to:?}");
            assert_eq!(home.state(YALE.0).auto_lock, Some(AutoLock::After(30)), "{bad:?} {to:?}");
        }
    }
    // It takes the setting and does not answer when it is asked.
    faults(Faults { unreadable: true, ..Faults::default() }).await;
    assert_eq!(failure(&set(home, YALE.0, AutoLock::After(45)).await), FailureKind::OutcomeUnknown);
    faults(Faults::default()).await;
    assert_eq!(set(home, YALE.0, AutoLock::After(50)).await, CONFIRMED);
    // Not among those that it takes: nothing is written.
    assert_eq!(failure(&set(home, KWIKSET.0, AutoLock::After(45)).await), FailureKind::CommandRejected);
    assert_eq!(site.network.truth(5).await.unwrap().parameters, BTreeMap::from([(36, 0x3c00)]));
}

/// What somebody sets in Home Assistant is told; with an ordinary user's token no lock offers it.
async fn others_and_another_token(site: &Keypad, home: &Home) {
    let mut admin = Client::connect(&site.hub).await.unwrap();
    let native = home.device(DANALOCK.0).about.native;
    let entities = admin.call(json!({"type": "config/entity_registry/list"})).await.unwrap();
    let of_lock = |entry: &&Value| entry["id"] == native.as_str();
    let device = entities.as_array().unwrap().iter().find(of_lock).unwrap()["device_id"].clone();
    let by_hand = json!({"type": "zwave_js/set_config_parameter", "device_id": device, "property": 6,
                                     "value": 75});
    admin.call(by_hand).await.unwrap();
    home.until("the new time", DANALOCK.0, |state| state.auto_lock == Some(AutoLock::After(75))).await;

    let ordinary = account(&site.hub.url(), site.hub.token(), &[]);
    let home = Home::start(ordinary, DEADLINE, HomeAssistantDriver::new).await;
    home.all_known(4).await;
    assert_eq!(offering(&home), <[String; 0]>::default());
}
