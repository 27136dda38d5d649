//! Where an installation works: the programs and files of one machine. A test gives it programs that do not exist and
//! files below a folder.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sigmavault_facts::Files;
use sigmavault_host::run::{Local, Run};

/// Called for every change that is made without a program.
type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// Programs and files of one machine. Paths are those on the machine, wherever its root is.
#[derive(Clone)]
pub struct Site {
    run: Arc<dyn Run>,
    files: Files,
    note: Note,
}

impl Site {
    /// The machine that this program runs on.
    pub fn this_machine() -> Self {
        Self::new(Arc::new(Local), Files::default(), Arc::new(|_| {}))
    }

    /// A machine whose programs are run by `run` and whose root is that of `files`. `note` is called for every change that
    /// is made without a program.
    pub fn new(run: Arc<dyn Run>, files: Files, note: Note) -> Self {
        Self { run, files, note }
    }

    /// Runs its programs.
    pub fn run(&self) -> &dyn Run {
        &self.run
    }

    /// Its files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Where one of its files lies for this process.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.files.path(path)
    }

    /// The path of a file with every link followed.
    pub fn resolve(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        let found = fs::canonicalize(self.path(path))?;
        let root = fs::canonicalize(self.path("/"))?;
        Ok(match found.strip_prefix(&root) {
            Ok(below) => Path::new("/").join(below),
            Err(_) => found,
        })
    }

    /// Notes a change that was made without a program.
    pub fn note(&self, text: &str) {
        (self.note)(text);
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("run", &self.run)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}
