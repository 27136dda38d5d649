//! Plain data shared by `SigmaVault` programs.
//!
//! Every type is a format on the wire or in a file: no I/O, no logic beyond names and order.
//! Sizes are bytes, rates are bytes per second, times are RFC 3339 in UTC, unless a field says otherwise.
//!
//! - [`tier`]: the language model tiers and why one was chosen
//! - [`hardware`]: the hardware report in `/run/sigmavault/hardware.json`
//! - [`image`]: information about the running image, in `/usr/lib/sigmavault/image.json`
//! - [`system`]: status and metrics of the running system
//! - [`slots`]: the system slots and starts that failed
//! - [`health`]: answers of the health endpoints
//! - [`problem`]: errors on the wire (RFC 9457)
//! - [`storage`]: disks, pools, datasets, snapshots, and plans to change them
//!
//! With the feature `openapi`, every type also has its `OpenAPI` schema; with `schema`, what people write in files has its JSON schema.

pub mod hardware;
pub mod health;
pub mod image;
pub mod problem;
pub mod slots;
pub mod storage;
pub mod system;
pub mod tier;

pub use hardware::HardwareReport;
pub use problem::Problem;
pub use tier::{Tier, TierChoice};
