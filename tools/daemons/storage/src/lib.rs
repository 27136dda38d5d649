//! Pools, datasets and snapshots as a service.
//!
//! - [`board`]: what there is, as it was read last; every answer comes from here
//! - [`reader`], [`writer`]: the two threads that run ZFS, one to read and one to change; [`waker`] and [`queue`] are how they are reached
//! - [`watchers`]: events of ZFS and of disks, which wake the reader
//! - [`plans`]: plans that wait, and who approved them
//! - [`jobs`]: work under way
//! - [`orders`]: policies and schedules that are due
//! - [`audit`]: who asked for what, and what came of it
//! - [`service`]: all of them together
//! - [`machine`]: ZFS, or a simulated machine
//! - [`bus`]: the interface `org.sigmavault.Storage1`
//! - [`config`]: the settings

pub mod audit;
pub mod board;
pub mod bus;
pub mod config;
pub mod jobs;
pub mod machine;
pub mod orders;
pub mod plans;
pub mod queue;
pub mod reader;
pub mod service;
pub mod waker;
pub mod watchers;
pub mod writer;
