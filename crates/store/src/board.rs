//! What other nodes say, for whoever listens in this one.

use thumbturn_core::nodes::{Channel, News, Told};
use tokio::sync::broadcast;

/// How much may wait for a listener that is slow; more, and it is told that it missed something.
const WAITING: usize = 1024;

/// A place for each channel.
pub(crate) struct Board {
    places: Vec<(Channel, broadcast::Sender<Told>)>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { places: Channel::ALL.iter().map(|channel| (*channel, broadcast::Sender::new(WAITING))).collect() }
    }

    /// From now on.
    pub(crate) fn listen(&self, channel: Channel) -> News {
        let place = self.places.iter().find(|(known, _)| *known == channel);
        place.map_or(News::none(), |(_, place)| News::of(place.subscribe()))
    }

    /// Passes on what was said on the channel of this name.
    pub(crate) fn tell(&self, name: &str, words: &str) {
        if let Some((_, place)) = self.places.iter().find(|(known, _)| known.name() == name) {
            // Nobody may be listening.
            let _ = place.send(Told::Words(words.to_owned()));
        }
    }

    /// Something may have been missed on every channel.
    pub(crate) fn missed(&self) {
        for (_, place) in &self.places {
            let _ = place.send(Told::Missed);
        }
    }
}
