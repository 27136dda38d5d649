//! Errors of finding, loading and using models.

/// Why the models cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelsError {
    /// No model has this name.
    #[error("there is no model {0:?}")]
    Unknown(String),
    /// No model can be used: none is installed, memory is too small, or loading failed. The text says so, and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// The model is for another use.
    #[error("{0}")]
    OtherUse(String),
    /// The model cannot hold a conversation.
    #[error("{model} cannot hold a conversation: {reason}")]
    NoTemplate {
        /// The model.
        model: String,
        /// Why not.
        reason: String,
    },
    /// The model's queue is full.
    #[error("{0} requests are waiting already; try again later")]
    Busy(usize),
    /// A text is too long for the model.
    #[error("{message}")]
    TooLong {
        /// The field of the request, as a path such as `input[3]`.
        at: String,
        /// Its length, and how much the model takes.
        message: String,
    },
    /// A value cannot be used with the model.
    #[error("{message}")]
    Invalid {
        /// The field of the request.
        at: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ModelsError {
    /// A value cannot be used with the model.
    pub fn invalid(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            at: at.into(),
            message: message.into(),
        }
    }
}
