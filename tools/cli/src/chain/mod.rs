//! Boot chains: what chooses the slot that starts, behind one trait.
//!
//! - [`boot_chain`]: the trait, its results and its errors
//! - [`systemd_boot`]: machines with UEFI
//! - [`tryboot`]: Raspberry Pis
//! - [`record`]: the copy of the slots for services

mod boot_chain;
mod record;
mod systemd_boot;
mod tryboot;

use sigmavault_facts::{Files, slots};
use sigmavault_host::run::Run;
use sigmavault_types::slots::Chain;

pub use boot_chain::{AfterBad, BootChain, Earlier, EarlierTry, Seen, Staying, Went};
pub use record::record;

use systemd_boot::SystemdBoot;
use tryboot::TrybootChain;

/// The boot chain of this machine.
pub fn of<'a>(files: &'a Files, run: &'a dyn Run) -> Box<dyn BootChain + 'a> {
    match slots::chain(files) {
        Chain::SystemdBoot => Box::new(SystemdBoot { files, run }),
        Chain::Tryboot => Box::new(TrybootChain { files }),
    }
}

#[cfg(test)]
mod tests;
