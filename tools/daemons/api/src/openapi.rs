//! The `OpenAPI` 3.1 document's description of the service as a whole.

use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "SigmaVault NAS OS",
        description = "REST interface on the loopback address. Sizes are bytes, times RFC 3339 in UTC, errors RFC 9457 problems.",
        version = "1",
        license(name = "MIT", identifier = "MIT")
    ),
    servers((url = "http://127.0.0.1:3000")),
    tags(
        (name = "health", description = "Is the service alive and ready, how is the system"),
        (name = "system", description = "The running system and its hardware"),
    )
)]
struct Base;

/// The document without paths.
pub fn base() -> OpenApi {
    let mut document = Base::openapi();
    // The default comes from the crate's authors, of which there are none.
    document.info.contact = None;
    document
}
