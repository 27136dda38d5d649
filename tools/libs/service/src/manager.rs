//! What the service manager hears: it is told of liveness only while a request is really answered.

use std::io;

use log::error;
pub use sd_notify::NotifyState;

/// Asks three times in each period, for as long as it is polled, and tells the service manager each time there is an
/// answer. Does nothing when the service manager runs no watchdog. `name` is what is asked, for the log.
pub async fn watchdog<Asking>(name: String, ask: impl Fn() -> Asking)
where
    Asking: Future<Output = io::Result<()>>,
{
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    let interval = period / 3;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(interval, ask()).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => error!("not alive: {error}"),
            Err(_) => error!(
                "not alive: no answer from {name} within {} ms",
                interval.as_millis()
            ),
        }
    }
}

/// Tells the service manager; without one this does nothing.
pub fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        error!("cannot tell the service manager: {error}");
    }
}
