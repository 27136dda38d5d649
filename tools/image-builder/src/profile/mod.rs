//! Hardware profiles: what one class of machine gets, as TOML files in `/profiles`.
//!
//! [`schema`] names every key, [`needed`] what none may take out; [`layer`] reads one file; [`library`] reads the folder and resolves
//! `extends`; [`show`] is the `profiles` command. A resolved [`Profile`] is plain data.
//!
//! A child's value replaces its parent's. Lists of packages, drivers, files and command-line arguments are
//! appended to the parent's instead, without repeating an entry; the closed sets `arch`, `boot.media` and
//! `boot.firmware` are replaced, so that a profile can narrow them. `description`, `abstract` and `extends`
//! belong to their own file and are not inherited.

pub mod error;
pub mod layer;
pub mod library;
pub mod needed;
pub mod resolved;
pub mod schema;
pub mod show;
pub mod values;

pub use error::{Fault, FaultKind, ProfileError};
pub use library::Library;
pub use resolved::{Boot, Budget, Drivers, Firmware, Kernel, Model, Profile, System, Vm};
pub use values::{Arch, BootFirmware, Desktop, KernelSource, Medium, Tier};
