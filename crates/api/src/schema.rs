//! The declarative description of parameters: enough to parse a query string, to generate the OpenAPI document and to
//! build command-line flags. It says nothing about how a value is read; that is [`crate::params`].

use serde_json::Value;

/// One parameter of an endpoint or one field of a nested object.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name on the wire.
    pub name: &'static str,
    /// The doc comment of the declaration, as plain Markdown.
    pub description: String,
    /// Whether leaving it out is an error.
    pub required: bool,
    /// What a missing parameter becomes, where that is not simply "absent".
    pub default: Option<Value>,
    /// What a value looks like.
    pub schema: Schema,
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The kind of value and its limits.
    pub kind: Kind,
    /// Whether `null` is a meaningful value. Where it is not, `null` for an optional parameter counts as absent.
    pub nullable: bool,
}

/// The kind of a value and its limits. Limits are inclusive.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number; `20.0` counts as whole.
    Integer {
        /// Smallest allowed value.
        min: Option<i64>,
        /// Largest allowed value.
        max: Option<i64>,
    },
    /// Any finite number.
    Number {
        /// Smallest allowed value.
        min: Option<f64>,
        /// Largest allowed value.
        max: Option<f64>,
    },
    /// Text.
    String {
        /// Syntax of the text, if it has one.
        format: Option<Format>,
        /// Smallest number of characters.
        min_length: Option<usize>,
        /// Largest number of characters.
        max_length: Option<usize>,
        /// The closed list of allowed texts; empty when any text is allowed.
        values: &'static [&'static str],
    },
    /// A list of values of one kind.
    Array {
        /// What an element looks like.
        items: Box<Schema>,
        /// Smallest number of elements.
        min_items: Option<usize>,
        /// Largest number of elements.
        max_items: Option<usize>,
    },
    /// An object with known fields; others are ignored.
    Object {
        /// The known fields.
        fields: Vec<Field>,
    },
    /// An object whose keys the caller chooses.
    Map {
        /// What the value of each key looks like.
        values: Box<Schema>,
    },
    /// Any JSON object, handed on as it is.
    JsonObject,
    /// One of several kinds, tried in this order.
    OneOf(Vec<Schema>),
}

/// Syntax of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A UUID in the usual form with hyphens.
    Uuid,
    /// A point in time as RFC 3339 has it, with any offset.
    DateTime,
    /// An e-mail address.
    Email,
}

impl Schema {
    /// A schema that does not allow `null`.
    pub fn of(kind: Kind) -> Self {
        Self { kind, nullable: false }
    }

    /// Text of the given syntax.
    pub fn formatted(format: Format) -> Self {
        Self::of(Kind::String { format: Some(format), min_length: None, max_length: None, values: &[] })
    }

    /// Text without syntax, with limits on its number of characters.
    pub fn text(min_length: Option<usize>, max_length: Option<usize>) -> Self {
        Self::of(Kind::String { format: None, min_length, max_length, values: &[] })
    }

    /// One of a closed list of texts.
    pub fn one_of(values: &'static [&'static str]) -> Self {
        Self::of(Kind::String { format: None, min_length: None, max_length: None, values })
    }

    /// The same schema with `null` allowed.
    #[must_use]
    pub fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }
}

/// Joins the lines of a doc comment: each loses the one space that follows `///`.
pub(crate) fn description(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}

/// Says how a type looks in the OpenAPI document, where it is written out each time.
macro_rules! inline_schema {
    ($name:ident, $schema:tt) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(crate) use inline_schema;
