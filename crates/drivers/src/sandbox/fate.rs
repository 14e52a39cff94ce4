//! Chance, and which faults strike a command.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::script::StepFault;
use super::settings::{Faults, Odds};

/// One lock's source of chance. Its algorithm is fixed, so that a seed tells the same story on every machine.
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The source of the lock number `index` under `seed`. Locks do not disturb each other's luck.
    pub(super) fn of(seed: u64, index: usize) -> Self {
        let index = u64::try_from(index).unwrap_or(u64::MAX).wrapping_add(1);
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    pub(super) fn strikes(&mut self, percent: u8) -> bool {
        percent > 0 && self.0.random_ratio(u32::from(percent.min(100)), 100)
    }

    /// A time around `middle_ms`, at most `spread_ms` away, never below zero.
    pub(super) fn around(&mut self, middle_ms: u64, spread_ms: u64) -> Duration {
        let middle = middle_ms.saturating_mul(1_000);
        let spread = spread_ms.saturating_mul(1_000);
        if spread == 0 {
            return Duration::from_micros(middle);
        }
        let drawn = self.0.random_range(0..=spread.saturating_mul(2));
        Duration::from_micros(middle.saturating_add(drawn).saturating_sub(spread))
    }
}

/// What a lock makes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Refuse,
    Privacy,
    Lie,
    Ignore,
    Obstruct,
    Jam,
    Obey,
}

/// What happens to one command.
pub(super) struct Fate {
    pub(super) deed: Deed,
    pub(super) offline: bool,
    pub(super) acknowledged: bool,
    pub(super) mute: bool,
    pub(super) stale: bool,
}

impl Fate {
    /// The fate that a step of a script has for its command.
    pub(super) fn of(fault: Option<StepFault>) -> Self {
        let deed = match fault {
            Some(StepFault::Refuse) => Deed::Refuse,
            Some(StepFault::Privacy) => Deed::Privacy,
            Some(StepFault::Lie) => Deed::Lie,
            Some(StepFault::Ignore) => Deed::Ignore,
            Some(StepFault::Obstruct) => Deed::Obstruct,
            Some(StepFault::Jam) => Deed::Jam,
            Some(StepFault::Mute | StepFault::Stale | StepFault::Offline) | None => Deed::Obey,
        };
        let is = |one| fault == Some(one);
        Self {
            deed,
            offline: is(StepFault::Offline),
            acknowledged: true,
            mute: is(StepFault::Mute),
            stale: is(StepFault::Stale),
        }
    }

    /// Draws the fate of the next command and uses up the faults that strike it.
    pub(super) fn draw(faults: &mut Faults, odds: Odds, chance: &mut Chance) -> Self {
        Self {
            deed: draw_deed(faults),
            offline: faults.offline.take(),
            acknowledged: !chance.strikes(odds.unacknowledged),
            mute: faults.mute.take() | chance.strikes(odds.mute),
            stale: faults.stale.take() | chance.strikes(odds.stale),
        }
    }
}

fn draw_deed(faults: &mut Faults) -> Deed {
    [
        (&mut faults.refuse, Deed::Refuse),
        (&mut faults.privacy, Deed::Privacy),
        (&mut faults.lie, Deed::Lie),
        (&mut faults.ignore, Deed::Ignore),
        (&mut faults.obstruct, Deed::Obstruct),
        (&mut faults.jam, Deed::Jam),
    ]
    .into_iter()
    .find_map(|(fault, deed)| fault.take().then_some(deed))
    .unwrap_or(Deed::Obey)
}
