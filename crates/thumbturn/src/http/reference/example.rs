//! A `curl` call for each endpoint that can be pasted: ids are shell variables, everything else is written out.

use thumbturn_api::{Credential, EndpointInfo, Field, Format, Kind, Rule, Schema};

/// Around the name of a shell variable, until the text around it is quoted.
const MARK: char = '\0';

/// What an example needs though it is not always required.
const COMPLETING: [(&str, &str); 1] = [("/locks/configure_auto_lock", "auto_lock_delay_seconds")];

/// The call, for a server at `url`.
pub(super) fn curl(url: &str, endpoint: &EndpointInfo) -> String {
    // Without -N what comes is kept back.
    let flags = if endpoint.streams { "-sSN" } else { "-sS" };
    let mut lines = vec![format!("curl {flags} -X POST {}", quoted(&format!("{url}{}", endpoint.path)))];
    if let Some(variable) = token(endpoint.auth) {
        lines.push(format!("-H \"Authorization: Bearer ${variable}\""));
    }
    let mut fields: Vec<&Field> = endpoint.params.iter().filter(|field| is_shown(endpoint, field)).collect();
    // Who has no session of his own must say which one, and so on.
    if fields.is_empty() && endpoint.path.ends_with("/get") {
        fields.extend(endpoint.params.first());
    }
    if !fields.is_empty() {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d {}", quoted(&object(&fields))));
    }
    lines.join(" \\\n  ")
}

/// The variable with the credential that the call takes.
fn token(auth: &[Credential]) -> Option<&'static str> {
    if auth.contains(&Credential::Public) {
        None
    } else if auth.contains(&Credential::ApiKey) {
        Some("KEY")
    } else {
        Some("TOKEN")
    }
}

/// What has to be there: required parameters, and one of those of which one is required.
fn is_shown(endpoint: &EndpointInfo, field: &Field) -> bool {
    let names = endpoint.rules.iter().filter_map(|rule| match rule {
        Rule::AtLeastOne(names) | Rule::ExactlyOne(names) => names.first(),
        Rule::AtMostOne(_) => None,
    });
    field.required
        || names.into_iter().any(|name| *name == field.name)
        || COMPLETING.contains(&(endpoint.path, field.name))
}

fn object(fields: &[&Field]) -> String {
    let pairs: Vec<String> = fields.iter().map(|field| format!("\"{}\": {}", field.name, value(field))).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn value(field: &Field) -> String {
    sample(field.name, &field.schema)
}

/// A value of this kind for a parameter of this name, as JSON.
fn sample(name: &str, schema: &Schema) -> String {
    match &schema.kind {
        Kind::Boolean => "true".to_owned(),
        Kind::Integer { min, .. } => min.unwrap_or(1).to_string(),
        Kind::Number { min, .. } => min.unwrap_or(1.0).to_string(),
        Kind::String { format, values, .. } => text(name, *format, values),
        Kind::Array { items, .. } => format!("[{}]", sample(name, items)),
        Kind::Object { fields } => object(&fields.iter().filter(|field| field.required).collect::<Vec<_>>()),
        Kind::Map { .. } | Kind::JsonObject => "{}".to_owned(),
        Kind::OneOf(kinds) => kinds.first().map_or_else(|| "null".to_owned(), |kind| sample(name, kind)),
    }
}

fn text(name: &str, format: Option<Format>, values: &[&str]) -> String {
    match (format, values.first()) {
        (Some(Format::Uuid), _) => format!("\"{MARK}{}{MARK}\"", variable(name)),
        (Some(Format::DateTime), _) => "\"2026-01-01T00:00:00Z\"".to_owned(),
        (Some(Format::Email), _) => "\"anna@example.com\"".to_owned(),
        (None, Some(word)) => format!("\"{word}\""),
        (None, None) if name == "code" => "\"1234\"".to_owned(),
        (None, None) if name == "url" => "\"https://app.example/hook\"".to_owned(),
        (None, None) if name == "event_types" => "\"*\"".to_owned(),
        (None, None) => "\"example\"".to_owned(),
    }
}

/// `device_id` and `device_ids`: `DEVICE_ID`.
fn variable(name: &str) -> String {
    let singular = name.strip_suffix("_ids").map(|noun| format!("{noun}_id"));
    singular.as_deref().unwrap_or(name).to_uppercase()
}

/// As one word for a shell; what is between marks becomes a variable's value.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let parts = text
        .split(MARK)
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 { format!("'\"${part}\"'") } else { part.replace('\'', r"'\''") });
    format!("'{}'", parts.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(path: &str) -> String {
        let endpoints = thumbturn_api::endpoints();
        curl("http://127.0.0.1:8080", endpoints.iter().find(|endpoint| endpoint.path == path).unwrap())
    }

    #[test]
    fn an_unlock_can_be_pasted() {
        let expected = r#"curl -sS -X POST http://127.0.0.1:8080/locks/unlock_door \
  -H "Authorization: Bearer $KEY" \
  -H 'Content-Type: application/json' \
  -d '{"device_id": "'"$DEVICE_ID"'"}'"#;
        assert_eq!(example("/locks/unlock_door"), expected);
    }

    #[test]
    fn what_needs_no_key_or_no_parameters_has_none() {
        assert_eq!(example("/health/get_health"), "curl -sS -X POST http://127.0.0.1:8080/health/get_health");
        assert!(example("/workspaces/create").contains("$TOKEN"));
        assert!(!example("/devices/list").contains("-d"));
    }

    #[test]
    fn a_quotation_mark_ends_nothing() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("http://a/b_c"), "http://a/b_c");
    }
}
