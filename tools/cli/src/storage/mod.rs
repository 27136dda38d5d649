//! `sigmavault pool`, `dataset`, `snapshot`, `policy` and `plan`: storage on the command line.
//!
//! - [`pool`], [`dataset`], [`snapshot`], [`policy`], [`plan`]: one module per command
//! - [`access`]: the storage service, or a simulated machine
//! - [`change`]: a change from the request to its end, with [`ask`], [`secret`], [`follow`] and [`stop`]
//! - [`names`]: what names stand for
//! - [`options`], [`size`], [`schedule`]: parts of command lines
//! - [`words`], [`steps`], [`plan_sheet`]: storage and plans in words
//! - [`reading`], [`page`], [`watch`]: what is read and printed

mod access;
mod ask;
mod change;
pub mod dataset;
mod follow;
mod names;
mod options;
mod page;
pub mod plan;
mod plan_sheet;
pub mod policy;
pub mod pool;
mod reading;
mod schedule;
mod secret;
mod size;
pub mod snapshot;
mod steps;
mod stop;
mod watch;
mod words;
