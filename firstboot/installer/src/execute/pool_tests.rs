use super::*;
use crate::machine::{Contents, Disk};
use sigmavault_types::storage::WantedLayout;

fn disk(name: &str, rotational: bool) -> Disk {
    Disk {
        name: name.into(),
        path: format!("/dev/{name}"),
        links: vec![format!("/dev/disk/by-id/ata-{name}")],
        model: String::new(),
        serial: None,
        wwn: None,
        subsystem: None,
        paths: Vec::new(),
        bus: "sata".into(),
        bytes: 4_000_000_000_000,
        rotational,
        sector: 512,
        in_use: None,
        holders: Vec::new(),
        contents: Contents::Empty,
    }
}

fn told(kind: WantedLayout, count: usize) -> String {
    let disks: Vec<Disk> = (0..count).map(|index| disk(&format!("d{index}"), true)).collect();
    let sizes: Vec<u64> = disks.iter().map(|disk| disk.bytes).collect();
    let plan = PoolPlan {
        name: "tank".into(),
        mountpoint: "/srv/sigmavault/tank".into(),
        encrypted: false,
        layout: layout::make(kind, &sizes).unwrap(),
        disks,
    };
    let line = creation(&plan, Path::new("/t")).to_string();
    let at = line.find(" tank ").unwrap();
    line[at + 1..].replace("/dev/disk/by-id/ata-", "")
}

#[test]
fn vdevs_stand_as_the_layout_says() {
    assert_eq!(told(WantedLayout::Single, 1), "tank d0");
    assert_eq!(told(WantedLayout::Stripe, 2), "tank d0 d1");
    assert_eq!(told(WantedLayout::Mirror, 2), "tank mirror d0 d1");
    assert_eq!(told(WantedLayout::Mirrors, 4), "tank mirror d0 d1 mirror d2 d3");
    assert_eq!(told(WantedLayout::Raidz1, 3), "tank raidz1 d0 d1 d2");
    assert_eq!(told(WantedLayout::Raidz2, 4), "tank raidz2 d0 d1 d2 d3");
    let draid = told(WantedLayout::Draid, 12);
    assert!(draid.starts_with("tank draid2:8d:12c:1s d0 d1 "), "{draid}");
}

#[test]
fn the_pool_is_found_again() {
    let plan = PoolPlan {
        name: "tank".into(),
        mountpoint: "/srv/sigmavault/tank".into(),
        encrypted: false,
        layout: layout::make(WantedLayout::Single, &[4_000_000_000_000]).unwrap(),
        disks: vec![disk("d0", false)],
    };
    let args = creation(&plan, Path::new("/t")).to_string();
    assert!(args.contains("-o cachefile=/t/etc/zfs/zpool.cache"), "{args}");
    assert!(args.contains("-O mountpoint=/srv/sigmavault/tank"), "{args}");
    assert!(args.contains("-o autotrim=on"), "{args}");
    assert!(!args.contains("encryption"), "{args}");
    let encrypted = PoolPlan {
        encrypted: true,
        ..plan
    };
    let args = creation(&encrypted, Path::new("/t")).to_string();
    let key = "-O encryption=aes-256-gcm -O keyformat=hex -O keylocation=file:///t/etc/sigmavault/keys/tank.key tank ";
    assert!(args.contains(key), "{args}");
}
