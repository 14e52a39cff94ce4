//! What nodes send each other: a call as it came, and its answer. Header values and bodies are base64: they may be any bytes.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Headers that belong to a connection and not to a call, or are made anew.
const NOT_HANDED_OVER: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::ORIGIN,
];

/// Marks a call that another node handed over.
#[derive(Clone, Copy)]
pub(super) struct HandedOver;

/// What is on its way.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sent {
    /// A call.
    Call { method: String, uri: String, headers: Vec<(String, String)>, body: String },
    /// An operator's wish to forget a hub.
    ForgetHub(Uuid),
}

/// Its answer on the way back.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// A text for an operator.
    pub(super) fn of_text(status: StatusCode, text: &str) -> Self {
        Self { status: status.as_u16(), headers: Vec::new(), body: BASE64.encode(text) }
    }

    /// The text for an operator, or why there is none.
    pub(super) fn into_text(self) -> Result<String, String> {
        let text = BASE64.decode(self.body).ok().and_then(|body| String::from_utf8(body).ok()).unwrap_or_default();
        if self.status == StatusCode::OK { Ok(text) } else { Err(text) }
    }
}

/// A call as it came.
pub(super) fn sent(parts: &Parts, body: &Bytes) -> Sent {
    Sent::Call {
        method: parts.method.as_str().to_owned(),
        uri: parts.uri.to_string(),
        headers: written(&parts.headers),
        body: BASE64.encode(body),
    }
}

fn written(headers: &HeaderMap) -> Vec<(String, String)> {
    let own = headers.iter().filter(|(name, _)| !NOT_HANDED_OVER.contains(name));
    own.map(|(name, value)| (name.as_str().to_owned(), BASE64.encode(value))).collect()
}

fn read(written: Vec<(String, String)>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let value = HeaderValue::from_bytes(&BASE64.decode(value).ok()?).ok()?;
        headers.append(HeaderName::try_from(name).ok()?, value);
    }
    Some(headers)
}

/// The call that another node sent.
pub(super) fn received(method: &str, uri: &str, headers: Vec<(String, String)>, body: &str) -> Option<Request> {
    let mut request = Request::new(Body::from(BASE64.decode(body).ok()?));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri.parse::<Uri>().ok()?;
    *request.headers_mut() = read(headers)?;
    request.extensions_mut().insert(HandedOver);
    Some(request)
}

/// An answer for the way back.
pub(super) async fn told(response: Response) -> Option<Answer> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some(Answer { status: parts.status.as_u16(), headers: written(&parts.headers), body: BASE64.encode(body) })
}

/// The answer as it was given.
pub(super) fn given(answer: Answer) -> Option<Response> {
    let mut response = Response::new(Body::from(BASE64.decode(answer.body).ok()?));
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    *response.headers_mut() = read(answer.headers)?;
    Some(response)
}
