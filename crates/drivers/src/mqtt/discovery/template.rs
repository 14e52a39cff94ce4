//! Templates: the small Jinja that discovery messages carry. They come from the network, so they run with little fuel.

use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

/// Steps that one rendering may take; real templates take a few dozen.
const FUEL: u64 = 10_000;

/// How long a template may be.
const MOST: usize = 8 * 1024;

/// How long what it makes may be.
const MOST_OUTPUT: usize = 64 * 1024;

/// Why a template did not render.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// Its fault, as far as one payload tells: it does not parse, uses something that only Home Assistant has, or does
    /// not come to an end. Once it has passed [`Renderer::check`] this is the payload's fault as well.
    #[error("{0}")]
    Unsupported(String),
    /// Not with this payload.
    #[error("{0}")]
    Payload(String),
}

/// Renders templates as Home Assistant would.
#[derive(Debug)]
pub(super) struct Renderer {
    environment: Environment<'static>,
}

impl Default for Renderer {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("iif", iif);
        environment.add_filter("iif", iif);
        environment.add_filter("float", float);
        environment.add_filter("from_json", from_json);
        environment.add_filter("bool", truth);
        environment.add_filter("is_number", is_number);
        environment.add_function("is_number", is_number);
        environment.add_test("is_number", is_number);
        environment.add_filter("to_json", to_json);
        environment.add_filter("bitwise_and", |left: i64, right: i64| left & right);
        environment.add_filter("bitwise_or", |left: i64, right: i64| left | right);
        Self { environment }
    }
}

impl Renderer {
    /// Renders `template` with `value` as a text, and as `value_json` where it is JSON.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub(super) fn render(&self, template: &str, value: &str) -> Result<String, TemplateError> {
        if template.len() > MOST {
            return Err(TemplateError::Unsupported("the template is too long".to_owned()));
        }
        let value_json = serde_json::from_str::<serde_json::Value>(value).ok().map(|json| Value::from(Serde(json)));
        let context = match value_json {
            Some(value_json) => context! { value, value_json },
            None => context! { value },
        };
        let rendered = self.environment.render_str(template, context).map_err(|error| classify(&error))?;
        if rendered.len() > MOST_OUTPUT {
            return Err(TemplateError::Payload("the result is too long".to_owned()));
        }
        Ok(rendered.trim().to_owned())
    }

    /// Whether `template` can be used: tried with payloads of the usual shapes. What a branch holds that none of them
    /// takes shows only later.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn check(&self, template: &str) -> Result<(), String> {
        for payload in ["", "1", "{}"] {
            if let Err(TemplateError::Unsupported(why)) = self.render(template, payload) {
                return Err(why);
            }
        }
        Ok(())
    }
}

/// A method that is not there says nothing of the template: `value_json` may be anything, or nothing.
fn classify(error: &Error) -> TemplateError {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::SyntaxError
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownTest
        | ErrorKind::BadEscape
        | ErrorKind::TemplateNotFound
        | ErrorKind::OutOfFuel => TemplateError::Unsupported(text),
        _ => TemplateError::Payload(text),
    }
}

/// `iif(condition, if_true, if_false)`, as a function and as a filter.
fn iif(condition: &Value, if_true: Option<Value>, if_false: Option<Value>) -> Value {
    if condition.is_true() { if_true.unwrap_or(Value::from(true)) } else { if_false.unwrap_or(Value::from(false)) }
}

fn float(value: &Value, default: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let default = match kwargs.get::<Option<Value>>("default")? {
        Some(named) => Some(named),
        None => default,
    };
    let text = value.to_string();
    match text.trim().parse::<f64>() {
        Ok(number) => Ok(Value::from(number)),
        Err(_) => default.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "float: not a number")),
    }
}

fn from_json(text: &str) -> Result<Value, Error> {
    serde_json::from_str::<serde_json::Value>(text)
        .map(|json| Value::from(Serde(json)))
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "from_json: not JSON"))
}

/// Whether a value is a finite number or the text of one; as for Python, truth values are numbers.
fn is_number(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        None => bool::try_from(value.clone()).is_ok() || f64::try_from(value.clone()).is_ok_and(f64::is_finite),
    }
}

fn to_json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::new(ErrorKind::InvalidOperation, "to_json: no JSON can say this"))
}

fn truth(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    match value.to_string().to_lowercase().as_str() {
        "true" | "yes" | "on" | "enable" | "1" => Ok(Value::from(true)),
        "false" | "no" | "off" | "disable" | "0" => Ok(Value::from(false)),
        _ => default.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "bool: neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_met_in_practice_render_as_in_home_assistant() {
        let renderer = Renderer::default();
        let nuki = r#"{% if value in ("5","6","7") %}3{% else %}{{value}}{% endif %}"#;
        for (template, payload, expected) in [
            (r#"{{ value_json["state"] }}"#, r#"{"state":"LOCK"}"#, "LOCK"),
            ("{{ value_json.value }}", r#"{"time":1,"value":255}"#, "255"),
            ("{{ value_json.value }}", r#"{"value":null}"#, "None"),
            ("{{ value_json.value }}", r#"{"value":true}"#, "True"),
            ("{{ 'online' if value_json.value else 'offline' }}", r#"{"value":true}"#, "online"),
            ("{{ 'online' if value_json.value else 'offline' }}", r#"{"value":false}"#, "offline"),
            (nuki, "6", "3"),
            (nuki, "1", "1"),
            ("{{ value.upper() }}", "locked", "LOCKED"),
            ("{{ value.split(',')[1] }}", "a,b", "b"),
            ("{{ value_json.get('a', 'b') }}", "{}", "b"),
            ("{{ {0: 'UNLOCKED', 255: 'LOCKED'}[value_json.value] }}", r#"{"value":255}"#, "LOCKED"),
            ("{{ iif(value == '1', 'LOCKED', 'UNLOCKED') }}", "1", "LOCKED"),
            ("{{ (value | float) > 0.5 }}", "0.75", "True"),
            ("{{ value | float(0) }}", "x", "0"),
            ("{{ value_json.x.y | default('LOCKED') }}", "{}", "LOCKED"),
            ("{{ 'LOCKED' if value_json.x is defined else 'UNLOCKED' }}", "{}", "UNLOCKED"),
            ("{{ value | int }}", "7", "7"),
            ("  {{ value }}\n", "LOCKED", "LOCKED"),
            ("{{ value_json.state }}", "not json", ""),
        ] {
            assert_eq!(renderer.render(template, payload).as_deref(), Ok(expected), "{template} of {payload}");
        }
    }

    #[test]
    fn what_only_home_assistant_has_is_named() {
        let renderer = Renderer::default();
        for template in
            ["{{ states('lock.x') }}", "{{ value | regex_replace('a', 'b') }}", "{{ value", "{% for x in %}"]
        {
            assert!(renderer.check(template).is_err(), "{template}");
        }
        assert!(renderer.check("{{ value_json.a.b.c }}").is_ok());
        assert!(renderer.check("{{ value_json['state'] | from_json }}").is_ok());
    }

    #[test]
    fn methods_are_supported_whatever_they_are_called_on() {
        let renderer = Renderer::default();
        for (template, payload, expected) in [
            ("{{ value_json.get('state', '') }}", r#"{"state":"LOCKED"}"#, "LOCKED"),
            ("{{ value_json.state.upper() }}", r#"{"state":"locked"}"#, "LOCKED"),
            ("{{ value_json.state.split(',')[0] }}", r#"{"state":"LOCKED,3"}"#, "LOCKED"),
            ("{% for key, word in value_json.items() %}{{ word }}{% endfor %}", r#"{"a":"LOCKED"}"#, "LOCKED"),
        ] {
            assert_eq!(renderer.check(template), Ok(()), "{template}");
            assert_eq!(renderer.render(template, payload).as_deref(), Ok(expected), "{template}");
            assert!(matches!(renderer.render(template, "1"), Err(TemplateError::Payload(_)) | Ok(_)), "{template}");
        }
    }

    #[test]
    fn common_additions_of_home_assistant_are_there() {
        let renderer = Renderer::default();
        for (template, payload, expected) in [
            ("{{ value | is_number }}", "3.5", "True"),
            ("{{ value | is_number }}", "nan", "False"),
            ("{{ is_number(value) }}", "open", "False"),
            ("{{ 'LOCKED' if value is is_number else 'UNLOCKED' }}", "1", "LOCKED"),
            ("{{ value_json | is_number }}", "true", "True"),
            ("{{ value_json.a | to_json }}", r#"{"a":{"b":["<"]}}"#, r#"{"b":["<"]}"#),
            ("{{ {'state': value} | to_json }}", "LOCK", r#"{"state":"LOCK"}"#),
            ("{{ value | int | bitwise_and(4) }}", "6", "4"),
            ("{{ 'LOCKED' if value | int | bitwise_and(1) else 'UNLOCKED' }}", "2", "UNLOCKED"),
            ("{{ value | int | bitwise_or(1) }}", "6", "7"),
        ] {
            assert_eq!(renderer.render(template, payload).as_deref(), Ok(expected), "{template} of {payload}");
        }
        assert!(renderer.render("{{ value | bitwise_and(1) }}", "x").is_err());
    }

    #[test]
    fn a_template_cannot_run_away() {
        let renderer = Renderer::default();
        for template in [
            "{% for a in range(10000) %}{% for b in range(10000) %}{{ b }}{% endfor %}{% endfor %}",
            "{{ 'x' * 1000000000000 }}",
            "{% for a in range(100000000) %}x{% endfor %}",
        ] {
            assert!(renderer.render(template, "").is_err(), "{template}");
        }
        assert!(renderer.render(&"x".repeat(10_000), "").is_err());
    }
}
