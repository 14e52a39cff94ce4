//! What the fuzz targets share: which endpoint an input is for, and what must be true of every refusal.

use std::sync::LazyLock;

use serde_json::Value;
use thumbturn_api::{ApiError, EndpointInfo, ErrorType, Field, JsonObject, endpoints};

/// Every declared endpoint.
static ENDPOINTS: LazyLock<Vec<EndpointInfo>> = LazyLock::new(endpoints);

/// Longest message of a refusal, in bytes. Names that a caller chose are repeated in it, in bounds.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// The endpoint that the first byte of an input chooses.
#[must_use]
pub fn endpoint(choice: u8) -> &'static EndpointInfo {
    &ENDPOINTS[usize::from(choice) % ENDPOINTS.len()]
}

/// Reads the parameters as the endpoint declares them; `None` if they are refused, and then the refusal is looked at.
pub fn accepted(endpoint: &EndpointInfo, input: &JsonObject) -> Option<()> {
    match (endpoint.check)(input) {
        Ok(()) => {
            let declared = endpoint.params.iter().filter_map(|field| input.get(field.name));
            assert!(!declared.map(Value::to_string).any(|text| has_nul(&text)), "{}: NUL: {input:?}", endpoint.path);
            Some(())
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "{}: refused without a reason: {input:?}", endpoint.path);
            assert_refusal(&problems.into(), endpoint.params);
            None
        }
    }
}

/// Whether a JSON text has an escaped NUL character: an odd number of backslashes before `u0000`.
fn has_nul(text: &str) -> bool {
    text.match_indices("u0000").any(|(at, _)| {
        let before = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        before % 2 == 1
    })
}

/// A refusal says in bounds what is wrong, and names the parameter that it is about.
///
/// # Panics
/// If it does not.
pub fn assert_refusal(error: &ApiError, params: &[Field]) {
    assert_eq!(error.status.as_u16(), 400, "{error}");
    assert!(!error.message.is_empty() && error.message.len() < LONGEST_MESSAGE, "{error}");
    assert_eq!(error.problems.is_some(), error.error_type == ErrorType::InvalidInput, "{error}");
    let Some(Value::Object(tree)) = error.body().error.validation_errors else { return };
    let is_declared = |name: &str| params.iter().any(|field| field.name == name);
    for name in tree.keys().filter(|name| *name != "_errors") {
        assert!(is_declared(name), "a parameter that is not declared is refused: {error}");
    }
    for text in tree["_errors"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let named = text.split('\'').skip(1).step_by(2).any(is_declared);
        assert!(named, "no parameter is named: {error}");
    }
}
