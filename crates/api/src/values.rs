//! Parameter types with limits: bounded text, numbers, lists, page limits, and [`Secret`] for what must never be
//! printed.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::params::{Param, read_str};
use crate::problems::Problems;
use crate::schema::{Format, Kind, Schema};
use crate::time::Timestamp;

/// Text of `MIN` to `MAX` characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// Text of at least one character.
pub type NonEmptyString = Text<1, { usize::MAX }>;

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Param for Text<MIN, MAX> {
    fn schema() -> Schema {
        Schema::text((MIN > 0).then_some(MIN), (MAX < usize::MAX).then_some(MAX))
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let text = read_str(value, problems)?;
        let length = text.chars().count();
        if length < MIN {
            problems.add(format!("String must contain at least {MIN} character(s)"));
        } else if length > MAX {
            problems.add(format!("String must contain at most {MAX} character(s)"));
        }
        (MIN..=MAX).contains(&length).then(|| Self(text.to_owned()))
    }
}

/// An e-mail address; only its outline is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Param for Email {
    fn schema() -> Schema {
        Schema::formatted(Format::Email)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let text = read_str(value, problems)?;
        let valid = text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !text.contains(char::is_whitespace)
        });
        if !valid {
            problems.add("Invalid email");
        }
        valid.then(|| Self(text.to_owned()))
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Integer<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Integer<MIN, MAX> {
    /// A number for a default value; moved to the nearest limit if it is outside.
    pub fn of(number: i64) -> Self {
        Self(number.max(MIN).min(MAX))
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> Param for Integer<MIN, MAX> {
    fn schema() -> Schema {
        Schema::of(Kind::Integer { min: (MIN > i64::MIN).then_some(MIN), max: (MAX < i64::MAX).then_some(MAX) })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let number = read_whole(value, problems)?;
        if number < MIN {
            problems.add(format!("Number must be greater than or equal to {MIN}"));
        } else if number > MAX {
            problems.add(format!("Number must be less than or equal to {MAX}"));
        }
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }
}

/// Reads a whole number; `20.0` counts as one. Numbers beyond 64 bits become the nearest one within.
fn read_whole(value: &Value, problems: &mut Problems) -> Option<i64> {
    let Value::Number(number) = value else {
        problems.add_type("number", value);
        return None;
    };
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0);
    if float.is_none() {
        problems.add("Expected integer, received float");
    }
    float.map(|float| float as i64) // saturates
}

/// How many items a list answers at most: a whole number greater than 0. The server may answer fewer, never fewer
/// than 500 while there are more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Limit(u32);

impl Limit {
    /// The default of most lists.
    pub const DEFAULT: Self = Self(500);

    /// The number of items; 0 becomes 1.
    pub const fn of(items: u32) -> Self {
        if items == 0 { Self(1) } else { Self(items) }
    }

    /// The number of items.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Param for Limit {
    fn schema() -> Schema {
        Schema::of(Kind::Integer { min: Some(1), max: None })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let number = read_whole(value, problems)?;
        if number <= 0 {
            problems.add("Number must be greater than 0");
            return None;
        }
        Some(Self(u32::try_from(number).unwrap_or(u32::MAX)))
    }
}

/// A share from 0 to 1, such as a battery level.
pub type Fraction = Decimal<0, 1>;

/// Any number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Decimal<const MIN: u32, const MAX: u32>(f64);

impl<const MIN: u32, const MAX: u32> Decimal<MIN, MAX> {
    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Param for Decimal<MIN, MAX> {
    fn schema() -> Schema {
        Schema::of(Kind::Number { min: Some(MIN.into()), max: Some(MAX.into()) })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let Some(number) = value.as_f64() else {
            problems.add_type("number", value);
            return None;
        };
        let (min, max) = (f64::from(MIN), f64::from(MAX));
        if number < min {
            problems.add(format!("Number must be greater than or equal to {MIN}"));
        } else if number > max {
            problems.add(format!("Number must be less than or equal to {MAX}"));
        }
        (min..=max).contains(&number).then_some(Self(number))
    }
}

/// A list of `MIN` to `MAX` elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// The elements.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Param, const MIN: usize, const MAX: usize> Param for List<T, MIN, MAX> {
    fn schema() -> Schema {
        let max_items = (MAX < usize::MAX).then_some(MAX);
        Schema::of(Kind::Array { items: Box::new(T::schema()), min_items: (MIN > 0).then_some(MIN), max_items })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let length = value.as_array().map_or(MIN, Vec::len);
        if length < MIN || (length > MAX && MIN == MAX) {
            let how = if MIN == MAX { "exactly" } else { "at least" };
            problems.add(format!("Array must contain {how} {MIN} element(s)"));
        } else if length > MAX {
            problems.add(format!("Array must contain at most {MAX} element(s)"));
            return None;
        }
        let elements = Vec::read(value, problems)?;
        (MIN..=MAX).contains(&length).then_some(Self(elements))
    }
}

/// Two points in time, the second later than the first; on the wire an array of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The earlier end.
    pub from: Timestamp,
    /// The later end.
    pub to: Timestamp,
}

impl Param for TimeRange {
    fn schema() -> Schema {
        List::<Timestamp, 2, 2>::schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let &[from, to] = &*List::<Timestamp, 2, 2>::read(value, problems)? else { return None };
        if to <= from {
            problems.add("The second time must be later than the first");
        }
        (from < to).then_some(Self { from, to })
    }
}

/// A value that must not be printed: a token, a PIN, a hub's password. Serializes as the value itself; its `Debug`
/// form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

impl<T: Param> Param for Secret<T> {
    fn schema() -> Schema {
        T::schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        T::read(value, problems).map(Self)
    }
}
