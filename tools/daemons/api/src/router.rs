//! Every path, and the layers around them.

use axum::extract::{DefaultBodyLimit, Request};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::layers;
use crate::openapi;
use crate::problem::ApiError;
use crate::routes::{health, system};
use crate::state::AppState;

/// Paths that the `OpenAPI` document describes, and the document.
fn described() -> (Router<AppState>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(health::routes())
        .nest("/api/v1", OpenApiRouter::new().nest("/system", system::routes()))
        .split_for_parts()
}

/// The `OpenAPI` document as it is committed: indented JSON and a newline.
pub fn document() -> Result<String, serde_json::Error> {
    let (_, document) = described();
    document.to_pretty_json().map(|text| text + "\n")
}

/// The whole service: every path, and the layers around them.
pub fn service(state: AppState) -> Router {
    let (router, document) = described();
    router
        .route(
            "/api/v1/openapi.json",
            get(move || std::future::ready(Json(document.clone()))),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(state.config.body_limit_bytes))
        .layer(middleware::from_fn_with_state(state.clone(), layers::limits))
        .layer(middleware::from_fn(layers::outermost))
        .with_state(state)
}

async fn not_found(request: Request) -> ApiError {
    ApiError::NotFound {
        path: request.uri().path().to_owned(),
    }
}

async fn method_not_allowed(request: Request) -> Result<Response, ApiError> {
    Err(ApiError::MethodNotAllowed {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_that_of_the_handlers() {
        let made = super::document().unwrap();
        assert!(
            made == include_str!("../openapi.json"),
            "tools/daemons/api/openapi.json differs from the handlers; make it again: \
             cargo run -p sigmavault-api -- --openapi > tools/daemons/api/openapi.json"
        );
        assert!(made.contains("\"openapi\": \"3.1.0\""));
    }
}
