//! Information about the running image.

use serde::{Deserialize, Serialize};

/// Where the image keeps its [`ImageInfo`].
pub const IMAGE_INFO_PATH: &str = "/usr/lib/sigmavault/image.json";

/// Version, profile and root hash of the running image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ImageInfo {
    /// Version of `SigmaVault` NAS OS.
    pub version: Option<String>,
    /// Hardware profile that the image was built for.
    pub profile: Option<String>,
    /// dm-verity root hash (hexadecimal), where the image can know it.
    pub root_hash: Option<String>,
}
