//! From a command to the change that it asks for.

use std::path::Path;

use sigmavault_types::storage::{DatasetKind, KeySource, Request, World};

use super::arguments::Change;
use crate::storage::change::Order;
use crate::storage::names::{NameError, dataset};
use crate::storage::options::{Consent, Key};
use crate::storage::secret::{SecretError, wanted};

/// Why a command asks for no change.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The name stands for nothing.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A passphrase is given that is not needed.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The change that a command asks for.
#[allow(clippy::too_many_lines, reason = "one arm for each command")]
pub(super) fn order<'a>(change: &'a Change, world: &World) -> Result<Order<'a>, RequestError> {
    let named = |name: &str| dataset(world, name).map(|set| set.name.clone());
    let plain = |request: Request, consent: &'a Consent| Order {
        request,
        consent,
        key_file: None,
    };
    Ok(match change {
        Change::Create {
            name,
            volume,
            sparse,
            encrypt,
            key_file,
            options,
            consent,
        } => {
            let request = Request::DatasetCreate {
                name: name.clone(),
                kind: volume.map_or(DatasetKind::FileSystem, |_| DatasetKind::Volume),
                size: *volume,
                sparse: *sparse,
                encryption: encrypt.map(Key::encryption),
                properties: options.iter().cloned().collect(),
            };
            with_key(request, consent, key_file.as_deref(), name)?
        }
        Change::Rename {
            dataset: name,
            to,
            consent,
        } => {
            let request = Request::DatasetRename {
                name: named(name)?,
                to: to.clone(),
            };
            plain(request, consent)
        }
        Change::Destroy(of) => {
            let name = named(&of.dataset)?;
            plain(Request::DatasetDestroy { name }, &of.consent)
        }
        Change::Set {
            dataset: name,
            properties,
            consent,
        } => {
            let request = Request::DatasetSet {
                name: named(name)?,
                properties: properties.iter().cloned().collect(),
            };
            plain(request, consent)
        }
        Change::Inherit {
            dataset: name,
            property,
            consent,
        } => {
            let request = Request::DatasetInherit {
                name: named(name)?,
                property: property.clone(),
            };
            plain(request, consent)
        }
        Change::Quota {
            dataset: name,
            owner,
            bytes,
            consent,
        } => {
            let request = Request::DatasetQuota {
                name: named(name)?,
                owner: *owner,
                bytes: *bytes,
            };
            plain(request, consent)
        }
        Change::Unlock {
            dataset: name,
            key_file,
            consent,
        } => {
            let set = dataset(world, name)?;
            let automatic = set.key.as_ref().is_some_and(|key| key.automatic);
            let key = if automatic {
                KeySource::Stored
            } else {
                KeySource::Passphrase
            };
            let request = Request::DatasetUnlock {
                name: set.name.clone(),
                key,
            };
            with_key(request, consent, key_file.as_deref(), name)?
        }
        Change::Lock(of) => {
            let name = named(&of.dataset)?;
            plain(Request::DatasetLock { name }, &of.consent)
        }
        Change::Rekey {
            dataset: name,
            key,
            key_file,
            consent,
        } => {
            let request = Request::DatasetRekey {
                name: named(name)?,
                key: key.source(),
            };
            with_key(request, consent, key_file.as_deref(), name)?
        }
        Change::Promote(of) => {
            let name = named(&of.dataset)?;
            plain(Request::DatasetPromote { name }, &of.consent)
        }
    })
}

/// A change that may take a passphrase. A file of one that is not needed is refused: whoever named it expects that it counts.
fn with_key<'a>(
    request: Request,
    consent: &'a Consent,
    key_file: Option<&'a Path>,
    name: &str,
) -> Result<Order<'a>, SecretError> {
    if key_file.is_some() && wanted(&request).is_none() {
        return Err(SecretError::NotWanted(name.to_owned()));
    }
    Ok(Order {
        request,
        consent,
        key_file,
    })
}
