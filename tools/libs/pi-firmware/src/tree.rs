//! Changes to a flattened device tree (Devicetree Specification 0.4): what the firmware adds for the kernel, and devices that an
//! emulator does not have.

use dtoolkit::fdt::Fdt;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};
use dtoolkit::{Node as _, Property as _};

/// Why a tree cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Not a flattened tree, or a damaged one.
    #[error("it is no flattened device tree ({0})")]
    Damaged(String),
    /// A tree for another processor.
    #[error("it is a tree for {found}, not for {wanted}")]
    OtherProcessor {
        /// What its root is compatible with.
        found: String,
        /// The board's processor.
        wanted: &'static str,
    },
    /// No such node.
    #[error("it has no node {0}")]
    NoNode(String),
}

/// What the firmware tells the kernel in `/chosen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// The partition that the system was started from.
    pub partition: u32,
    /// Whether the tryboot flag was set.
    pub tryboot: bool,
    /// The number of the boot mode in `BOOT_ORDER`.
    pub boot_mode: u32,
    /// The kernel's command line.
    pub command_line: &'a str,
}

/// The devices of a Raspberry Pi 4, by their unit names, that QEMU's `raspi4b` lacks and that a mainline kernel stumbles over;
/// the radio at the first serial port, without which the port is a console; and the second serial port, which
/// hangs in QEMU when it is opened.
pub const NOT_IN_QEMU: [&str; 8] = [
    "interrupt-controller@7ef00100",
    "i2c@7ef04500",
    "i2c@7ef09500",
    "clock@7ef00000",
    "hdmi@7ef00700",
    "hdmi@7ef05700",
    "bluetooth",
    "serial@7e215040",
];

/// Whether this is a tree for a processor.
pub fn check(tree: &[u8], processor: &'static str) -> Result<(), TreeError> {
    let tree = read(tree)?;
    let compatible = strings(&tree.root, "compatible");
    if compatible.iter().any(|name| name == processor) {
        Ok(())
    } else {
        Err(TreeError::OtherProcessor {
            found: compatible.join(", "),
            wanted: processor,
        })
    }
}

/// The tree with `/chosen/bootloader/{partition,tryboot,boot-mode}` and `/chosen/bootargs`. Where the initrd lies is left to
/// what loads it.
pub fn tell(tree: &[u8], told: &Told<'_>) -> Result<Vec<u8>, TreeError> {
    let mut tree = read(tree)?;
    let chosen = child(&mut tree.root, "chosen");
    set(chosen, "bootargs", told.command_line);
    let bootloader = child(chosen, "bootloader");
    set(bootloader, "partition", told.partition);
    set(bootloader, "tryboot", u32::from(told.tryboot));
    set(bootloader, "boot-mode", told.boot_mode);
    Ok(tree.to_dtb())
}

/// The tree with these nodes, wherever they are, marked as devices that are not there.
pub fn disable(tree: &[u8], units: &[&str]) -> Result<Vec<u8>, TreeError> {
    let mut tree = read(tree)?;
    for unit in units {
        if disable_below(&mut tree.root, unit) == 0 {
            return Err(TreeError::NoNode((*unit).to_owned()));
        }
    }
    Ok(tree.to_dtb())
}

/// What `/chosen` of a tree says, as [`tell`] writes it; for tests of what a kernel was given.
pub fn told(tree: &[u8]) -> Result<(u32, bool, u32, String), TreeError> {
    let tree = read(tree)?;
    let missing = |path: &str| TreeError::NoNode(path.to_owned());
    let chosen = tree.find_node("/chosen").ok_or_else(|| missing("/chosen"))?;
    let path = "/chosen/bootloader";
    let bootloader = tree.find_node(path).ok_or_else(|| missing(path))?;
    let number = |name: &str| {
        let value = bootloader
            .property(name)
            .map(|property| property.value().to_vec());
        let bytes: Option<[u8; 4]> = value.and_then(|value| value.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or_else(|| missing(name))
    };
    let words = strings(chosen, "bootargs").into_iter().next().unwrap_or_default();
    Ok((
        number("partition")?,
        number("tryboot")? == 1,
        number("boot-mode")?,
        words,
    ))
}

fn read(tree: &[u8]) -> Result<DeviceTree, TreeError> {
    let tree = Fdt::new(tree).map_err(|error| TreeError::Damaged(error.to_string()))?;
    Ok(DeviceTree::from_fdt(&tree))
}

fn child<'a>(node: &'a mut DeviceTreeNode, name: &str) -> &'a mut DeviceTreeNode {
    if node.child(name).is_none() {
        node.add_child(DeviceTreeNode::new_unchecked(name));
    }
    match node.child_mut(name) {
        Some(child) => child,
        None => unreachable!("the child was added above"),
    }
}

fn set(node: &mut DeviceTreeNode, name: &str, value: impl dtoolkit::ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}

/// How many nodes of this name there were.
fn disable_below(node: &mut DeviceTreeNode, unit: &str) -> usize {
    let mut count = 0;
    for child in node.children_mut() {
        if child.name() == unit {
            set(child, "status", "disabled");
            count += 1;
        }
        count += disable_below(child, unit);
    }
    count
}

/// The strings of a property; none when it is missing.
fn strings(node: &DeviceTreeNode, name: &str) -> Vec<String> {
    let Some(property) = node.property(name) else {
        return Vec::new();
    };
    let parts = property.value().split(|byte| *byte == 0);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
