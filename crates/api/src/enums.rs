//! Closed lists of words.

use serde_json::Value;

use crate::params::read_str;
use crate::problems::Problems;

/// Up to this many allowed words are named in a problem.
const MAX_LISTED: usize = 40;

/// How many characters of a wrong word are repeated back.
const MAX_RECEIVED_CHARS: usize = 64;

/// Reads one of `values`, or records `Invalid enum value. Expected 'a' | 'b', received 'c'`. Returns its index.
pub(crate) fn read_one_of(values: &[&str], value: &Value, problems: &mut Problems) -> Option<usize> {
    let text = read_str(value, problems)?;
    let index = values.iter().position(|known| *known == text);
    if index.is_none() {
        let received: String = text.chars().take(MAX_RECEIVED_CHARS).collect();
        if values.len() > MAX_LISTED {
            problems.add(format!("Invalid enum value, received '{received}'"));
        } else {
            problems.add(format!("Invalid enum value. Expected '{}', received '{received}'", values.join("' | '")));
        }
    }
    index
}

/// Declares an enum whose variants are words on the wire:
///
/// ```text
/// string_enum! {
///     /// Where the bolt is.
///     BoltState {
///         /// Extended.
///         Locked = "locked",
///     }
/// }
/// ```
macro_rules! string_enum {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $variant_doc])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All values, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// All words, in order of declaration.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $crate::schema::inline_schema!($name, {"type": "string", "enum": Self::WORDS});

        impl $crate::params::Param for $name {
            fn schema() -> $crate::schema::Schema {
                $crate::schema::Schema::one_of(Self::WORDS)
            }

            fn read(value: &serde_json::Value, problems: &mut $crate::problems::Problems) -> Option<Self> {
                $crate::enums::read_one_of(Self::WORDS, value, problems).and_then(|index| Self::ALL.get(index).copied())
            }
        }
    };
}

pub(crate) use string_enum;
