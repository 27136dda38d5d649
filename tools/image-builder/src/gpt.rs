//! Reading and rewriting the GUID partition table of a hybrid ISO (UEFI 2.10, section 5.3).
//!
//! xorriso makes the partitions but gives them names and GUIDs of its own. [`rewrite`] sets those that the verity
//! generator looks for, in the primary and the backup table, and leaves every other byte as it was: the protective
//! or hybrid MBR, reserved fields, entries it was not asked about. Sectors are 512 bytes.

mod bytes;
mod error;
mod file;
mod table;

pub use error::{Access, Field, Flaw, GptError};
pub use file::{read, read_from, rewrite, rewrite_in, root_hash_guids};
pub use table::{
    Copy, ESP, Partition, PartitionEdit, ROOT_ARM64, ROOT_ARM64_VERITY, ROOT_X86_64, ROOT_X86_64_VERITY,
    SECTOR, Table,
};

#[cfg(test)]
mod tests;
