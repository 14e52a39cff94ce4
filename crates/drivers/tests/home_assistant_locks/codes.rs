//! Codes of locks over Home Assistant: those that hide them, those that cannot be asked, those that have none.

use std::sync::Arc;

use serde_json::json;
use thumbturn_conformance::codes::{Keypads as _, Line, new};
use thumbturn_conformance::wait_until;
use thumbturn_core::codes::{CodeFault, NewCode, Proof, Shows};
use thumbturn_core::locks::Reachability;
use thumbturn_core::ports::Signal;
use thumbturn_drivers::home_assistant::HomeAssistantDriver;
use thumbturn_hubsim::home_assistant::{Faults, House as Locks, Hub, LockSpec, Truth};
use thumbturn_hubsim::zwave::{Faults as ZwaveFaults, LockSpec as ZwaveLock};

use crate::house::{SOON, account};
use crate::keypads::{Keypad, SLOTS, lock, site};

const PIN: &str = "24681";
const OTHER: &str = "97531";

fn replacing(digits: &str) -> NewCode {
    NewCode { replaces: true, ..new(digits) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_ask_is_told_so_and_writes_nothing() {
    let mut site = site().await;
    site.token = site.hub.token().to_owned();
    let line = Line::to(&site).await;
    for result in [line.set(1, PIN).await, line.clear(1).await, line.read(1).await.map(|_| Proof::ReadBack)] {
        assert!(matches!(result, Err(CodeFault::Unsupported(why)) if why.contains("administrator")), "{result:?}");
    }
    assert_eq!((site.kept().await, site.writes().await), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn zwave_locks_of_all_kinds_are_asked_afterwards() {
    for spec in [ZwaveLock { code_version: 1, supervised: false, ..lock() }, ZwaveLock { secure: true, ..lock() }] {
        let named = format!("{spec:?}");
        let site = Keypad::with(spec).await;
        let line = Line::to(&site).await;
        assert_eq!(line.set(SLOTS.into(), PIN).await, Ok(Proof::ReadBack), "{named}");
        assert_eq!(line.write(SLOTS.into(), &replacing(OTHER)).await, Ok(Proof::ReadBack), "{named}");
        assert_eq!(site.kept().await, [(SLOTS.into(), OTHER.to_owned())], "{named}");
        assert_eq!(line.clear(SLOTS.into()).await, Ok(Proof::ReadBack), "{named}");
        site.faults(ZwaveFaults { lie: true, ..ZwaveFaults::default() }).await;
        assert!(matches!(line.set(1, PIN).await, Err(CodeFault::Refused(_))), "{named}");
        assert_eq!(site.kept().await, [], "{named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zwave_lock_that_hides_its_codes_proves_those_of_slots_that_were_empty() {
    let site = Keypad::with(ZwaveLock { hides_codes: true, ..lock() }).await;
    let line = Line::to(&site).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word), "empty before and taken afterwards");
    assert_eq!(site.kept().await, [(1, PIN.to_owned())]);
    // That the lock said that it carried it out Home Assistant does not pass on.
    assert!(matches!(line.write(1, &replacing(OTHER)).await, Err(CodeFault::Unknown(_))));
    assert_eq!(line.clear(1).await, Ok(Proof::ReadBack));
}

/// One lock of an integration of Home Assistant.
struct One {
    locks: Locks,
    hub: Hub,
}

impl One {
    async fn with(lock: LockSpec) -> Self {
        let locks = Locks::with(&[lock]).await.unwrap();
        let hub = Hub::on(&locks).await.unwrap();
        Self { locks, hub }
    }

    async fn line(&self) -> Line {
        let account = account(&self.hub.url(), self.hub.token(), &[]);
        Line::on(&account, |clock| Arc::new(HomeAssistantDriver::new(clock))).await
    }

    fn truth(&self) -> Truth {
        self.locks.truth("Front").unwrap()
    }

    fn faults(&self, faults: Faults) {
        self.locks.set_faults("Front", faults).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_zha_gets_its_codes_and_nobody_knows_whether_it_has_them() {
    let zigbee = LockSpec { zigbee: true, reads: false, battery: None, ..LockSpec::named("Front") };
    let site = One::with(zigbee).await;
    let line = site.line().await;
    assert_eq!(line.traits().await.shows, Shows::Nothing);
    assert_eq!(line.list().await, []);
    assert!(matches!(line.read(1).await, Err(CodeFault::Unknown(_))), "not: empty");
    // What is in the slot nobody knows, so it is not overwritten unless that is wanted.
    assert!(matches!(line.set(1, PIN).await, Err(CodeFault::Unsupported(_))));
    assert!(matches!(line.write(1, &replacing("123")).await, Err(CodeFault::WrongLength { .. })));
    assert_eq!(site.truth().code_writes, 0);

    assert!(matches!(line.write(1, &replacing(PIN)).await, Err(CodeFault::Unknown(_))));
    assert_eq!((site.truth().code_writes, site.truth().codes.get(&1).map(String::as_str)), (1, Some(PIN)));
    // A lock that refuses looks the same.
    site.faults(Faults { refuse: true, ..Faults::default() });
    assert!(matches!(line.write(1, &replacing(OTHER)).await, Err(CodeFault::Unknown(_))));
    assert_eq!((site.truth().code_writes, site.truth().codes.get(&1).map(String::as_str)), (2, Some(PIN)));
    site.faults(Faults::default());
    assert!(matches!(line.clear(1).await, Err(CodeFault::Unknown(_))));
    assert_eq!((site.truth().code_writes, site.truth().codes.len()), (3, 0));

    // One that is away is called so before anything is written: Home Assistant would say that it worked.
    site.locks.say("Front", &json!({"available": false}));
    let is_away = |signal: &Signal| matches!(signal, Signal::Reach(_, Reachability::Unreachable));
    wait_until("word that it is away", SOON, || line.heard(|heard| heard.iter().any(is_away))).await;
    assert!(matches!(line.clear(1).await, Err(CodeFault::NotWritten(_))));
    assert_eq!(site.truth().code_writes, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_of_other_integrations_have_no_slots() {
    let site = One::with(LockSpec::named("Front")).await;
    let line = site.line().await;
    for result in [line.set(1, PIN).await, line.clear(1).await, line.read(1).await.map(|_| Proof::ReadBack)] {
        assert!(matches!(result, Err(CodeFault::Unsupported(_))), "{result:?}");
    }
}
