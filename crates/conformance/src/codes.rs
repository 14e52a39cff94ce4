//! What every driver promises that writes code slots, as tests: without the engine, on the port itself.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thumbturn_core::accounts::Account;
use thumbturn_core::codes::{Code, CodeFault, CodeTraits, Content, NewCode, Proof, Shows, Slot};
use thumbturn_core::ids::NativeId;
use thumbturn_core::pins::Pin;
use thumbturn_core::ports::{Clock, CodeSlots, Driver, Gate, Link, NotWritten, Signal};
use tokio::sync::mpsc;

use crate::{SOON, clock, wait_until};

/// How a lock misbehaves when its codes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeTrouble {
    /// It refuses.
    Refuses,
    /// It says that it stored a code, and did not.
    Lies,
    /// It stores a code and is never heard of.
    Silent,
    /// It cannot be reached.
    Dead,
    /// It stores a code only a second after it said so.
    Slow,
}

/// A real hub with one lock that has a keypad and no codes, and what its lock really keeps.
pub trait Keypads: Send + Sync {
    /// The account of the hub.
    fn account(&self) -> Account;
    /// A driver for it.
    fn driver(&self, clock: Arc<dyn Clock>) -> Arc<dyn Driver>;
    /// Has the lock misbehave from now on, or behave again.
    fn trouble(&self, trouble: Option<CodeTrouble>) -> impl Future<Output = ()> + Send;
    /// The codes that open the door, with their slots, in order.
    fn kept(&self) -> impl Future<Output = Vec<(u32, String)>> + Send;
    /// How often a slot was written to.
    fn writes(&self) -> impl Future<Output = u32> + Send;
    /// Somebody at the lock puts a code into a slot, or empties it.
    fn program(&self, slot: u32, code: Option<&str>) -> impl Future<Output = ()> + Send;
    /// Ends the hub on the spot.
    fn hub_dies(&mut self) -> impl Future<Output = ()> + Send;
    /// Starts it again.
    fn hub_returns(&mut self) -> impl Future<Output = ()> + Send;
}

/// Makes a test of each promise about codes: `code_promises!(build)`, where `build` is an async function that makes a new
/// [`Keypads`].
#[macro_export]
macro_rules! code_promises {
    ($build:path) => {
        $crate::code_promises!($build:
            a_code_that_is_set_is_there_and_one_that_is_cleared_is_gone,
            a_code_that_is_there_is_not_written_again,
            a_code_that_the_lock_has_already_is_told_as_such,
            a_taken_slot_is_replaced_only_if_that_is_wanted,
            what_a_lock_cannot_take_is_refused_before_it_is_asked,
            a_code_that_is_refused_is_not_set,
            a_code_that_the_lock_only_says_it_has_is_not_set,
            a_lock_that_is_not_heard_after_a_write_leaves_it_unknown,
            a_lock_that_cannot_be_reached_gets_no_code,
            a_lock_that_takes_its_time_is_asked_once_more,
            nothing_is_written_through_a_closed_gate,
            codes_outlive_the_hub,
            what_somebody_does_at_the_lock_is_told,
        );
    };
    ($build:path: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let mut site = $build().await;
                $crate::codes::$promise(&mut site).await;
            }
        )+
    };
}

/// A session of a driver, without the engine.
pub struct Line {
    link: Arc<dyn Link>,
    lock: NativeId,
    clock: Arc<dyn Clock>,
    heard: Arc<Mutex<Vec<Signal>>>,
}

impl Line {
    /// Connects, and waits for the lock.
    ///
    /// # Panics
    /// If there is no connection or no lock.
    pub async fn to(site: &impl Keypads) -> Self {
        Self::on(&site.account(), |clock| site.driver(clock)).await
    }

    /// The same for any hub with one lock.
    ///
    /// # Panics
    /// As [`Self::to`].
    pub async fn on(account: &Account, driver: impl FnOnce(Arc<dyn Clock>) -> Arc<dyn Driver>) -> Self {
        let clock = clock();
        let (signals, mut arriving) = mpsc::channel(64);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(signal) = arriving.recv().await {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(signal);
            }
        });
        let link = driver(Arc::clone(&clock)).connect(account, &[], signals).await.unwrap();
        let line = Self { link, lock: NativeId(String::new()), clock, heard };
        wait_until("a lock", SOON, || line.found().is_some()).await;
        Self { lock: line.found().unwrap(), ..line }
    }

    /// Looks at what the driver has told.
    pub fn heard<T>(&self, look: impl FnOnce(&[Signal]) -> T) -> T {
        look(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn found(&self) -> Option<NativeId> {
        self.heard(|heard| {
            heard.iter().find_map(|signal| match signal {
                Signal::Discovered { about, .. } => Some(about.native.clone()),
                _ => None,
            })
        })
    }

    fn codes(&self) -> &dyn CodeSlots {
        self.link.codes().unwrap()
    }

    /// What the lock can do.
    pub async fn traits(&self) -> CodeTraits {
        self.codes().traits(&self.lock).await.unwrap()
    }

    /// What the lock says is in a slot.
    pub async fn read(&self, slot: u32) -> Result<Content, CodeFault> {
        self.codes().read(&self.lock, Slot(slot)).await
    }

    /// What is known of all slots.
    pub async fn list(&self) -> Vec<(Slot, Content)> {
        self.codes().list(&self.lock).await.unwrap().slots
    }

    /// Puts a code into a slot, through a gate that stays open.
    pub async fn write(&self, slot: u32, code: &NewCode) -> Result<Proof, CodeFault> {
        let by = self.clock.now().after(Duration::from_secs(60));
        self.codes().set(&self.lock, Slot(slot), code, Gate::new(&*self.clock, by)).await
    }

    /// The same for a code that replaces nothing.
    pub async fn set(&self, slot: u32, digits: &str) -> Result<Proof, CodeFault> {
        self.write(slot, &new(digits)).await
    }

    /// Empties a slot.
    pub async fn clear(&self, slot: u32) -> Result<Proof, CodeFault> {
        let by = self.clock.now().after(Duration::from_secs(60));
        self.codes().clear(&self.lock, Slot(slot), Gate::new(&*self.clock, by)).await
    }

    /// Whether it was told since the `from`th signal that a slot is to be looked at.
    fn told_of(&self, slot: u32, from: usize) -> bool {
        let fits =
            |signal: &Signal| matches!(signal, Signal::CodesChanged(_, told) if told.is_none_or(|told| told.0 == slot));
        self.heard(|heard| heard.iter().skip(from).any(fits))
    }

    fn told(&self) -> usize {
        self.heard(<[Signal]>::len)
    }
}

/// A code that replaces nothing, without name and times.
///
/// # Panics
/// If that are no digits.
#[must_use]
pub fn new(digits: &str) -> NewCode {
    NewCode { pin: Pin::new(digits).unwrap(), name: None, window: None, replaces: false }
}

const PIN: &str = "246813";
const OTHER: &str = "975312";

fn has(slot: u32, digits: &str) -> Vec<(u32, String)> {
    vec![(slot, digits.to_owned())]
}

/// Whether a slot tells this code, as far as the lock shows codes.
fn tells(content: &Content, digits: &str, shows: Shows) -> bool {
    match (content, shows) {
        (Content::Held(held), Shows::Code) => {
            held.code == Code::Shown(Pin::new(digits).unwrap()) || held.code == Code::Hidden
        }
        (Content::Held(held), Shows::Taken) => held.code == Code::Hidden,
        _ => false,
    }
}

/// P1.
pub async fn a_code_that_is_set_is_there_and_one_that_is_cleared_is_gone(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    let shows = line.traits().await.shows;
    assert_eq!(line.read(1).await, Ok(Content::Empty));
    line.set(1, PIN).await.unwrap();
    assert_eq!(site.kept().await, has(1, PIN));
    assert!(tells(&line.read(1).await.unwrap(), PIN, shows));
    assert_eq!(line.read(2).await, Ok(Content::Empty));
    line.clear(1).await.unwrap();
    assert_eq!(site.kept().await, []);
    assert_eq!(line.read(1).await, Ok(Content::Empty));
    line.clear(1).await.unwrap();
}

/// P3, P12.
pub async fn a_code_that_is_there_is_not_written_again(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(1, PIN).await.unwrap();
    let writes = site.writes().await;
    match line.traits().await.shows {
        Shows::Code => assert_eq!(line.set(1, PIN).await, Ok(Proof::ReadBack)),
        // Which code is there nobody can tell.
        Shows::Taken | Shows::Nothing => assert_eq!(line.set(1, PIN).await, Err(CodeFault::Occupied)),
    }
    line.clear(2).await.unwrap();
    assert_eq!(site.writes().await, writes);
    assert_eq!(site.kept().await, has(1, PIN));
}

/// P1.
pub async fn a_code_that_the_lock_has_already_is_told_as_such(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(1, PIN).await.unwrap();
    let fault = line.set(2, PIN).await.unwrap_err();
    assert!(matches!(fault, CodeFault::Duplicate(slot) if slot.is_none_or(|slot| slot == Slot(1))), "{fault:?}");
    assert_eq!(site.kept().await, has(1, PIN));
}

/// P7.
pub async fn a_taken_slot_is_replaced_only_if_that_is_wanted(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    site.program(3, Some(OTHER)).await;
    assert_eq!(line.set(3, PIN).await, Err(CodeFault::Occupied));
    assert_eq!(site.kept().await, has(3, OTHER));
    line.write(3, &NewCode { replaces: true, ..new(PIN) }).await.unwrap();
    assert_eq!(site.kept().await, has(3, PIN));
}

/// P2.
pub async fn what_a_lock_cannot_take_is_refused_before_it_is_asked(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    let traits = line.traits().await;
    let (slots, shortest, longest) = (traits.slots, traits.shortest, traits.longest);
    for slot in [0, slots + 1] {
        assert_eq!(line.set(slot, PIN).await, Err(CodeFault::NoSuchSlot { slots }));
        assert_eq!(line.clear(slot).await, Err(CodeFault::NoSuchSlot { slots }), "not all of them");
        assert_eq!(line.read(slot).await, Err(CodeFault::NoSuchSlot { slots }));
    }
    let pin = "1".repeat(longest + 1);
    assert_eq!(line.set(1, &pin).await, Err(CodeFault::WrongLength { shortest, longest }));
    assert_eq!((site.kept().await, site.writes().await), (vec![], 0));
}

/// P1.
pub async fn a_code_that_is_refused_is_not_set(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(1, PIN).await.unwrap();
    site.trouble(Some(CodeTrouble::Refuses)).await;
    for fault in [line.set(2, OTHER).await.unwrap_err(), line.clear(1).await.unwrap_err()] {
        assert!(matches!(fault, CodeFault::Refused(_) | CodeFault::Full), "{fault:?}");
    }
    assert_eq!(site.kept().await, has(1, PIN));
    site.trouble(None).await;
    line.clear(1).await.unwrap();
}

/// P1.
pub async fn a_code_that_the_lock_only_says_it_has_is_not_set(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(1, PIN).await.unwrap();
    site.trouble(Some(CodeTrouble::Lies)).await;
    for result in [line.set(2, OTHER).await, line.clear(1).await] {
        assert!(matches!(result, Err(CodeFault::Refused(_) | CodeFault::Unknown(_))), "{result:?}");
    }
    assert_eq!(site.kept().await, has(1, PIN));
}

/// P7.
pub async fn a_lock_that_is_not_heard_after_a_write_leaves_it_unknown(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.traits().await;
    site.trouble(Some(CodeTrouble::Silent)).await;
    let result = line.set(1, PIN).await;
    assert!(matches!(result, Err(CodeFault::Unknown(_) | CodeFault::NotWritten(_))), "{result:?}");
    if matches!(result, Err(CodeFault::NotWritten(_))) {
        assert_eq!((site.kept().await, site.writes().await), (vec![], 0), "said to be not written");
    }
    // Heard again, it is asked, and what was written is not written again.
    let writes = site.writes().await;
    site.trouble(None).await;
    if writes > 0 {
        assert_eq!(site.kept().await, has(1, PIN));
        assert_ne!(line.read(1).await, Ok(Content::Empty));
    }
}

/// P7.
pub async fn a_lock_that_cannot_be_reached_gets_no_code(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    site.trouble(Some(CodeTrouble::Dead)).await;
    let began = Instant::now();
    for result in [line.set(1, PIN).await, line.clear(1).await] {
        assert!(matches!(result, Err(CodeFault::Unknown(_) | CodeFault::NotWritten(_))), "{result:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(120), "in bounded time");
    assert_eq!(site.kept().await, []);
    site.trouble(None).await;
    line.set(1, PIN).await.unwrap();
    assert_eq!(site.kept().await, has(1, PIN));
}

/// P1.
pub async fn a_lock_that_takes_its_time_is_asked_once_more(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    site.trouble(Some(CodeTrouble::Slow)).await;
    line.set(1, PIN).await.unwrap();
    assert_eq!(site.kept().await, has(1, PIN), "it was there when it was called set");
}

/// P2.
pub async fn nothing_is_written_through_a_closed_gate(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(2, OTHER).await.unwrap();
    let writes = site.writes().await;
    let closed = Gate::new(&*line.clock, line.clock.now());
    let codes = line.codes();
    let too_late = Err(CodeFault::NotWritten(NotWritten::TooLate));
    assert_eq!(codes.set(&line.lock, Slot(1), &new(PIN), closed).await, too_late);
    assert_eq!(codes.clear(&line.lock, Slot(2), closed).await, too_late);
    assert_eq!((site.kept().await, site.writes().await), (has(2, OTHER), writes));
}

/// P4, P7.
pub async fn codes_outlive_the_hub(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    line.set(1, PIN).await.unwrap();
    site.hub_dies().await;
    wait_until("the end of the session", SOON, || {
        line.heard(|heard| heard.iter().any(|signal| matches!(signal, Signal::Lost(_))))
    })
    .await;
    let lost = line.set(2, OTHER).await;
    assert!(matches!(lost, Err(CodeFault::NotWritten(NotWritten::Unavailable(_)))), "{lost:?}");
    site.hub_returns().await;
    let line = Line::to(site).await;
    let shows = line.traits().await.shows;
    assert!(tells(&line.read(1).await.unwrap(), PIN, shows));
    let listed = line.list().await;
    let first = listed.iter().find(|(slot, _)| *slot == Slot(1));
    assert!(first.is_none_or(|(_, content)| tells(content, PIN, shows)), "{listed:?}");
    line.clear(1).await.unwrap();
    assert_eq!(site.kept().await, []);
}

/// P7.
pub async fn what_somebody_does_at_the_lock_is_told(site: &mut impl Keypads) {
    let line = Line::to(site).await;
    let shows = line.traits().await.shows;
    let from = line.told();
    site.program(4, Some(OTHER)).await;
    wait_until("word of slot 4", SOON, || line.told_of(4, from)).await;
    assert!(tells(&line.read(4).await.unwrap(), OTHER, shows));
    // What was read is known by then.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let from = line.told();
    site.program(4, None).await;
    wait_until("word of slot 4", SOON, || line.told_of(4, from)).await;
    assert_eq!(line.read(4).await, Ok(Content::Empty));
}
