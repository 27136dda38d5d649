//! A kernel that QEMU starts itself, in place of firmware that nobody emulates.

use std::path::{Path, PathBuf};

/// A kernel and what it is started with. Paths are as QEMU sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectKernel {
    /// The kernel.
    pub kernel: PathBuf,
    /// Its initrd.
    pub initrd: Option<PathBuf>,
    /// Its device tree, in place of the one that QEMU makes.
    pub tree: Option<PathBuf>,
    /// Its command line.
    pub command_line: String,
}

impl DirectKernel {
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.kernel), self.initrd.as_ref(), self.tree.as_ref()]
            .into_iter()
            .flatten()
            .map(PathBuf::as_path)
    }

    /// QEMU's options.
    pub(crate) fn options(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut options = vec![("-kernel", text(&self.kernel))];
        options.extend(self.initrd.as_deref().map(|path| ("-initrd", text(path))));
        options.extend(self.tree.as_deref().map(|path| ("-dtb", text(path))));
        options.push(("-append", self.command_line.clone()));
        options
    }
}
