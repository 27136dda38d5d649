//! Layers around every handler: request id, host check, pages, users, security headers.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sigmavault_service::serve::answers::{self, Answered, Style};
use sigmavault_service::serve::{Peer, names};

use crate::openai::error::ApiError;
use crate::state::{Service, Shared};
use crate::{anthropic, cors, ollama};

/// Status 503 is expected as long as there is no model.
const STYLE: Style = Style {
    client_ids: false,
    expected: &[StatusCode::SERVICE_UNAVAILABLE],
};

/// Header with the request's id in `Anthropic`'s interface.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// The outermost layer: gives the answer an id and headers, writes errors in the interface's shape, counts it and logs it.
pub async fn outermost(State(service): Shared, request: Request, next: Next) -> Response {
    answers::outermost(request, next, STYLE, |response, answered| {
        service
            .meters
            .answered(&answered.path, response.status().as_u16());
        in_shape(response, answered)
    })
    .await
}

/// An answer whose error, if it is one, has the shape of the interface that the path belongs to.
fn in_shape(mut response: Response, answered: &Answered) -> Response {
    let error = response.extensions_mut().remove::<ApiError>();
    let anthropics = answered.path == "/v1/messages" || answered.path.starts_with("/v1/messages/");
    let body = match &error {
        Some(error) if answered.path.starts_with("/api/") => Some(ollama::error(error)),
        Some(error) if anthropics => Some(anthropic::error(error, Some(&answered.id))),
        _ => None,
    };
    if let Some(body) = body {
        let (parts, _) = response.into_parts();
        response = (parts.status, axum::Json(body)).into_response();
        for (name, value) in &parts.headers {
            if *name != axum::http::header::CONTENT_LENGTH {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    if anthropics && let Ok(id) = HeaderValue::from_str(&answered.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Over TCP, refuses foreign hosts, web pages that are not allowed, and users who may not use the socket either.
pub async fn limits(State(service): Shared, request: Request, next: Next) -> Response {
    let Some(Peer::Tcp { uid, .. }) = request.extensions().get().copied() else {
        return next.run(request).await;
    };
    let config = &service.config;
    if let Err(host) = names::check_host(&request, &config.allowed_hosts) {
        return ApiError::HostNotAllowed { host }.into_response();
    }
    let page = cors::page(&request, &config.allowed_origins);
    if page.is_none()
        && let Err(origin) = names::check_origin(&request, &config.allowed_hosts)
    {
        return ApiError::OriginNotAllowed { origin }.into_response();
    }
    let preflight = page.as_ref().and_then(|_| cors::preflight(&request));
    let mut response = match preflight {
        Some(response) => response,
        // Everybody may know whether the service lives.
        None if *request.method() == Method::GET && request.uri().path() == "/health" => {
            next.run(request).await
        }
        None => match admitted(&service, uid).await {
            Ok(()) => next.run(request).await,
            Err(error) => error.into_response(),
        },
    };
    if let Some(origin) = page {
        cors::open(&mut response, origin);
    }
    response
}

/// Whether a user may ask.
async fn admitted(service: &Service, uid: Option<u32>) -> Result<(), ApiError> {
    let uid = uid.ok_or_else(ApiError::nobody)?;
    if service.admits(uid).await {
        return Ok(());
    }
    Err(ApiError::not_a_member(uid, &service.config.socket_group))
}
