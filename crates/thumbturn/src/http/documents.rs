//! What the API says of itself: the OpenAPI document and the page to read. Each is made when it is first asked for, and kept:
//! most servers are never asked, and making them leaves megabytes behind that the server would hold from its start.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use tokio::sync::OnceCell;

use super::JSON;
use super::reference::Reference;

/// Both documents of a server.
pub struct Documents {
    url: Arc<str>,
    openapi: OnceCell<Bytes>,
    page: OnceCell<Reference>,
}

impl Documents {
    /// Those of a server at `url`, without a slash at the end.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.into(), openapi: OnceCell::new(), page: OnceCell::new() }
    }

    /// The answer with the OpenAPI document.
    pub(crate) async fn openapi(&self) -> Response {
        let make = |url: Arc<str>| Ok(thumbturn_api::openapi::document(&url).to_string().into());
        match made(&self.openapi, &self.url, make).await {
            Some(text) => ([(header::CONTENT_TYPE, JSON)], text.clone()).into_response(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    /// The answer with the page.
    pub(crate) async fn page(&self) -> Response {
        match made(&self.page, &self.url, |url| Reference::new(&url)).await {
            Some(page) => page.respond(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// What is in `cell`, made now if it never was. It takes tens of milliseconds, in which nobody else's call may wait.
async fn made<'a, T: Send + 'static>(
    cell: &'a OnceCell<T>,
    url: &Arc<str>,
    make: impl FnOnce(Arc<str>) -> Result<T, askama::Error> + Send + 'static,
) -> Option<&'a T> {
    let url = Arc::clone(url);
    let making = || async {
        let made = tokio::task::spawn_blocking(move || make(url)).await.map_err(|error| error.to_string())?;
        made.map_err(|error| error.to_string())
    };
    match cell.get_or_try_init(making).await {
        Ok(made) => Some(made),
        Err(error) => {
            tracing::error!(error, "what the API says of itself could not be made");
            None
        }
    }
}
