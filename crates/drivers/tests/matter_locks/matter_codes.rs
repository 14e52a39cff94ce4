//! Code slots of Matter locks: whose they are, what a lock says that does not take a code, and what is left behind.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thumbturn_conformance::codes::{Keypads as _, Line, new};
use thumbturn_core::codes::{Code, CodeFault, Content, NewCode, Proof, Shows, Slot};
use thumbturn_hubsim::matter::{Client, Faults, KeptCode, LockSpec};
use tracing_subscriber::filter::LevelFilter;

use crate::house::FIRST;
use crate::keypads::{Keypad, SLOTS, lock, site};

const PIN: &str = "246813";
const OTHER: &str = "97531";

fn replacing(digits: &str) -> NewCode {
    NewCode { replaces: true, ..new(digits) }
}

fn named(digits: &str, name: &str) -> NewCode {
    NewCode { name: Some(name.to_owned()), ..new(digits) }
}

fn kept(slot: u32, code: &str, user: u32, name: &str) -> KeptCode {
    KeptCode { slot, code: code.to_owned(), user, name: name.to_owned() }
}

/// The name in a slot that holds a code which the lock does not show.
fn name(content: Content) -> Option<String> {
    let Content::Held(held) = content else { panic!("{content:?}") };
    assert_eq!((held.code, held.enabled), (Code::Hidden, true));
    held.name
}

/// Has another client of the same server tell the lock something.
async fn other_client(site: &Keypad, command: &str, payload: Value) -> Value {
    let mut other = Client::connect(&site.hub.url()).await.unwrap();
    let args = json!({
        "node_id": FIRST, "endpoint_id": 1, "cluster_id": 257, "command_name": command, "payload": payload,
        "timed_request_timeout_ms": 5000,
    });
    let answer = other.call("device_command", args).await.unwrap();
    assert_eq!(answer["error_code"], Value::Null, "{answer}");
    answer["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_can_do_with_codes_is_in_its_attributes() {
    let site = Keypad::with(LockSpec { shortest: 6, longest: 7, ..lock() }).await;
    let line = Line::to(&site).await;
    let traits = line.traits().await;
    assert_eq!((traits.slots, traits.shortest, traits.longest), (u32::from(SLOTS), 6, 7));
    assert_eq!((traits.digits.as_str(), traits.windows, traits.shows), ("0123456789", false, Shows::Taken));
    assert_eq!(traits.name_bytes, Some(10));
    assert_eq!(line.set(1, "12345").await, Err(CodeFault::WrongLength { shortest: 6, longest: 7 }));
    assert_eq!(site.writes().await, 0);

    let without = Keypad::with(LockSpec::at(FIRST)).await;
    let line = Line::to(&without).await;
    assert!(matches!(line.read(1).await, Err(CodeFault::Unsupported(_))));
    assert!(matches!(line.set(1, PIN).await, Err(CodeFault::Unsupported(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_comes_with_a_user_and_goes_with_him() {
    for spec in [lock(), LockSpec { users_go: true, ..lock() }] {
        let site = Keypad::with(spec).await;
        let line = Line::to(&site).await;
        assert_eq!(line.write(3, &named(PIN, "Guest")).await, Ok(Proof::Word));
        assert_eq!(site.truth().await.codes, [kept(3, PIN, 3, "Guest")]);
        assert_eq!(name(line.read(3).await.unwrap()).as_deref(), Some("Guest"));
        // Another code and another name: the user stays.
        let code = NewCode { replaces: true, ..named(OTHER, "Cleaner") };
        assert_eq!(line.write(3, &code).await, Ok(Proof::Word));
        assert_eq!(site.truth().await.codes, [kept(3, OTHER, 3, "Cleaner")]);
        assert_eq!(line.write(3, &replacing(PIN)).await, Ok(Proof::Word));
        assert_eq!(site.truth().await.codes, [kept(3, PIN, 3, "Cleaner")]);
        let listed = line.list().await;
        assert_eq!(listed.len(), usize::from(SLOTS));
        for (slot, content) in listed {
            match slot {
                Slot(3) => assert_eq!(name(content).as_deref(), Some("Cleaner")),
                _ => assert_eq!(content, Content::Empty, "{slot:?}"),
            }
        }
        assert_eq!(line.clear(3).await, Ok(Proof::ReadBack));
        assert!(site.truth().await.users.is_empty(), "nobody is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_keep_at_the_lock_stays_theirs() {
    let site = site().await;
    let line = Line::to(&site).await;
    // Somebody at the keypad has slot 4, and with it the first user.
    site.program(4, Some(OTHER)).await;
    assert_eq!(site.truth().await.users, [1]);
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word));
    assert_eq!(site.truth().await.codes, [kept(1, PIN, 2, ""), kept(4, OTHER, 1, "")]);
    assert_eq!(line.set(2, "135790").await, Ok(Proof::Word));
    assert_eq!(site.truth().await.users, [1, 2, 3]);
    assert_eq!(line.set(4, "1234567").await, Err(CodeFault::Occupied));
    // It is not to be changed by us, and can be replaced.
    assert_eq!(line.write(4, &replacing("1234567")).await, Ok(Proof::Word));
    let codes = site.truth().await.codes;
    assert_eq!((codes.len(), codes[2].code.as_str()), (3, "1234567"));

    // Another client of the same server has what it keeps in the same users.
    let user = json!({
        "operationType": 0, "userIndex": 6, "userName": "Other", "userUniqueID": 7, "userStatus": 3, "userType": 0,
        "credentialRule": 0,
    });
    other_client(&site, "SetUser", user).await;
    let credential = json!({"credentialType": 1, "credentialIndex": 6});
    let pin = json!({
        "operationType": 0, "credential": credential, "credentialData": "OTg3NjU0", "userIndex": 6, "userStatus": null,
        "userType": null,
    });
    assert_eq!(other_client(&site, "SetCredential", pin).await["status"], 0);
    let Content::Held(held) = line.read(6).await.unwrap() else { panic!() };
    assert_eq!((held.enabled, held.name.as_deref()), (false, Some("Other")));
    // One that is switched off opens the door once it is set anew.
    assert_eq!(line.write(6, &replacing("111222")).await, Ok(Proof::Word));
    assert!(site.truth().await.codes.contains(&kept(6, "111222", 6, "Other")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_says_why_it_does_not_take_a_code_and_keeps_no_user_for_it() {
    let site = site().await;
    let line = Line::to(&site).await;
    for (status, expected) in [
        (1, CodeFault::Refused("The lock refused the command.")),
        (2, CodeFault::Duplicate(None)),
        (3, CodeFault::Occupied),
        (133, CodeFault::Refused("The lock does not take this code, for this slot or this user.")),
        (137, CodeFault::Full),
    ] {
        site.faults(Faults { code_status: Some(status), ..Faults::default() }).await;
        assert_eq!(line.set(2, PIN).await, Err(expected), "{status}");
        let truth = site.truth().await;
        assert_eq!((truth.codes, truth.users), (vec![], vec![]), "{status}");
    }
    site.faults(Faults::default()).await;
    assert_eq!(line.set(2, PIN).await, Ok(Proof::Word));

    // A lock that does not say why: what is there stays, and nothing is claimed.
    let curt = Keypad::with(LockSpec { curt: true, ..lock() }).await;
    let line = Line::to(&curt).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word));
    assert!(matches!(line.set(2, PIN).await, Err(CodeFault::Refused(_))));
    assert_eq!(curt.truth().await.codes, [kept(1, PIN, 1, "")]);
    assert_eq!(curt.truth().await.users, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_without_room_for_another_user_is_full() {
    let site = Keypad::with(LockSpec { codes: Some(2), ..lock() }).await;
    let line = Line::to(&site).await;
    let user = |index: u32| {
        json!({
            "operationType": 0, "userIndex": index, "userName": "Card", "userUniqueID": 7, "userStatus": 1,
            "userType": 0, "credentialRule": 0,
        })
    };
    other_client(&site, "SetUser", user(1)).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word));
    assert_eq!(line.set(2, OTHER).await, Err(CodeFault::Full));
    assert_eq!(site.truth().await.codes, [kept(1, PIN, 2, "")]);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_code_is_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    // Everything of this test runs on its own thread.
    let _logging = tracing::subscriber::set_default(subscriber);
    tracing::trace!("it is listened to");
    let site = site().await;
    let line = Line::to(&site).await;
    let (first, second) = ("80642197", "97531864");
    line.set(1, first).await.unwrap();
    line.write(1, &replacing(second)).await.unwrap();
    line.set(2, second).await.unwrap_err();
    line.list().await;
    line.read(1).await.unwrap();
    site.faults(Faults { refuse: Some("Failure"), ..Faults::default() }).await;
    line.write(1, &replacing(first)).await.unwrap_err();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("it is listened to"), "{text}");
    for code in [first, second] {
        let hex: String = code.bytes().map(|byte| format!("{byte:02x}")).collect();
        let numbers = code.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        // All but the last characters: those depend on what comes after it.
        let base64 = &STANDARD.encode(code)[..10];
        for form in [code, hex.as_str(), numbers.as_str(), base64] {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
}
