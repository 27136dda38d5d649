//! The boards, and what their firmware looks for.

/// A board, with the stepping of its processor where that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Board {
    /// Raspberry Pi 4 Model B.
    Pi4B,
    /// Raspberry Pi 400.
    Pi400,
    /// Compute Module 4.
    Cm4,
    /// Raspberry Pi 5 with a BCM2712 of stepping C1, the first one sold.
    Pi5C1,
    /// Raspberry Pi 5 with a BCM2712 of stepping D0: the 2 GiB and 16 GiB boards, and later ones of other sizes.
    Pi5D0,
    /// Raspberry Pi 500.
    Pi500,
    /// Compute Module 5.
    Cm5,
}

/// Boards that start in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// BCM2711: the EEPROM loads `start4.elf` from the disk, and that loads the kernel.
    Pi4,
    /// BCM2712: the EEPROM loads the kernel.
    Pi5,
}

/// A device tree, and whether the documentation says that the firmware looks for this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeName {
    /// Its file.
    pub file: &'static str,
    /// Whether a document names it for this board.
    pub documented: bool,
}

impl TreeName {
    const fn documented(file: &'static str) -> Self {
        Self {
            file,
            documented: true,
        }
    }

    const fn assumed(file: &'static str) -> Self {
        Self {
            file,
            documented: false,
        }
    }
}

/// The tree of a Raspberry Pi 5 of stepping C1. On a D0 board the kernel panics with it.
pub const TREE_5_C1: &str = "bcm2712-rpi-5-b.dtb";
/// The overlay that makes a C1 tree of Raspberry Pi's own kernel one for D0.
pub const OVERLAY_D0: &str = "overlays/bcm2712d0.dtbo";

impl Board {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pi4B,
        Self::Pi400,
        Self::Cm4,
        Self::Pi5C1,
        Self::Pi5D0,
        Self::Pi500,
        Self::Cm5,
    ];

    /// How it starts.
    pub const fn family(self) -> Family {
        match self {
            Self::Pi4B | Self::Pi400 | Self::Cm4 => Family::Pi4,
            Self::Pi5C1 | Self::Pi5D0 | Self::Pi500 | Self::Cm5 => Family::Pi5,
        }
    }

    /// Type number of the revision code, for the filter `[board-type=0x..]`. Both steppings of a Raspberry Pi 5 have one.
    pub const fn board_type(self) -> u32 {
        match self {
            Self::Pi4B => 0x11,
            Self::Pi400 => 0x13,
            Self::Cm4 => 0x14,
            Self::Pi5C1 | Self::Pi5D0 => 0x17,
            Self::Cm5 => 0x18,
            Self::Pi500 => 0x19,
        }
    }

    /// Names of the model filters that it sees.
    pub const fn models(self) -> &'static [&'static str] {
        match self {
            Self::Pi4B => &["pi4"],
            Self::Pi400 => &["pi4", "pi400"],
            Self::Cm4 => &["pi4", "cm4"],
            Self::Pi5C1 | Self::Pi5D0 => &["pi5"],
            Self::Pi500 => &["pi5", "pi500"],
            Self::Cm5 => &["pi5", "cm5"],
        }
    }

    /// The device trees that the firmware takes without a `device_tree` line, the preferred one first.
    ///
    /// With `upstream_kernel=1` it prefers the names of the mainline kernel. On a board of stepping D0 it loads the C1 tree
    /// and applies the overlay [`OVERLAY_D0`] to it; its log shows that a tree named `bcm2712d0-rpi-5-b.dtb` beside them is not
    /// read (NumberOneGit/rpi5-uefi#8). Whether it finds mainline's tree for D0 by `upstream_kernel=1` is open
    /// (raspberrypi/firmware#2018). For a Compute Module 4 firmware of 2021 took the tree of a Raspberry Pi 4 with
    /// `upstream_kernel=1` (raspberrypi/firmware#1660, closed); the model does not fall back to it.
    pub const fn trees(self, upstream_kernel: bool) -> &'static [TreeName] {
        match (self, upstream_kernel) {
            (Self::Pi4B, _) => const { &[TreeName::documented("bcm2711-rpi-4-b.dtb")] },
            (Self::Pi400, _) => const { &[TreeName::documented("bcm2711-rpi-400.dtb")] },
            (Self::Cm4, true) => {
                const {
                    &[
                        TreeName::assumed("bcm2711-rpi-cm4-io.dtb"),
                        TreeName::documented("bcm2711-rpi-cm4.dtb"),
                    ]
                }
            }
            (Self::Cm4, false) => const { &[TreeName::documented("bcm2711-rpi-cm4.dtb")] },
            (Self::Pi5C1, _) | (Self::Pi5D0, false) => const { &[TreeName::documented(TREE_5_C1)] },
            (Self::Pi5D0, true) => {
                const {
                    &[
                        TreeName::assumed("bcm2712-d-rpi-5-b.dtb"),
                        TreeName::documented(TREE_5_C1),
                    ]
                }
            }
            (Self::Pi500, _) => const { &[TreeName::documented("bcm2712-rpi-500.dtb")] },
            (Self::Cm5, _) => {
                const {
                    &[
                        TreeName::documented("bcm2712-rpi-cm5-cm5io.dtb"),
                        TreeName::documented("bcm2712-rpi-cm5l-cm5io.dtb"),
                    ]
                }
            }
        }
    }

    /// The trees of which a Pi 5's boot loader wants to see one before it takes a partition (`os_check`, on by default): it
    /// looks there for its processor in `compatible`. A D0 board looks into the C1 tree.
    pub const fn checked_trees(self) -> &'static [&'static str] {
        match self {
            Self::Pi4B | Self::Pi400 | Self::Cm4 => &[],
            Self::Pi5C1 | Self::Pi5D0 => &[TREE_5_C1],
            // Silent for this one; its own tree is the stricter reading.
            Self::Pi500 => &["bcm2712-rpi-500.dtb"],
            Self::Cm5 => &["bcm2712-rpi-cm5-cm5io.dtb", "bcm2712-rpi-cm5l-cm5io.dtb"],
        }
    }

    /// The kernels that it takes without a `kernel` line, the preferred one first.
    pub const fn kernels(self) -> &'static [&'static str] {
        match self.family() {
            Family::Pi4 => &["kernel8.img"],
            Family::Pi5 => &["kernel_2712.img", "kernel8.img"],
        }
    }
}

impl Family {
    /// Its processor, as the root of a device tree names it in `compatible`.
    pub const fn processor(self) -> &'static str {
        match self {
            Self::Pi4 => "brcm,bcm2711",
            Self::Pi5 => "brcm,bcm2712",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_board_sees_its_family_and_no_other() {
        for board in Board::ALL {
            let family = match board.family() {
                Family::Pi4 => "pi4",
                Family::Pi5 => "pi5",
            };
            assert_eq!(board.models()[0], family, "{board:?}");
        }
    }

    #[test]
    fn the_steppings_differ_in_their_tree_only() {
        let (first, second) = (Board::Pi5C1, Board::Pi5D0);
        assert_eq!(first.board_type(), second.board_type());
        assert_eq!(first.models(), second.models());
        assert_ne!(first.trees(true), second.trees(true));
    }
}
