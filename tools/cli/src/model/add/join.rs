//! A GGUF file in parts, put together.

use std::cell::RefCell;
use std::fs::File as OutFile;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use sigmavault_gguf::{File, WriteError, Writer};

use super::error::AddError;

/// Bytes written at a time.
const PIECE: usize = 1 << 20;

/// Writes the file of which these are the parts. `seen` is called with the bytes written, and all, and stops by returning `false`.
pub fn join(
    parts: &[PathBuf],
    out: &OutFile,
    seen: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), AddError> {
    let opened: Result<Vec<File>, AddError> = parts
        .iter()
        .map(|path| File::open(path).map_err(|error| AddError::damaged(path.display(), error)))
        .collect();
    let opened = opened?;
    let (Some(first), Some(place)) = (opened.first(), parts.first()) else {
        return Ok(());
    };
    let place = place.display();
    for (number, part) in opened.iter().enumerate() {
        let says = (
            part.metadata().u64("split.no"),
            part.metadata().u64("split.count"),
        );
        if says != (Some(number as u64), Some(parts.len() as u64)) {
            return Err(AddError::damaged(
                part.path().display(),
                "its metadata say that it is another part",
            ));
        }
    }
    let tensors = || {
        opened
            .iter()
            .flat_map(|part| part.tensors().iter().map(move |tensor| (part, tensor)))
    };
    let expected = first.metadata().u64("split.tensors.count");
    if expected.is_some_and(|expected| expected != tensors().count() as u64) {
        return Err(AddError::damaged(
            place,
            "the parts do not have all of its tensors",
        ));
    }
    let total: u64 = tensors().map(|(_, tensor)| tensor.range.len() as u64).sum();
    let progress = RefCell::new((0_u64, seen));
    let mut writer = Writer::new();
    for (key, value) in first
        .metadata()
        .iter()
        .filter(|(key, _)| !key.starts_with("split."))
    {
        writer.set(key, value.clone());
    }
    for (part, tensor) in tensors() {
        let progress = &progress;
        writer
            .tensor_from(&tensor.name, &tensor.shape, tensor.kind, move |out| {
                let bytes = part.tensor(&tensor.name).map_or(&[][..], |view| view.bytes);
                for piece in bytes.chunks(PIECE) {
                    out.write_all(piece)?;
                    let (done, seen) = &mut *progress.borrow_mut();
                    *done += piece.len() as u64;
                    if !seen(*done, total) {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                }
                Ok(())
            })
            .type_id(tensor.type_id);
    }
    let mut out = BufWriter::with_capacity(PIECE, out);
    writer.write(&mut out).map_err(|error| match error {
        WriteError::Io(error) if error.kind() == io::ErrorKind::Interrupted => AddError::Stopped,
        error => AddError::damaged(place, error),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use sigmavault_gguf::TensorKind;

    use super::*;

    fn part(folder: &Path, number: u16, count: u16, tensors: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join(format!("{number}.gguf"));
        let mut writer = Writer::new();
        writer.set("split.no", number).set("split.count", count);
        if number == 0 {
            writer
                .set("general.architecture", "qwen3")
                .set("split.tensors.count", 3_i32);
        }
        for (name, bytes) in tensors {
            writer.tensor(name, &[bytes.len() as u64 / 4], TensorKind::F32, bytes);
        }
        writer.write(&mut OutFile::create(&path).unwrap()).unwrap();
        path
    }

    #[test]
    fn parts_are_one_file_again() {
        let folder = tempfile::tempdir().unwrap();
        let parts = [
            part(folder.path(), 0, 2, &[("a", &[1; 8])]),
            part(folder.path(), 1, 2, &[("b", &[2; 40]), ("c", &[3; 4])]),
        ];
        let whole = folder.path().join("whole");
        let out = OutFile::create(&whole).unwrap();
        let mut last = (0, 0);
        join(&parts, &out, &mut |done, total| {
            last = (done, total);
            true
        })
        .unwrap();
        assert_eq!(last, (52, 52));
        let file = File::open(&whole).unwrap();
        assert_eq!(file.metadata().architecture(), Some("qwen3"));
        assert_eq!(file.metadata().get("split.count"), None);
        for (name, bytes) in [("a", &[1; 8][..]), ("b", &[2; 40]), ("c", &[3; 4])] {
            assert_eq!(file.tensor(name).unwrap().bytes, bytes);
        }
        let stopped = join(&parts, &out, &mut |_, _| false);
        assert!(matches!(stopped, Err(AddError::Stopped)));
        let twice = [parts[0].clone(), parts[0].clone()];
        let error = join(&twice, &out, &mut |_, _| true).unwrap_err().to_string();
        assert!(
            error.ends_with("0.gguf: its metadata say that it is another part"),
            "{error}"
        );
        part(folder.path(), 1, 2, &[("b", &[2; 40])]);
        let error = join(&parts, &out, &mut |_, _| true).unwrap_err().to_string();
        assert!(
            error.ends_with("the parts do not have all of its tensors"),
            "{error}"
        );
        fs::write(&parts[1], "GGUF").unwrap();
        assert!(join(&parts, &out, &mut |_, _| true).is_err());
    }
}
