//! A machine and its lives: each but the last ends with a cut, and the next begins with what the disk kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use thumbturn_powercut::{Disk, Honesty};

use crate::hardware::Hardware;
use crate::ledger::{Broken, Ledger};
use crate::life::{Cut, Life};
use crate::mutants::Mutant;

/// What a story is told with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) honesty: Honesty,
    pub(crate) mutant: Mutant,
}

/// How a story went.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// How many lives ended because the power went; the others came to an orderly end before.
    pub(crate) cuts: usize,
    pub(crate) acknowledged: usize,
    pub(crate) commands: usize,
    pub(crate) left_over: usize,
    pub(crate) broken: Vec<Broken>,
}

/// A machine.
pub(crate) struct Story {
    seed: u64,
    settings: Settings,
    chance: Xoshiro256PlusPlus,
    hardware: Arc<Hardware>,
    ledger: Arc<Ledger>,
}

impl Story {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        let chance = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { seed, settings, chance, hardware: Arc::new(Hardware::new()), ledger: Arc::default() }
    }

    /// Lives its lives.
    pub(crate) fn tell(mut self) -> Told {
        let folder = tempfile::tempdir().unwrap();
        let last = self.chance.random_range(2..=6);
        let mut cuts = 0;
        let mut disk = Arc::new(Disk::new(self.settings.honesty));
        let mut wall = Timestamp::constant(1_800_000_000, 0);
        for number in 0..=last {
            let cut = if number == last { Cut::Never } else { self.cut() };
            self.ledger.begins(wall);
            let life = Arc::new(Life {
                number,
                seed: self.seed.wrapping_mul(1000).wrapping_add(u64::from(number)),
                cut,
                mutant: self.settings.mutant,
                folder: folder.path().to_owned(),
                disk: Arc::clone(&disk),
                hardware: Arc::clone(&self.hardware),
                ledger: Arc::clone(&self.ledger),
                wall,
                busy_for: Duration::from_millis(self.chance.random_range(2_000..16_000)),
            });
            let ended = life.live();
            wall = ended + SignedDuration::from_millis(self.chance.random_range(200..60_000));
            cuts += usize::from(!disk.is_on());
            disk = Arc::new(disk.survivor(&mut self.chance));
            self.hardware.come_to_rest();
        }
        let entries = self.ledger.open();
        Told {
            cuts,
            acknowledged: entries.attempts.len(),
            commands: self.hardware.received().len(),
            left_over: entries.left_over,
            broken: entries.broken.clone(),
        }
    }

    /// Often in the start and its recovery, or where the log is folded into the database.
    fn cut(&mut self) -> Cut {
        match self.chance.random_range(0..12_u32) {
            0..3 => Cut::At(self.chance.random_range(1..60)),
            3..7 => Cut::At(self.chance.random_range(60..2_000)),
            7..9 => Cut::InCheckpoint(self.chance.random_range(1..60)),
            9..11 => Cut::After(Duration::from_millis(self.chance.random_range(1..2_000))),
            _ => Cut::WhileClosing(self.chance.random_range(1..40)),
        }
    }
}
