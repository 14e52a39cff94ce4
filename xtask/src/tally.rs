//! Counting: how many tests ran well, and which ones did not, read from what the test programs print.

use std::fmt;
use std::ops::AddAssign;

/// How many lines of what a failed test printed are told again at the end.
const LINES_EACH: usize = 60;

/// Tests that passed and failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// What the failed ones said: a long run ends with it, because its beginning may be out of sight by then.
    pub(crate) failures: Vec<String>,
    /// While lines of a failed test are read: how many more of them are kept.
    room: Option<usize>,
}

impl Tally {
    /// Notes a line, or leaves it out if its test has said enough.
    fn note(&mut self, line: &str) {
        if self.room.is_some_and(|room| room > 0) {
            self.failures.push(line.to_owned());
            self.room = self.room.map(|room| room - 1);
        }
    }

    /// A failed thing that is told in one line.
    pub(crate) fn failure(line: String) -> Self {
        Self { failures: vec![line], ..Self::one(false) }
    }

    /// One thing that went well or not.
    pub(crate) fn one(ok: bool) -> Self {
        Self { passed: u64::from(ok), failed: u64::from(!ok), ..Self::default() }
    }

    /// A program that failed without a failed test (did not compile, crashed) or that counted
    /// nothing at all is one failure: silence is never success.
    pub(crate) fn of_run(self, succeeded: bool) -> Self {
        let unexplained = self.failed == 0 && (!succeeded || self.passed == 0);
        Self { failed: self.failed + u64::from(unexplained), ..self }
    }

    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …` of the Rust test runner, and what stands under
    /// `---- the_test stdout ----`.
    pub(crate) fn read_cargo(&mut self, line: &str) {
        if line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.room = Some(LINES_EACH);
        } else if line == "failures:" {
            self.room = None;
        }
        self.note(line);
        if let Some(rest) = line.trim().strip_prefix("test result: ") {
            self.passed += number_before(rest, " passed").unwrap_or(0);
            self.failed += number_before(rest, " failed").unwrap_or(0);
        }
    }

    /// The lines `pass 3`, `fail 0` and `cancelled 0` that close a run of Node's test runner,
    /// each behind a mark (`ℹ` or `#`), and what stands under `failing tests:` behind them.
    pub(crate) fn read_node(&mut self, line: &str) {
        if line.ends_with(" failing tests:") {
            self.room = Some(LINES_EACH);
        }
        self.note(line);
        let Some(rest) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) else { return };
        match rest.split_once(' ').map(|(word, number)| (word, number.trim().parse::<u64>())) {
            Some(("pass", Ok(number))) => self.passed += number,
            Some(("fail" | "cancelled", Ok(number))) => self.failed += number,
            _ => {}
        }
    }

    /// The closing line of our own suites, alone on its line: `3 passed, 0 failed`, and each line with a failure and
    /// those under it, which begin with spaces.
    pub(crate) fn read_closing(&mut self, line: &str) {
        if line.starts_with("FAIL") || line.starts_with("ERROR") || line.contains("= FAILURES =") {
            self.room = Some(LINES_EACH);
        } else if line.starts_with("ok ") {
            self.room = None;
        }
        self.note(line);
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
        self.failures.extend(other.failures);
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
        let of = |passed, failed| Tally { passed, failed, ..Tally::default() };
        assert_eq!(of(0, 0).of_run(true), of(0, 1));
        assert_eq!(of(3, 0).of_run(false), of(3, 1));
        assert_eq!(of(3, 2).of_run(false), of(3, 2));
        assert_eq!(of(3, 0).of_run(true), of(3, 0));
    }

    #[test]
    fn keeps_what_failed_tests_said() {
        let mut tally = Tally::default();
        let lines = [
            "test opens ... ok",
            "failures:",
            "",
            "---- jams stdout ----",
            "assertion failed",
            "",
            "failures:",
            "    jams",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        lines.iter().for_each(|line| tally.read_cargo(line));
        assert_eq!(tally.failures, ["---- jams stdout ----", "assertion failed", ""]);

        let mut tally = Tally::default();
        let lines = ["✖ jams", "ℹ pass 3", "ℹ fail 1", "", "✖ failing tests:", "test at jams.test.mjs", "✖ jams"];
        lines.iter().for_each(|line| tally.read_node(line));
        assert_eq!(tally.failures, ["✖ failing tests:", "test at jams.test.mjs", "✖ jams"]);

        let mut tally = Tally::default();
        let lines = ["ok     opens", "FAILED jams", "       got    200", "ok     closes", "2 passed, 1 failed"];
        lines.iter().for_each(|line| tally.read_closing(line));
        assert_eq!(tally.failures, ["FAILED jams", "       got    200"]);
    }
}
