//! `/control/*`: loading and unloading, over the unix socket only.

use axum::Json;
use axum::extract::{Extension, State};
use nix::unistd::{Uid, User};
use serde_json::{Value, json};
use sigmavault_service::serve::Peer;

use crate::body::JsonBody;
use crate::models::Status;
use crate::openai::error::ApiError;
use crate::openai::fields::Fields;
use crate::state::{Service, Shared};

/// The state of the models, for everybody who may connect.
pub async fn status(State(service): Shared) -> Json<Status> {
    Json(service.models.status())
}

/// Loads a model, unless it is loaded already.
pub async fn load(
    State(service): Shared,
    Extension(peer): Extension<Peer>,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let model = asked(&service, peer, body)?;
    let resolved = service.models.load(&model).await?;
    Ok(Json(json!({"model": model, "resolved_model": resolved})))
}

/// Unloads a model once the requests that use it are done.
pub async fn unload(
    State(service): Shared,
    Extension(peer): Extension<Peer>,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let model = asked(&service, peer, body)?;
    let resolved = service.models.unload(&model)?;
    Ok(Json(json!({"model": model, "resolved_model": resolved})))
}

/// Exempts a loaded model from eviction: `{"model": ..., "pinned": true}`.
pub async fn pin(
    State(service): Shared,
    Extension(peer): Extension<Peer>,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    allowed(&service, peer)?;
    let mut fields = Fields::of(body, "")?;
    let model: String = fields.required("model", "the name of a model")?;
    let pinned: bool = fields.get("pinned", "true or false")?.unwrap_or(true);
    fields.finish()?;
    let resolved = service.models.pin(&model, pinned)?;
    Ok(Json(
        json!({"model": model, "resolved_model": resolved, "pinned": pinned}),
    ))
}

fn asked(service: &Service, peer: Peer, body: Value) -> Result<String, ApiError> {
    allowed(service, peer)?;
    let mut fields = Fields::of(body, "")?;
    let model = fields.required("model", "the name of a model")?;
    fields.finish()?;
    Ok(model)
}

/// Admits root, the service's own user and the configured users.
fn allowed(service: &Service, peer: Peer) -> Result<(), ApiError> {
    let Peer::Unix { uid } = peer else {
        return Err(ApiError::Forbidden {
            reason: format!(
                "models are controlled over the socket {}, not over TCP",
                service.config.socket.display()
            ),
        });
    };
    let listed = |name: &String| {
        User::from_name(name)
            .ok()
            .flatten()
            .is_some_and(|user| user.uid.as_raw() == uid)
    };
    if uid == 0 || uid == Uid::effective().as_raw() || service.config.control_users.iter().any(listed) {
        Ok(())
    } else {
        Err(ApiError::Forbidden {
            reason: format!(
                "user {uid} may not control models; root may, and the users in control-users of ryzan.toml"
            ),
        })
    }
}
