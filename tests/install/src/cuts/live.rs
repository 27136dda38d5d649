//! A live system into which one disk after another is plugged.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sigmavault_vm::{Boot, Image, Rig};

use crate::answers::Answers;
use crate::bench::{Bench, INSTALL_LIMIT};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::installer::{self, Report};
use crate::lab::LIVE_BOOT_LIMIT;

/// Where the answers are in the live system.
const ANSWERS: &str = "/run/cut-answers.toml";

/// A live system.
#[derive(Debug)]
pub struct Live<'a> {
    boot: Boot<'a>,
}

/// What the installer would do with a disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Planned {
    /// Why it would do nothing.
    pub refusals: Vec<String>,
    /// What it finds on the disk: whether an installation was completed, when there is one.
    pub complete: Option<bool>,
}

/// The parts of the installer's answer that make a [`Planned`].
const FACTS: &str = "{refusals: (.refusals + .errors),
    complete: (.plan.disk.contents | if type == \"object\" then .\"sigma-vault\".complete else null end)}";

/// Waits until the disk is there and nothing looks at it.
const SETTLE: &str = "for try in $(seq 100); do
        udevadm settle; [ -n \"$(lsblk -dnro NAME,SERIAL | grep -w SERIAL)\" ] && break; sleep 0.2
    done";

impl<'a> Live<'a> {
    /// Starts the medium on a machine into which disks of this folder are plugged, with answers at hand.
    pub fn start(bench: &mut Bench<'a>, name: &str, folder: &Path, answers: &Answers) -> Result<Self, Error> {
        let rig = Rig::new(bench.path(&format!("{name}.vars"))).pluggable(folder);
        let rig = rig.iso(&bench.lab.iso);
        let mut boot = bench.boot(name, &rig)?;
        boot.wait_for_system(LIVE_BOOT_LIMIT)?;
        boot.wait_for_target(LIVE_BOOT_LIMIT)?;
        let text = answers.text()?;
        boot.run(&format!("cat >{ANSWERS} <<'END'\n{text}END"))?;
        Ok(Self { boot })
    }

    fn with_disk(&mut self, image: &Image, script: &str) -> Result<String, Error> {
        self.boot.plug(image, SYSTEM)?;
        let settle = SETTLE.replace("SERIAL)", &format!("{SYSTEM})"));
        let answer = self.boot.run_for(&format!("{settle}\n{script}"), INSTALL_LIMIT)?;
        self.boot.unplug(SYSTEM)?;
        self.boot.run(&format!(
            "while lsblk -dnro SERIAL | grep -qw {SYSTEM}; do sleep 0.1; done; udevadm settle"
        ))?;
        Ok(answer.output)
    }

    /// What the installer would do with this disk.
    pub fn plan(&mut self, image: &Image) -> Result<Planned, Error> {
        const COMMAND: &str = "sigmavault-installer --dry-run --json";
        let text = self.with_disk(image, &format!("{COMMAND} --answers {ANSWERS} | jq -c '{FACTS}'"))?;
        serde_json::from_str(&text).map_err(|source| Error::NotJson {
            command: COMMAND,
            text,
            source,
        })
    }

    /// Really installs on this disk.
    pub fn install(&mut self, image: &Image) -> Result<Report, Error> {
        let text = self.with_disk(image, &format!("sigmavault-installer --answers {ANSWERS}"))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = installer::find_report(&lines).unwrap_or_else(|| {
            Err(installer::BadReport {
                error: Some("there is none".to_owned()),
                text,
            })
        });
        found.map_err(|report| Error::BadReport {
            report,
            last: self.boot.session().last_seen(),
        })
    }

    /// Switches the machine off.
    pub fn end(self) -> Result<(), Error> {
        Ok(self.boot.power_off()?)
    }
}

/// A folder for the disks of a live system.
pub fn folder(bench: &Bench<'_>, name: &str) -> Result<PathBuf, Error> {
    let path = bench.path(name);
    std::fs::create_dir(&path).map_err(Error::io("create", &path))?;
    Ok(path)
}
