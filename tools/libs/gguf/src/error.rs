use std::io;
use std::path::PathBuf;

/// A model file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open the model file {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be mapped into memory.
    #[error("cannot map the model file {} into memory: {source}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The contents are not a GGUF file, or a damaged one.
    #[error(
        "{} is not a whole GGUF file: {source}; try: sigmavault model verify, or get the file again",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<Malformed>,
    },
}

/// What is wrong with the bytes of a GGUF file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Another format.
    #[error("it begins with {found:02x?} instead of \"GGUF\"")]
    Magic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// Written in big-endian byte order.
    #[error("it is big-endian (version {0}); only little-endian files are supported")]
    BigEndian(u32),
    /// An unknown version.
    #[error("its version is {0}; versions 2 and 3 are supported")]
    Version(u32),
    /// The file is truncated.
    #[error("{what} at byte {at} takes {needed} bytes, but only {left} are left")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where, in bytes from the start.
        at: u64,
        /// Its size in bytes.
        needed: u64,
        /// Bytes left in the file.
        left: u64,
    },
    /// The header is longer than any model needs.
    #[error("its header is longer than {limit} bytes")]
    HeaderTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// More of something than fits into the file or is sensible.
    #[error("it declares {count} {what}; at most {most} are possible")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The declared number.
        count: u64,
        /// The largest possible number.
        most: u64,
    },
    /// A name or string that is longer than allowed.
    #[error("{what} at byte {at} is {length} bytes long; at most {most} are allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Where, in bytes from the start.
        at: u64,
        /// Its length in bytes.
        length: u64,
        /// The longest allowed, in bytes.
        most: u64,
    },
    /// Text that is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    NotUtf8 {
        /// What should be UTF-8.
        what: &'static str,
        /// Where, in bytes from the start.
        at: u64,
    },
    /// An empty name, or one with control characters.
    #[error("{what} {name:?} is empty or has control characters")]
    BadName {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value type that does not exist.
    #[error("the value type at byte {at} is {id}; there are 0 to 12")]
    ValueType {
        /// Where, in bytes from the start.
        at: u64,
        /// The number found.
        id: u32,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("the boolean at byte {at} is {found}, neither 0 nor 1")]
    Bool {
        /// Where, in bytes from the start.
        at: u64,
        /// The byte found.
        found: u8,
    },
    /// Arrays nested too deep.
    #[error("the array at byte {at} is nested more than {most} deep")]
    TooDeep {
        /// Where, in bytes from the start.
        at: u64,
        /// The deepest nesting allowed.
        most: usize,
    },
    /// The same name twice.
    #[error("{what} {name:?} occurs twice")]
    Duplicate {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An invalid alignment.
    #[error("general.alignment is {found}; it must be a power of two from 8 to {most}, as a 32-bit number")]
    Alignment {
        /// What was found.
        found: String,
        /// The largest that is allowed.
        most: u64,
    },
    /// An invalid shape.
    #[error("tensor {name:?} has the shape {shape:?}: {why}")]
    Shape {
        /// The tensor.
        name: String,
        /// Its dimensions, fastest first.
        shape: Vec<u64>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An invalid offset of a tensor.
    #[error("tensor {name:?} begins at byte {offset} of the data: {why}")]
    Offset {
        /// The tensor.
        name: String,
        /// Where it should begin, in bytes from the start of the data.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A tensor whose space does not match its type.
    #[error(
        "tensor {name:?} of type {kind} and shape {shape:?} takes {needed} bytes, but {room} bytes lie between it and what follows"
    )]
    Room {
        /// The tensor.
        name: String,
        /// Its type.
        kind: String,
        /// Its dimensions, fastest first.
        shape: Vec<u64>,
        /// Its size by type and shape, in bytes.
        needed: u64,
        /// Bytes to the next tensor or the end.
        room: u64,
    },
    /// Type 42 stands for two formats, and the file does not tell which one it has.
    #[error(
        "tensor {0:?} of type 42 is too small to tell groups of 64 from groups of 128, and the other tensors have both"
    )]
    Group(String),
}
