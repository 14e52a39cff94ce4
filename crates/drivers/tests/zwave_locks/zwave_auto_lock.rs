//! When locks lock themselves that keep it among their configuration parameters.

use std::collections::BTreeMap;

use thumbturn_core::attempts::FailureKind;
use thumbturn_core::commands::{AutoLock, Command};
use thumbturn_core::hub::outcome_of;
use thumbturn_hubsim::zwave::{Faults, LockSpec, Parameter};

use crate::house::{CONFIRMED, House, failure};

/// Locks whose parameters the hub's database of devices knows.
const YALE: [u16; 3] = [0x0129, 0x8002, 0x46d2];
const DANALOCK: [u16; 3] = [0x010e, 0x0009, 0x0001];
const KWIKSET: [u16; 3] = [0x0090, 0x0003, 0x0541];

fn with_parameters(node: u32, model: [u16; 3], parameters: &[(u8, u8, i32)]) -> LockSpec {
    let parameters = parameters.iter().map(|&(number, size, value)| Parameter { number, size, value }).collect();
    LockSpec { model: Some(model), parameters, ..LockSpec::at(node) }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_it_locks_itself_is_set_by_parameters_where_the_lock_keeps_it_there() {
    let house = House::with(vec![
        with_parameters(2, YALE, &[(2, 1, 0), (3, 1, 30)]),
        with_parameters(3, DANALOCK, &[(6, 4, 90)]),
        // One number for both: a bit for the switch, a byte for the time.
        with_parameters(4, KWIKSET, &[(36, 2, 0x1e00)]),
    ])
    .await;
    let names = ["YRD226-ZW3 (node 2)", "Danalock V3-BTZE (node 3)", "SmartCode 888 (node 4)"];
    let told = names.map(|name| house.state(name).auto_lock);
    assert_eq!(told, [Some(AutoLock::Off), Some(AutoLock::After(90)), Some(AutoLock::Off)]);
    let parameters = async |node| house.physical(node).await.parameters;
    for name in names {
        let outcome = outcome_of(house.command(name, Command::AutoLock(AutoLock::After(60))).await).await.unwrap();
        assert_eq!(outcome, CONFIRMED, "{name}");
        assert_eq!(house.state(name).auto_lock, Some(AutoLock::After(60)), "{name}");
    }
    assert_eq!(parameters(2).await, BTreeMap::from([(2, -1), (3, 60)]));
    assert_eq!(parameters(3).await, BTreeMap::from([(6, 60)]));
    assert_eq!(parameters(4).await, BTreeMap::from([(36, 0x3c01)]));
    for name in names {
        let outcome = outcome_of(house.command(name, Command::AutoLock(AutoLock::Off)).await).await.unwrap();
        assert_eq!((outcome, house.state(name).auto_lock), (CONFIRMED, Some(AutoLock::Off)), "{name}");
    }
    assert_eq!(parameters(2).await, BTreeMap::from([(2, 0), (3, 60)]), "the time stays");
    assert_eq!(parameters(3).await, BTreeMap::from([(6, 0)]));
    assert_eq!(parameters(4).await, BTreeMap::from([(36, 0x3c00)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_a_lock_does_not_take_is_not_called_set() {
    let house = House::with(vec![
        with_parameters(2, YALE, &[(2, 1, -1), (3, 1, 30)]),
        with_parameters(3, KWIKSET, &[(36, 2, 0x1e01)]),
    ])
    .await;
    let (yale, kwikset) = ("YRD226-ZW3 (node 2)", "SmartCode 888 (node 3)");
    let set = async |name: &str, to| outcome_of(house.command(name, Command::AutoLock(to)).await).await.unwrap();
    for faults in [Faults { refuse: true, ..Faults::default() }, Faults { lie: true, ..Faults::default() }] {
        house.faults(2, faults).await;
        for to in [AutoLock::Off, AutoLock::After(45)] {
            let outcome = set(yale, to).await;
            assert_eq!(failure(&outcome), FailureKind::CommandRejected, "{faults:?} {to:?}");
            assert_eq!(house.state(yale).auto_lock, Some(AutoLock::After(30)), "{faults:?} {to:?}");
        }
    }
    // It takes the setting and does not answer when it is asked.
    house.faults(2, Faults { unreadable: true, ..Faults::default() }).await;
    assert_eq!(failure(&set(yale, AutoLock::After(45)).await), FailureKind::OutcomeUnknown);
    house.faults(2, Faults::default()).await;
    assert_eq!(set(yale, AutoLock::After(50)).await, CONFIRMED);

    // Not among those that it takes: nothing is written.
    assert_eq!(failure(&set(kwikset, AutoLock::After(45)).await), FailureKind::CommandRejected);
    assert_eq!(house.physical(3).await.parameters, BTreeMap::from([(36, 0x1e01)]));
}
