//! The plan: what will be done, decided in full before anything is written. It is built from answers and the
//! machine, shown on the summary, executed, and compared with the result.
//!
//! [`build`] makes it, in three parts that know nothing of each other: `system` (disk and encryption; `setup` for the disk of a
//! Raspberry Pi), `pool`, and
//! `settings` (language, `network`, `link`, `user`). `consent` holds what must have been agreed to before a disk is
//! erased. [`check`] says what stands against answers on any machine.

mod build;
mod check;
mod consent;
mod install;
mod link;
mod network;
mod pool;
mod refusal;
mod settings;
mod setup;
mod system;
#[cfg(test)]
mod tests;
mod user;

pub use build::build;
pub use check::{check, mode};
pub use install::{Confirmation, EncryptionPlan, InstallPlan, Partition, PoolPlan, Settings, SetupPlan};
pub use pool::{layouts, proposed};
pub use refusal::Refusal;
