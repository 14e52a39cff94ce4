//! What must hold of a disk after a cut, given what the world was told and what the locks got.

use std::collections::HashMap;

use rusqlite::{Connection, OpenFlags};
use thumbturn_core::attempts::{Attempt, Outcome};
use thumbturn_core::events::EventKind;
use thumbturn_core::ids::AttemptId;
use thumbturn_powercut::VFS;
use thumbturn_store::{AttemptFilter, DATABASE_FILE, EventFilter, PageRequest, Store};

use crate::ledger::Broken;
use crate::life::{Life, Stopped, scope};

const ALL: PageRequest = PageRequest::first(1_000_000);

/// What the disk says.
struct Found {
    attempts: HashMap<AttemptId, Attempt>,
    /// How many events say that an attempt has ended.
    ends: HashMap<AttemptId, usize>,
}

impl Found {
    async fn on(store: &Store) -> Result<Self, Stopped> {
        let attempts = store.attempts(&scope(), &AttemptFilter::default(), ALL).await?.items;
        let mut ends = HashMap::new();
        for recorded in store.events(&scope(), &EventFilter::default(), usize::MAX, 0).await? {
            if let EventKind::AttemptEnded { attempt, .. } = recorded.event.kind {
                *ends.entry(attempt).or_default() += 1;
            }
        }
        Ok(Self { attempts: attempts.into_iter().map(|attempt| (attempt.id, attempt)).collect(), ends })
    }

    fn pending(&self) -> Vec<AttemptId> {
        let pending = self.attempts.values().filter(|attempt| attempt.outcome.is_none());
        pending.map(|attempt| attempt.id).collect()
    }
}

/// Checks everything but the time that things take, and says what is pending.
pub(crate) async fn all(life: &Life, store: &Store) -> Result<Vec<AttemptId>, Stopped> {
    integrity(life);
    let told: Vec<_> = life.ledger.open().attempts.iter().map(|(id, told)| (*id, told.clone())).collect();
    let received = life.hardware.received();
    let found = Found::on(store).await?;
    for (id, told) in told {
        match (found.attempts.get(&id), told.told) {
            (None, _) => life.ledger.broken(Broken::Lost(id)),
            (Some(attempt), Some(told)) if attempt.outcome.as_ref() != Some(&told) => {
                life.ledger.broken(Broken::OtherEnd(id, told, attempt.outcome.clone()));
            }
            _ => {}
        }
    }
    let mut sent: HashMap<AttemptId, Vec<u32>> = HashMap::new();
    for command in received {
        sent.entry(command.attempt).or_default().push(command.life);
    }
    for (id, lives) in &sent {
        if lives.len() > 1 {
            life.ledger.broken(Broken::SecondCommand(*id, lives.len()));
        }
        match found.attempts.get(id) {
            None => life.ledger.broken(Broken::SentBeforeDisk(*id)),
            Some(attempt) if lives.iter().any(|sent| life.ledger.life_at(attempt.created_at) != *sent) => {
                life.ledger.broken(Broken::SentAfterRestart(*id));
            }
            Some(_) => {}
        }
    }
    for (id, attempt) in &found.attempts {
        let events = found.ends.get(id).copied().unwrap_or(0);
        if events != usize::from(attempt.outcome.is_some()) {
            life.ledger.broken(Broken::Events(*id, events));
        }
        if attempt.outcome == Some(Outcome::Success { confirmed: true }) && !sent.contains_key(id) {
            life.ledger.broken(Broken::Unbacked(*id));
        }
    }
    Ok(found.pending())
}

/// None of these is pending any more.
pub(crate) async fn ended(life: &Life, store: &Store, left_over: &[AttemptId]) -> Result<(), Stopped> {
    let pending = Found::on(store).await?.pending();
    for id in left_over.iter().filter(|id| pending.contains(id)) {
        life.ledger.broken(Broken::Pending(*id));
    }
    Ok(())
}

fn integrity(life: &Life) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let checked = Connection::open_with_flags_and_vfs(life.folder.join(DATABASE_FILE), flags, VFS)
        .and_then(|connection| connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)));
    let damage = match checked {
        Ok(word) if word == "ok" => return,
        Ok(word) => word,
        Err(error) => error.to_string(),
    };
    if life.disk.is_on() {
        life.ledger.broken(Broken::Damaged(damage));
    }
}
