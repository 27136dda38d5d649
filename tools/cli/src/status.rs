//! `sigmavault status`.

use std::time::SystemTime;

use sigmavault_facts::show::{Sheet, Style, duration, size};
use sigmavault_facts::{FactError, Files, status};
use sigmavault_host::run::Run;
use sigmavault_types::slots::{Slot, Slots};
use sigmavault_types::system::{RootState, ServiceManager, SystemStatus};

use crate::client::{ApiError, Client};
use crate::slots;
use crate::systemctl;

/// The status, with a note if it does not come from the REST interface.
#[derive(Debug)]
pub struct Found {
    /// The status.
    pub status: SystemStatus,
    /// A note for the administrator.
    pub note: Option<String>,
}

/// Neither the REST interface nor this machine provided the status.
#[derive(Debug, thiserror::Error)]
#[error("{api}\nand the facts of this machine are unavailable: {local}")]
pub struct StatusError {
    api: ApiError,
    local: FactError,
}

/// Asks the REST interface; if it does not answer, reads this machine directly.
pub fn get(client: &Client, files: &Files, run: &dyn Run) -> Result<Found, StatusError> {
    let api = match client.get("/api/v1/system/status") {
        Ok(status) => return Ok(Found { status, note: None }),
        Err(error) => error,
    };
    match status::read(files, SystemTime::now(), systemctl::state(run)) {
        Ok(status) => {
            let note = format!("note: {api}\nnote: what follows was read from this machine directly");
            Ok(Found {
                status,
                note: Some(note),
            })
        }
        Err(local) => Err(StatusError { api, local }),
    }
}

/// The status for a person.
pub fn show(status: &SystemStatus) -> String {
    render(status, Style::of_stdout())
}

fn render(status: &SystemStatus, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let image = &status.image;
    let version = image.version.as_deref().unwrap_or("unknown");
    sheet.line("Host", &status.hostname);
    sheet.line(
        "Version",
        &format!("{version} on {}, Linux {}", status.os.name, status.kernel.release),
    );
    sheet.line("Profile", image.profile.as_deref().unwrap_or("unknown"));
    root(&mut sheet, &status.root, style);
    if let Some(slots) = &status.slots {
        slot(&mut sheet, slots, style);
    }
    sheet.line(
        "Up",
        &format!("{} (since {})", duration(status.uptime_seconds), status.booted_at),
    );
    services(&mut sheet, &status.systemd, style);
    let load = status.load;
    sheet.line(
        "Load",
        &format!("{:.2} {:.2} {:.2}", load.one, load.five, load.fifteen),
    );
    let memory = status.memory;
    let used = memory.total_bytes.saturating_sub(memory.available_bytes);
    sheet.line(
        "Memory",
        &format!("{} of {} used", size(used), size(memory.total_bytes)),
    );
    if memory.swap_total_bytes > 0 {
        let used = memory.swap_total_bytes.saturating_sub(memory.swap_free_bytes);
        sheet.line(
            "Swap",
            &format!("{} of {} used", size(used), size(memory.swap_total_bytes)),
        );
    }
    if let Some(model) = &status.model {
        sheet.line("Model tier", &style.good(model.tier.name()));
        sheet.line("", &model.reason);
        for warning in &model.warnings {
            sheet.line("", &style.bad(warning));
        }
    } else {
        let reason = "not known yet; see: systemctl status sigmavault-detect.service";
        sheet.line("Model tier", &style.bad(reason));
    }
    sheet.finish()
}

fn root(sheet: &mut Sheet, root: &RootState, style: Style) {
    let verified = if root.verified {
        style.good("verified")
    } else {
        style.bad("not verified")
    };
    sheet.line("Root", &format!("{verified}: {}", root.detail));
    if let Some(hash) = &root.root_hash {
        sheet.line("", hash);
    }
}

fn slot(sheet: &mut Sheet, slots: &Slots, style: Style) {
    let running = slots.running.map_or("unknown", Slot::letter);
    let letters: Vec<&str> = slots.slots.iter().map(|state| state.slot.letter()).collect();
    if letters.is_empty() {
        sheet.line("Slot", running);
    } else {
        sheet.line("Slot", &format!("{running} of {}", letters.join(", ")));
    }
    if let Some(fell_back) = &slots.fell_back {
        sheet.line("", &style.bad(&slots::fall_back(fell_back)));
    }
}

fn services(sheet: &mut Sheet, systemd: &ServiceManager, style: Style) {
    match (&systemd.error, systemd.state.as_deref().unwrap_or("unknown")) {
        (Some(error), _) => sheet.line("Services", &style.bad(error)),
        (None, "running") => sheet.line("Services", &style.good("running")),
        (None, state) => sheet.line("Services", &style.bad(state)),
    }
    let rows = systemd
        .failed_units
        .iter()
        .map(|unit| vec![unit.name.clone(), unit.description.clone()]);
    sheet.table("Failed", &rows.collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use sigmavault_types::image::ImageInfo;
    use sigmavault_types::slots::{FallBack, SlotState};
    use sigmavault_types::slots::{Slot, Slots};
    use sigmavault_types::system::{FailedUnit, Kernel, Load, MemoryUse, Os};
    use sigmavault_types::tier::{Tier, TierChoice, TierSource};

    use super::*;

    fn status() -> SystemStatus {
        SystemStatus {
            time: "2026-11-20T10:00:00Z".into(),
            hostname: "nas".into(),
            image: ImageInfo {
                version: Some("0.1.0".into()),
                profile: Some("pc-gnome".into()),
                root_hash: None,
            },
            os: Os {
                name: "SigmaVault NAS OS".into(),
                id: "debian".into(),
                version_id: Some("13".into()),
            },
            kernel: Kernel {
                release: "6.12.48".into(),
                machine: "x86_64".into(),
            },
            root: RootState {
                verified: true,
                root_hash: Some("abcd".into()),
                detail: "every block is checked".into(),
            },
            uptime_seconds: 3700.0,
            booted_at: "2026-11-20T08:58:20Z".into(),
            systemd: ServiceManager {
                state: Some("running".into()),
                failed_units: Vec::new(),
                error: None,
            },
            load: Load {
                one: 0.5,
                five: 0.25,
                fifteen: 0.1,
            },
            memory: MemoryUse {
                total_bytes: 16 << 30,
                available_bytes: 12 << 30,
                free_bytes: 8 << 30,
                cached_bytes: 4 << 30,
                swap_total_bytes: 0,
                swap_free_bytes: 0,
            },
            model: Some(TierChoice {
                tier: Tier::Bitnet7b,
                source: TierSource::Rule,
                overridden: false,
                by_hardware: Tier::Bitnet7b,
                reason: "16 GiB of memory".into(),
                warnings: Vec::new(),
            }),
            slots: None,
        }
    }

    #[test]
    fn the_slot_and_why_the_other_was_left() {
        let state = |slot, preferred| SlotState {
            slot,
            version: None,
            preferred,
            running: !preferred,
            tries_left: preferred.then_some(0),
            tries_done: None,
            bad: preferred,
            bytes: None,
            armed: false,
        };
        let mut installed = status();
        installed.slots = Some(Slots {
            running: Some(Slot::B),
            slots: vec![state(Slot::A, true), state(Slot::B, false)],
            fell_back: Some(FallBack {
                from: Slot::A,
                time: Some("2026-11-20T08:57:00Z".into()),
                reason: "root hash does not match".into(),
            }),
            failures: Vec::new(),
        });
        let text = render(&installed, Style { colour: false });
        assert!(
            text.contains(
                "Slot        B of A, B\n            \
                 fell back from slot A: root hash does not match (2026-11-20T08:57:00Z)\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_healthy_system() {
        assert_eq!(
            render(&status(), Style { colour: false }),
            "Host        nas\n\
             Version     0.1.0 on SigmaVault NAS OS, Linux 6.12.48\n\
             Profile     pc-gnome\n\
             Root        verified: every block is checked\n            abcd\n\
             Up          1 h 1 min (since 2026-11-20T08:58:20Z)\n\
             Services    running\n\
             Load        0.50 0.25 0.10\n\
             Memory      4 GiB of 16 GiB used\n\
             Model tier  bitnet-7b\n            16 GiB of memory\n"
        );
    }

    #[test]
    fn an_ill_system() {
        let mut ill = status();
        ill.root.verified = false;
        ill.systemd.state = Some("degraded".into());
        ill.systemd.failed_units = vec![FailedUnit {
            name: "smbd.service".into(),
            description: "Samba SMB Daemon".into(),
        }];
        ill.model = None;
        let text = render(&ill, Style { colour: false });
        assert!(text.contains("Root        not verified: "), "{text}");
        assert!(
            text.contains("Services    degraded\nFailed      smbd.service  Samba SMB Daemon\n"),
            "{text}"
        );
        assert!(
            text.contains("Model tier  not known yet; see: systemctl status"),
            "{text}"
        );
    }
}
