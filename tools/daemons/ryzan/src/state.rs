//! The state shared by all handlers.

use std::sync::Arc;

use axum::extract::State;
use sigmavault_facts::Files;
use sigmavault_service::serve::Members;

use crate::admission::Admission;
use crate::answer::{COMPILED, SCHEMAS};
use crate::config::Config;
use crate::meters::Meters;
use crate::models::Models;
use crate::room::{self, Room};
use crate::turns::Turns;

/// Bytes of the constraints of one user's answers under way: of one with the largest schemas, or of several.
const CONSTRAINTS: usize = SCHEMAS * COMPILED;

/// The service as a handler's argument.
pub type Shared = State<Arc<Service>>;

/// Settings, models and counters.
#[derive(Debug)]
pub struct Service {
    /// Settings.
    pub config: Config,
    /// `/proc`, `/sys`, `/run` and the rest.
    pub files: Files,
    /// The models.
    pub models: Arc<Models>,
    /// Counters for `/metrics`.
    pub meters: Meters,
    /// Where requests are prepared.
    pub admission: Admission,
    /// The work of each user.
    pub turns: Turns,
    /// Memory for bodies of requests.
    pub room: Room,
    /// Memory for the constraints of answers under way.
    pub constraints: Room,
    members: Arc<Members>,
}

impl Service {
    /// A service with these settings and models.
    pub fn new(config: Config, files: Files, models: Arc<Models>) -> Self {
        Self {
            turns: Turns::new(config.engine.user_requests, config.queue_timeout()),
            constraints: Room::new(CONSTRAINTS, config.queue_timeout()),
            room: Room::new(room::largest(config.body_limit_bytes), config.queue_timeout()),
            members: Arc::new(Members::of(&config.socket_group)),
            meters: Meters::default(),
            admission: Admission::default(),
            config,
            files,
            models,
        }
    }

    /// Whether this user may use the service: root, its own user, and members of the socket's group.
    pub async fn admits(&self, uid: u32) -> bool {
        if let Some(known) = self.members.known(uid) {
            return known;
        }
        let members = Arc::clone(&self.members);
        let asked = tokio::task::spawn_blocking(move || members.admit(uid));
        asked.await.unwrap_or(false)
    }
}
