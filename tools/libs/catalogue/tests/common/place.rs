//! A store in a temporary folder, and an observer.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sigmavault_catalogue::download::{DownloadError, Http, Order, Source, Stage, Tuning, Watch, pull};
use sigmavault_catalogue::{Hasher, Model, ModelFile, Store};
use tempfile::TempDir;

/// The size of a piece in bytes.
pub const CHUNK: usize = 64 << 10;

/// Observes a download, and stops it after a number of bytes.
#[derive(Default)]
pub struct Onlooker {
    pub notes: Vec<String>,
    pub stop_at: Option<u64>,
    pub stopped: bool,
    pub most: u64,
    pub slept: Cell<Duration>,
}

impl Watch for Onlooker {
    fn progress(&mut self, _: &str, stage: Stage, done: u64, total: u64) {
        assert!(done <= total);
        if stage == Stage::Fetching {
            self.most = self.most.max(done);
            self.stopped |= self.stop_at.is_some_and(|at| done >= at);
        }
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn stopped(&self) -> bool {
        self.stopped
    }

    fn sleep(&self, time: Duration) {
        self.slept.set(self.slept.get() + time);
    }
}

/// Bytes that do not repeat.
pub fn content(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(length)
    .collect()
}

pub fn model(url: &str, content: &[u8]) -> Model {
    Model {
        id: "m".into(),
        name: "M".into(),
        publisher: "P".into(),
        aliases: Vec::new(),
        use_: sigmavault_catalogue::Use::Chat,
        architecture: "qwen3".into(),
        licence: "MIT".into(),
        licence_url: "https://example.org/LICENSE".into(),
        context: 4096,
        memory_bytes: 1,
        machine_bytes: 0,
        files: vec![ModelFile {
            name: "f.gguf".into(),
            bytes: content.len() as u64,
            sha256: Hasher::of(content),
            url: url.to_owned(),
            chunks: Vec::new(),
        }],
    }
}

pub fn with_chunks(mut model: Model, content: &[u8]) -> Model {
    model.files[0].chunks = content.chunks(CHUNK).map(Hasher::of).collect();
    model
}

pub fn tuning() -> Tuning {
    Tuning {
        chunk_bytes: CHUNK as u64,
        mark_bytes: 8 << 10,
        reserve_bytes: 0,
        ..Tuning::default()
    }
}

pub struct Place {
    _folder: Option<TempDir>,
    pub store: Store,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Store::at(folder.path()),
            _folder: Some(folder),
        }
    }

    /// A store in this folder.
    pub fn at(folder: &Path) -> Self {
        Self {
            store: Store::at(folder),
            _folder: None,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.store.folder_of("m").join(name)
    }

    pub fn pull(&self, model: &Model, watch: &mut Onlooker) -> Result<PathBuf, DownloadError> {
        self.ordered(model, false, watch)
    }

    pub fn pull_from(
        &self,
        folder: &Path,
        model: &Model,
        watch: &mut Onlooker,
    ) -> Result<PathBuf, DownloadError> {
        self.get(model, false, &Source::Folder(folder.to_owned()), watch)
    }

    pub fn ordered(
        &self,
        model: &Model,
        repair: bool,
        watch: &mut Onlooker,
    ) -> Result<PathBuf, DownloadError> {
        self.get(model, repair, &Source::Net(Http::new("test")), watch)
    }

    fn get(
        &self,
        model: &Model,
        repair: bool,
        source: &Source,
        watch: &mut Onlooker,
    ) -> Result<PathBuf, DownloadError> {
        let order = Order {
            model,
            accepted_licence: "MIT",
            time: "2026-11-20T10:00:00Z".into(),
            repair,
        };
        pull(&self.store, &order, source, &tuning(), watch)
    }

    /// Asserts that the file exists with the right content, and that nothing of the download is left.
    pub fn holds(&self, content: &[u8]) {
        assert!(fs::read(self.path("f.gguf")).unwrap() == content);
        let mut names: Vec<String> = fs::read_dir(self.store.folder_of("m"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["f.gguf", "f.gguf.chunks", "model.json"]);
    }
}
