//! Events of ZFS and of disks. Each wakes the reader, so that a failed disk is told within a second.

use std::io::Read as _;
use std::process::ChildStdout;
use std::thread;
use std::time::Duration;

use log::{debug, warn};
use sigmavault_host::run::{Invocation, Local};
use sigmavault_host::{udevadm, zpool};

use crate::waker::Waker;

/// How long a tool that ended is left alone before it is started again.
const AGAIN: Duration = Duration::from_secs(10);

/// Starts the threads that listen.
pub fn start(waker: &Waker) -> std::io::Result<()> {
    listen("zfs-events", zpool::events::events(None, true), waker.clone())?;
    listen("disk-events", udevadm::watch_disks(), waker.clone())
}

/// Listens to a tool for as long as the service runs; whatever it prints wakes the reader.
fn listen(name: &'static str, invocation: Invocation, waker: Waker) -> std::io::Result<()> {
    let run = move || {
        loop {
            match Local.listen(&invocation) {
                Ok(mut child) => {
                    if let Some(output) = child.stdout.take() {
                        wake_at_each(output, &waker);
                    }
                    let _ = child.kill();
                    let ended = child.wait();
                    warn!("{invocation} ended ({ended:?}); it is started again");
                }
                Err(error) => warn!("events are not heard: {error}"),
            }
            thread::sleep(AGAIN);
            waker.wake();
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

fn wake_at_each(mut output: ChildStdout, waker: &Waker) {
    let mut piece = [0; 8192];
    loop {
        match output.read(&mut piece) {
            Ok(0) => return,
            Ok(_) => waker.wake(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                debug!("{error}");
                return;
            }
        }
    }
}
