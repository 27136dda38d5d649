//! The tensors of a model file, GGUF or safetensors, by name and with checked shapes.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata as Header, SafeTensors};
use serde_json::Value as Json;
use sigmavault_gguf::{File, Index, Metadata, Mmap, TensorKind};
use sigmavault_ternary::{Mapping, PanelFile, PanelMatrix};

use super::keys::Ledger;
use crate::model::error::LoadError;

/// The storage of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// A type of GGUF, including safetensors' F32, F16 and BF16.
    As(TensorKind),
    /// Bytes in a safetensors file: packed ternary rows.
    Bytes,
    /// A safetensors type that no supported model uses.
    Other,
}

/// A tensor in a file.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape, slowest dimension first.
    pub shape: Vec<usize>,
    /// Its type.
    pub stored: Stored,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Their offset in the tensor of that name in the file, of which this may be a part.
    pub at: usize,
}

/// A safetensors file in memory.
#[derive(Debug)]
pub struct Safetensors {
    bytes: Vec<u8>,
    header: Header,
    data: usize,
}

impl Safetensors {
    fn open(path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        let (length, header) = SafeTensors::read_metadata(&bytes).map_err(|e| LoadError::Safetensors {
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
        Ok(Self {
            bytes,
            header,
            data: length + 8,
        })
    }
}

/// The file of a model, or its files.
#[derive(Debug)]
enum Kept {
    Gguf(File),
    Safetensors(Vec<Safetensors>),
}

/// How matrices are checked without being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dry {
    /// By their shapes and types, which takes neither time nor memory.
    Shapes,
    /// And ternary weights by packing them, one tensor after the other.
    Numbers,
}

/// Whether a file is GGUF: by its name, or by its first bytes, as stores of other programs name files by their hash.
pub fn is_gguf(path: &Path) -> bool {
    if path.extension().is_some_and(|ending| ending == "gguf") {
        return true;
    }
    let mut magic = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok()) && magic == *b"GGUF"
}

/// The tensors of a model.
#[derive(Debug)]
pub struct Weights {
    file: Kept,
    /// The file of packed ternary tensors.
    panels: Option<PanelFile>,
    /// The tensors that were read, or are known to be of no use.
    read: Ledger,
    /// How matrices are checked, if they are only checked.
    dry: Option<Dry>,
}

impl Weights {
    /// Opens a GGUF file.
    pub fn open_gguf(path: &Path) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(|source| LoadError::Gguf {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            file: Kept::Gguf(file),
            panels: None,
            read: Ledger::default(),
            dry: None,
        })
    }

    /// Sets whether matrices are only checked; a network of such matrices cannot compute.
    pub fn set_dry(&mut self, dry: Option<Dry>) {
        self.dry = dry;
    }

    /// How matrices are checked, if they are only checked.
    pub fn dry(&self) -> Option<Dry> {
        self.dry
    }

    /// The tensors that were read.
    pub fn read(&self) -> &Ledger {
        &self.read
    }

    /// Notes a tensor that may be there and is of no use.
    pub fn ignore(&self, name: &str) {
        self.read.note(name);
    }

    /// The names of all tensors.
    pub fn names(&self) -> Vec<String> {
        match &self.file {
            Kept::Gguf(file) => file.tensors().iter().map(|tensor| tensor.name.clone()).collect(),
            Kept::Safetensors(files) => {
                let mut names: Vec<String> = files
                    .iter()
                    .flat_map(|file| file.header.tensors().into_keys())
                    .collect();
                names.sort();
                names
            }
        }
    }

    /// The header of a GGUF file.
    pub fn index(&self) -> Option<&Index> {
        match &self.file {
            Kept::Gguf(file) => Some(file.index()),
            Kept::Safetensors(_) => None,
        }
    }

    /// Takes ternary tensors from their packed file.
    pub fn use_panels(&mut self, panels: Option<PanelFile>) {
        self.panels = panels;
    }

    /// A packed ternary tensor.
    pub fn panels(&self, name: &str) -> Option<PanelMatrix> {
        self.panels.as_ref()?.matrix(name)
    }

    /// The map of the packed file.
    pub fn mapping(&self) -> Option<&Arc<Mapping>> {
        self.panels.as_ref().map(PanelFile::mapping)
    }

    /// The metadata of a GGUF file.
    pub fn metadata(&self) -> Option<&Metadata> {
        match &self.file {
            Kept::Gguf(file) => Some(file.metadata()),
            Kept::Safetensors(_) => None,
        }
    }

    /// The names of all matrices with ternary weights.
    pub fn ternary(&self) -> Vec<String> {
        match &self.file {
            Kept::Gguf(file) => file
                .tensors()
                .iter()
                .filter(|tensor| tensor.kind.is_ternary() && tensor.shape.len() == 2)
                .map(|tensor| tensor.name.clone())
                .collect(),
            Kept::Safetensors(_) => {
                let names = self.names().into_iter();
                let packed = |name: &String| {
                    self.get(name).is_some_and(|t| t.stored == Stored::Bytes)
                        && self.has(&format!("{name}_scale"))
                };
                names.filter(packed).collect()
            }
        }
    }

    /// Opens safetensors files that together contain the tensors.
    pub fn open_safetensors(files: &[PathBuf]) -> Result<Self, LoadError> {
        let files = files.iter().map(|path| Safetensors::open(path));
        Ok(Self {
            file: Kept::Safetensors(files.collect::<Result<_, _>>()?),
            panels: None,
            read: Ledger::default(),
            dry: None,
        })
    }

    /// A tensor, if the file has it. It is not noted as read.
    fn get<'a>(&'a self, name: &'a str) -> Option<Tensor<'a>> {
        match &self.file {
            Kept::Gguf(file) => {
                let view = file.tensor(name)?;
                let shape = view
                    .info
                    .shape
                    .iter()
                    .rev()
                    .map(|&n| usize::try_from(n).unwrap_or(usize::MAX));
                Some(Tensor {
                    name,
                    shape: shape.collect(),
                    stored: Stored::As(view.info.kind),
                    bytes: view.bytes,
                    at: 0,
                })
            }
            Kept::Safetensors(files) => {
                let (file, info) = files
                    .iter()
                    .find_map(|file| Some((file, file.header.info(name)?)))?;
                let (from, to) = info.data_offsets;
                Some(Tensor {
                    name,
                    shape: info.shape.clone(),
                    stored: match info.dtype {
                        Dtype::F32 => Stored::As(TensorKind::F32),
                        Dtype::F16 => Stored::As(TensorKind::F16),
                        Dtype::BF16 => Stored::As(TensorKind::BF16),
                        Dtype::U8 => Stored::Bytes,
                        _ => Stored::Other,
                    },
                    bytes: file.bytes.get(file.data + from..file.data + to)?,
                    at: 0,
                })
            }
        }
    }

    /// The range of a tensor, or a part of one, on the file's map, if the file is mapped.
    pub fn on_map(&self, tensor: &Tensor<'_>) -> Option<(Arc<Mmap>, Range<usize>)> {
        let Kept::Gguf(file) = &self.file else { return None };
        let from = file.tensor(tensor.name)?.info.range.start + tensor.at;
        Some((file.map(), from..from + tensor.bytes.len()))
    }

    /// Frees the pages of a mapped tensor that was copied.
    pub fn release(&self, name: &str) {
        if let Kept::Gguf(file) = &self.file
            && let Err(error) = file.release(name)
        {
            log::debug!("cannot free the pages of {name}: {error}");
        }
    }

    /// Whether the file has a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A required tensor.
    pub fn tensor<'a>(&'a self, name: &'a str) -> Result<Tensor<'a>, LoadError> {
        let tensor = self
            .get(name)
            .ok_or_else(|| LoadError::MissingTensor(name.to_owned()))?;
        self.read.note(name);
        Ok(tensor)
    }

    /// All numbers of a tensor of this shape. Dimensions of size one may be left out in the file.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let tensor = self.tensor(name)?;
        let squeezed = |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
        if squeezed(&tensor.shape) != squeezed(shape) {
            return Err(tensor.misshapen(shape));
        }
        tensor.to_floats()
    }
}

impl<'a> Tensor<'a> {
    /// One of `count` equal parts along the slowest dimension, which is left out of the part's shape if its size becomes one.
    ///
    /// # Errors
    ///
    /// If the parts are not equal, or the tensor is ternary with one scale, which a part would lack.
    pub fn part(&self, index: usize, count: usize) -> Result<Tensor<'a>, LoadError> {
        let ternary = match self.stored {
            Stored::As(kind) => kind.is_ternary(),
            Stored::Bytes | Stored::Other => true,
        };
        if ternary {
            return Err(self.unusable());
        }
        let mut shape = self.shape.clone();
        match shape.first_mut() {
            Some(slowest) if index < count && slowest.is_multiple_of(count) => *slowest /= count,
            _ => return Err(self.misshapen(&[count])),
        }
        if shape.len() > 2 && shape[0] == 1 {
            shape.remove(0);
        }
        // Rows are whole blocks in every type, so equal numbers of rows are equal numbers of bytes.
        let size = self.bytes.len() / count;
        Ok(Tensor {
            name: self.name,
            shape,
            stored: self.stored,
            bytes: &self.bytes[index * size..][..size],
            at: self.at + index * size,
        })
    }

    /// The error for a shape that does not match the metadata.
    pub fn misshapen(&self, expected: &[usize]) -> LoadError {
        LoadError::Shape {
            name: self.name.to_owned(),
            found: self.shape.clone(),
            expected: expected.to_vec(),
        }
    }

    /// The error for a type that cannot be used.
    pub fn unusable(&self) -> LoadError {
        let kind = match self.stored {
            Stored::As(kind) => kind.to_string(),
            Stored::Bytes => "U8".to_owned(),
            Stored::Other => "another safetensors type".to_owned(),
        };
        LoadError::Kind {
            name: self.name.to_owned(),
            kind,
        }
    }

    /// The error for contents that the kernels cannot use.
    pub fn unpackable(&self, reason: &dyn std::fmt::Display) -> LoadError {
        LoadError::Pack {
            name: self.name.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// Its numbers in single precision.
    pub fn to_floats(&self) -> Result<Vec<f32>, LoadError> {
        let bytes = self.bytes;
        Ok(match self.stored {
            Stored::As(TensorKind::F32) => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            Stored::As(TensorKind::F16) => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f16::from_le_bytes(*b).to_f32())
                .collect(),
            Stored::As(TensorKind::BF16) => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| bf16::from_le_bytes(*b).to_f32())
                .collect(),
            Stored::As(TensorKind::Q8_0) => {
                let (blocks, _) = bytes.as_chunks::<34>();
                blocks
                    .iter()
                    .flat_map(|block| {
                        let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
                        block[2..].iter().map(move |q| f32::from(q.cast_signed()) * scale)
                    })
                    .collect()
            }
            _ => return Err(self.unusable()),
        })
    }
}

/// Reads a JSON file.
pub fn read_json(path: &PathBuf) -> Result<Json, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
        path: path.clone(),
        source,
    })?;
    parse_json(&text).map_err(|e| LoadError::Safetensors {
        path: path.clone(),
        reason: format!("it is not JSON: {e}"),
    })
}

/// Parses JSON in which Python may have written `Infinity` for a number, which is then as large as one can be.
fn parse_json(text: &str) -> serde_json::Result<Json> {
    serde_json::from_str(text).or_else(|error| {
        let mut changed = String::with_capacity(text.len());
        for (quoted, part) in text.split('"').enumerate() {
            let outside = quoted % 2 == 0;
            let separator = if quoted == 0 { "" } else { "\"" };
            let part = if outside {
                part.replace("Infinity", "1e308")
            } else {
                part.to_owned()
            };
            changed.extend([separator, &part]);
        }
        // The first error tells the place in the file.
        serde_json::from_str(&changed).map_err(|_| error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinity_as_python_writes_it_is_read() {
        let json = parse_json(r#"{"Infinity": [0.0, Infinity]}"#).unwrap();
        assert_eq!(json, serde_json::json!({"Infinity": [0.0, 1e308]}));
        assert!(parse_json("{Infinity").is_err());
    }

    #[test]
    fn parts_of_parts_lie_where_they_are_in_the_file() {
        let bytes: Vec<u8> = (0..2 * 4 * 3 * 4).collect();
        let whole = Tensor {
            name: "w",
            shape: vec![2, 4, 3],
            stored: Stored::As(TensorKind::F32),
            bytes: &bytes,
            at: 0,
        };
        let second = whole.part(1, 2).unwrap();
        assert_eq!((second.shape.as_slice(), second.at), ([4, 3].as_slice(), 48));
        let last = second.part(1, 2).unwrap();
        assert_eq!((last.shape.as_slice(), last.at), ([2, 3].as_slice(), 72));
        assert_eq!(last.bytes, &bytes[72..]);
        assert!(whole.part(0, 3).is_err());
        assert!(whole.part(2, 2).is_err());
        let ternary = Tensor {
            stored: Stored::As(TensorKind::Tq2_0),
            ..whole
        };
        assert_eq!(
            ternary.part(0, 2).unwrap_err().to_string(),
            "tensor w is stored as TQ2_0, which cannot be used for it"
        );
    }
}
