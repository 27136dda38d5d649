//! Scrubs, resilvers and time.

use sigmavault_types::storage::{DeviceState, Guid, ScanKind, ScanState, Scrub, Trim, Vdev, VdevKind};

use super::Simulator;
use super::counting::each;
use super::devices::running;
use crate::engine::EngineError;

/// Bytes of a scan in a second.
const RATE: u64 = 200 << 20;

impl Simulator {
    pub(super) fn scrub(&mut self, id: Guid, what: Scrub) -> Result<(), EngineError> {
        let time = self.world.time;
        let pool = self.writable(id)?;
        let name = pool.name.clone();
        let now = pool.scan.map(|scan| (scan.kind, scan.state));
        let active = matches!(
            now,
            Some((
                ScanKind::Scrub | ScanKind::ErrorScrub,
                ScanState::Running | ScanState::Paused
            ))
        );
        if matches!(now, Some((ScanKind::Resilver, ScanState::Running))) {
            return Err(EngineError::Busy(name));
        }
        match (what, &mut pool.scan) {
            (Scrub::Start, Some(scan)) if active && scan.state == ScanState::Paused => {
                scan.state = ScanState::Running;
            }
            (Scrub::Start | Scrub::Errors, _) if active => return Err(EngineError::Busy(name)),
            (Scrub::Start, scan) => *scan = Some(running(ScanKind::Scrub, time, pool.allocated)),
            (Scrub::Errors, scan) => *scan = Some(running(ScanKind::ErrorScrub, time, 0)),
            (Scrub::Pause, Some(scan)) if active => scan.state = ScanState::Paused,
            (Scrub::Stop, Some(scan)) if active => {
                scan.state = ScanState::Stopped;
                scan.ended = Some(time);
            }
            (Scrub::Pause | Scrub::Stop, _) => {
                return Err(EngineError::unsuitable(name, "no scrub is under way"));
            }
        }
        Ok(())
    }

    pub(super) fn trim(&mut self, id: Guid, what: Trim) -> Result<(), EngineError> {
        self.writable(id)?.trimming = what == Trim::Start;
        Ok(())
    }

    /// These devices do not hold everything, until a resilver has written it.
    pub(super) fn resilver(&mut self, devices: &[Guid]) {
        let time = self.world.time;
        self.stale.extend(devices);
        for pool in self.world.pools.iter_mut().filter(|pool| pool.imported) {
            let affected = pool.all_vdevs().iter().any(|vdev| devices.contains(&vdev.id));
            if affected {
                pool.scan = Some(running(ScanKind::Resilver, time, pool.allocated));
            }
        }
    }

    /// Lets time go by. Scans go on and end.
    pub fn advance(&mut self, seconds: u64) {
        self.world.time += i64::try_from(seconds).unwrap_or(i64::MAX);
        let mut finished = Vec::new();
        for pool in &mut self.world.pools {
            pool.trimming = false;
            let waits = pool.state == DeviceState::Suspended;
            if let Some(scan) = pool
                .scan
                .as_mut()
                .filter(|scan| scan.state == ScanState::Running && !waits)
            {
                scan.done = scan
                    .total
                    .min(scan.done.saturating_add(seconds.saturating_mul(RATE)));
                if scan.done == scan.total {
                    finished.push(pool.id);
                }
            }
        }
        for pool in finished {
            self.finish_scan(pool);
        }
        self.count();
    }

    /// Lets time go by until nothing runs any more.
    pub fn settle(&mut self) {
        let left = self.world.pools.iter().filter_map(|pool| pool.scan);
        let left = left.filter(|scan| scan.state == ScanState::Running);
        let longest = left.map(|scan| (scan.total - scan.done).div_ceil(RATE)).max();
        self.advance(longest.unwrap_or(0) + 1);
    }

    pub(super) fn finish_scan(&mut self, id: Guid) {
        let time = self.world.time;
        let Some(pool) = self.world.pools.iter_mut().find(|pool| pool.id == id) else {
            return;
        };
        let Some(scan) = &mut pool.scan else { return };
        scan.state = ScanState::Finished;
        scan.done = scan.total;
        scan.ended = Some(time);
        match scan.kind {
            ScanKind::Scrub => pool.scrubbed = Some(time),
            ScanKind::Resilver => {
                let mut whole = Vec::new();
                for vdev in &mut pool.vdevs {
                    each(vdev, &mut |found| {
                        collapse(found);
                        whole.push(found.id);
                    });
                }
                self.stale.retain(|device| !whole.contains(device));
            }
            ScanKind::ErrorScrub | ScanKind::Expansion | ScanKind::Removal => {}
        }
    }
}

/// A device that has taken the place of another one stands alone.
fn collapse(vdev: &mut Vdev) {
    let done =
        vdev.kind == VdevKind::Replacing && vdev.children.last().is_some_and(|new| new.state.readable());
    if done && let Some(new) = vdev.children.pop() {
        *vdev = new;
    }
}
