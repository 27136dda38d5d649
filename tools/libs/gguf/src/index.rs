use std::collections::HashMap;

use crate::cursor::Cursor;
use crate::error::Malformed;
use crate::layout::{self, Entry};
use crate::metadata::Metadata;
use crate::tensor::TensorInfo;
use crate::value::Value;

/// The alignment of tensors, in bytes, when the file does not state one.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// The largest size of metadata and tensor table together, in bytes. Large vocabularies take some 20 MB.
pub const HEADER_LIMIT: u64 = 256 << 20;

/// The largest alignment that is accepted, in bytes.
const ALIGNMENT_LIMIT: u64 = 1 << 20;

/// The largest number of tensors; large models have a few thousand.
const MOST_TENSORS: u64 = 1 << 17;

/// The largest number of dimensions that the format allows.
const MOST_DIMENSIONS: u32 = 4;

/// The longest tensor name in bytes. The format says 64; some programs write longer ones.
const NAME_LIMIT: u64 = 255;

/// The parsed header of a file, checked against the size of the whole file.
#[derive(Debug, Clone)]
pub struct Index {
    version: u32,
    alignment: u64,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    places: HashMap<String, usize>,
}

impl Index {
    /// Parses the header of a file. `bytes` is the whole file; only the header is read.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes, HEADER_LIMIT);
        let magic = &bytes[..bytes.len().min(4)];
        if magic != b"GGUF" {
            return Err(Malformed::Magic {
                found: magic.to_vec(),
            });
        }
        cursor.take(4, "the magic")?;
        let version = cursor.u32("the version")?;
        match version {
            2 | 3 => {}
            _ if (1..=3).contains(&version.swap_bytes()) => {
                return Err(Malformed::BigEndian(version.swap_bytes()));
            }
            _ => return Err(Malformed::Version(version)),
        }
        // A name of one byte, the number of dimensions, a type and an offset.
        let tensor_count = cursor.count("tensors", 8 + 1 + 4 + 4 + 8, MOST_TENSORS)?;
        let entry_count = Metadata::count(&mut cursor)?;
        let metadata = Metadata::read(&mut cursor, entry_count)?;
        let alignment = alignment(&metadata)?;
        let mut entries = Vec::with_capacity(tensor_count);
        let mut places = HashMap::with_capacity(tensor_count);
        for place in 0..tensor_count {
            let entry = entry(&mut cursor)?;
            if places.insert(entry.name.clone(), place).is_some() {
                return Err(Malformed::Duplicate {
                    what: "the tensor",
                    name: entry.name,
                });
            }
            entries.push(entry);
        }
        let tensors = if entries.is_empty() {
            Vec::new()
        } else {
            let end = bytes.len() as u64;
            let start = cursor.at().next_multiple_of(alignment).min(end);
            layout::place(entries, start..end, alignment)?
        };
        Ok(Self {
            version,
            alignment,
            metadata,
            tensors,
            places,
        })
    }

    /// The version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The alignment of tensors, in bytes from the start of the data.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// The metadata of the model.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The tensors in the order of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        Some(&self.tensors[*self.places.get(name)?])
    }
}

fn alignment(metadata: &Metadata) -> Result<u64, Malformed> {
    match metadata.get("general.alignment") {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(&Value::U32(n)) if n.is_power_of_two() && (8..=ALIGNMENT_LIMIT).contains(&n.into()) => {
            Ok(n.into())
        }
        Some(other) => Err(Malformed::Alignment {
            found: match other {
                Value::Array(_) | Value::String(_) => "no number".to_owned(),
                other => format!("{other:?}"),
            },
            most: ALIGNMENT_LIMIT,
        }),
    }
}

fn entry(cursor: &mut Cursor<'_>) -> Result<Entry, Malformed> {
    let name = cursor.name("the tensor name", NAME_LIMIT)?.to_owned();
    let dimensions = cursor.u32("a number of dimensions")?;
    if dimensions > MOST_DIMENSIONS {
        return Err(Malformed::TooMany {
            what: "dimensions of a tensor",
            count: dimensions.into(),
            most: MOST_DIMENSIONS.into(),
        });
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        shape.push(cursor.u64("a dimension")?);
    }
    let type_id = cursor.u32("a tensor type")?;
    let offset = cursor.u64("a tensor offset")?;
    let elements = shape
        .iter()
        .try_fold(1_u64, |product, &dimension| product.checked_mul(dimension));
    let why = match elements {
        Some(0) => "one dimension is 0",
        None => "its number of elements overflows",
        Some(elements) => {
            return Ok(Entry {
                name,
                shape,
                elements,
                type_id,
                offset,
            });
        }
    };
    Err(Malformed::Shape { name, shape, why })
}
