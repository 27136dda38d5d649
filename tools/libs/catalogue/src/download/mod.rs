//! Fetching a model over HTTP or from a folder.
//!
//! A file is written under another name, `FILE.part`, beside a journal with the hashes of what has arrived. Whatever ends a
//! download (a broken connection, Ctrl-C, a power cut), the next one reads back the data on disk, keeps what matches the
//! journal, and requests the rest (RFC 9110, Range and If-Range). When everything has arrived, the whole file is read from
//! the disk. Only if its SHA-256 is that of the catalogue does it get its name, with the hashes of its pieces beside it.
//!
//! - [`Source`] delivers the bytes: [`Http`], [`Http`] in another process ([`Relay`]), or a folder
//! - [`Watch`] observes the download and can stop it

mod error;
mod http;
mod journal;
mod pull;
mod relay;
mod source;
mod stream;
mod transfer;
mod tuning;
mod watch;

pub use error::DownloadError;
pub use http::Http;
pub use pull::{Order, pull, space};
pub use relay::{Connection, Relay, serve};
pub use source::Source;
pub use stream::Stream;
pub use tuning::Tuning;
pub use watch::{Stage, Watch};
