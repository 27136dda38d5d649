//! Texts on the bus.

/// Replaces NUL characters, which a model can write: the bus disconnects a sender of strings that hold one.
pub fn sendable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
