//! Planning and carrying out changes of pools, datasets and snapshots.
//!
//! - [`plan()`]: from a request to a plan, or a [`Refusal`]; pure
//! - [`execute()`]: carries a plan out on an [`Engine`], and reads what must be so again before each step
//! - [`Simulator`]: an engine in memory, with disks that fail
//! - [`commands`]: the commands of ZFS for an action
//! - [`zfs`]: an engine that runs these commands, and what ZFS prints as a world
//! - [`layout`]: which arrangement suits which disks
//! - [`schedule`], [`retention`]: when something is due, and which snapshots are kept
//! - [`names`], [`mounting`]: rules that both sides need

pub mod commands;
mod engine;
mod execute;
pub mod layout;
pub mod mounting;
pub mod names;
mod planner;
pub mod retention;
pub mod schedule;
pub mod simulator;
pub mod zfs;

pub use engine::{Engine, EngineError, Secret};
pub use execute::{ExecuteError, execute};
pub use planner::{Refusal, Setting, due, plan};
pub use simulator::{Fault, Simulator};
