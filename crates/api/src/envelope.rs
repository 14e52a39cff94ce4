//! The envelope of a successful answer: the result under its keys, `pagination` where the endpoint pages, and
//! `"ok": true`.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;

/// Where the next page is. On the last page: `false`, `null`, `null`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pagination {
    /// Whether another page follows.
    pub has_next_page: bool,
    /// What to send as `page_cursor` for the next page.
    pub next_page_cursor: Option<String>,
    /// Absolute URL of the next page; `null` when the server does not know its public address.
    pub next_page_url: Option<String>,
}

/// One page of a list. An endpoint with this response answers a `pagination` object, on the last page too.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page is.
    pub pagination: Pagination,
}

impl<T> Page<T> {
    /// A page after which none follows.
    pub fn last(items: Vec<T>) -> Self {
        Self { items, pagination: Pagination::default() }
    }
}

/// What an endpoint can answer: anything that serializes, a [`Page`], or a stream.
pub trait Answer: Send + 'static {
    /// Whether the answer carries a `pagination` object.
    const PAGINATED: bool;

    /// Whether the answer is no JSON, but goes on as server-sent events.
    const STREAMS: bool = false;

    /// The schema of what stands under the keys, or beside `ok` without one; `None` if there is nothing.
    fn schema(generator: &mut SchemaGenerator) -> Option<Schema>;

    /// Writes the whole envelope.
    fn write<S: Serializer>(&self, keys: &'static [&'static str], serializer: S) -> Result<S::Ok, S::Error>;
}

/// The result's own fields beside `ok`, for endpoints without a response key.
#[derive(Serialize)]
struct Bare<'a, T> {
    #[serde(flatten)]
    result: &'a T,
    ok: bool,
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for T {
    const PAGINATED: bool = false;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        (std::any::TypeId::of::<T>() != std::any::TypeId::of::<()>()).then(|| generator.subschema_for::<T>())
    }

    fn write<S: Serializer>(&self, keys: &'static [&'static str], serializer: S) -> Result<S::Ok, S::Error> {
        if keys.is_empty() {
            return Bare { result: self, ok: true }.serialize(serializer);
        }
        write_keys(keys, self, None, serializer)
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for Page<T> {
    const PAGINATED: bool = true;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        Some(generator.subschema_for::<Vec<T>>())
    }

    fn write<S: Serializer>(&self, keys: &'static [&'static str], serializer: S) -> Result<S::Ok, S::Error> {
        write_keys(keys, &self.items, Some(&self.pagination), serializer)
    }
}

fn write_keys<S: Serializer>(
    keys: &[&str],
    result: &impl Serialize,
    pagination: Option<&Pagination>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for key in keys {
        map.serialize_entry(key, result)?;
    }
    if let Some(pagination) = pagination {
        map.serialize_entry("pagination", pagination)?;
    }
    map.serialize_entry("ok", &true)?;
    map.end()
}

/// The body of a successful answer of the endpoint `E`; serialize it as it is.
pub struct Envelope<'a, E: Endpoint> {
    result: &'a E::Response,
    endpoint: PhantomData<E>,
}

impl<'a, E: Endpoint> Envelope<'a, E> {
    /// Wraps a result.
    pub fn new(result: &'a E::Response) -> Self {
        Self { result, endpoint: PhantomData }
    }
}

impl<E: Endpoint> Serialize for Envelope<'_, E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.result.write(E::RESPONSE_KEYS, serializer)
    }
}
