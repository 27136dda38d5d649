//! What is on a disk.

use sigmavault_host::lsblk::Device;

use crate::machine::{Contents, Installed, Setup};

/// GPT names of the partitions of an installed system, the state partition apart.
const SLOTS: [&str; 4] = ["root-a", "root-a-verity", "root-b", "root-b-verity"];
/// GPT name of the state partition.
pub const STATE: &str = Setup::STATE;
/// Its GPT name until the installation is complete.
pub const STATE_UNFINISHED: &str = Setup::STATE_UNFINISHED;

/// What is on a disk, by its partitions and signatures.
pub(super) fn contents(device: &Device) -> Contents {
    // Of two with one name neither is known to be the right one.
    let part = |label: &str| {
        let mut named = device
            .children
            .iter()
            .filter(|part| part.partlabel.as_deref() == Some(label));
        named.next().filter(|_| named.next().is_none())
    };
    let state = part(STATE)
        .map(|part| (part, true))
        .or_else(|| Some((part(STATE_UNFINISHED)?, false)));
    if let (Some((state, complete)), [Some(root), Some(verity), Some(_), Some(_)]) = (state, SLOTS.map(part))
    {
        return Contents::SigmaVault(Installed {
            complete,
            version: None,
            slot_bytes: root.size,
            verity_bytes: verity.size,
            state_bytes: state.size,
            encrypted: state.fstype.as_deref() == Some("crypto_LUKS"),
        });
    }
    let partitions: Vec<&Device> = device
        .children
        .iter()
        .filter(|child| child.kind == "part")
        .collect();
    match (partitions.len(), &device.fstype, &device.pttype) {
        (0, None, None) => Contents::Empty,
        (0, None, Some(table)) => Contents::Foreign(format!("an empty {table} partition table")),
        (0, Some(_), _) => Contents::Foreign(signature(device)),
        (1, ..) => Contents::Foreign(format!("1 partition: {}", signature(partitions[0]))),
        (count, ..) => {
            let list: Vec<String> = partitions.iter().map(|part| signature(part)).collect();
            Contents::Foreign(format!("{count} partitions: {}", list.join(", ")))
        }
    }
}

/// What a device holds, in words.
pub(super) fn signature(device: &Device) -> String {
    let label = device.label.as_ref().map(|label| format!("\"{label}\""));
    let words = [
        device.parttypename.clone(),
        label,
        device.fstype.as_ref().map(|kind| format!("({kind})")),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
