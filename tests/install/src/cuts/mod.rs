//! Power cuts of a machine whose writes were recorded: one run gives any number of disks as a cut leaves them.
//!
//! - [`choose`]: where the power is cut
//! - [`table`]: the partitions of such a disk, as libfdisk finds them
//! - [`menu`]: what the boot loader finds on its EFI system partition
//! - [`fat`]: what fsck says of that partition and makes of it
//! - [`judge`]: what such a disk is worth, by all of these
//! - [`live`]: a live system that judges such disks from inside
//! - [`tally`]: what became of all of them

pub mod choose;
pub mod fat;
pub mod judge;
pub mod live;
pub mod menu;
pub mod table;
pub mod tally;

pub use choose::{Stratum, choose, is_tried, tried};
pub use judge::{Judged, Sound};
pub use live::Live;
pub use table::Looks;
pub use tally::{Tally, run};
