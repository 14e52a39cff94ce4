//! Code slots of Z-Wave locks: those that hide their codes, that say nothing of a command, that take few digits, that are older.

use serde_json::json;
use thumbturn_conformance::codes::{Keypads as _, Line, new};
use thumbturn_core::codes::{Code, CodeFault, Content, NewCode, Proof, Shows, Slot};
use thumbturn_core::pins::Pin;
use thumbturn_hubsim::zwave::{Client, Faults, LockSpec};

use crate::house::FIRST;
use crate::keypads::{Keypad, SLOTS, lock, newer, site};

const PIN: &str = "2468";
const OTHER: &str = "97531";

fn replacing(digits: &str) -> NewCode {
    NewCode { replaces: true, ..new(digits) }
}

fn code(content: &Content) -> &Code {
    let Content::Held(held) = content else { panic!("{content:?}") };
    &held.code
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_can_do_with_codes_is_asked_of_it() {
    let site = site().await;
    let traits = Line::to(&site).await.traits().await;
    assert_eq!((traits.slots, traits.shortest, traits.longest), (u32::from(SLOTS), 4, 10));
    assert_eq!((traits.digits.as_str(), traits.windows, traits.shows), ("0123456789", false, Shows::Code));
    assert_eq!(traits.name_bytes, None);

    let few = Keypad::with(LockSpec { code_characters: "12345", ..lock() }).await;
    let line = Line::to(&few).await;
    let digits = "12345".to_owned();
    assert_eq!(line.set(1, "12346").await, Err(CodeFault::WrongDigits { digits }));
    assert_eq!(few.writes().await, 0);
    assert_eq!(line.set(1, "12345").await, Ok(Proof::ReadBack));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_without_a_keypad_has_no_slots() {
    let site = Keypad::with(LockSpec::at(FIRST)).await;
    let line = Line::to(&site).await;
    assert!(matches!(line.read(1).await, Err(CodeFault::Unsupported(_))));
    assert!(matches!(line.set(1, PIN).await, Err(CodeFault::Unsupported(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_lock_and_one_without_supervision_are_asked_afterwards() {
    for spec in [
        LockSpec { code_version: 1, ..lock() },
        LockSpec { code_version: 1, supervised: false, ..lock() },
        LockSpec { supervised: false, ..lock() },
        LockSpec { secure: true, ..lock() },
        LockSpec { notifies: false, supervised: false, ..lock() },
    ] {
        let named = format!("{spec:?}");
        let site = Keypad::with(spec).await;
        let line = Line::to(&site).await;
        assert_eq!(line.set(SLOTS.into(), PIN).await, Ok(Proof::ReadBack), "{named}");
        assert_eq!(line.write(SLOTS.into(), &replacing(OTHER)).await, Ok(Proof::ReadBack), "{named}");
        assert_eq!(site.kept().await, [(SLOTS.into(), OTHER.to_owned())], "{named}");
        assert_eq!(line.clear(SLOTS.into()).await, Ok(Proof::ReadBack), "{named}");
        site.faults(Faults { lie: true, ..Faults::default() }).await;
        assert!(matches!(line.set(1, PIN).await, Err(CodeFault::Refused(_))), "{named}");
        assert_eq!(site.kept().await, [], "{named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_hides_its_codes_is_believed_where_its_word_proves_something() {
    let site = Keypad::with(LockSpec { hides_codes: true, ..lock() }).await;
    let line = Line::to(&site).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word));
    assert_eq!(site.kept().await, [(1, PIN.to_owned())]);
    assert_eq!(code(&line.read(1).await.unwrap()), &Code::Hidden);
    // Taken before and afterwards: that it carried the command out is its own word.
    assert_eq!(line.write(1, &replacing(OTHER)).await, Ok(Proof::Word));
    assert_eq!(site.kept().await, [(1, OTHER.to_owned())]);
    site.faults(Faults { refuse: true, ..Faults::default() }).await;
    assert!(matches!(line.write(1, &replacing(PIN)).await, Err(CodeFault::Refused(_))));
    site.faults(Faults::default()).await;
    assert_eq!(line.clear(1).await, Ok(Proof::ReadBack), "that a slot is empty it does show");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_hides_its_codes_and_says_nothing_leaves_a_changed_one_unknown() {
    let site = Keypad::with(LockSpec { hides_codes: true, supervised: false, ..lock() }).await;
    let line = Line::to(&site).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::Word), "empty before and taken afterwards");
    assert!(matches!(line.write(1, &replacing(OTHER)).await, Err(CodeFault::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_whose_answer_is_lost_is_found_by_asking() {
    let site = site().await;
    let line = Line::to(&site).await;
    line.traits().await;
    // It stores the code, and neither acknowledgement nor answer comes back; it can be asked all the same.
    site.faults(Faults { lost_answer: true, ..Faults::default() }).await;
    assert_eq!(line.set(1, PIN).await, Ok(Proof::ReadBack));
    assert_eq!(site.kept().await, [(1, PIN.to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_remembers_is_listed_without_asking_the_lock() {
    let site = site().await;
    let line = Line::to(&site).await;
    line.set(2, PIN).await.unwrap();
    let reads = site.network.truth(FIRST).await.unwrap().code_reads;
    let listed = line.list().await;
    assert_eq!(site.network.truth(FIRST).await.unwrap().code_reads, reads);
    assert_eq!(listed.len(), usize::from(SLOTS), "the hub asked for all when it got to know the lock");
    for (slot, content) in &listed {
        match slot {
            Slot(2) => assert!(content.is(&Pin::new(PIN).unwrap())),
            _ => assert_eq!(*content, Content::Empty, "{slot:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_with_users_keeps_their_names() {
    let site = newer().await;
    let line = Line::to(&site).await;
    let traits = line.traits().await;
    assert_eq!((traits.slots, traits.name_bytes), (u32::from(SLOTS), Some(32)));
    let named = |name: &str| NewCode { name: Some(name.to_owned()), ..new(PIN) };
    assert_eq!(line.write(1, &named("Guest")).await, Ok(Proof::ReadBack));
    let name = |content: Content| {
        let Content::Held(held) = content else { panic!("{content:?}") };
        held.name
    };
    assert_eq!(name(line.read(1).await.unwrap()).as_deref(), Some("Guest"));
    let writes = site.writes().await;
    assert_eq!(line.write(1, &named("Cleaner")).await, Ok(Proof::ReadBack));
    assert_eq!(site.writes().await, writes, "the code stays");
    assert_eq!(name(line.read(1).await.unwrap()).as_deref(), Some("Cleaner"));
    let listed = line.list().await;
    assert!(matches!(listed.as_slice(), [(Slot(1), Content::Held(_))]), "{listed:?}");
    // Nothing of a user whose code was not taken, or taken away, is left: the slot can be had again.
    assert!(line.set(2, PIN).await.is_err());
    assert_eq!(line.clear(1).await, Ok(Proof::ReadBack));
    assert_eq!(line.set(2, PIN).await, Ok(Proof::ReadBack));
    assert_eq!(line.set(1, OTHER).await, Ok(Proof::ReadBack));
    assert_eq!(site.kept().await, [(1, OTHER.to_owned()), (2, PIN.to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_client_of_the_hub_does_is_found() {
    let site = site().await;
    let line = Line::to(&site).await;
    let mut other = Client::connect(&site.hub.url()).await.unwrap();
    let set = json!({
        "command": "node.set_value", "nodeId": FIRST,
        "valueId": {"commandClass": 99, "endpoint": 0, "property": "userCode", "propertyKey": 5}, "value": OTHER,
    });
    other.call(set).await.unwrap();
    assert!(line.read(5).await.unwrap().is(&Pin::new(OTHER).unwrap()));
    assert_eq!(line.set(5, PIN).await, Err(CodeFault::Occupied));
    assert_eq!(site.kept().await, [(5, OTHER.to_owned())]);
}
