//! The `OpenAPI` 3.1 document, made from the handlers and committed beside this crate.

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
    // Otherwise made from the crate's authors, of which there are none.
    document.info.contact = None;
    document
}

/// The whole document as it is committed: indented JSON and a newline.
pub fn document() -> Result<String, serde_json::Error> {
    let (_, document) = crate::routes::described();
    document.to_pretty_json().map(|text| text + "\n")
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
