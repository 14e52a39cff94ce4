//! `cargo xtask e2e`: official clients against the built server. Every suite starts servers of
//! its own on free ports with folders of their own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::install;
use crate::run::{Error, Result, Root, must_succeed, watch};
use crate::tally::Tally;

/// The clients we test with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// The npm packages `seam` and `@seamapi/http`
    Js,
    /// The official command line, the npm package `@seamapi/cli`
    Cli,
    /// The PyPI package `seam`, current and of the generation before
    Python,
    /// The documented calls with cURL
    Curl,
    /// The web components of the npm package `@seamapi/react` in Chromium
    Browser,
    /// Calls that Schemathesis makes from our own OpenAPI document
    Schema,
}

/// Builds the server and runs one suite or all of them.
pub(crate) fn all(root: &Root, only: Option<Suite>, install: bool) -> Result<Tally> {
    install::programs(root, install)?;
    let binary = binary(root)?;
    let suites = [Suite::Curl, Suite::Js, Suite::Cli, Suite::Python, Suite::Browser, Suite::Schema];
    let mut tally = Tally::default();
    for suite in suites.into_iter().filter(|suite| only.is_none_or(|only| only == *suite)) {
        tally += match suite {
            Suite::Js => javascript(root, &binary, install)?,
            Suite::Cli => cli(root, &binary, install)?,
            Suite::Python => python(root, &binary, install)?,
            Suite::Curl => curl(root, &binary)?,
            Suite::Browser => browser(root, &binary, install)?,
            Suite::Schema => schema(root, &binary, install)?,
        };
    }
    Ok(tally)
}

/// `THUMBTURN_BIN`, or a fresh development build.
fn binary(root: &Root) -> Result<PathBuf> {
    if let Some(path) = env::var_os("THUMBTURN_BIN") {
        let path = PathBuf::from(path);
        return path.canonicalize().map_err(Error::file(&path));
    }
    build_programs(root)?;
    Ok(root.target().join("debug/thumbturn"))
}

/// Builds every program and example as `cargo test` wants them: of one package by itself all dependencies would be built
/// once more, with the features that it alone asks for.
pub(crate) fn build_programs(root: &Root) -> Result<()> {
    must_succeed(root.cargo().args(["build", "--locked", "--workspace", "--bins", "--examples"]))
}

/// The clients, then the official document: every path of it is asked for, and what the Rust tests have of it is
/// compared with what the pinned package gives.
fn javascript(root: &Root, binary: &Path, install: bool) -> Result<Tally> {
    install::node_packages(root, "js", install)?;
    let mut total = node_tests(root, "js", binary)?;
    for script in ["e2e/js/openapi_paths.mjs", "e2e/js/official_schema.mjs"] {
        let mut tally = Tally::default();
        let mut command = root.command("node");
        command.arg(script).env("THUMBTURN_BIN", binary);
        let succeeded = watch(&mut command, |line| tally.read_closing(line))?;
        total += tally.of_run(succeeded);
    }
    Ok(total)
}

/// It uses the helpers of the JavaScript suite, which need no packages.
fn cli(root: &Root, binary: &Path, install: bool) -> Result<Tally> {
    install::node_packages(root, "cli", install)?;
    node_tests(root, "cli", binary)
}

/// It uses the helpers of the JavaScript suite, too.
fn browser(root: &Root, binary: &Path, install: bool) -> Result<Tally> {
    let chromium = install::chromium(root, install)?;
    install::node_packages(root, "browser", install)?;
    let mut command = root.command("node");
    command.env("CHROMIUM", chromium);
    run_node_tests(root, command, "browser", binary)
}

fn node_tests(root: &Root, suite: &str, binary: &Path) -> Result<Tally> {
    run_node_tests(root, root.command("node"), suite, binary)
}

fn run_node_tests(root: &Root, mut command: Command, suite: &str, binary: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    command.args(["--test", "--test-reporter=spec"]).args(test_files(root, suite)?).env("THUMBTURN_BIN", binary);
    let succeeded = watch(&mut command, |line| tally.read_node(line))?;
    Ok(tally.of_run(succeeded))
}

/// Named one by one, because Node 18 takes no patterns.
fn test_files(root: &Root, suite: &str) -> Result<Vec<String>> {
    let folder = root.join("e2e").join(suite);
    let entries = fs::read_dir(&folder).map_err(Error::file(&folder))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut files: Vec<_> =
        names.filter(|name| name.ends_with(".test.mjs")).map(|name| format!("e2e/{suite}/{name}")).collect();
    files.sort();
    Ok(files)
}

/// The same tests with the current client and with the generation before it.
fn python(root: &Root, binary: &Path, install: bool) -> Result<Tally> {
    let generations = [("e2e-venv", "python/requirements.txt"), ("e2e-venv-before", "python/requirements-before.txt")];
    let mut total = Tally::default();
    for (name, requirements) in generations {
        let python = install::python(root, name, requirements, install)?;
        total += python_tests(root, &python, "e2e/python/run.py", binary)?;
    }
    Ok(total)
}

fn schema(root: &Root, binary: &Path, install: bool) -> Result<Tally> {
    let python = install::python(root, "e2e-venv-schema", "schema/requirements.txt", install)?;
    python_tests(root, &python, "e2e/schema/run.py", binary)
}

fn python_tests(root: &Root, python: &Path, script: &str, binary: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut command = root.command(python);
    command.arg(script).env("THUMBTURN_BIN", binary).env("PYTHONDONTWRITEBYTECODE", "1");
    let succeeded = watch(&mut command, |line| tally.read_closing(line))?;
    Ok(tally.of_run(succeeded))
}

fn curl(root: &Root, binary: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut command = root.command("bash");
    command.arg("e2e/curl/run.sh").env("THUMBTURN_BIN", binary);
    let succeeded = watch(&mut command, |line| tally.read_closing(line))?;
    Ok(tally.of_run(succeeded))
}
