//! The coordinator with all of its locks, and the door to it for a hub.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::frame::{Cutter, Frame, Kind, Part, Reader};
use super::lock::{Course, Event, Lock};
use super::spec::{By, Faults, LockSpec, Place, Truth};
use super::stick::Stick;
use super::zcl::Message;
use super::zdo::{self, Address, Question};
use crate::Error;

/// Frames that may wait for a hub.
const WAITING: usize = 4096;

/// Nobody acknowledged a message: the device sleeps or is out of reach.
const NOT_ACKNOWLEDGED: u8 = 0xf0;

/// The endpoint of the hub that talks with locks.
const OURS: u8 = 1;

/// How well a device is heard.
const LINK_QUALITY: u8 = 121;

/// Simulated locks and their coordinator, which a [`super::Hub`] is started on. They are gone when this is dropped.
pub struct House {
    inner: Arc<Inner>,
    port: u16,
    serving: JoinHandle<()>,
}

struct Inner {
    stick: Mutex<Stick>,
    locks: Mutex<BTreeMap<String, Lock>>,
    said: broadcast::Sender<Said>,
}

/// What comes out of the coordinator.
#[derive(Clone)]
enum Said {
    Frame(Vec<u8>),
    /// It was pulled out.
    Nothing,
}

impl House {
    /// A house with these locks. They join the first hub that is started on it.
    pub async fn with(locks: &[LockSpec]) -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::io("open the door of a house"))?;
        let port = listener.local_addr().map_err(Error::io("open the door of a house"))?.port();
        let inner =
            Inner { stick: Mutex::new(Stick::new()), locks: Mutex::default(), said: broadcast::channel(WAITING).0 };
        locks.iter().for_each(|spec| drop(inner.add(spec.clone())));
        let inner = Arc::new(inner);
        let serving = tokio::spawn(serve(Arc::clone(&inner), listener));
        Ok(Self { inner, port, serving })
    }

    /// The port of the coordinator.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// The locks, each with its address as the hub writes it.
    pub(super) fn locks(&self) -> Vec<(String, LockSpec)> {
        self.inner.locks().values().map(|lock| (ieee(lock.at), lock.spec.clone())).collect()
    }

    /// Has the locks that are new to the coordinator join its network; their names.
    pub(super) fn introduce(&self) -> Vec<String> {
        let mut locks = self.inner.locks();
        let new: Vec<&mut Lock> = locks.values_mut().filter(|lock| !lock.has_joined).collect();
        let joining = new.into_iter().map(|lock| {
            lock.has_joined = true;
            zdo::joins(lock.at).into_iter().for_each(|frame| self.inner.say(&frame));
            lock.spec.name.clone()
        });
        joining.collect()
    }

    /// What a lock really did.
    pub fn truth(&self, lock: &str) -> Result<Truth, Error> {
        self.inner.with(lock, |lock| lock.truth.clone())
    }

    /// The address of a lock as the hub writes it, e.g. `0x00158d0000a00001`.
    pub fn ieee(&self, lock: &str) -> Result<String, Error> {
        self.inner.with(lock, |lock| ieee(lock.at))
    }

    /// Has a lock misbehave from now on, or behave again.
    pub fn set_faults(&self, lock: &str, faults: Faults) -> Result<(), Error> {
        self.inner.with(lock, |lock| lock.faults = faults)
    }

    /// Something at the door moves a bolt, and the lock tells of it.
    pub fn turn(&self, lock: &str, to: Place, by: By) -> Result<(), Error> {
        self.happens(lock, |lock| lock.turn(to, by))
    }

    /// Something moves a bolt, and the lock tells nobody.
    pub fn turn_in_silence(&self, lock: &str, to: Place) -> Result<(), Error> {
        self.inner.with(lock, |lock| lock.arrives(to))
    }

    /// Somebody enters a wrong code.
    pub fn wrong_code(&self, lock: &str) -> Result<(), Error> {
        self.happens(lock, Lock::wrong_code)
    }

    /// Somebody at the lock puts a code into a slot, or empties it.
    pub fn program(&self, lock: &str, slot: u16, code: Option<&str>) -> Result<(), Error> {
        self.happens(lock, |lock| lock.program(slot, code.map(str::to_owned)))
    }

    /// A lock reports where its bolt is, true or not.
    pub fn says(&self, lock: &str, at: Place) -> Result<(), Error> {
        self.happens(lock, |lock| lock.says(at))
    }

    /// The battery of a lock has so many percent left, which it reports.
    pub fn battery(&self, lock: &str, percent: u8) -> Result<(), Error> {
        self.happens(lock, |lock| lock.battery(percent))
    }

    /// Somebody sets at a lock after how many seconds it locks itself, which it reports.
    pub fn set_auto_lock(&self, lock: &str, seconds: u32) -> Result<(), Error> {
        self.happens(lock, |lock| lock.set_auto_lock(seconds))
    }

    /// A lock is put up and joins the network at once.
    pub fn joins(&self, spec: LockSpec) {
        drop(self.inner.add(spec));
        self.introduce();
    }

    /// A lock leaves the network and says so.
    pub fn leaves(&self, lock: &str) -> Result<(), Error> {
        let at = self.inner.with(lock, |lock| lock.at)?;
        self.inner.locks().remove(lock);
        self.inner.say(&zdo::leaves(at));
        Ok(())
    }

    /// Pulls the coordinator out of whatever hub has it. The next one finds it plugged in again.
    pub fn unplug(&self) {
        // Without a hub there is nothing to be pulled out of.
        let _ = self.inner.said.send(Said::Nothing);
    }

    fn happens(&self, name: &str, act: impl FnOnce(&mut Lock) -> Vec<(Duration, Event)>) -> Result<(), Error> {
        let events = self.inner.with(name, act)?;
        self.inner.run(name, events);
        Ok(())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    fn locks(&self) -> MutexGuard<'_, BTreeMap<String, Lock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stick(&self) -> MutexGuard<'_, Stick> {
        self.stick.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, lock: &str, act: impl FnOnce(&mut Lock) -> T) -> Result<T, Error> {
        let mut locks = self.locks();
        locks.get_mut(lock).map(act).ok_or_else(|| Error::Problem(format!("there is no lock {lock}")))
    }

    /// Puts a lock up; the one that had its name before, if any.
    fn add(&self, spec: LockSpec) -> Option<Lock> {
        let mut locks = self.locks();
        let taken = locks.values().map(|lock| lock.at.short).max().unwrap_or(0x2000);
        let short = taken + 1;
        let [low, high] = (short - 0x2000).to_le_bytes();
        let at = Address { short, ieee: [low, high, 0xa0, 0x00, 0x00, 0x8d, 0x15, 0x00], endpoint: spec.endpoint };
        locks.insert(spec.name.clone(), Lock::new(spec, at))
    }

    fn say(&self, frame: &Frame) {
        // Without a hub nobody hears it.
        let _ = self.said.send(Said::Frame(frame.bytes()));
    }

    /// Has things happen at a lock, at once or later.
    fn run(self: &Arc<Self>, lock: &str, events: Vec<(Duration, Event)>) {
        let (now, later): (Vec<_>, Vec<_>) = events.into_iter().partition(|(after, _)| after.is_zero());
        now.into_iter().for_each(|(_, event)| self.happen(lock, event));
        if !later.is_empty() {
            tokio::spawn(Arc::clone(self).happen_later(lock.to_owned(), later));
        }
    }

    async fn happen_later(self: Arc<Self>, lock: String, events: Vec<(Duration, Event)>) {
        let began = tokio::time::Instant::now();
        for (after, event) in events {
            tokio::time::sleep_until(began + after).await;
            self.happen(&lock, event);
        }
    }

    /// One thing happens. A lock that is gone meanwhile does nothing.
    fn happen(&self, lock: &str, event: Event) {
        match event {
            Event::Arrives(at) => drop(self.with(lock, |lock| lock.arrives(at))),
            Event::Says(cluster, message) => {
                if let Ok(at) = self.with(lock, |lock| lock.at) {
                    self.say(&heard(at, cluster, &message));
                }
            }
        }
    }

    // --- What a hub asks ------------------------------------------------------------------------------------------

    /// Takes a request in; its answer. What follows from it is said afterwards.
    fn answer(&self, request: &Frame) -> Frame {
        let is_for_devices = request.part == Part::Zdo && zdo::question(request).is_some();
        request.answer(if is_for_devices { vec![0] } else { self.stick().answer(request) })
    }

    /// What a request leads to once it was answered.
    fn follow(self: &Arc<Self>, request: &Frame) {
        if let Some(question) = zdo::question(request) {
            self.introduced(&question).iter().for_each(|frame| self.say(frame));
        } else if (request.part, request.command) == (Part::Af, 0x01) {
            self.deliver(request);
        } else if (request.part, request.command) == (Part::Af, 0x02) {
            // To many at once, of which nobody here is one.
            let data = &request.data;
            self.confirm(0, data.get(15).copied().unwrap_or_default());
        }
    }

    fn introduced(&self, question: &Question) -> Vec<Frame> {
        let whose = match *question {
            Question::Node(short)
            | Question::Endpoints(short)
            | Question::Simple(short, _)
            | Question::Bind(short)
            | Question::Unbind(short)
            | Question::Leave(short) => short,
            Question::Find(_) | Question::PermitJoin => 0,
        };
        let locks = self.locks();
        let mut all = locks.values();
        let lock = match question {
            Question::Find(ieee) => all.find(|lock| lock.at.ieee == *ieee),
            _ => all.find(|lock| lock.at.short == whose),
        };
        match lock {
            Some(lock) if lock.faults.unreachable || lock.faults.silent => Vec::new(),
            Some(lock) => zdo::answer_of_lock(question, lock.at),
            None => zdo::answer_of_coordinator(question, self.stick().endpoints()),
        }
    }

    /// A message goes out to a device. Whether its radio took it is told first, then comes what it has to say.
    fn deliver(self: &Arc<Self>, request: &Frame) {
        let data = &mut Reader(&request.data);
        let (to, _, cluster, transaction) = (data.u16(), data.u16(), data.u16(), data.u8());
        let (_, length) = (data.u16(), data.u8());
        let message = Message::read(cluster, data.take(usize::from(length)));
        let course = {
            let mut locks = self.locks();
            let lock = locks.values_mut().find(|lock| lock.at.short == to);
            lock.and_then(|lock| Some((lock.spec.name.clone(), lock.hear(&message?))))
        };
        match course {
            Some((name, Course::Taken(events))) => {
                self.confirm(0, transaction);
                self.run(&name, events);
            }
            Some((_, Course::Unacknowledged)) | None => self.confirm(NOT_ACKNOWLEDGED, transaction),
        }
    }

    fn confirm(&self, status: u8, transaction: u8) {
        self.say(&Frame::tell(Part::Af, 0x80, vec![status, OURS, transaction]));
    }
}

/// A message of a device, as its coordinator passes it on.
fn heard(from: Address, cluster: u16, message: &[u8]) -> Frame {
    let length = u8::try_from(message.len()).unwrap_or(u8::MAX);
    let mut data = vec![0, 0];
    data.extend(cluster.to_le_bytes());
    data.extend(from.short.to_le_bytes());
    data.extend([from.endpoint, OURS, 0, LINK_QUALITY, 0, 0, 0, 0, 0, 0, length]);
    data.extend(message);
    // By whom it was passed on, and over how many hops.
    data.extend(from.short.to_le_bytes());
    data.push(0);
    Frame::tell(Part::Af, 0x81, data)
}

/// An address as hubs write it.
fn ieee(at: Address) -> String {
    at.ieee.iter().rev().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let inner = Arc::clone(&inner);
        // Ends with the hub, which may be killed in the middle of a frame, or with the house.
        tokio::spawn(async move {
            let _ = talk(&inner, stream).await;
        });
    }
}

async fn talk(inner: &Arc<Inner>, stream: TcpStream) -> std::io::Result<()> {
    // A confirmation and what a device says after it are small frames of their own.
    stream.set_nodelay(true)?;
    let mut said = inner.said.subscribe();
    let (mut from, mut to) = stream.into_split();
    let (mut cutter, mut buffer) = (Cutter::default(), vec![0; 4096]);
    loop {
        tokio::select! {
            biased;
            said = said.recv() => match said {
                Ok(Said::Frame(frame)) => to.write_all(&frame).await?,
                Ok(Said::Nothing) | Err(_) => return Ok(()),
            },
            count = from.read(&mut buffer) => {
                let count = count?;
                if count == 0 {
                    return Ok(());
                }
                cutter.push(&buffer[..count]);
                while let Some(request) = cutter.next() {
                    if request.kind == Kind::Request {
                        to.write_all(&inner.answer(&request).bytes()).await?;
                        inner.follow(&request);
                    }
                }
            }
        }
    }
}
