//! Installing what the tests need: Debian packages, Node packages, a Python environment.
//! Each step looks first and does nothing when the thing is already there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Error, Result, Root, find_program, is_installed, must_succeed, output_of, succeeds};

/// The oldest Node that runs the pinned SDKs (Debian 12 has it).
const OLDEST_NODE: u32 = 18;

/// Programs the tests start, and the Debian packages that hold them.
const PROGRAMS: [(&str, &str); 8] = [
    ("mosquitto", "mosquitto"),
    ("mosquitto_passwd", "mosquitto"),
    ("curl", "curl"),
    ("jq", "jq"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
    ("ip", "iproute2"),
];

/// A library that the Matter server loads, and the Debian package that holds it.
const NETLINK: (&str, &str) = ("libnl-route-3.so.200", "libnl-route-3-200");

/// Makes sure that every program is there; with `install` false it only says what is missing.
pub(crate) fn programs(root: &Root, install: bool) -> Result<()> {
    let missing = missing_packages(root);
    if !missing.is_empty() {
        install_packages(root, &missing, install)?;
    }
    check_node(root)
}

/// A browser for the suite that needs one.
pub(crate) fn chromium(root: &Root, install: bool) -> Result<PathBuf> {
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let find = || NAMES.into_iter().find_map(find_program);
    if let Some(program) = find() {
        return Ok(program);
    }
    install_packages(root, &["chromium"], install)?;
    find().ok_or_else(|| Error::Message("chromium was installed, but cannot be found".to_owned()))
}

fn missing_packages(root: &Root) -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _)| !is_installed(program));
    let mut packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    if !succeeds(root.command("python3").args(["-c", "import venv, ensurepip"])) {
        packages.push("python3-venv");
    }
    if !has_postgres() {
        packages.push("postgresql");
    }
    if !has_library(NETLINK.0) {
        packages.push(NETLINK.1);
    }
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Debian keeps PostgreSQL's programs out of the way.
fn has_postgres() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    is_installed("postgres") || versions.map(|entry| entry.path().join("bin/postgres")).any(|path| path.is_file())
}

/// Whether a shared library is where Debian or others keep them.
fn has_library(name: &str) -> bool {
    let places = ["/usr/lib", "/usr/lib64", "/lib"].map(PathBuf::from);
    let below = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    places.into_iter().chain(below).any(|folder| folder.join(name).is_file())
}

/// `apt-get`, as root or through a `sudo` that asks no question.
fn install_packages(root: &Root, packages: &[&str], install: bool) -> Result<()> {
    let by_hand = format!("sudo apt-get install {}", packages.join(" "));
    let missing = format!("the tests need programs that are not installed. Run:\n\n    {by_hand}\n");
    if !install || !is_installed("apt-get") {
        return Err(Error::Message(missing));
    }
    let sudo: &[&str] = if output_of(root.command("id").arg("-u"))?.trim() == "0" {
        &[]
    } else if succeeds(root.command("sudo").args(["-n", "true"])) {
        &["sudo", "-n"]
    } else {
        return Err(Error::Message(missing));
    };
    let apt = |arguments: &[&str]| {
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"];
        let words: Vec<_> = sudo.iter().chain(&quiet).chain(arguments).collect();
        must_succeed(root.command(words[0]).args(&words[1..]))
    };
    apt(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn check_node(root: &Root) -> Result<()> {
    let version = output_of(root.command("node").arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST_NODE) {
        return Ok(());
    }
    Err(Error::Message(format!("Node {OLDEST_NODE} or newer is needed, found {}", version.trim())))
}

/// The Node packages of a suite, exactly as its lock file says.
pub(crate) fn node_packages(root: &Root, suite: &str, install: bool) -> Result<()> {
    let folder = root.join("e2e").join(suite);
    let state = State { wanted: folder.join("package-lock.json"), stamp: folder.join("node_modules/.thumbturn-lock") };
    if state.is_current()? {
        return Ok(());
    }
    if !install {
        return Err(Error::Message(format!("e2e/{suite}: the Node packages are missing, run `npm ci` there")));
    }
    must_succeed(root.command("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    state.remember()
}

/// A Python of the end-to-end suites, below `target`, with exactly the packages of a file below `e2e`.
pub(crate) fn python(root: &Root, name: &str, requirements: &str, install: bool) -> Result<PathBuf> {
    let folder = root.target().join(name);
    let python = folder.join("bin/python");
    let wanted = root.join("e2e").join(requirements);
    let state = State { wanted: wanted.clone(), stamp: folder.join("thumbturn-requirements.txt") };
    if state.is_current()? && python.is_file() {
        return Ok(python);
    }
    if !install {
        let missing = format!("the Python environment of e2e/{requirements} is missing, run `cargo xtask e2e`");
        return Err(Error::Message(missing));
    }
    must_succeed(root.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let quiet =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "-r"];
    must_succeed(root.command(&python).args(quiet).arg(&wanted))?;
    state.remember()?;
    Ok(python)
}

/// The Home Assistant that the tests start themselves.
pub(crate) fn home_assistant(root: &Root, install: bool) -> Result<()> {
    python(root, "e2e-venv-home-assistant", "home_assistant/requirements.txt", install).map(drop)
}

/// The Python environment of the Matter server, for its tests and to measure.
pub(crate) fn matter(root: &Root, install: bool) -> Result<()> {
    python(root, "e2e-venv-matter", "matter/requirements.txt", install).map(drop)
}

/// The pinned version of cargo-deny: the one on the search path, or our own copy below `target`.
pub(crate) fn cargo_deny(root: &Root) -> Result<PathBuf> {
    cargo_tool(root, "cargo-deny", "0.20.2", true)
}

/// The pinned version of cargo-fuzz, likewise. It needs a C++ compiler for libFuzzer.
pub(crate) fn cargo_fuzz(root: &Root, install: bool) -> Result<PathBuf> {
    if !["c++", "g++", "clang++"].into_iter().any(is_installed) {
        install_packages(root, &["g++"], install)?;
    }
    cargo_tool(root, "cargo-fuzz", "0.13.2", install)
}

fn cargo_tool(root: &Root, name: &str, version: &str, install: bool) -> Result<PathBuf> {
    let tools = root.target().join("tools");
    let ours = tools.join("bin").join(name);
    let is_pinned = |program: &Path| {
        output_of(root.command(program).arg("--version")).is_ok_and(|text| text.trim().ends_with(version))
    };
    if let Some(found) = [PathBuf::from(name), ours.clone()].into_iter().find(|program| is_pinned(program)) {
        return Ok(found);
    }
    if !install {
        return Err(Error::Message(format!("{name} {version} is missing: cargo install --locked {name}@{version}")));
    }
    let install = ["install", "--locked", "--debug", name, "--version", version, "--root"];
    must_succeed(root.cargo().args(install).arg(&tools))?;
    Ok(ours)
}

/// A file that says what should be installed, and a copy of it that says what is.
struct State {
    wanted: PathBuf,
    stamp: PathBuf,
}

impl State {
    fn is_current(&self) -> Result<bool> {
        let wanted = fs::read(&self.wanted).map_err(Error::file(&self.wanted))?;
        Ok(fs::read(&self.stamp).is_ok_and(|installed| installed == wanted))
    }

    fn remember(&self) -> Result<()> {
        fs::copy(&self.wanted, &self.stamp).map(drop).map_err(Error::file(&self.stamp))
    }
}
