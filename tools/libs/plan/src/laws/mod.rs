//! The laws that a plan is held against before it can be approved, and again before it is carried out.
//!
//! Each law is a file: what it says, how it is checked, and examples that break it.

mod consent;
mod disks;
mod identity;
mod locks;
mod one_change;
mod parts;
mod redundancy;
mod repair_first;
mod said_risk;
mod space;
#[cfg(test)]
mod tests;
mod written;

use std::fmt;

use serde::{Deserialize, Serialize};
use sigmavault_types::storage::{Plan, Resource, World};

/// A law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// A working device is taken out of a group only when the group's data stays readable, and one at a time.
    Redundancy,
    /// What is destroyed is listed, and a name is typed for it.
    Consent,
    /// Disks are written only when they are free or erased by a step of their own.
    Disks,
    /// A pool that lacks redundancy or rebuilds is repaired before anything else.
    RepairFirst,
    /// One structural change of one pool at a time.
    OneChange,
    /// Locked and held snapshots stay.
    Locks,
    /// A tenth of a pool stays free of promises.
    Space,
    /// A step says how much it can break.
    SaidRisk,
    /// What cannot be undone is tied to the ids of what it meets.
    Identity,
}

/// Every law.
pub const LAWS: [Law; 9] = [
    Law::Redundancy,
    Law::Consent,
    Law::Disks,
    Law::RepairFirst,
    Law::OneChange,
    Law::Locks,
    Law::Space,
    Law::SaidRisk,
    Law::Identity,
];

impl Law {
    /// Its id, as on the wire.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Redundancy => "redundancy",
            Self::Consent => "consent",
            Self::Disks => "disks",
            Self::RepairFirst => "repair-first",
            Self::OneChange => "one-change",
            Self::Locks => "locks",
            Self::Space => "space",
            Self::SaidRisk => "said-risk",
            Self::Identity => "identity",
        }
    }

    /// What it says.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Redundancy => {
                "A plan takes at most one working device out of a group, and the group's data stays readable; it leaves no mirror with a \
                 single disk."
            }
            Self::Consent => {
                "Everything that a plan destroys is listed in it, and the name of what it destroys is typed to approve it."
            }
            Self::Disks => {
                "A disk is written only when it is free or when an earlier step of the plan erases it. The disk of the system, the live \
                 medium, disks in use and disks of imported pools are never erased, and no disk is used twice."
            }
            Self::RepairFirst => {
                "While a pool has lost redundancy or rebuilds, it is only repaired: nothing takes a device out of it or changes its \
                 structure."
            }
            Self::OneChange => "A plan changes the structure of one pool, once.",
            Self::Locks => {
                "A locked snapshot, and what holds it, is destroyed at the machine's own console only, and a snapshot that is held not at \
                 all."
            }
            Self::Space => "Volumes and reservations leave a tenth of a pool free.",
            Self::SaidRisk => {
                "A step says at least how much its action can break, and a plan the most of its steps."
            }
            Self::Identity => "A step that cannot be undone is tied to the ids of what it meets.",
        }
    }

    fn violations(self, plan: &Plan, world: &World) -> Vec<Resource> {
        match self {
            Self::Redundancy => redundancy::violations(plan, world),
            Self::Consent => consent::violations(plan, world),
            Self::Disks => disks::violations(plan, world),
            Self::RepairFirst => repair_first::violations(plan, world),
            Self::OneChange => one_change::violations(plan, world),
            Self::Locks => locks::violations(plan, world),
            Self::Space => space::violations(plan, world),
            Self::SaidRisk => said_risk::violations(plan, world),
            Self::Identity => identity::violations(plan, world),
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A law that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// What it is broken on.
    pub subject: Resource,
}

/// The laws that a plan breaks in a world; none when it may be carried out.
pub fn verify(plan: &Plan, world: &World) -> Vec<Violation> {
    let broken = |law: Law| {
        let mut subjects = law.violations(plan, world);
        subjects.sort();
        subjects.dedup();
        subjects
            .into_iter()
            .map(move |subject| Violation { law, subject })
    };
    LAWS.into_iter().flat_map(broken).collect()
}
