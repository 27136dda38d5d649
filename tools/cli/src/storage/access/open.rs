//! The storage that the command line asks for.

use std::path::Path;

use super::error::AccessError;
use super::service::Service;
use super::simulated::Simulated;
use super::storage::Storage;

/// A simulated machine in a file, or the service of this machine.
pub fn open(simulate: Option<&Path>) -> Result<Box<dyn Storage>, AccessError> {
    Ok(match simulate {
        Some(file) => Box::new(Simulated::open(file)?),
        None => Box::new(Service::connect()?),
    })
}
