use super::*;
use crate::sample;
use proptest::prelude::*;

const TOLD: Told<'_> = Told {
    partition: 3,
    tryboot: true,
    boot_mode: 6,
    command_line: "root=/dev/gpt-auto quiet",
};

fn value(tree: &[u8], path: &str, name: &str) -> Option<Vec<u8>> {
    let tree = read(tree).unwrap();
    let node = tree.find_node(path)?;
    node.property(name).map(|property| property.value().to_vec())
}

#[test]
fn what_the_kernel_is_told() {
    let plain = sample::tree("brcm,bcm2712", &["i2c@1"]);
    let made = tell(&plain, &TOLD).unwrap();
    let bootloader = |name| value(&made, "/chosen/bootloader", name).unwrap();
    assert_eq!(bootloader("partition"), [0, 0, 0, 3]);
    assert_eq!(bootloader("tryboot"), [0, 0, 0, 1]);
    assert_eq!(bootloader("boot-mode"), [0, 0, 0, 6]);
    assert_eq!(
        value(&made, "/chosen", "bootargs").unwrap(),
        b"root=/dev/gpt-auto quiet\0"
    );
    assert_eq!(
        told(&made).unwrap(),
        (3, true, 6, "root=/dev/gpt-auto quiet".to_owned())
    );
    assert_eq!(value(&made, "/soc/i2c@1", "reg").unwrap(), [0, 0, 0, 1]);
    // Told again, the old values are gone.
    let again = tell(
        &made,
        &Told {
            partition: 2,
            tryboot: false,
            ..TOLD
        },
    )
    .unwrap();
    assert_eq!(told(&again).unwrap().0, 2);
    assert_eq!(again.len(), made.len());
}

#[test]
fn trees_of_other_processors() {
    let tree = sample::tree("brcm,bcm2712", &[]);
    check(&tree, "brcm,bcm2712").unwrap();
    assert_eq!(
        check(&tree, "brcm,bcm2711").unwrap_err().to_string(),
        "it is a tree for raspberrypi,board, brcm,bcm2712, not for brcm,bcm2711"
    );
    assert!(matches!(
        check(b"no tree", "brcm,bcm2711"),
        Err(TreeError::Damaged(_))
    ));
}

proptest! {
    /// Parsed, edited and parsed again, a tree has all it had and what was added.
    #[test]
    fn nothing_else_changes(
        units in proptest::collection::btree_set("[a-z]{1,8}@[0-9a-f]{1,8}", 0..12),
        partition: u32, tryboot: bool, boot_mode: u32, words in "[ -~]{0,80}",
    ) {
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        let plain = sample::tree("brcm,bcm2712", &units);
        let asked = Told { partition, tryboot, boot_mode, command_line: &words };
        let made = tell(&plain, &asked).unwrap();
        prop_assert_eq!(told(&made).unwrap(), (partition, tryboot, boot_mode, words.clone()));
        let (mut before, mut after) = (read(&plain).unwrap(), read(&made).unwrap());
        prop_assert!(after.root.remove_child("chosen").is_some());
        prop_assert_eq!(&before, &after);
        let mut disabled = read(&plain).unwrap();
        for unit in &units {
            prop_assert_eq!(each(&mut disabled.root, unit, &mut |node| set(node, "status", "disabled")), 1);
            let path = format!("/soc/{unit}");
            set(before.find_node_mut(&path).unwrap(), "status", "disabled");
        }
        let disabled = read(&disabled.to_dtb()).unwrap();
        prop_assert_eq!(before, disabled);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = tell(&bytes, &TOLD);
    }

    /// A tree with a damaged byte is an error or another tree.
    #[test]
    fn a_damaged_tree_never_panics(at in 0_usize..400, byte: u8) {
        let mut tree = tell(&sample::tree("brcm,bcm2712", &["i2c@1", "spi@2"]), &TOLD).unwrap();
        let at = at % tree.len();
        tree[at] = byte;
        let _ = tell(&tree, &TOLD);
    }
}
