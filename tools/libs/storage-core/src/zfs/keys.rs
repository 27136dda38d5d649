//! Keys that the system keeps, each in a file that only root can read.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_facts::Files;
use sigmavault_plan::destroyed;
use sigmavault_types::storage::{Action, KeySource, Resource, World, is_within};

use crate::commands::key_file;
use crate::engine::EngineError;

/// The keys of a machine.
pub(super) struct Keys<'a> {
    files: &'a Files,
    new_key: fn() -> io::Result<[u8; 32]>,
}

impl<'a> Keys<'a> {
    pub(super) const fn new(files: &'a Files, new_key: fn() -> io::Result<[u8; 32]>) -> Self {
        Self { files, new_key }
    }

    /// Makes the key that an action needs, before the action, and says where it is. A key that is there already is never overwritten: it may
    /// be the only one of a pool that is not imported.
    pub(super) fn make_for(&self, action: &Action) -> Result<Option<PathBuf>, EngineError> {
        let (Action::CreatePool {
            name,
            key: Some(KeySource::Stored),
            ..
        }
        | Action::CreateDataset {
            name,
            key: Some(KeySource::Stored),
            ..
        }
        | Action::ChangeKey {
            name,
            key: KeySource::Stored,
        }) = action
        else {
            return Ok(None);
        };
        let shown = key_file(name);
        let path = self.files.path(&shown);
        if path.exists() {
            let why =
                "it is a key already, perhaps of a pool that is not imported; move it to another place first";
            return Err(EngineError::unsuitable(shown.display().to_string(), why));
        }
        self.write(&path).map_err(|error| {
            EngineError::Failed(format!("cannot write the key {}: {error}", shown.display()))
        })?;
        Ok(Some(path))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let key = (self.new_key)()?;
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(folder) = path.parent() {
            make_private(folder)?;
        }
        sigmavault_durable::replace(path, digits.as_bytes())
    }

    /// Removes a key that nothing uses, because the action failed.
    pub(super) fn take_back(path: &Path) {
        // One that stays is in the way of the next try, which says so.
        let _ = sigmavault_durable::remove(path);
    }

    /// Puts the keys of what an action has destroyed aside, so that their names can be used again.
    pub(super) fn retire(&self, action: &Action, before: &World) {
        let gone = destroyed(action, before);
        let tops: Vec<&String> = gone
            .iter()
            .filter_map(|resource| match resource {
                Resource::Pool(name) | Resource::Dataset(name) => Some(name),
                _ => None,
            })
            .collect();
        let roots = before.datasets.iter().filter(|set| {
            let own = set
                .key
                .as_ref()
                .is_some_and(|key| key.automatic && key.root == set.name);
            own && tops.iter().any(|top| is_within(&set.name, top))
        });
        for root in roots {
            let path = self.files.path(key_file(&root.name));
            // The data is gone; a key that stays is in the way of a new dataset of this name, which then says so.
            let _ = std::fs::rename(&path, path.with_extension("key.destroyed"));
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}
