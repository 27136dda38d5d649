//! The grammar of each kind of value.

use super::hardware_id::{self, HardwareId};
use super::needed;

/// The grammar of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number above zero.
    Number,
    /// An amount of memory like `512M` or `16G`.
    Memory,
    /// A profile's name.
    Profile,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Debian package, `name` or `name/suite`.
    Package,
    /// Debian package, `name` only, that an image can do without.
    RemovedPackage,
    /// Kernel module name.
    Module,
    /// Kernel module name or a path pattern under the module tree.
    ModulePattern,
    /// Absolute path of what an image can do without, `*` and `?` allowed.
    RemovedPath,
    /// One kernel argument.
    Argument,
    /// A host name label.
    Host,
    /// A word without spaces.
    Word,
    /// Absolute path of one file.
    Path,
    /// A device tree, `FILE` or `FILE=NAME`.
    DeviceTree,
    /// A device, by one of the forms of [`HardwareId`].
    HardwareId,
}

impl Kind {
    /// A text without objection as the value that it stands for.
    pub fn value(self, text: &str) -> toml::Value {
        match self {
            Self::Flag => toml::Value::Boolean(text == "true"),
            Self::Number => text.parse().map_or_else(|_| text.into(), toml::Value::Integer),
            _ => text.into(),
        }
    }

    /// Why this text is no such value, or `None` when it is.
    pub fn objection(self, text: &str) -> Option<String> {
        let (good, allowed) = match self {
            Self::Text => (is_line(text), "one line of text, not empty"),
            Self::Flag | Self::Number => (true, ""),
            Self::Memory => (
                memory_mib(text).is_some(),
                "an amount of memory like `512M` or `16G`",
            ),
            Self::Profile => (is_profile_name(text), "a profile's name: a-z, 0-9 and '-'"),
            Self::Choice(names) => {
                return (!names.contains(&text)).then(|| format!("use one of {}", names.join(", ")));
            }
            Self::Package => {
                let (name, suite) = text.split_once('/').unwrap_or((text, "trixie"));
                (
                    is_package(name) && is_word(suite, "-"),
                    "a Debian package name, or `name/suite`",
                )
            }
            Self::RemovedPackage => {
                if needed::is_needed(text) {
                    return Some("an image does not start without it; leave it out of this list".to_owned());
                }
                (is_package(text), "a Debian package name")
            }
            Self::Module => {
                let good = text.len() <= 55 && is_word(text, "_-");
                (good, "a kernel module name: a-z, 0-9, '_' and '-'")
            }
            Self::ModulePattern => {
                let good = chars_in(text, "_-./*?+") && !text.starts_with('/') && no_dots(text);
                (
                    good,
                    "a module name or a path pattern under the module tree, like `drivers/media/*`",
                )
            }
            Self::RemovedPath => {
                if let Some(lost) = needed::lost(text).filter(|_| is_pattern(text)) {
                    return Some(format!(
                        "an image does not start without {lost}, which it would remove; name only what is to go"
                    ));
                }
                (
                    is_pattern(text),
                    "an absolute path without `..`: letters, digits, `._+-@:`, and `*` and `?` as patterns",
                )
            }
            Self::Argument => {
                let plain = text
                    .chars()
                    .all(|c| c.is_ascii_graphic() && c != '"' && c != '\'');
                (
                    !text.is_empty() && plain,
                    "one kernel argument without spaces or quotes",
                )
            }
            Self::Host => {
                let good = text.len() <= 63 && is_word(text, "-") && !text.ends_with('-');
                (good, "a host name: a-z, 0-9 and '-', at most 63 characters")
            }
            Self::Word => (
                !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()),
                "a word without spaces",
            ),
            Self::Path => (
                is_pattern(text) && !text.contains(['*', '?']),
                "the absolute path of one file",
            ),
            Self::DeviceTree => {
                let (file, name) = text.split_once('=').unwrap_or((text, "x.dtb"));
                let tree = |text: &str| {
                    text.strip_suffix(".dtb")
                        .is_some_and(|name| chars_in(name, "-._,"))
                };
                let folders = file.split('/').rev().skip(1).all(|folder| chars_in(folder, "-_"));
                let good = folders && file.rsplit('/').next().is_some_and(tree) && tree(name);
                (
                    good,
                    "the path of a device tree below the kernel's, like `broadcom/bcm2711-rpi-4-b.dtb`, or `FILE=NAME`",
                )
            }
            Self::HardwareId => (HardwareId::parse(text).is_some(), hardware_id::ALLOWED),
        };
        (!good).then(|| format!("use {allowed}"))
    }
}

/// Memory like `512M` or `16G` in MiB.
pub fn memory_mib(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    let mib = match unit {
        "M" => number,
        "G" => number.checked_mul(1024)?,
        "T" => number.checked_mul(1024 * 1024)?,
        _ => return None,
    };
    // More than an exbibyte is a typing error.
    (1..=1 << 40).contains(&mib).then_some(mib)
}

/// Whether this can be the name of a profile, and so of a file.
pub fn is_profile_name(text: &str) -> bool {
    text.len() <= 63 && text.starts_with(|c: char| c.is_ascii_lowercase()) && is_word(text, "-")
}

/// Debian policy 5.6.1: at least two of `a-z0-9+.-`, beginning with a letter or digit.
fn is_package(text: &str) -> bool {
    text.len() >= 2 && is_word(text, "+.-")
}

/// Lower-case letters, digits and `extra`, not beginning with one of `extra`.
fn is_word(text: &str, extra: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain) && text.chars().all(|c| plain(c) || extra.contains(c))
}

fn chars_in(text: &str, extra: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// An absolute path that a shell gives to `rm -r`.
fn is_pattern(text: &str) -> bool {
    let parts = text.strip_prefix('/').map(|rest| rest.split('/'));
    parts.is_some_and(|mut parts| parts.all(|part| !part.is_empty()))
        && chars_in(text, "/._+-@:*?")
        && no_dots(text)
}

fn no_dots(path: &str) -> bool {
    path.split('/').all(|part| part != ".." && part != ".")
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::super::values::Tier;
    use super::*;

    #[test]
    fn grammars() {
        let accepts: &[(Kind, &[&str], &[&str])] = &[
            (
                Kind::Package,
                &["zfsutils-linux", "g++", "libc6", "7zip", "rustc/trixie-backports"],
                &[
                    "",
                    "x",
                    "Samba",
                    "a b",
                    "foo_bar",
                    "-x",
                    "foo/",
                    "foo/Bar",
                    "foo=1.2",
                    "foo:arm64",
                ],
            ),
            (
                Kind::RemovedPackage,
                &["samba"],
                &["samba/trixie", "libc6", "systemd"],
            ),
            (
                Kind::Module,
                &["virtio_pci", "r8169", "8139too", "snd-hda-intel"],
                &["", "a.ko", "a/b", "e1000 e", "_x"],
            ),
            (
                Kind::ModulePattern,
                &["drivers/media/*", "snd_hda", "sound/"],
                &["", "/etc", "../x", "a b"],
            ),
            (
                Kind::RemovedPath,
                &["/usr/share/doc", "/usr/share/man/*/*.gz", "/etc/cron.*"],
                &[
                    "",
                    "/",
                    "usr",
                    "/..",
                    "/usr/../etc",
                    "/*",
                    "//usr",
                    "/usr",
                    "/etc",
                    "/us?/*",
                    "/boot",
                    "/usr/share/doc/",
                    "/usr/share/x /etc",
                    "/usr/[s]hare",
                    "/usr/$HOME",
                    "/usr/{lib,x}",
                ],
            ),
            (
                Kind::Argument,
                &["quiet", "console=ttyS0,115200"],
                &["", "a b", "x=\"y\""],
            ),
            (
                Kind::Host,
                &["sigmavault", "nas-1"],
                &["", "Nas", "a.b", "a-", "-a"],
            ),
            (
                Kind::Memory,
                &["512M", "16G", "1T"],
                &[
                    "",
                    "G",
                    "16",
                    "16g",
                    "0G",
                    "-1G",
                    "+1G",
                    "99999999999999999999G",
                    "1€",
                ],
            ),
            (
                Kind::HardwareId,
                &[
                    "pci:8086:1533",
                    "usb:*:*:080662",
                    "acpi:IPI0001",
                    "of:brcm,bcm2711",
                ],
                &["", "igb", "pci:8086", "pci:8086:15330", "pci:8086:*"],
            ),
            (
                Kind::Path,
                &["/usr/lib/raspi-firmware/start4.elf"],
                &["", "usr/lib", "/usr/../etc/passwd", "/usr/lib/*.elf", "/"],
            ),
            (
                Kind::DeviceTree,
                &[
                    "broadcom/bcm2711-rpi-4-b.dtb",
                    "bcm2711-rpi-cm4-io.dtb=bcm2711-rpi-cm4.dtb",
                ],
                &[
                    "",
                    "x",
                    "../x.dtb",
                    "/x.dtb",
                    "a.dtb=",
                    "a.dtb=b/c.dtb",
                    "a b.dtb",
                ],
            ),
            (Kind::Choice(Tier::NAMES), &["bitnet-7b+mamba"], &["bitnet", ""]),
        ];
        for (kind, good, bad) in accepts {
            for text in *good {
                assert_eq!(kind.objection(text), None, "{kind:?} {text}");
            }
            for text in *bad {
                assert!(kind.objection(text).is_some(), "{kind:?} {text}");
            }
        }
    }

    #[test]
    fn memory_in_mib() {
        let cases = [
            ("512M", Some(512)),
            ("16G", Some(16384)),
            ("2T", Some(2_097_152)),
            ("1K", None),
        ];
        for (text, expected) in cases {
            assert_eq!(memory_mib(text), expected, "{text}");
        }
    }
}
