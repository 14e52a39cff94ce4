//! From query string and body to the one object that holds all parameters of a request.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::error::{ApiError, ErrorType};
use crate::params::JsonObject;
use crate::problems::{Problems, type_name};
use crate::query::{QueryError, parse_query};
use crate::schema::Field;

/// The parts of a request that carry parameters.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The query string without `?`.
    pub query: Option<&'a str>,
    /// The `content-type` header.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// Reads and validates the parameters of a request to the endpoint `E`.
pub fn read_request<E: Endpoint>(request: Request<'_>) -> Result<E, ApiError> {
    let input = read_input(request, E::params())?;
    E::read(&input).map_err(ApiError::from)
}

/// Collects the parameters of a request, not yet validated.
///
/// Query and body are both honoured with every method; where a name occurs in both, the body wins. An empty body counts
/// as `{}` whatever its content type.
pub fn read_input(request: Request<'_>, fields: &[Field]) -> Result<JsonObject, ApiError> {
    let body = read_body(request)?;
    let mut input = parse_query(request.query.unwrap_or_default(), fields)?;
    input.extend(body);
    Ok(input)
}

fn read_body(request: Request<'_>) -> Result<JsonObject, ApiError> {
    if request.body.trim_ascii().is_empty() {
        return Ok(JsonObject::new());
    }
    if needs_content_type(request.method) && !is_json(request.content_type) {
        let message =
            format!("{} requests must have \"Content-Type\" header with \"application/json\"", request.method);
        return Err(ApiError::new(ErrorType::InvalidContentType, message));
    }
    match serde_json::from_slice(request.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(Problems::of_input(format!("Expected object, received {}", type_name(&other))).into()),
        Err(_) => Err(Problems::of_input("Invalid JSON, or nested too deeply").into()),
    }
}

/// `curl -X GET -d '{...}'` sends its JSON as a form, and the official documentation shows it.
fn needs_content_type(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

fn is_json(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|value| value.to_ascii_lowercase().contains("application/json"))
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::new(ErrorType::InvalidQueryParams, error.to_string()).with_status(StatusCode::BAD_REQUEST)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::locks::UnlockDoor;

    /// Found by the fuzz target `bodies`.
    #[test]
    fn a_number_is_read_as_what_it_says() {
        let text = "555555555555555555555555555555550.0";
        let body = format!("{{\"level\":{text}}}");
        let request = Request { method: &Method::POST, query: None, content_type: JSON, body: body.as_bytes() };
        let number = text.parse::<f64>().unwrap();
        assert_eq!(read_input(request, &[]).unwrap()["level"], json!(number));
    }

    const JSON: Option<&str> = Some("application/json");

    fn read(method: Method, query: &str, content_type: Option<&str>, body: &[u8]) -> Result<Value, ApiError> {
        let request = Request { method: &method, query: Some(query), content_type, body };
        read_input(request, UnlockDoor::params()).map(Value::Object)
    }

    #[test]
    fn the_body_wins_over_the_query() {
        let input = read(Method::POST, "sync=true&device_id=a", JSON, br#"{"device_id": "b", "more": 1}"#);
        assert_eq!(input.unwrap(), json!({"sync": true, "device_id": "b", "more": 1}));
    }

    #[test]
    fn an_empty_body_is_an_empty_object_whatever_its_type() {
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(read(Method::POST, "", form, b"").unwrap(), json!({}));
        assert_eq!(read(Method::POST, "", None, b" \n").unwrap(), json!({}));
    }

    #[test]
    fn a_body_must_be_declared_as_json_except_on_get_and_delete() {
        for method in [Method::POST, Method::PATCH, Method::PUT] {
            let error = read(method, "", Some("text/plain"), b"{}").unwrap_err();
            assert_eq!(error.error_type, ErrorType::InvalidContentType);
        }
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(read(method, "", None, br#"{"a": 1}"#).unwrap(), json!({"a": 1}));
        }
        assert!(read(Method::POST, "", Some("Application/JSON; charset=utf-8"), b"{}").is_ok());
    }

    #[test]
    fn what_is_no_json_object_is_invalid_input() {
        let deep = "[".repeat(10_000);
        for (body, message) in [
            (&b"{"[..], "Invalid JSON, or nested too deeply"),
            (b"{\"a\": \"\xff\"}", "Invalid JSON, or nested too deeply"),
            (deep.as_bytes(), "Invalid JSON, or nested too deeply"),
            (b"[1]", "Expected object, received array"),
            (b"null", "Expected object, received null"),
        ] {
            let error = read(Method::POST, "", JSON, body).unwrap_err();
            assert_eq!((error.error_type, error.message.as_str()), (ErrorType::InvalidInput, message));
        }
    }

    #[test]
    fn parameters_arrive_in_the_struct_of_the_endpoint() {
        let method = Method::GET;
        let query = Some("sync=true&device_id=0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f&_strict=true");
        let unlock: UnlockDoor =
            read_request(Request { method: &method, query, content_type: None, body: b"" }).unwrap();
        assert!(unlock.sync);
        let request = Request { method: &method, query: Some("sync=maybe"), content_type: None, body: b"" };
        let error = read_request::<UnlockDoor>(request).unwrap_err();
        assert_eq!(
            error.message,
            "2 Input Errors: device_id is required, Expected boolean, received string for \"sync\""
        );
    }

    #[test]
    fn an_ambiguous_query_has_its_own_type() {
        let error = read(Method::GET, "sync=true&sync=false", None, b"").unwrap_err();
        assert_eq!(error.error_type, ErrorType::InvalidQueryParams);
        assert_eq!(error.message, "Could not parse parameter: 'sync' is given more than once");
    }
}
