//! The thread that reads how things are.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use log::{info, warn};
use sigmavault_storage_core::Engine;

use crate::service::Service;

/// Events come in groups: one is waited for a little, so that a group is read once.
const TOGETHER: Duration = Duration::from_millis(100);
/// How often progress is read while the kernel goes over data.
const PROGRESS: Duration = Duration::from_secs(5);
/// How long it waits after it could not read.
const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Starts the thread. It reads at once, when it is woken, and now and then.
pub fn start(
    service: Arc<Service>,
    mut engine: Box<dyn Engine + Send>,
    woken: Receiver<()>,
) -> std::io::Result<()> {
    let run = move || {
        loop {
            let pause = read(&service, engine.as_mut());
            match woken.recv_timeout(pause) {
                Ok(()) => {
                    thread::sleep(TOGETHER);
                    while woken.try_recv().is_ok() {}
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    thread::Builder::new()
        .name("reader".to_owned())
        .spawn(run)
        .map(drop)
}

/// Reads once, and says how long the reader may rest.
fn read(service: &Service, engine: &mut dyn Engine) -> Duration {
    let seen = service.board.known().changes;
    match engine.world() {
        Ok(world) => {
            if let Some(stale) = service.board.known().stale.filter(|stale| stale.since > 0) {
                info!("pools can be read again; {}", stale.reason);
            }
            if !service.publish(world, seen) {
                return TOGETHER;
            }
            if service.scans_run() {
                PROGRESS
            } else {
                service.config.poll()
            }
        }
        Err(error) => {
            if service.board.known().stale.is_none() {
                warn!("pools cannot be read: {error}");
            }
            service.board.cannot_be_read(error.to_string());
            service.stale_changed();
            AFTER_FAILURE
        }
    }
}
