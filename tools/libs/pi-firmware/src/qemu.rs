//! The device tree of a Raspberry Pi 4 for QEMU's `raspi4b`, which lacks some of the board.

use dtoolkit::model::DeviceTreeNode;

use crate::tree::{TreeError, child, each, read, set};

/// Devices, by their unit names, that are marked as not there: six that QEMU lacks and that a mainline kernel stumbles over; the
/// radio at the first serial port, without which the port is a console; the second serial port, which hangs in QEMU when
/// it is opened; and the controller of the card's slot, in which QEMU has no card.
pub const ABSENT: [&str; 9] = [
    "interrupt-controller@7ef00100",
    "i2c@7ef04500",
    "i2c@7ef09500",
    "clock@7ef00000",
    "hdmi@7ef00700",
    "hdmi@7ef05700",
    "bluetooth",
    "serial@7e215040",
    "mmc@7e340000",
];
/// The controller that QEMU has the card at: the one that the board has for its radio.
pub const CARD: &str = "mmc@7e300000";
/// What that controller waits for on behalf of the radio.
const OF_THE_RADIO: [&str; 3] = ["mmc-pwrseq", "pinctrl-0", "pinctrl-names"];
/// Where the memory behind the first GiB begins. QEMU tells the kernel of the first one only.
const UPPER: u64 = 1 << 30;
/// The firmware's video memory and what lies behind the last address that a 32-bit device reaches are left out.
const MOST: u64 = 3 << 30;

/// The tree for a machine with this much memory.
pub fn fit(tree: &[u8], memory: u64) -> Result<Vec<u8>, TreeError> {
    let mut tree = read(tree)?;
    let missing = |unit: &str| TreeError::NoNode(unit.to_owned());
    for unit in ABSENT {
        if each(&mut tree.root, unit, &mut |node| set(node, "status", "disabled")) == 0 {
            return Err(missing(unit));
        }
    }
    let without_radio = &mut |node: &mut DeviceTreeNode| {
        for name in OF_THE_RADIO {
            node.remove_property(name);
        }
    };
    if each(&mut tree.root, CARD, without_radio) == 0 {
        return Err(missing(CARD));
    }
    if let Some(more) = memory.min(MOST).checked_sub(UPPER).filter(|more| *more > 0) {
        // QEMU removes nodes whose name is `memory`; the kernel goes by their type.
        let upper = child(&mut tree.root, "ram@40000000");
        set(upper, "device_type", "memory");
        // Two cells for the address, one for the size, as the root of this tree says.
        let size = u32::try_from(more).unwrap_or(u32::MAX);
        set(upper, "reg", [0, 1 << 30, size]);
    }
    Ok(tree.to_dtb())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use dtoolkit::{Node as _, Property as _};

    fn value(tree: &[u8], path: &str, name: &str) -> Option<Vec<u8>> {
        let tree = read(tree).unwrap();
        let property = tree.find_node(path)?.property(name)?;
        Some(property.value().to_vec())
    }

    #[test]
    fn what_qemu_lacks_is_left_out() {
        let mut units = ABSENT.to_vec();
        units.extend([CARD, "i2c@7e804000"]);
        let mut whole = read(&sample::tree("brcm,bcm2711", &units)).unwrap();
        each(&mut whole.root, CARD, &mut |node| {
            set(node, "mmc-pwrseq", 7_u32);
            set(node, "bus-width", 4_u32);
        });
        let made = fit(&whole.to_dtb(), 2 << 30).unwrap();
        for unit in ABSENT {
            let status = value(&made, &format!("/soc/{unit}"), "status");
            assert_eq!(status.as_deref(), Some(&b"disabled\0"[..]), "{unit}");
        }
        assert_eq!(value(&made, "/soc/i2c@7e804000", "status"), None);
        let card = format!("/soc/{CARD}");
        assert_eq!(value(&made, &card, "mmc-pwrseq"), None);
        assert_eq!(value(&made, &card, "bus-width").unwrap(), [0, 0, 0, 4]);
        let reg = [0, 0, 0, 0, 0x40, 0, 0, 0, 0x40, 0, 0, 0];
        assert_eq!(value(&made, "/ram@40000000", "reg").unwrap(), reg);
        let small = fit(&whole.to_dtb(), 1 << 30).unwrap();
        assert_eq!(value(&small, "/ram@40000000", "reg"), None);
    }

    #[test]
    fn a_tree_without_them() {
        let error = fit(&sample::tree("brcm,bcm2711", &[]), 0).unwrap_err();
        assert_eq!(error.to_string(), "it has no node interrupt-controller@7ef00100");
    }
}
