//! Whether a name, a password, a hash or a key can work on the installed system: pure rules of the programs that take
//! them.
//!
//! - [`accounts`]: the users and groups of the image, and names for a new user
//! - [`crypt`]: password hashes as crypt(5) writes them
//! - [`ssh_key`]: public keys as sshd(8) reads them

pub mod accounts;
pub mod crypt;
pub mod ssh_key;
