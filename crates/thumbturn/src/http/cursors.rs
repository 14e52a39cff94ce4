//! Page cursors: opaque to clients. A cursor carries a hash of the other parameters, so that it cannot be used with
//! different ones, and the creation time and id of the last item seen, so that it survives the deletion of any item.
//!
//! Parameters are compared in the form that they have in a query string: the next page can be asked for by query as
//! well as by body. What an endpoint does not declare does not count.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use thumbturn_api::{Endpoint, ErrorType, JsonObject, Nullable, Pagination};
use thumbturn_store::Cursor;

use super::errors::{Failure, Outcome};
use crate::tokens::sha256_hex;

const HASH: usize = 16;

/// Longest URL of a next page. Servers and proxies refuse longer ones, so none is handed out then.
const LONGEST_URL: usize = 8_000;

/// The other parameters of a paged request, as pairs of a query string.
fn others<E: Endpoint>(input: &JsonObject) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in input {
        let counts = name != "page_cursor" && E::params().iter().any(|field| field.name == name);
        if counts && !value.is_null() {
            flatten(name, value, &mut pairs);
        }
    }
    pairs
}

fn fingerprint(path: &str, others: &[(String, String)]) -> String {
    let mut hash = sha256_hex(format!("{path}?{}", form_urlencoded(others)).as_bytes());
    hash.truncate(HASH);
    hash
}

/// The position that `page_cursor` names; `None` for the first page.
///
/// # Errors
/// 400 if the cursor cannot be read, or was made for other parameters.
pub fn read<E: Endpoint>(input: &JsonObject, page_cursor: &Nullable<String>) -> Outcome<Option<Cursor>> {
    let Nullable::Value(text) = page_cursor else { return Ok(None) };
    let Some((hash, cursor)) = decode(text) else {
        return Err(Failure::invalid_parameter("page_cursor", "Invalid page cursor"));
    };
    if hash != fingerprint(E::PATH, &others::<E>(input)) {
        return Err(Failure::new(
            ErrorType::MismatchedPageParameters,
            "The page_cursor was made for other parameters. Repeat the parameters of the first page exactly.",
        ));
    }
    Ok(Some(cursor))
}

fn decode(text: &str) -> Option<(String, Cursor)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.splitn(3, ' ');
    let hash = parts.next()?.to_owned();
    let created_at_us = parts.next()?.parse().ok()?;
    let id = uuid::Uuid::try_parse(parts.next()?).ok()?;
    Some((hash, Cursor { created_at_us, id }))
}

/// What a page says about the next one. The URL has the form that official clients send: repeated keys for arrays, dots
/// for objects, `_strict=true` at the end.
pub fn pagination<E: Endpoint>(base: &str, input: &JsonObject, next: Option<&Cursor>) -> Pagination {
    let Some(next) = next else { return Pagination::default() };
    let mut pairs = others::<E>(input);
    let hash = fingerprint(E::PATH, &pairs);
    let cursor = URL_SAFE_NO_PAD.encode(format!("{hash} {} {}", next.created_at_us, next.id));
    pairs.push(("page_cursor".to_owned(), cursor.clone()));
    let url = format!("{base}{}?{}&_strict=true", E::PATH, form_urlencoded(&pairs));
    Pagination {
        has_next_page: true,
        next_page_cursor: Some(cursor),
        next_page_url: (url.len() <= LONGEST_URL).then_some(url),
    }
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => pairs.push((name.to_owned(), String::new())),
        Value::String(text) => pairs.push((name.to_owned(), text.clone())),
        Value::Array(items) if items.is_empty() => pairs.push((name.to_owned(), String::new())),
        Value::Array(items) => items.iter().for_each(|item| flatten(name, item, pairs)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, item)| flatten(&format!("{name}.{key}"), item, pairs));
        }
        Value::Bool(_) | Value::Number(_) => pairs.push((name.to_owned(), value.to_string())),
    }
}

fn form_urlencoded(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use thumbturn_api::action_attempts::ListActionAttempts;
    use thumbturn_api::devices::ListDevices;

    use super::*;

    fn object(value: Value) -> JsonObject {
        value.as_object().unwrap().clone()
    }

    fn made(input: Value) -> Pagination {
        let at = Cursor { created_at_us: 17, id: uuid::Uuid::from_u128(5) };
        pagination::<ListDevices>("http://h", &object(input), Some(&at))
    }

    #[test]
    fn a_cursor_fits_the_parameters_it_was_made_for_and_no_others() {
        let input = json!({"limit": 2, "search": "x"});
        let cursor = Nullable::Value(made(input.clone()).next_page_cursor.unwrap());
        for same in [
            input.clone(),
            json!({"search": "x", "limit": 2, "page_cursor": "ignored"}),
            json!({"search": "x", "limit": 2, "unknown": "ignored", "customer_key": null}),
        ] {
            let read_back = read::<ListDevices>(&object(same), &cursor).unwrap().unwrap();
            assert_eq!((read_back.created_at_us, read_back.id), (17, uuid::Uuid::from_u128(5)));
        }
        assert!(read::<ListDevices>(&object(json!({"limit": 3, "search": "x"})), &cursor).is_err());
        assert!(read::<ListActionAttempts>(&object(input.clone()), &cursor).is_err());
        assert!(read::<ListDevices>(&object(input), &Nullable::Value("?".to_owned())).is_err());
    }

    #[test]
    fn the_url_of_the_next_page_repeats_the_parameters() {
        let page = made(json!({"device_ids": ["a", "b"], "custom_metadata_has": {"k": "ü x"}}));
        let url = page.next_page_url.unwrap();
        assert!(url.starts_with("http://h/devices/list?custom_metadata_has.k=%C3%BC+x&device_ids=a&device_ids=b&"));
        assert!(url.ends_with(&format!("&page_cursor={}&_strict=true", page.next_page_cursor.unwrap())));
    }
}
