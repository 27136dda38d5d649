//! Builds, boots, flashes and inspects SigmaVault images. The program `sigmavault-image` is a thin shell over this.

mod bytes;
pub mod check;
pub mod cli;
pub mod disk_image;
pub mod doctor;
pub mod drivers;
pub mod fat32;
pub mod flash;
pub mod gpt;
pub mod hardware_check;
pub mod inspect;
pub mod invocation;
pub mod iso9660;
pub mod late;
pub mod manifest;
pub mod pipeline;
pub mod profile;
pub mod progress;
pub mod smoke;
pub mod source;
