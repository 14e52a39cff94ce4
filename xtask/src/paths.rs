//! Keeps the prose true: every file of the repository that `README.md` and `docs/*.md` name in
//! backticks or link to exists, and a function named behind a file (`crates/x/src/y.rs : name`) is in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Error, Result, Root};

/// Folders at the top of the repository; what starts with one of them is a path.
const FOLDERS: [&str; 7] = ["crates", "e2e", "fuzz", "docs", "xtask", ".ci", ".cargo"];

/// Checks all documents and names every broken reference.
pub(crate) fn check(root: &Root) -> Result<()> {
    let mut broken = Vec::new();
    for document in documents(root)? {
        let text = fs::read_to_string(&document).map_err(Error::file(&document))?;
        let name = document.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for reference in references(&text) {
            if let Some(problem) = problem(root, &reference) {
                broken.push(format!("{name}: {problem}"));
            }
        }
        let folder = document.parent().unwrap_or(&document);
        let dead = links(&text).filter(|link| !folder.join(link).exists());
        broken.extend(dead.map(|link| format!("{name}: the link to `{link}` leads nowhere")));
    }
    if broken.is_empty() { Ok(()) } else { Err(Error::Message(format!("\n        {}", broken.join("\n        ")))) }
}

fn documents(root: &Root) -> Result<Vec<PathBuf>> {
    let mut documents = vec![root.join("README.md")];
    let folder = root.join("docs");
    for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(documents)
}

/// A file or folder, and the function that should be in it.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    path: String,
    function: Option<String>,
}

/// What stands in backticks and looks like a path of this repository. Fenced blocks are examples
/// and are left alone, and so are patterns (`crates/*`).
fn references(text: &str) -> Vec<Reference> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).flat_map(read_reference));
        }
    }
    found
}

/// Where the text links to within the repository; a place behind `#` is not looked up.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(char::is_whitespace))
}

fn read_reference(code: &str) -> Vec<Reference> {
    let (path, function) = match code.split_once(':') {
        Some((path, function)) => (path.trim(), Some(function.trim_matches([' ', ':', '(', ')']))),
        None => (code.trim(), None),
    };
    let odd = |letter: char| letter.is_whitespace() || "*<>$…".contains(letter);
    let is_path = path.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder));
    if !is_path || path.contains(odd) {
        return Vec::new();
    }
    let is_name = |name: &&str| {
        name.starts_with(char::is_alphabetic) && !name.contains(|c: char| c != '_' && !c.is_alphanumeric())
    };
    let function = function.filter(is_name).map(str::to_owned);
    let paths = expand_braces(path);
    paths.into_iter().map(|path| Reference { path, function: function.clone() }).collect()
}

/// `a/{b,c}.rs` names two files.
fn expand_braces(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        Some((before, (names, after))) => {
            names.split(',').map(|name| format!("{before}{}{after}", name.trim())).collect()
        }
        None => vec![path.to_owned()],
    }
}

fn problem(root: &Root, reference: &Reference) -> Option<String> {
    let path = root.join(Path::new(&reference.path));
    if !path.exists() {
        return Some(format!("`{}` does not exist", reference.path));
    }
    let function = reference.function.as_ref().filter(|_| path.is_file())?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    let has = |word: &str| text.contains(&format!("{word} {function}"));
    let known = ["fn", "struct", "enum", "trait", "mod", "const", "type"].into_iter().any(has);
    (!known).then(|| format!("`{}` has no `{function}`", reference.path))
}

#[cfg(test)]
mod tests {
    use super::{Reference, links, references};

    fn names(text: &str) -> Vec<(String, Option<String>)> {
        references(text).into_iter().map(|Reference { path, function }| (path, function)).collect()
    }

    #[test]
    fn finds_paths_and_the_functions_behind_them() {
        let text = "See `crates/core/src/attempt.rs : step` and `docs/mqtt.md`, not `/locks/get` or `crates/*`.";
        let expected =
            [("crates/core/src/attempt.rs".to_owned(), Some("step".to_owned())), ("docs/mqtt.md".to_owned(), None)];
        assert_eq!(names(text), expected);
    }

    #[test]
    fn links_to_files_are_found_and_those_to_the_web_are_not() {
        let text = "[a](docs/a.md), [b](b.md#place), [c](https://c.example/), [d](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", "b.md"]);
    }

    #[test]
    fn braces_name_several_files_and_fenced_blocks_none() {
        let text = "`e2e/{js,curl}/x`\n```\n`docs/none.md`\n```\n";
        assert_eq!(names(text), [("e2e/js/x".to_owned(), None), ("e2e/curl/x".to_owned(), None)]);
    }
}
