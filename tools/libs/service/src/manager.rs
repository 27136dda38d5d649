//! Messages to the service manager (`sd_notify(3)`).

use log::error;
pub use sd_notify::NotifyState;

/// Tells the service manager; without one this does nothing.
pub fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        error!("cannot tell the service manager: {error}");
    }
}
