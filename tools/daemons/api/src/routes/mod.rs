//! Handlers, one module per part of the interface.

pub mod health;
pub mod system;

use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::layers;
use crate::openapi;
use crate::problem::ApiError;
use crate::state::AppState;

/// Paths that the `OpenAPI` document describes, and the document.
pub fn described() -> (Router<AppState>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(health::routes())
        .nest("/api/v1", OpenApiRouter::new().nest("/system", system::routes()))
        .split_for_parts()
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
