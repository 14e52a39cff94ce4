//! Health: for the official command line, for people and for whatever restarts a server that is not well.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use thumbturn_api::health::{GetHealth, GetHealthShort, Health, ServiceHealth, ServiceStatus};

use super::call::Call;
use super::errors::{Failure, Outcome};
use crate::app::App;

const IMAGE: &str = include_str!("lock.svg");

/// `/health/get_health`
pub(crate) async fn get(app: App, _call: Call, _params: GetHealth) -> Outcome<Health> {
    health(&app).await
}

/// `/health`
pub(crate) async fn get_short(app: App, _call: Call, _params: GetHealthShort) -> Outcome<Health> {
    health(&app).await
}

/// Without the database: 503, and the same fields beside the error.
async fn health(app: &App) -> Outcome<Health> {
    let works = app.store().health().await.is_ok();
    let (status, description) = if works {
        (ServiceStatus::Healthy, "The database answers.")
    } else {
        (ServiceStatus::Down, "The database does not answer.")
    };
    let health = Health {
        msg: "I’m one with the bolt. The bolt is with me.".to_owned(),
        last_service_evaluation_at: app.now().into(),
        service_health_statuses: vec![ServiceHealth {
            service: "store".to_owned(),
            status,
            description: description.to_owned(),
        }],
    };
    if works {
        return Ok(health);
    }
    let fields = serde_json::to_value(health).ok().and_then(|fields| fields.as_object().cloned());
    Err(Failure::unavailable("The database does not answer").beside(fields.unwrap_or_default()))
}

/// Paths that are answered outside the API's envelope rules.
pub(crate) const PROBES: [&str; 7] =
    ["/health/live", "/health/ready", METRICS, "/openapi.json", "/docs", "/docs/", "/thumbturn/images/lock.svg"];

/// Figures for the operator.
pub(crate) const METRICS: &str = "/metrics";

/// The probe at `path`.
pub(crate) fn probed(path: &str) -> Option<&'static str> {
    PROBES.into_iter().find(|probe| *probe == path)
}

/// What is answered outside the API's envelope rules: probes, the API as a document and as a page, and the picture that
/// devices link to.
pub(crate) async fn probe(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let path = probed(path).filter(|path| *path != METRICS || app.shows_metrics())?;
    if let Err(failure) = super::check_method(&[Method::GET, Method::POST], method) {
        return Some(failure.into_response());
    }
    Some(match path {
        "/health/live" => super::json(StatusCode::OK, &serde_json::json!({"ok": true})),
        "/health/ready" => ready(app).await,
        METRICS => metrics(app, headers),
        "/openapi.json" => app.documents().openapi().await,
        "/docs" | "/docs/" => app.documents().page().await,
        _ => image(),
    })
}

async fn ready(app: &App) -> Response {
    if app.is_draining() || app.store().health().await.is_err() {
        Failure::unavailable("The server is not ready").into_response()
    } else {
        super::json(StatusCode::OK, &serde_json::json!({"ok": true}))
    }
}

/// The page that Prometheus reads.
pub(crate) fn metrics(app: &App, headers: &HeaderMap) -> Response {
    match crate::metrics::page(app, headers) {
        Ok((kind, page)) => ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn image() -> Response {
    let svg = HeaderValue::from_static("image/svg+xml");
    let cache = HeaderValue::from_static("public, max-age=86400");
    ([(header::CONTENT_TYPE, svg), (header::CACHE_CONTROL, cache)], IMAGE).into_response()
}
