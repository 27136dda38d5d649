//! Taking files into the folder of models, with their hashes.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use sigmavault_catalogue::download::{Source, Stage, Stream, Tuning, Watch as _};
use sigmavault_catalogue::{CHUNK_BYTES, ChunkList, Staging};

use super::error::AddError;
use super::given::{MAGIC, no_model};
use crate::model::fetch;
use crate::model::progress::Onlooker;

/// Copies a file of this machine.
pub fn file(
    from: &Path,
    staging: &Staging,
    name: &str,
    onlooker: &mut Onlooker,
) -> Result<ChunkList, AddError> {
    let place = from.display().to_string();
    let mut source = File::open(from).map_err(AddError::read(&place))?;
    let total = source.metadata().map_err(AddError::read(&place))?.len();
    taken(&mut source, &place, Some(total), staging, name, onlooker)
}

/// Gives a file of this machine a second name in the folder of models.
pub fn link(
    from: &Path,
    staging: &Staging,
    name: &str,
    onlooker: &mut Onlooker,
) -> Result<ChunkList, AddError> {
    staging.link(from, name)?;
    read_back(from, staging, name, onlooker)
}

/// Hashes a file that is there already.
pub fn read_back(
    from: &Path,
    staging: &Staging,
    name: &str,
    onlooker: &mut Onlooker,
) -> Result<ChunkList, AddError> {
    let path = staging.path().join(name);
    let mut file = File::open(&path).map_err(AddError::read(from.display()))?;
    let total = file.metadata().map_err(AddError::read(from.display()))?.len();
    let list = ChunkList::read(&mut file, CHUNK_BYTES, &mut |done| {
        onlooker.progress(name, Stage::Checking, done, total);
        !onlooker.wants_end()
    });
    let list = list.map_err(AddError::read(from.display()))?;
    staging.keep(name, &list)?;
    Ok(list)
}

/// Fetches a file of which only the URL is known.
pub fn url(url: &str, staging: &Staging, name: &str, onlooker: &mut Onlooker) -> Result<ChunkList, AddError> {
    let (source, tuning, wait) = (
        Source::Relay(fetch::relay()),
        Tuning::default(),
        onlooker.waiting(),
    );
    let stopped = |error| {
        if onlooker.wants_end() {
            AddError::Stopped
        } else {
            AddError::read(url)(error)
        }
    };
    let mut stream = Stream::open(&source, url, &tuning, &wait).map_err(stopped)?;
    let total = stream.total();
    if let Some(total) = total {
        space(staging, total)?;
    }
    // A page that says "not found" is not worth the rest of it.
    let mut start = Vec::new();
    (&mut stream).take(16).read_to_end(&mut start).map_err(stopped)?;
    if !start.starts_with(MAGIC) {
        return Err(no_model(url, &start));
    }
    taken(
        &mut start.as_slice().chain(stream),
        url,
        total,
        staging,
        name,
        onlooker,
    )
}

/// Checks that there is room for this many bytes.
pub fn space(staging: &Staging, needed: u64) -> Result<(), AddError> {
    let reserve = Tuning::default().reserve_bytes;
    Ok(sigmavault_catalogue::download::space(
        staging.path(),
        needed,
        reserve,
    )?)
}

fn taken(
    reader: &mut dyn Read,
    place: &str,
    total: Option<u64>,
    staging: &Staging,
    name: &str,
    onlooker: &mut Onlooker,
) -> Result<ChunkList, AddError> {
    let file = staging.file(name)?;
    let mut both = Tee {
        from: reader,
        to: file,
        failed: None,
    };
    let list = ChunkList::read(&mut both, CHUNK_BYTES, &mut |done| {
        onlooker.progress(name, Stage::Fetching, done, total.unwrap_or(done).max(done));
        !onlooker.wants_end()
    });
    let written = |source| AddError::Write {
        place: place.to_owned(),
        folder: staging.path().to_owned(),
        source,
    };
    if let Some(error) = both.failed {
        return Err(written(error));
    }
    if onlooker.wants_end() {
        return Err(AddError::Stopped);
    }
    let list = list.map_err(AddError::read(place))?;
    both.to.sync_all().map_err(written)?;
    staging.keep(name, &list)?;
    Ok(list)
}

/// Writes to a file what is read.
struct Tee<'a> {
    from: &'a mut dyn Read,
    to: File,
    /// Why the file could not be written.
    failed: Option<io::Error>,
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        if let Err(error) = self.to.write_all(&buffer[..length]) {
            self.failed = Some(error);
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(length)
    }
}
