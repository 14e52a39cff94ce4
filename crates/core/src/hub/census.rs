//! How much of everything there is at present, by driver, for the operator.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::accounts::{LinkState, LinkTrouble, Provider};

/// What runs at present on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Attempts that wait for their turn or have it.
    pub attempts: BTreeMap<Provider, u64>,
    /// Locks that are served.
    pub locks: BTreeMap<Provider, u64>,
    /// Hub sessions, by how they stand.
    pub sessions: BTreeMap<(Provider, Standing), u64>,
}

/// How a hub session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The first connection since the start is being made.
    Connecting,
    /// Connected.
    Connected,
    /// The hub cannot be reached; it is tried again.
    Unreachable,
    /// The hub refuses the credentials, or the settings cannot work.
    Refused,
}

impl Standing {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Connecting, Self::Connected, Self::Unreachable, Self::Refused];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

impl From<&LinkState> for Standing {
    fn from(link: &LinkState) -> Self {
        match link {
            LinkState::Connecting => Self::Connecting,
            LinkState::Up => Self::Connected,
            LinkState::Down { trouble, .. } => Self::from(*trouble),
        }
    }
}

impl From<LinkTrouble> for Standing {
    fn from(trouble: LinkTrouble) -> Self {
        match trouble {
            LinkTrouble::HubDisconnected => Self::Unreachable,
            LinkTrouble::CredentialsRefused => Self::Refused,
        }
    }
}

/// Where each session says how it stands.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<Vec<(Provider, Weak<AtomicU8>)>>);

/// One session's place there, for as long as the session lives.
#[derive(Debug)]
pub(crate) struct Stands(Arc<AtomicU8>);

impl Stands {
    /// Says how the session stands from now on.
    pub(crate) fn at(&self, standing: Standing) {
        self.0.store(standing as u8, Ordering::Relaxed);
    }
}

impl Standings {
    /// A new session's place.
    pub(crate) fn enter(&self, provider: Provider) -> Stands {
        let stands = Stands(Arc::new(AtomicU8::new(Standing::Connecting as u8)));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, session)| session.strong_count() > 0);
        all.push((provider, Arc::downgrade(&stands.0)));
        stands
    }

    /// How many sessions stand how.
    pub(crate) fn count(&self) -> BTreeMap<(Provider, Standing), u64> {
        let mut counted = BTreeMap::new();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (provider, session) in all.iter().filter_map(|(provider, session)| Some((*provider, session.upgrade()?))) {
            let stands = session.load(Ordering::Relaxed);
            if let Some(standing) = Standing::ALL.into_iter().find(|standing| *standing as u8 == stands) {
                *counted.entry((provider, standing)).or_default() += 1;
            }
        }
        counted
    }
}
