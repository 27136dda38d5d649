//! The installer: from the live medium to a disk that boots by itself.
//!
//! - [`answers`], [`select`]: its input, and the selection of disks
//! - [`credentials`], [`address`]: whether names, passwords, keys and addresses can work; pure
//! - [`machine`], [`inventory`]: what it knows about the machine, and how that is read; [`identity`]: which disk is
//!   which; [`device`]: block devices
//! - [`keyboard`]: which letters a keyboard layout types, and which one goes with a language
//! - [`pool_key`]: the key of an encrypted pool
//! - [`sources`]: where answers come from when nobody types them
//! - [`plan`]: what will be done, or why it is refused; [`actions`]: every action of it, in order; both pure
//! - [`progress`]: the events of a running installation
//! - [`execute`]: executing a plan, with the programs and files of a [`site`]
//! - [`installation`]: a plan being carried out in a thread of its own; [`lock`]: one at a time
//! - [`ui`]: the screens; [`plain`]: the same questions line by line; [`unattended`]: without questions, with a [`report`];
//!   [`recovery`]: where its recovery key goes; [`once`]: answers that have installed a disk already
//! - [`show`]: plans and progress as lines of text
//! - [`demo`]: simulated machines, and an installation that writes nothing

pub mod actions;
pub mod address;
pub mod answers;
pub mod credentials;
pub mod demo;
pub mod device;
mod draft;
pub mod execute;
pub mod identity;
pub mod installation;
pub mod inventory;
pub mod keyboard;
pub mod lock;
pub mod machine;
mod nearest;
pub mod once;
pub mod plain;
pub mod plan;
pub mod pool_key;
pub mod progress;
pub mod recovery;
pub mod report;
pub mod select;
pub mod show;
pub mod site;
pub mod size;
pub mod sources;
pub mod ui;
pub mod unattended;
