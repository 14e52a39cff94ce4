//! Counting: how many tests ran well, read from what the test programs print.

use std::fmt;
use std::ops::AddAssign;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// One thing that went well or not.
    pub(crate) fn one(ok: bool) -> Self {
        Self { passed: u64::from(ok), failed: u64::from(!ok) }
    }

    /// A program that failed without a failed test (did not compile, crashed) or that counted
    /// nothing at all is one failure: silence is never success.
    pub(crate) fn of_run(self, succeeded: bool) -> Self {
        let unexplained = self.failed == 0 && (!succeeded || self.passed == 0);
        Self { failed: self.failed + u64::from(unexplained), ..self }
    }

    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …` of the Rust test runner.
    pub(crate) fn read_cargo(&mut self, line: &str) {
        if let Some(rest) = line.trim().strip_prefix("test result: ") {
            self.passed += number_before(rest, " passed").unwrap_or(0);
            self.failed += number_before(rest, " failed").unwrap_or(0);
        }
    }

    /// The lines `pass 3`, `fail 0` and `cancelled 0` that close a run of Node's test runner,
    /// each behind a mark (`ℹ` or `#`).
    pub(crate) fn read_node(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) else { return };
        match rest.split_once(' ').map(|(word, number)| (word, number.trim().parse::<u64>())) {
            Some(("pass", Ok(number))) => self.passed += number,
            Some(("fail" | "cancelled", Ok(number))) => self.failed += number,
            _ => {}
        }
    }

    /// The closing line of our own suites, alone on its line: `3 passed, 0 failed`.
    pub(crate) fn read_closing(&mut self, line: &str) {
        if let Some((passed, failed)) = line.trim().split_once(" passed, ")
            && let (Ok(passed), Some(Ok(failed))) =
                (passed.parse::<u64>(), failed.strip_suffix(" failed").map(str::parse::<u64>))
        {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

/// The number directly before the first `word`.
pub(crate) fn number_before(text: &str, word: &str) -> Option<u64> {
    text.split(word).next()?.rsplit(' ').next()?.parse().ok()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn tally(lines: &[&str], read: fn(&mut Tally, &str)) -> (u64, u64) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| read(&mut tally, line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn adds_up_rust_result_lines() {
        let lines = [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        assert_eq!(tally(&lines, Tally::read_cargo), (4, 2));
    }

    #[test]
    fn reads_both_reporters_of_node() {
        let spec = ["▶ unlock", "ℹ tests 4", "ℹ pass 3", "ℹ fail 1", "ℹ cancelled 0", "ℹ duration_ms 12.5"];
        assert_eq!(tally(&spec, Tally::read_node), (3, 1));
        assert_eq!(tally(&["# pass 2", "# fail 0", "# cancelled 1"], Tally::read_node), (2, 1));
    }

    #[test]
    fn reads_only_a_closing_line_that_stands_alone() {
        assert_eq!(tally(&["12 passed, 1 failed"], Tally::read_closing), (12, 1));
        assert_eq!(tally(&["lint: 12 passed, 1 failed", "none passed, 0 failed"], Tally::read_closing), (0, 0));
    }

    #[test]
    fn a_run_without_a_single_count_is_a_failure() {
        assert_eq!(Tally::default().of_run(true), Tally { passed: 0, failed: 1 });
        assert_eq!(Tally { passed: 3, failed: 0 }.of_run(false), Tally { passed: 3, failed: 1 });
        assert_eq!(Tally { passed: 3, failed: 2 }.of_run(false), Tally { passed: 3, failed: 2 });
        assert_eq!(Tally { passed: 3, failed: 0 }.of_run(true), Tally { passed: 3, failed: 0 });
    }
}
