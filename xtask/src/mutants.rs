//! `cargo xtask mutants`: would the simulation notice?
//!
//! Each deliberate bug of `crates/simulate/mutants.toml` is put into a copy of the sources, and the simulation must find
//! an untrue answer. A bug whose place is not there any more is a failure too, so that the list stays true.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::run::{Error, Result, Root, must_succeed};
use crate::simulate;
use crate::tally::Tally;

const LIST: &str = "crates/simulate/mutants.toml";

/// What the copy needs to be a workspace of its own.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "xtask"];

/// Found anew with each change of the engine: the first with hardly a quiet minute, the second with long quiet times.
const CAMPAIGNS: [[&str; 3]; 2] =
    [["--cycles=20000", "--seed=1", "--trouble-every=3"], ["--cycles=40000", "--seed=1", "--trouble-every=30"]];

/// The exit code of a simulation that found an untrue answer.
const UNTRUE: i32 = 1;

#[derive(Deserialize)]
struct List {
    mutant: Vec<Mutant>,
}

/// One deliberate bug.
#[derive(Deserialize)]
struct Mutant {
    /// What the server would do wrong.
    name: String,
    /// A story that tells it, where that is a rare one.
    #[serde(default)]
    story: Vec<String>,
    edits: Vec<Edit>,
}

/// What is written in place of what; `from` must be there exactly once.
#[derive(Deserialize)]
struct Edit {
    file: PathBuf,
    from: String,
    to: String,
}

/// Tries every mutant, or those with `only` in their name.
pub(crate) fn all(root: &Root, only: Option<&str>) -> Result<Tally> {
    let list = mutants(root)?;
    let copy = copy(root)?;
    let mut tally = match is_sound(&copy, &list)? {
        true => Tally::one(true),
        false => Tally::failure("without a mutant the simulation finds something".to_owned()),
    };
    for mutant in list.iter().filter(|mutant| only.is_none_or(|only| mutant.name.contains(only))) {
        tally += match tried(root, &copy, mutant)? {
            true => Tally::one(true),
            false => Tally::failure(format!("not caught: the mutant {}", mutant.name)),
        };
    }
    Ok(tally)
}

fn mutants(root: &Root) -> Result<Vec<Mutant>> {
    let path = root.join(LIST);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let list: List = toml::from_str(&text).map_err(|error| Error::Message(format!("{LIST}: {error}")))?;
    Ok(list.mutant)
}

/// Without a bug, nothing must be found.
fn is_sound(copy: &Root, list: &[Mutant]) -> Result<bool> {
    must_succeed(&mut simulate::build(copy))?;
    let mut sound = !finds_an_untruth(copy, &[])?;
    for mutant in list.iter().filter(|mutant| !mutant.story.is_empty()) {
        sound &= !is_untrue(copy, &mutant.story)?;
    }
    println!("{}", if sound { "nothing found without a bug" } else { "WITHOUT A BUG SOMETHING IS FOUND" });
    Ok(sound)
}

/// Whether `mutant` was caught. One that cannot be tried was not, and the others are tried all the same.
fn tried(root: &Root, copy: &Root, mutant: &Mutant) -> Result<bool> {
    println!("\n{}", mutant.name);
    let caught = is_caught(copy, mutant);
    for edit in &mutant.edits {
        copy_file(&root.join(&edit.file), &copy.join(&edit.file))?;
    }
    match &caught {
        Ok(true) => println!("caught:  {}", mutant.name),
        Ok(false) => println!("NOT CAUGHT:  {}", mutant.name),
        Err(error) => println!("NOT TRIED:  {}: {error}", mutant.name),
    }
    Ok(caught.unwrap_or(false))
}

fn is_caught(copy: &Root, mutant: &Mutant) -> Result<bool> {
    for edit in &mutant.edits {
        apply(copy, edit)?;
    }
    must_succeed(&mut simulate::build(copy))?;
    finds_an_untruth(copy, &mutant.story)
}

fn apply(copy: &Root, edit: &Edit) -> Result<()> {
    let path = copy.join(&edit.file);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    if text.matches(&edit.from).count() != 1 {
        let message = format!("{} does not hold exactly once: {}", edit.file.display(), edit.from);
        return Err(Error::Message(message));
    }
    fs::write(&path, text.replace(&edit.from, &edit.to)).map_err(Error::file(&path))
}

/// Tries `story`, if there is one, and else the campaigns.
fn finds_an_untruth(copy: &Root, story: &[String]) -> Result<bool> {
    if !story.is_empty() {
        return is_untrue(copy, story);
    }
    for campaign in CAMPAIGNS {
        if is_untrue(copy, &campaign.map(str::to_owned))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_untrue(copy: &Root, campaign: &[String]) -> Result<bool> {
    let output = copy.command(simulate::program(copy)).args(campaign).output();
    let output = output.map_err(|source| Error::Start { command: "thumbturn-simulate".to_owned(), source })?;
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Ok(false),
        Some(UNTRUE) => {
            said.lines().filter(|line| line.starts_with("NOT TRUE")).take(1).for_each(|line| println!("{line}"));
            Ok(true)
        }
        _ => Err(Error::Message(format!("the simulation itself failed: {said}{}", output.status))),
    }
}

/// A copy of the sources that shares what cargo has built. Files that are the same are left alone, so that cargo builds
/// little anew.
fn copy(root: &Root) -> Result<Root> {
    let to = root.target().join("mutants");
    fs::create_dir_all(&to).map_err(Error::file(&to))?;
    for name in SOURCES {
        copy_tree(&root.join(name), &to.join(name))?;
    }
    Ok(root.moved_to(to))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return copy_file(from, to);
    }
    fs::create_dir_all(to).map_err(Error::file(to))?;
    remove_what_is_gone(from, to)?;
    for entry in fs::read_dir(from).map_err(Error::file(from))? {
        let entry = entry.map_err(Error::file(from))?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn remove_what_is_gone(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(to).map_err(Error::file(to))? {
        let entry = entry.map_err(Error::file(to))?;
        let (old, is_folder) = (entry.path(), entry.path().is_dir());
        let source = from.join(entry.file_name());
        if source.is_dir() != is_folder || !source.exists() {
            let removed = if is_folder { fs::remove_dir_all(&old) } else { fs::remove_file(&old) };
            removed.map_err(Error::file(&old))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from).map_err(Error::file(from))?;
    if fs::read(to).is_ok_and(|known| known == text) {
        return Ok(());
    }
    fs::write(to, text).map_err(Error::file(to))
}
