//! The Markdown of doc comments: paragraphs, and code between backticks. Nothing else occurs in them.

/// A piece of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_code: bool,
}

/// Paragraphs of pieces.
pub(super) fn paragraphs(markdown: &str) -> Vec<Vec<Piece>> {
    let paragraphs = markdown.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(pieces).collect()
}

/// The pieces of one paragraph. A backtick without a partner stays what it is.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, (code, after))) =
        rest.split_once('`').and_then(|(before, tail)| Some((before, tail.split_once('`')?)))
    {
        pieces.push(Piece { text: before.to_owned(), is_code: false });
        pieces.push(Piece { text: code.to_owned(), is_code: true });
        rest = after;
    }
    pieces.push(Piece { text: rest.to_owned(), is_code: false });
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_words() {
        let piece = |text: &str, is_code| Piece { text: text.to_owned(), is_code };
        assert_eq!(
            paragraphs("A `b` c.\nSame line.\n\n`d` e`"),
            [
                vec![piece("A ", false), piece("b", true), piece(" c.\nSame line.", false)],
                vec![piece("d", true), piece(" e`", false)],
            ]
        );
        assert!(paragraphs(" \n").is_empty());
    }
}
