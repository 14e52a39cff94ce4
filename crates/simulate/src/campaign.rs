//! Many stories, on all cores, until the wanted number of cycles is reached or something was not true.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::judge::Counts;
use crate::world::{CannotTell, Plan, tell};

/// How many cycles one story has.
const STORY: u64 = 2_000;

/// The size of every town.
const HUBS: usize = 4;
const LOCKS: usize = 5;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How many commanded cycles in all.
    pub cycles: u64,
    /// Decides everything.
    pub seed: u64,
    /// Something goes wrong around one in so many commands.
    pub trouble_every: u64,
    /// How many stories are told at the same time.
    pub threads: usize,
    /// The number of the only story to tell, to see again what happened in it.
    pub only: Option<u64>,
    /// Where the stores lie while they are needed.
    pub folder: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was counted over all stories.
    pub counts: Counts,
    /// How many stories were told.
    pub stories: u64,
    /// The first story, by number, in which something was not true.
    pub failed: Option<Failed>,
}

/// A story in which something was not true.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its number.
    pub story: u64,
    /// What was not true.
    pub untruths: Vec<String>,
}

/// Runs a campaign.
///
/// # Errors
/// [`CannotTell`] if the machine fails.
pub fn run(campaign: &Campaign) -> Result<Report, CannotTell> {
    let stories = campaign.cycles.div_ceil(STORY).max(1);
    let report = Mutex::new(Report { counts: Counts::default(), stories: 0, failed: None });
    let broken = Mutex::new(None);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..campaign.threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let number = match campaign.only {
                        Some(only) if number == 0 => only,
                        Some(_) => return,
                        None if number >= stories => return,
                        None => number,
                    };
                    match tell(campaign.plan(number), &campaign.folder) {
                        Ok(verdict) => {
                            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                            report.counts.add(&verdict.counts);
                            report.stories += 1;
                            let is_first = report.failed.as_ref().is_none_or(|failed| failed.story > number);
                            if !verdict.untruths.is_empty() && is_first {
                                stop.store(true, Ordering::Relaxed);
                                report.failed = Some(Failed { story: number, untruths: verdict.untruths });
                            }
                        }
                        Err(error) => {
                            stop.store(true, Ordering::Relaxed);
                            broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    match broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

impl Campaign {
    /// What the story of this number is made of.
    #[must_use]
    pub fn plan(&self, number: u64) -> Plan {
        Plan {
            seed: self.seed.wrapping_add(number.wrapping_mul(0xD134_2543_DE82_EF95)),
            cycles: self.cycles.clamp(1, STORY),
            trouble_every: self.trouble_every,
            hubs: HUBS,
            locks: LOCKS,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        let troubles: u64 = counts.troubles.values().sum();
        writeln!(f, "{} cycles in {} stories", counts.cycles, self.stories)?;
        writeln!(f, "{:.1} simulated days", counts.simulated.as_secs_f64() / 86_400.0)?;
        writeln!(f, "{troubles} troubles of {} kinds, {} crashes", counts.troubles.len(), counts.crashes)?;
        writeln!(f, "{} commits, {} reads, {} checks", counts.commits, counts.reads, counts.checks)?;
        writeln!(f, "{} attempts without any trouble near", counts.sound)?;
        writeln!(f, "ended as:")?;
        for (outcome, times) in &counts.outcomes {
            writeln!(f, "  {times:>9}  {outcome}")?;
        }
        writeln!(f, "what went wrong:")?;
        for (trouble, times) in &counts.troubles {
            writeln!(f, "  {times:>9}  {}", trouble.as_str())?;
        }
        let untruths = self.failed.as_ref().map_or(0, |failed| failed.untruths.len());
        write!(f, "{untruths} untrue answers")
    }
}
