//! `cargo xtask lint`: the checks that need no running server. Each is one line of the table in
//! [`all`]; all of them run, so that one report names everything.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Error, Result, Root, must_succeed, output_of};
use crate::tally::Tally;
use crate::{generated, install, paths};

/// Rules know nothing of HTTP, JSON or SQL.
const FORBIDDEN_IN_CORE: [&str; 7] =
    ["axum", "hyper", "rusqlite", "serde", "serde_json", "tokio-postgres", "thumbturn-api"];

/// The wire contract does no I/O.
const FORBIDDEN_IN_API: [&str; 3] = ["tokio", "axum", "rusqlite"];

/// Time comes into the core as a value.
const CLOCKS: [&str; 4] = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];

type Check<'a> = (&'static str, Box<dyn Fn() -> Result<()> + 'a>);

/// Runs every check and prints a line for each.
pub(crate) fn all(root: &Root, advisories: bool) -> Result<Tally> {
    let checks: [Check<'_>; 9] = [
        ("format", Box::new(|| format(root))),
        ("clippy", Box::new(|| clippy(root))),
        ("docs build", Box::new(|| docs(root))),
        ("licences, bans, sources", Box::new(|| deny(root, advisories))),
        (
            "thumbturn-core is free of HTTP, JSON, SQL",
            Box::new(|| boundary(root, "thumbturn-core", &FORBIDDEN_IN_CORE)),
        ),
        ("thumbturn-api does no I/O", Box::new(|| boundary(root, "thumbturn-api", &FORBIDDEN_IN_API))),
        ("thumbturn-core reads no clock", Box::new(|| clocks(root))),
        ("paths in README.md and docs exist", Box::new(|| paths::check(root))),
        ("the documents say what is declared", Box::new(|| generated::check(root))),
    ];
    let mut tally = Tally::default();
    let mut report = Vec::new();
    for (name, check) in &checks {
        let (line, counted) = match check() {
            Ok(()) => (format!("ok      {name}"), Tally::one(true)),
            Err(error) => {
                let line = format!("FAILED  {name}: {error}");
                (line.clone(), Tally::failure(line))
            }
        };
        tally += counted;
        report.push(line);
    }
    println!("\n{}", report.join("\n"));
    Ok(tally)
}

/// The manifest of the fuzz targets, which are a workspace of their own.
const FUZZ: [&str; 2] = ["--manifest-path", "fuzz/Cargo.toml"];

fn format(root: &Root) -> Result<()> {
    must_succeed(root.cargo().args(["fmt", "--all", "--check"]))?;
    must_succeed(root.cargo().arg("fmt").args(FUZZ).args(["--", "--check"]))
}

fn clippy(root: &Root) -> Result<()> {
    let strictly = ["--", "-D", "warnings"];
    must_succeed(root.cargo().args(["clippy", "--locked", "--workspace", "--all-targets"]).args(strictly))?;
    let mut fuzz = root.cargo();
    fuzz.args(["clippy", "--locked", "--all-targets", "--target-dir"]).arg(root.target()).args(FUZZ);
    must_succeed(fuzz.args(strictly))
}

fn docs(root: &Root) -> Result<()> {
    let arguments = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    must_succeed(root.cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The advisory database is a download, so it is asked only on request.
fn deny(root: &Root, advisories: bool) -> Result<()> {
    let program = install::cargo_deny(root)?;
    let workspaces: [&[&str]; 2] = [&[], &FUZZ];
    workspaces.into_iter().try_for_each(|workspace| {
        let mut command = root.command(&program);
        command.args(["--locked", "--config", "deny.toml"]).args(workspace);
        command.args(["check", "licenses", "bans", "sources"]);
        if advisories {
            command.arg("advisories");
        }
        must_succeed(&mut command)
    })
}

/// Proves from the resolved dependency tree that a crate does not reach what it must not.
fn boundary(root: &Root, package: &str, forbidden: &[&str]) -> Result<()> {
    let arguments = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package"];
    let tree = output_of(root.cargo().args(arguments).arg(package))?;
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found: Vec<_> = forbidden.iter().copied().filter(|name| names.contains(name)).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::Message(format!("{package} depends on {}; see `cargo tree -p {package} -i <crate>`", found.join(", "))))
}

fn clocks(root: &Root) -> Result<()> {
    let mut found = Vec::new();
    for file in rust_files(&root.join("crates/core/src"))? {
        let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
        found.extend(clock_lines(&text).map(|number| format!("{}:{number}", file.display())));
    }
    if found.is_empty() { Ok(()) } else { Err(Error::Message(format!("a clock is read at {}", found.join(", ")))) }
}

/// The numbers of the lines that read a clock; comments may speak of it.
fn clock_lines(text: &str) -> impl Iterator<Item = usize> {
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| CLOCKS.iter().any(|clock| line.contains(clock))).map(|(index, _)| index + 1)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::clock_lines;

    #[test]
    fn a_clock_in_code_is_found_and_one_in_a_comment_is_not() {
        let text = "// Instant::now is banned\nlet at = Instant::now();\nlet now = given;\n";
        assert_eq!(clock_lines(text).collect::<Vec<_>>(), [2]);
    }
}
