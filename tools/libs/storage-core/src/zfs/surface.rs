//! What the engine reaches of the machine.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sigmavault_facts::Files;
use sigmavault_host::run::Run;

/// The machine, as the engine reaches it.
pub struct Surface {
    /// Runs the tools that only read. They must end: see [`Patient`](sigmavault_host::run::Patient).
    pub reader: Box<dyn Run>,
    /// Runs the tools that change something.
    pub writer: Box<dyn Run>,
    /// Files of the machine.
    pub files: Files,
    /// Folder in which policies and schedules are kept.
    pub state: PathBuf,
    /// Seconds since 1970 (UTC).
    pub now: fn() -> i64,
    /// A new key of 256 bits.
    pub new_key: fn() -> io::Result<[u8; 32]>,
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
