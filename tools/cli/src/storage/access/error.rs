//! Why pools could not be read or changed.

use std::io;
use std::path::PathBuf;

use sigmavault_facts::terminal::printable;

use crate::durable::WriteError;

/// Why pools could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The bus itself is down.
    #[error("the system bus cannot be reached ({0}); see: systemctl status dbus.service")]
    NoBus(String),
    /// Nobody has the service's name.
    #[error("the storage service does not run ({0}); see: systemctl status sigmavault-storage.service")]
    NotRunning(String),
    /// The service has the name and says nothing.
    #[error("the storage service does not answer; see: journalctl -u sigmavault-storage.service")]
    Silent,
    /// This user may not do it.
    #[error("this user may not do that ({0}); try: sudo sigmavault ...")]
    NotAuthorised(String),
    /// It was refused, with a text for people.
    #[error("{}", printable(.0))]
    Refused(String),
    /// The service speaks otherwise.
    #[error(
        "the storage service's answer is not understood ({0}); after an update, restart it: \
         systemctl restart sigmavault-storage.service"
    )]
    Answer(String),
    /// The key could not be handed over.
    #[error("the key cannot be handed to the storage service: {0}")]
    Key(io::Error),
    /// The file of a simulated machine cannot be read.
    #[error(
        "cannot read the simulated machine {}: {source}; it is a file such as {{\"world\": {{\"disks\": []}}}}", path.display()
    )]
    Simulation {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of a simulated machine cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
