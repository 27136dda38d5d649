//! Changes to a flattened device tree (Devicetree Specification 0.4): what the firmware adds for the kernel.

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

/// The tree that these bytes are.
pub(crate) fn read(tree: &[u8]) -> Result<DeviceTree, TreeError> {
    let tree = Fdt::new(tree).map_err(|error| TreeError::Damaged(error.to_string()))?;
    Ok(DeviceTree::from_fdt(&tree))
}

/// The child of this name, made when it is not there.
pub(crate) fn child<'a>(node: &'a mut DeviceTreeNode, name: &str) -> &'a mut DeviceTreeNode {
    if node.child(name).is_none() {
        node.add_child(DeviceTreeNode::new_unchecked(name));
    }
    match node.child_mut(name) {
        Some(child) => child,
        None => unreachable!("the child was added above"),
    }
}

/// Sets a property.
pub(crate) fn set(node: &mut DeviceTreeNode, name: &str, value: impl dtoolkit::ToPropertyValue) {
    node.add_property(DeviceTreeProperty::new_unchecked(name, value));
}

/// Does something to all nodes of a unit name, wherever they are; returns how many there are.
pub(crate) fn each(
    node: &mut DeviceTreeNode,
    unit: &str,
    change: &mut dyn FnMut(&mut DeviceTreeNode),
) -> usize {
    let mut count = 0;
    for child in node.children_mut() {
        if child.name() == unit {
            change(child);
            count += 1;
        }
        count += each(child, unit, change);
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
