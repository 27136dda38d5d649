//! What a start relied on although no document promises it.

use std::fmt;

/// Something that a disk should not rely on, or that the model leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// `autoboot.txt` is longer than the 512 bytes that are read.
    AutobootTooLong {
        /// Its length in bytes.
        bytes: u64,
    },
    /// No document says that the firmware of this board looks for this tree.
    TreeNameAssumed(String),
    /// The firmware would apply an overlay; the model gives the tree without it.
    OverlayNotApplied(String),
    /// A setting of `config.txt` that has an effect on the start which the model leaves out.
    SettingIgnored(String),
    /// A file that `config.txt` includes is not there.
    NoInclude(String),
    /// A line of `config.txt` is longer than the 98 characters that are read.
    LineCut(String),
    /// There is no file with the kernel's command line; the kernel starts without one.
    NoCommandLine(String),
    /// The file of the command line has more than one line. The first one is taken.
    CommandLineHasMoreLines,
    /// An uncompressed initrd follows one whose length is not a multiple of four: the kernel does not find it.
    InitrdNotAligned(String),
    /// The prefix leads to no kernel and tree; the firmware ignores it.
    PrefixIgnored(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutobootTooLong { bytes } => {
                write!(f, "autoboot.txt has {bytes} bytes, of which 512 are read")
            }
            Self::TreeNameAssumed(name) => {
                write!(f, "no document says that this board's firmware looks for {name}")
            }
            Self::OverlayNotApplied(name) => write!(f, "the overlay {name} is not applied by the model"),
            Self::SettingIgnored(line) => write!(f, "the model leaves out `{line}` of config.txt"),
            Self::NoInclude(name) => write!(f, "config.txt includes {name}, which is not there"),
            Self::LineCut(line) => write!(f, "only 98 characters are read of `{line}` in config.txt"),
            Self::NoCommandLine(name) => write!(f, "there is no {name}: the kernel has no command line"),
            Self::CommandLineHasMoreLines => {
                f.write_str("of the command line's file, only the first line is taken")
            }
            Self::InitrdNotAligned(name) => write!(
                f,
                "{name} is an uncompressed archive that does not begin at a multiple of four bytes: the kernel ignores it"
            ),
            Self::PrefixIgnored(prefix) => write!(
                f,
                "os_prefix {prefix} leads to no kernel and device tree: ignored"
            ),
        }
    }
}
