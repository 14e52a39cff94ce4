//! Who waits for the events of a workspace: woken by every commit that tells of one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thumbturn_core::ids::WorkspaceId;
use tokio::sync::watch;

type Places = HashMap<WorkspaceId, watch::Sender<()>>;

/// A place for each workspace that somebody listens to.
#[derive(Default)]
pub(crate) struct Listeners {
    places: Mutex<Places>,
    /// How many places there are: without any, a commit pays for nothing more than to see that.
    count: AtomicUsize,
}

/// Hears of the commits that tell of something in a workspace.
#[derive(Debug)]
pub struct EventsWatch(watch::Receiver<()>);

impl EventsWatch {
    /// Returns when something was told since the last time, by this process or another one on the same database; `false`
    /// if nothing ever will be: the store is gone. What it was is read from the store.
    pub async fn told(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl Listeners {
    /// Whoever reads after this is woken by every commit that the reading does not see.
    pub(crate) fn listen(&self, workspace: WorkspaceId) -> EventsWatch {
        let mut places = self.places();
        places.retain(|_, place| place.receiver_count() > 0);
        let watch = places.entry(workspace).or_insert_with(|| watch::Sender::new(())).subscribe();
        self.count.store(places.len(), Ordering::SeqCst);
        EventsWatch(watch)
    }

    /// Something was told in a workspace. Called after the commit.
    pub(crate) fn wake(&self, workspace: WorkspaceId) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some(place) = self.places().get(&workspace) {
            place.send_replace(());
        }
    }

    /// Something may have been told anywhere.
    pub(crate) fn wake_all(&self) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.places().values().for_each(|place| place.send_replace(()));
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn id(number: u128) -> WorkspaceId {
        WorkspaceId(uuid::Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn who_listens_hears_of_its_workspace_alone_and_once() {
        let (here, there) = (id(1), id(2));
        let listeners = Listeners::default();
        listeners.wake(here);
        let mut watch = listeners.listen(here);
        assert!(watch.told().now_or_never().is_none(), "that was before");
        listeners.wake(there);
        assert!(watch.told().now_or_never().is_none());
        listeners.wake(here);
        listeners.wake(here);
        assert_eq!(watch.told().now_or_never(), Some(true));
        assert!(watch.told().now_or_never().is_none());
        listeners.wake_all();
        assert_eq!(watch.told().now_or_never(), Some(true));
        drop(listeners);
        assert_eq!(watch.told().now_or_never(), Some(false));
    }

    #[tokio::test]
    async fn places_that_nobody_listens_at_are_given_up() {
        let listeners = Listeners::default();
        drop(listeners.listen(id(1)));
        let _watch = listeners.listen(id(2));
        assert_eq!(listeners.places().len(), 1);
    }
}
