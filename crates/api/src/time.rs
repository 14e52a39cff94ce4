//! Points in time on the wire: RFC 3339 with any offset on the way in, always UTC on the way out.

use std::fmt;

use jiff::fmt::temporal::DateTimePrinter;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::params::{Param, read_str};
use crate::problems::Problems;
use crate::schema::{Format, Schema};

/// A point in time, written with three decimals: `2026-01-15T08:30:01.250Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub jiff::Timestamp);

/// A point in time written with six decimals: `2026-01-15T08:30:01.250731Z`.
///
/// The `created_at` of an event: who asks for events since the last one seen gets no event twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreciseTimestamp(pub jiff::Timestamp);

/// The last instant that is counted, 9999-12-30T22:00:00Z: a whole second, so that it is the same in every unit.
const LATEST: jiff::Timestamp = jiff::Timestamp::constant(253_402_207_200, 0);

/// Parses RFC 3339: seconds and an offset are required, a fraction is optional. Its digits beyond the ninth mean
/// nothing, and a time after [`LATEST`] is that one.
fn parse(text: &str) -> Option<jiff::Timestamp> {
    if !is_rfc3339(text.as_bytes()) {
        return None;
    }
    let (clock, rest) = text.split_at_checked(19)?;
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let offset = rest.get(if digits > 0 { digits + 1 } else { 0 }..)?;
    let fraction = rest.get(..if digits > 0 { 1 + digits.min(9) } else { 0 })?;
    let read = |clock: &str| format!("{clock}{fraction}{offset}").parse().ok();
    // The last two days of the calendar are beyond the last instant in some time zone.
    let found = read(clock).or_else(|| {
        let earlier = clock.strip_prefix("9999-12-31").map(|time| format!("9999-12-01{time}"))?;
        read(&earlier).map(|_: jiff::Timestamp| LATEST)
    });
    found.map(|time: jiff::Timestamp| time.min(LATEST))
}

/// Whether the text has the form `2026-01-15T08:30:00[.fraction](Z|+00:00)`. The parser behind it is more liberal.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((clock, rest)) = text.split_at_checked(19) else { return false };
    let fraction_length = match rest {
        [b'.', digits @ ..] => 1 + digits.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let offset = &rest[fraction_length..];
    fraction_length != 1
        && matches_form(clock, b"0000-00-00T00:00:00")
        && (matches!(offset, b"Z" | b"z") || is_offset(offset))
}

/// Whether the text is `+hh:mm` or `-hh:mm` with an hour and a minute that exist.
fn is_offset(text: &[u8]) -> bool {
    let has_form = matches_form(text, b"+00:00") || matches_form(text, b"-00:00");
    has_form && text[1..3] <= b"23"[..] && text[4..6] <= b"59"[..]
}

/// Whether the text has digits where `form` has `0`, and otherwise the bytes of `form` (letters in any case).
fn matches_form(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text.iter().zip(form).all(|(byte, expected)| match expected {
            b'0' => byte.is_ascii_digit(),
            _ => byte.eq_ignore_ascii_case(expected),
        })
}

macro_rules! wire_time {
    ($name:ident, $decimals:literal) => {
        impl From<jiff::Timestamp> for $name {
            fn from(time: jiff::Timestamp) -> Self {
                Self(time)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some($decimals));
                PRINTER.print_timestamp(&self.0, jiff::fmt::StdFmtWrite(f)).map_err(|_| fmt::Error)
            }
        }

        $crate::schema::inline_schema!($name, {"type": "string", "format": "date-time"});

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                parse(&text).map(Self).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))
            }
        }
    };
}

wire_time!(Timestamp, 3);
wire_time!(PreciseTimestamp, 6);

impl Param for Timestamp {
    fn schema() -> Schema {
        Schema::formatted(Format::DateTime)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let time = parse(read_str(value, problems)?).map(Self);
        if time.is_none() {
            problems.add("Invalid datetime");
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_and_any_fraction_is_read_and_written_as_utc_with_three_decimals() {
        for (text, expected) in [
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z"),
            ("2024-01-01t02:00:00.1239999+02:00", "2024-01-01T00:00:00.123Z"),
            ("2023-12-31T19:00:00.5-05:00", "2024-01-01T00:00:00.500Z"),
            ("2024-01-01T00:00:00.1234567899999Z", "2024-01-01T00:00:00.123Z"),
            ("9999-12-31T23:59:59Z", "9999-12-30T22:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(parse(text).unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2024",
            "2024-01-01",
            "2024-01-01T00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0000",
            "2024-01-01T00:00:00+25:00",
            "2024-01-01T00:00:00+01:60",
            "9999-12-31T25:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00+00:00[UTC]",
            "20240101T000000Z",
            "2024-01-01T00:00:00é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_event_time_keeps_its_microseconds() {
        let time = parse("2024-01-01T00:00:00.123456789Z").unwrap();
        assert_eq!(PreciseTimestamp(time).to_string(), "2024-01-01T00:00:00.123456Z");
    }
}
