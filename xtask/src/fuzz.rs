//! `cargo xtask fuzz`: the targets in `fuzz`, each for some seconds, on the stable toolchain. Without a sanitizer
//! `cargo fuzz` asks for nothing unstable, and safe Rust has little for one to find.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use clap::ValueEnum;

use crate::install;
use crate::run::{Error, Result, Root, must_succeed, watch_all};
use crate::tally::Tally;

/// Longest input, in bytes: the limits that matter here are of numbers and depth, not of megabytes.
const LONGEST: usize = 4096;

/// How many lines from the word of a crash on are told.
const LINES_OF_A_CRASH: usize = 5;

/// How long one input may take, in seconds.
const PATIENCE: u64 = 10;

/// Texts that mean something to the readers, beside the names of parameters.
const WORDS: [&str; 22] = [
    "{\"",
    "\":",
    "[]=",
    "[0]=",
    "_strict=true",
    "%00",
    "%ff",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "1e999",
    "-0",
    "18446744073709551616",
    "2024-01-01T00:00:00.123Z",
    "0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f",
    "Bearer ",
    "seam_",
    "seam_at1",
    "seam_cst1",
    "seam_pk1",
    "seam_test2bMS_94SrGUXuNR2JmJkjtvBQDg5c",
];

/// What is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Bodies of requests, read as each endpoint declares
    Bodies,
    /// Query strings, read as each endpoint declares
    Queries,
    /// Headers with credentials, and tokens
    Tokens,
}

impl Target {
    const ALL: [Self; 3] = [Self::Bodies, Self::Queries, Self::Tokens];

    const fn name(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Queries => "queries",
            Self::Tokens => "tokens",
        }
    }
}

/// Runs one target or all of them, each for so many seconds. A crash fails its target and says how to repeat it.
pub(crate) fn all(root: &Root, only: Option<Target>, seconds: u64, install: bool) -> Result<Tally> {
    let program = install::cargo_fuzz(root, install)?;
    let words = dictionary(root)?;
    let mut tally = Tally::default();
    for target in Target::ALL.into_iter().filter(|target| only.is_none_or(|only| only == *target)) {
        let started = SystemTime::now();
        let outcome = one(root, &program, target, &words, seconds);
        tally += outcome.map_or_else(
            |error| {
                let failure = format!("fuzz: {}: {error}\n{}", target.name(), how_to_repeat(root, target, started));
                println!("\n{failure}");
                Tally::failure(failure)
            },
            |()| Tally::one(true),
        );
    }
    Ok(tally)
}

/// Runs a target on one input again.
pub(crate) fn repeat(root: &Root, target: Target, input: &Path) -> Result<Tally> {
    let input = input.canonicalize().map_err(Error::file(input))?;
    let program = install::cargo_fuzz(root, true)?;
    let outcome = must_succeed(running(root, &program, target).arg(input));
    Ok(Tally::one(outcome.is_ok()))
}

fn one(root: &Root, program: &Path, target: Target, words: &Path, seconds: u64) -> Result<()> {
    let found = corpus(root).join(target.name());
    fs::create_dir_all(&found).map_err(Error::file(&found))?;
    let mut command = running(root, program, target);
    command.arg(found).arg(root.join("fuzz/seeds").join(target.name()));
    command.args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={LONGEST}")]);
    command.args([format!("-timeout={PATIENCE}"), "-rss_limit_mb=1024".to_owned(), "-print_final_stats=1".to_owned()]);
    command.arg(format!("-dict={}", words.display()));
    let mut told = Told::default();
    if watch_all(command, |line| told.read(line))? { Ok(()) } else { Err(Error::Message(told.lines.join("\n"))) }
}

/// What a target said of its crash: the message of the panic, which stands under where it was.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    room: usize,
}

impl Told {
    fn read(&mut self, line: &str) {
        if line.contains("panicked at") || line.starts_with("error") || line.contains("ERROR: libFuzzer") {
            self.room = LINES_OF_A_CRASH;
        }
        if self.room > 0 {
            self.lines.push(line.to_owned());
            self.room -= 1;
        }
    }
}

/// The start of a command line that builds a target, where that is needed, and runs it.
fn running(root: &Root, program: &Path, target: Target) -> Command {
    let mut command = root.command(program);
    command.args(["run", "--fuzz-dir", "fuzz", "--sanitizer", "none", "--codegen-units", "16", "--target-dir"]);
    command.arg(root.target().join("fuzz")).arg(target.name());
    command
}

/// Where inputs are kept that reach something new; the next run begins with them.
fn corpus(root: &Root) -> PathBuf {
    root.target().join("fuzz-corpus")
}

/// Names and texts that chance would take long to find.
fn dictionary(root: &Root) -> Result<PathBuf> {
    let endpoints = thumbturn_api::endpoints();
    let names = endpoints.iter().flat_map(|endpoint| endpoint.params).map(|field| field.name);
    let words: BTreeSet<&str> = names.chain(WORDS).collect();
    let lines: String = words.iter().map(|word| format!("\"{}\"\n", escaped(word))).collect();
    let folder = corpus(root);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let file = folder.join("words.dict");
    fs::write(&file, lines).map_err(Error::file(&file))?;
    Ok(file)
}

/// A word as libFuzzer reads it.
fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace('"', "\\\"")
}

fn how_to_repeat(root: &Root, target: Target, since: SystemTime) -> String {
    let name = target.name();
    match newest_artifact(root, target, since) {
        Some(file) => {
            let input = fs::read(root.join("fuzz/artifacts").join(name).join(&file)).unwrap_or_default();
            format!(
                "to repeat it: cargo xtask fuzz {name} --repeat fuzz/artifacts/{name}/{file}\nthe input: b\"{}\"",
                input.escape_ascii()
            )
        }
        None => "it left no input: it did not build, or could not start".to_owned(),
    }
}

/// The input that crashed last, if one did since then.
fn newest_artifact(root: &Root, target: Target, since: SystemTime) -> Option<String> {
    let files = fs::read_dir(root.join("fuzz/artifacts").join(target.name())).ok()?;
    let files = files.filter_map(|file| {
        let file = file.ok()?;
        let made = file.metadata().ok()?.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some((made, file.file_name().into_string().ok()?))
    });
    files.filter(|(made, _)| *made >= since).max().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Told, escaped};

    #[test]
    fn what_is_told_of_a_crash_is_its_message() {
        let mut told = Told::default();
        let lines = ["#2 INITED", "thread 'main' panicked at fuzz_targets/queries.rs:42:9:", "left: 1", "right: 2"];
        lines.iter().for_each(|line| told.read(line));
        assert_eq!(told.lines, lines[1..]);
    }

    #[test]
    fn quotes_and_backslashes_in_a_word_are_kept() {
        assert_eq!(escaped(r#"\u0000""#), r#"\\u0000\""#);
    }
}
