//! Tests of the query parser, on a set of parameters made for them.

use serde_json::{Value, json};

use self::samples::Sample;
use super::parse_query;
use crate::params::ParamSet;

/// Parameters that no endpoint declares.
mod samples {
    #![expect(unreachable_pub, reason = "the macro makes what it declares public")]

    use crate::ids::DeviceId;
    use crate::metadata::MetadataFilter;
    use crate::params::{JsonObject, Nullable, object};
    use crate::time::Timestamp;
    use crate::values::Limit;

    object! {
        /// A nested object.
        Inner {
            /// Text.
            name: Nullable<String>,
            /// Boolean.
            flag: Option<bool>,
        }
    }

    object! {
        /// One parameter of each kind.
        Sample {
            /// Array of texts.
            ids: Option<Vec<String>>,
            /// Array of numbers.
            numbers: Option<Vec<Limit>>,
            /// Id.
            device_id: Option<DeviceId>,
            /// Number.
            limit: Option<Limit>,
            /// Boolean.
            flag: Option<bool>,
            /// Text.
            name: Option<String>,
            /// Text or null.
            cursor: Nullable<String>,
            /// Time.
            since: Option<Timestamp>,
            /// Map.
            has: Option<MetadataFilter>,
            /// Object.
            inner: Option<Inner>,
            /// Anything.
            config: Option<JsonObject>,
        }
    }
}

fn parse(query: &str) -> Result<Value, String> {
    parse_query(query, &Sample::fields()).map(Value::Object).map_err(|error| error.to_string())
}

#[test]
fn what_official_clients_send_is_read_back() {
    let query = "cursor=&flag=true&has.a=b&has.c=true&has.d=&ids=A&ids=B&limit=20&name=Front+Door\
                 &since=2024-01-01T00%3A00%3A00.000Z&_strict=true";
    assert_eq!(
        parse(query).unwrap(),
        json!({
            "cursor": null, "flag": true, "has": {"a": "b", "c": "true", "d": null}, "ids": ["A", "B"],
            "limit": 20, "name": "Front Door", "since": "2024-01-01T00:00:00.000Z"
        })
    );
}

#[test]
fn no_query_is_an_empty_object() {
    assert_eq!(parse("").unwrap(), json!({}));
    assert_eq!(parse("_strict=true").unwrap(), json!({}));
    assert_eq!(parse("unknown=1&_strict=false").unwrap(), json!({}));
}

#[test]
fn strict_arrays_are_repeated_keys_and_commas_are_data() {
    assert_eq!(parse("ids=a,b&_strict=true").unwrap(), json!({"ids": ["a,b"]}));
    assert_eq!(parse("ids[]=a&_strict=true").unwrap(), json!({}));
    assert_eq!(parse("ids=&_strict=true").unwrap(), json!({"ids": []}));
    assert_eq!(parse("ids=%20&_strict=true").unwrap(), json!({"ids": [" "]}));
    assert_eq!(parse("numbers=1&numbers=2&_strict=true").unwrap(), json!({"numbers": [1, 2]}));
}

#[test]
fn lenient_arrays_come_in_three_forms_but_not_mixed() {
    for query in ["ids=a&ids=b", "ids[]=a&ids[]=b", "ids%5B%5D=a&ids%5B%5D=b", "ids=a,b"] {
        assert_eq!(parse(query).unwrap(), json!({"ids": ["a", "b"]}), "{query}");
    }
    assert_eq!(parse("ids[]=a").unwrap(), json!({"ids": ["a"]}));
    assert_eq!(parse("ids=").unwrap(), json!({"ids": []}));
    assert_eq!(parse("numbers=1,+2").unwrap(), json!({"numbers": [1, 2]}));
    for (query, reason) in [
        ("ids=a&ids[]=b", "mixes several ways of writing an array"),
        ("ids=a,b&ids=c", "mixes several ways of writing an array"),
        ("ids[]=a,b", "combines brackets with commas"),
        ("ids[0]=a", "uses an index, which is not supported"),
    ] {
        assert_eq!(parse(query).unwrap_err(), format!("Could not parse parameter: 'ids' {reason}"));
    }
}

#[test]
fn an_array_does_not_mix_empty_and_other_values() {
    for query in ["ids=a&ids=", "ids=&ids=a&_strict=true", "ids=&ids=&_strict=true", "ids=a,,b"] {
        assert_eq!(parse(query).unwrap_err(), "Could not parse parameter: 'ids' mixes empty and other values");
    }
}

#[test]
fn a_repeated_parameter_that_is_no_array_is_refused() {
    for query in ["limit=1&limit=2", "name=a&name=b&_strict=true"] {
        assert!(parse(query).unwrap_err().ends_with("is given more than once"), "{query}");
    }
}

#[test]
fn booleans_are_spelled_freely_only_when_lenient() {
    for word in ["True", "TRUE", "yes", "Yes", "YES", "1", "+true+"] {
        assert_eq!(parse(&format!("flag={word}")).unwrap(), json!({"flag": true}), "{word}");
    }
    for word in ["False", "FALSE", "no", "No", "NO", "0"] {
        assert_eq!(parse(&format!("flag={word}")).unwrap(), json!({"flag": false}), "{word}");
    }
    assert_eq!(parse("flag=yes&_strict=true").unwrap(), json!({"flag": "yes"}));
    assert_eq!(parse("flag=perhaps").unwrap(), json!({"flag": "perhaps"}));
}

#[test]
fn numbers_that_are_none_stay_text() {
    assert_eq!(parse("limit=+20+").unwrap(), json!({"limit": 20}));
    assert_eq!(parse("limit=+20&_strict=true").unwrap(), json!({"limit": " 20"}));
    assert_eq!(parse("limit=2.5").unwrap(), json!({"limit": 2.5}));
    for text in ["inf", "nan", "NaN", "20x", "0x10", "1e999", "-"] {
        assert_eq!(parse(&format!("limit={text}")).unwrap(), json!({"limit": text}));
    }
}

#[test]
fn an_empty_value_is_null_except_for_lenient_text() {
    assert_eq!(
        parse("name=&limit=&flag=&since=").unwrap(),
        json!({"name": "", "limit": null, "flag": null, "since": null})
    );
    assert_eq!(parse("cursor=").unwrap(), json!({"cursor": null}));
    assert_eq!(parse("name=&_strict=true").unwrap(), json!({"name": null}));
    assert_eq!(parse("limit=+&since=+&name=+").unwrap(), json!({"limit": null, "since": null, "name": " "}));
}

#[test]
fn objects_are_dot_paths() {
    assert_eq!(parse("inner.name=x&inner.flag=true").unwrap(), json!({"inner": {"name": "x", "flag": true}}));
    assert_eq!(parse("config.host=x&config.port=1").unwrap(), json!({"config": {"host": "x", "port": "1"}}));
    assert_eq!(parse("inner=").unwrap(), json!({"inner": null}));
    assert_eq!(parse("inner=x").unwrap(), json!({"inner": "x"}));
    for query in ["inner=&inner.name=x", "has.a.b=1", "has.a=1&has.a=2", "has=1&has=2"] {
        assert!(parse(query).unwrap_err().starts_with("Could not parse parameter: '"), "{query}");
    }
}

#[test]
fn broken_encoding_does_not_break_anything() {
    assert_eq!(parse("name=%zz%ff").unwrap(), json!({"name": "%zz\u{fffd}"}));
    assert_eq!(parse("&&=&name").unwrap(), json!({"name": ""}));
    assert!(parse(&format!("{}=x&{}=y&has.{}.b=1", "n".repeat(100), "m", "k".repeat(1000))).unwrap_err().len() < 200);
}
