//! The parts of the documents that are made from the declarations of the API. `cargo xtask docs` writes them,
//! `cargo xtask lint` holds what is there against what it would write.

use std::fs;

use crate::run::{Error, Result, Root};
use crate::tables;
use crate::tally::Tally;

/// What ends a block.
const END: &str = "<!-- end -->";

/// A block: where it stands, its name in the mark before it, and what makes it.
type Block = (&'static str, &'static str, fn() -> String);

const BLOCKS: [Block; 2] =
    [("README.md", "endpoints", tables::endpoints), ("docs/compatibility.md", "compatibility", tables::compatibility)];

/// Writes every block that is not as it should be.
pub(crate) fn write(root: &Root) -> Result<Tally> {
    let mut tally = Tally::default();
    for block in BLOCKS {
        let (file, ..) = block;
        let (path, text, wanted) = read(root, block)?;
        if text != wanted {
            fs::write(&path, wanted).map_err(Error::file(&path))?;
            println!("written  {file}");
        }
        tally += Tally::one(true);
    }
    Ok(tally)
}

/// Names every document that is not as [`write()`] would leave it.
pub(crate) fn check(root: &Root) -> Result<()> {
    let mut stale = Vec::new();
    for block in BLOCKS {
        let (_, text, wanted) = read(root, block)?;
        if text != wanted {
            stale.push(block.0);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(Error::Message(format!("{}: not what is declared; `cargo xtask docs` writes it", stale.join(", "))))
}

/// The document as it is and as it should be.
fn read(root: &Root, (file, name, made): Block) -> Result<(std::path::PathBuf, String, String)> {
    let path = root.join(file);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let wanted = with_block(&text, name, &made())
        .ok_or_else(|| Error::Message(format!("{file} has no `{}` with an `{END}` behind it", mark(name))))?;
    Ok((path, text, wanted))
}

fn mark(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

/// The text with `block` between the mark of `name` and the end.
fn with_block(text: &str, name: &str, block: &str) -> Option<String> {
    let mark = mark(name);
    let (before, rest) = text.split_once(&mark)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{mark}\n\n{}\n\n{END}{after}", block.trim()))
}

#[cfg(test)]
mod tests {
    use super::with_block;

    #[test]
    fn only_what_stands_between_the_marks_changes() {
        let text = "before\n<!-- generated: a -->\nold\n<!-- end -->\nafter <!-- end -->\n";
        let expected = "before\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\nafter <!-- end -->\n";
        assert_eq!(with_block(text, "a", "new\n").as_deref(), Some(expected));
        assert_eq!(with_block(expected, "a", "new").as_deref(), Some(expected), "twice is once");
    }

    #[test]
    fn a_document_without_marks_is_refused() {
        assert_eq!(with_block("<!-- generated: a -->", "a", "new"), None);
        assert_eq!(with_block("<!-- generated: b --><!-- end -->", "a", "new"), None);
    }
}
