//! The process, by the names that every Prometheus client gives to these figures. Memory, time and files are read where
//! the system shows them as Linux does.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};

use super::encode::{gauge, gauges};

/// When the process started, by the wall clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pub(super) started: Timestamp,
}

impl Process {
    pub(super) fn encode(self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let version = [(vec![("version", env!("CARGO_PKG_VERSION"))], 1_u64)];
        gauges(encoder, "thumbturn_build_info", "The version that runs.", version)?;
        let started = self.started.as_millisecond() as f64 / 1e3;
        gauge(encoder, "process_start_time_seconds", "When the process started, since 1970.", started)?;
        if let Some(seconds) = cpu_seconds() {
            cpu(encoder, seconds)?;
        }
        if let Some(bytes) = resident_bytes() {
            gauge(encoder, "process_resident_memory_bytes", "Memory in use.", bytes)?;
        }
        if let Some(files) = open_files() {
            gauge(encoder, "process_open_fds", "Open files and connections.", files)?;
        }
        match getrlimit(Resource::Nofile).current {
            Some(most) => gauge(encoder, "process_max_fds", "How many may be open.", most),
            None => Ok(()),
        }
    }
}

fn cpu(encoder: &mut DescriptorEncoder<'_>, seconds: f64) -> fmt::Result {
    use prometheus_client::encoding::NoLabelSet;
    use prometheus_client::metrics::MetricType;
    let help = "Processor time that was used.";
    let mut counter = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
    counter.encode_counter::<NoLabelSet, _, f64>(&seconds, None)
}

/// User and system time. The name of the program, in parentheses, may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

fn open_files() -> Option<u64> {
    u64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}
