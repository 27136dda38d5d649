//! What a reset removes and what it keeps.

use std::fmt::Write as _;

use serde::Serialize;
use sigmavault_facts::show::size;
use sigmavault_facts::{Files, slots};
use sigmavault_types::slots::Chain;

use super::pools::Pool;

/// The folder of the keys of encrypted pools. The initrd keeps it in resets that keep pools.
const KEYS: &str = "/etc/sigmavault/keys";

/// How much is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Settings: `/etc` as after installation.
    Configuration,
    /// Settings and state: the state partition as after installation.
    System,
    /// The data pools and the system disk.
    Everything,
}

impl Level {
    /// All, the smallest first.
    pub const ALL: [Self; 3] = [Self::Configuration, Self::System, Self::Everything];

    /// Name as in the request and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::System => "system",
            Self::Everything => "everything",
        }
    }
}

/// The effects of a reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// How much is reset.
    pub level: Level,
    /// Name of the machine, typed to confirm.
    pub host: String,
    /// What is removed.
    pub goes: Vec<String>,
    /// What is kept.
    pub stays: Vec<String>,
    /// What to do afterwards.
    pub afterwards: Vec<String>,
    /// Pools that are destroyed.
    pub destroyed: Vec<Pool>,
}

impl Plan {
    /// What a reset of this level does to a machine with these pools.
    pub fn new(files: &Files, level: Level, pools: Vec<Pool>) -> Self {
        let host = files
            .attribute("/proc/sys/kernel/hostname")
            .unwrap_or_else(|| "localhost".to_owned());
        let mut plan = Self {
            level,
            host,
            goes: Vec::new(),
            stays: Vec::new(),
            afterwards: Vec::new(),
            destroyed: Vec::new(),
        };
        match level {
            Level::Configuration => plan.configuration(),
            Level::System => plan.system(),
            Level::Everything => {
                plan.everything(files, pools);
                return plan;
            }
        }
        plan.stays
            .push("the system in every slot, and which slot is taken".into());
        plan.keep_pools(&pools);
        plan
    }

    fn configuration(&mut self) {
        self.goes.push(
            "/etc: every setting since the installation, such as network, shares, keys, and users with their passwords"
                .into(),
        );
        self.stays
            .push("/var, /home, /root, /srv, /opt, /mnt and /usr/local, with all files in them".into());
        self.afterwards
            .push("log in as the user created at installation, with the password set then".into());
    }

    fn system(&mut self) {
        self.configuration();
        self.stays.clear();
        self.goes.extend(
            [
                "/var: logs, databases, containers, and all else that services keep",
                "/home and /root: all files of users",
                "/srv, /opt, /mnt and /usr/local, where no pool is mounted",
            ]
            .map(str::to_owned),
        );
        self.stays
            .push("the encryption of the state partition, with its keys".into());
    }

    /// The keys of encrypted pools on the state partition: those of pools that are not imported too.
    fn lose_keys(&mut self, files: &Files) {
        let names = files.names(KEYS).unwrap_or_default();
        let pools: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_suffix(".key"))
            .collect();
        if pools.is_empty() {
            return;
        }
        let pools = pools.join(", ");
        self.goes.push(format!(
            "the keys of encrypted pools in {KEYS}: {pools}; whatever disks hold of these pools can be read only with their \
             recovery sheet, and by nobody without it"
        ));
        self.afterwards.push(format!(
            "destroy the recovery sheets of {pools} too, if nobody shall read these pools again"
        ));
    }

    fn everything(&mut self, files: &Files, pools: Vec<Pool>) {
        let disk = slots::boot_info(files).and_then(|info| info.disk);
        let disk = disk.map_or_else(
            || "the system disk".to_owned(),
            |disk| format!("the system disk {disk}"),
        );
        for pool in &pools {
            let encrypted = if pool.encrypted { ", encrypted" } else { "" };
            self.goes.push(format!(
                "pool {}: {} of data on {}{encrypted}",
                pool.name,
                size(pool.allocated_bytes),
                pool.members.join(", ")
            ));
        }
        self.goes.push(format!(
            "{disk}: settings, state, users' files and every slot; it no longer starts"
        ));
        self.stays.push("disks that hold no imported pool".into());
        let again = match slots::chain(files) {
            Chain::SystemdBoot => "install again from the stick",
            Chain::Tryboot => "write the image to the card or disk again to use the machine",
        };
        self.afterwards.push(again.into());
        self.afterwards.push(
            "an encrypted state loses its keys, any other is overwritten once; before giving a solid-state disk away, \
             erase it with the manufacturer's tool or nvme format too: it may keep copies"
                .into(),
        );
        self.lose_keys(files);
        let open: Vec<&str> = pools
            .iter()
            .filter(|pool| !pool.encrypted)
            .map(|pool| pool.name.as_str())
            .collect();
        if !open.is_empty() {
            self.afterwards.push(format!(
                "the disks of {} are free, but not overwritten: before giving them away, erase each with the \
                 manufacturer's tool, nvme format or blkdiscard",
                open.join(", ")
            ));
        }
        self.destroyed = pools;
    }

    fn keep_pools(&mut self, pools: &[Pool]) {
        if pools.is_empty() {
            return;
        }
        let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        self.stays
            .push(format!("every pool, with its data: {}", names.join(", ")));
        if pools.iter().any(|pool| pool.encrypted) {
            self.stays.push(format!("the keys of encrypted pools, in {KEYS}"));
        }
    }

    /// The plan for a person.
    pub fn show(&self) -> String {
        let mut text = format!("Factory reset of {}: {}\n", self.host, self.level.name());
        for (title, lines) in [
            ("Goes", &self.goes),
            ("Stays", &self.stays),
            ("Afterwards", &self.afterwards),
        ] {
            for (index, line) in lines.iter().enumerate() {
                let title = if index == 0 { title } else { "" };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{title:12}{line}");
            }
        }
        text
    }
}
