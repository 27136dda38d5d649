//! Writing GGUF files: for tests, for files of random weights to measure with, and for repacked models.

use std::io::{self, Write};

use crate::index::DEFAULT_ALIGNMENT;
use crate::kind::TensorKind;
use crate::metadata::Metadata;
use crate::value::{Array, Value, ValueType};

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A shape that is not a whole number of blocks, or a kind without a known size.
    #[error(
        "tensor {name:?} of shape {shape:?} cannot be written as {kind}: not a whole number of blocks, or too large"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// Its dimensions, fastest first.
        shape: Vec<u64>,
        /// Its kind.
        kind: TensorKind,
    },
    /// More or fewer bytes than the shape needs.
    #[error("tensor {name:?} takes {needed} bytes, but {written} were given")]
    Length {
        /// The tensor.
        name: String,
        /// Bytes by kind and shape.
        needed: u64,
        /// Bytes that were given.
        written: u64,
    },
    /// The same tensor twice.
    #[error("tensor {0:?} occurs twice")]
    Duplicate(String),
    /// Writing failed.
    #[error("cannot write the model file: {0}")]
    Io(#[from] io::Error),
}

type Source<'a> = Box<dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a>;

struct Tensor<'a> {
    name: String,
    shape: Vec<u64>,
    kind: TensorKind,
    type_id: u32,
    source: Source<'a>,
}

/// Collects metadata and tensors, and writes them.
///
/// ```
/// use sigmavault_gguf::{File, TensorKind, Writer};
///
/// let mut bytes = Vec::new();
/// let mut writer = Writer::new();
/// writer.set("general.architecture", "qwen3").set("qwen3.block_count", 1_u32);
/// writer.tensor("output_norm.weight", &[2], TensorKind::F32, &[0; 8]);
/// writer.write(&mut bytes)?;
/// let index = File::parse(&bytes).expect("it was just written");
/// assert_eq!(index.metadata().u32("qwen3.block_count"), Some(1));
/// # Ok::<(), sigmavault_gguf::WriteError>(())
/// ```
pub struct Writer<'a> {
    version: u32,
    metadata: Metadata,
    tensors: Vec<Tensor<'a>>,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        f.debug_struct("Writer")
            .field("metadata", &self.metadata)
            .field("tensors", &names)
            .finish_non_exhaustive()
    }
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Writer<'a> {
    /// An empty file of version 3.
    pub fn new() -> Self {
        Self {
            version: 3,
            metadata: Metadata::default(),
            tensors: Vec::new(),
        }
    }

    /// Sets the version of the format.
    pub fn version(&mut self, version: u32) -> &mut Self {
        self.version = version;
        self
    }

    /// Sets a metadata value; `general.alignment` is respected.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.metadata.set(key, value.into());
        self
    }

    /// Adds a tensor whose bytes are in memory. `shape` has the fastest dimension first.
    pub fn tensor(&mut self, name: &str, shape: &[u64], kind: TensorKind, bytes: &'a [u8]) -> &mut Self {
        self.tensor_from(name, shape, kind, move |out| out.write_all(bytes))
    }

    /// Adds a tensor whose bytes are written by `source` when their turn comes, so they need not be in memory.
    pub fn tensor_from(
        &mut self,
        name: &str,
        shape: &[u64],
        kind: TensorKind,
        source: impl FnMut(&mut dyn Write) -> io::Result<()> + 'a,
    ) -> &mut Self {
        self.tensors.push(Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            kind,
            type_id: kind.id(),
            source: Box::new(source),
        });
        self
    }

    /// Overrides the type number of the tensor added last, as forks do.
    pub fn type_id(&mut self, id: u32) -> &mut Self {
        if let Some(tensor) = self.tensors.last_mut() {
            tensor.type_id = id;
        }
        self
    }

    /// Writes the file; every tensor is padded to the alignment.
    pub fn write(self, out: &mut dyn Write) -> Result<(), WriteError> {
        let alignment = self
            .metadata
            .u64("general.alignment")
            .filter(|n| *n > 0)
            .unwrap_or(DEFAULT_ALIGNMENT);
        let header = self.header(alignment)?;
        out.write_all(&header)?;
        pad(out, header.len() as u64, alignment)?;
        for mut tensor in self.tensors {
            let needed = size(&tensor)?;
            let mut counted = Counted { out, written: 0 };
            (tensor.source)(&mut counted)?;
            let written = counted.written;
            if written != needed {
                return Err(WriteError::Length {
                    name: tensor.name,
                    needed,
                    written,
                });
            }
            pad(out, written, alignment)?;
        }
        out.flush()?;
        Ok(())
    }

    fn header(&self, alignment: u64) -> Result<Vec<u8>, WriteError> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in self.metadata.iter() {
            text(&mut bytes, key);
            bytes.extend((value.value_type() as u32).to_le_bytes());
            self::value(&mut bytes, value);
        }
        let mut offset = 0_u64;
        let mut names = std::collections::HashSet::new();
        for tensor in &self.tensors {
            if !names.insert(tensor.name.as_str()) {
                return Err(WriteError::Duplicate(tensor.name.clone()));
            }
            text(&mut bytes, &tensor.name);
            bytes.extend(
                u32::try_from(tensor.shape.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes(),
            );
            for dimension in &tensor.shape {
                bytes.extend(dimension.to_le_bytes());
            }
            bytes.extend(tensor.type_id.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = offset
                .checked_add(size(tensor)?)
                .and_then(|end| end.checked_next_multiple_of(alignment))
                .ok_or_else(|| refused(tensor))?;
        }
        Ok(bytes)
    }
}

fn size(tensor: &Tensor<'_>) -> Result<u64, WriteError> {
    let elements = tensor
        .shape
        .iter()
        .try_fold(1_u64, |product, &dimension| product.checked_mul(dimension));
    let row = tensor.shape.first().copied().unwrap_or(1);
    let packing = tensor.kind.packing();
    if packing.is_some_and(|packing| row.is_multiple_of(packing.numbers))
        && let Some(size) = elements.and_then(|elements| tensor.kind.bytes(elements))
    {
        return Ok(size);
    }
    Err(refused(tensor))
}

fn refused(tensor: &Tensor<'_>) -> WriteError {
    WriteError::Shape {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        kind: tensor.kind,
    }
}

fn pad(out: &mut dyn Write, length: u64, alignment: u64) -> io::Result<()> {
    let padding = length.next_multiple_of(alignment) - length;
    io::copy(&mut io::Read::take(io::repeat(0), padding), out).map(drop)
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(n) => bytes.push(*n),
        Value::I8(n) => bytes.extend(n.to_le_bytes()),
        Value::U16(n) => bytes.extend(n.to_le_bytes()),
        Value::I16(n) => bytes.extend(n.to_le_bytes()),
        Value::U32(n) => bytes.extend(n.to_le_bytes()),
        Value::I32(n) => bytes.extend(n.to_le_bytes()),
        Value::F32(n) => bytes.extend(n.to_le_bytes()),
        Value::Bool(b) => bytes.push(u8::from(*b)),
        Value::String(s) => text(bytes, s),
        Value::Array(all) => array(bytes, all),
        Value::U64(n) => bytes.extend(n.to_le_bytes()),
        Value::I64(n) => bytes.extend(n.to_le_bytes()),
        Value::F64(n) => bytes.extend(n.to_le_bytes()),
    }
}

fn array(bytes: &mut Vec<u8>, all: &Array) {
    let element: ValueType = all.element_type();
    bytes.extend((element as u32).to_le_bytes());
    bytes.extend((all.len() as u64).to_le_bytes());
    match all {
        Array::U8(all) => bytes.extend(all),
        Array::I8(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::U16(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::I16(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::U32(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::I32(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::F32(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::Bool(all) => bytes.extend(all.iter().map(|&b| u8::from(b))),
        Array::String(all) => all.iter().for_each(|s| text(bytes, s)),
        Array::Array(all) => all.iter().for_each(|inner| array(bytes, inner)),
        Array::U64(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::I64(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
        Array::F64(all) => bytes.extend(all.iter().flat_map(|n| n.to_le_bytes())),
    }
}

/// Counts what passes through.
struct Counted<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
