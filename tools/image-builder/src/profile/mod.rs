//! Hardware profiles: what one class of machine gets, as TOML files in `/profiles` and in folders that are named.
//!
//! [`schema`] names every key, [`grammar`] what its values look like ([`hardware_id`] those of devices), [`needed`] what none may
//! take out; [`layer`] reads one file; [`library`] reads folders and resolves `extends`. A resolved [`Profile`] is plain data.
//! [`command`] is the `profiles` command with [`options`]: [`show`], [`check`], [`matching`] with the judgement in [`fit`],
//! [`new`] and [`json_schema`].
//!
//! A child's value replaces its parent's. Lists of packages, drivers, devices, files and command-line arguments are
//! appended to the parent's instead, without repeating an entry; the closed sets `arch`, `boot.media` and
//! `boot.firmware` are replaced, so that a profile can narrow them. `description`, `abstract` and `extends`
//! belong to their own file and are not inherited.

pub mod check;
pub mod command;
pub mod error;
pub mod fit;
pub mod glob;
pub mod grammar;
pub mod hardware_id;
pub mod json_schema;
pub mod layer;
pub mod library;
pub mod matching;
pub mod needed;
pub mod new;
pub mod options;
pub mod resolved;
pub mod schema;
pub mod show;
pub mod values;

pub use error::{Fault, FaultKind, ProfileError};
pub use hardware_id::HardwareId;
pub use library::Library;
pub use resolved::{Boot, Budget, Drivers, Firmware, Hardware, Kernel, Model, Profile, System, Vm};
pub use values::{Arch, BootFirmware, Desktop, KernelSource, Medium, Tier};
