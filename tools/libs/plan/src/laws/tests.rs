//! For each law a plan that breaks it, and one that does not.

use std::collections::{BTreeMap, BTreeSet};

use sigmavault_types::storage::{
    Action, Dataset, DatasetKind, DeviceState, Disk, DiskId, DiskUse, Errors, Guid, Loss, NewVdev, Plan,
    Pool, Precondition, Request, Resource, Risk, Scrub, Snapshot, Step, Vdev, VdevClass, VdevKind, World,
};

use super::{Law, verify};

const GIB: u64 = 1 << 30;

fn disk(name: &str, in_use: DiskUse) -> Disk {
    Disk {
        id: DiskId::from(name),
        name: name.to_owned(),
        device: format!("/dev/disk/by-id/{name}"),
        bytes: GIB,
        model: None,
        serial: None,
        wwn: None,
        transport: None,
        sector: 4096,
        rotational: false,
        drive: name.to_owned(),
        in_use,
    }
}

fn device(id: u64, name: &str) -> Vdev {
    Vdev {
        id: Guid(id),
        name: name.to_owned(),
        kind: VdevKind::Disk,
        class: VdevClass::Data,
        state: DeviceState::Online,
        bytes: GIB,
        errors: Errors::default(),
        resilvering: false,
        expansions: 0,
        disk: Some(DiskId::from(name)),
        children: Vec::new(),
    }
}

fn snapshot(id: u64, name: &str) -> Snapshot {
    Snapshot {
        id: Guid(id),
        name: name.to_owned(),
        created: 0,
        transaction: id,
        used: 0,
        referenced: 0,
        holds: BTreeSet::new(),
        clones: BTreeSet::new(),
        policy: None,
        locked_until: None,
    }
}

fn dataset(id: u64, name: &str) -> Dataset {
    Dataset {
        id: Guid(id),
        name: name.to_owned(),
        kind: DatasetKind::FileSystem,
        used: GIB,
        available: GIB,
        referenced: GIB,
        mounted: true,
        mountpoint: None,
        key: None,
        origin: None,
        properties: BTreeMap::new(),
    }
}

/// A pool of one group of disks, with the disks.
fn pool(id: u64, name: &str, kind: VdevKind, disks: &[&str], world: &mut World) {
    let group = Vdev {
        kind,
        disk: None,
        children: disks
            .iter()
            .zip(id * 100 + 1..)
            .map(|(disk, id)| device(id, disk))
            .collect(),
        ..device(id * 100, "group")
    };
    let in_use = DiskUse::Pool { pool: Guid(id) };
    world
        .disks
        .extend(disks.iter().map(|name| disk(name, in_use.clone())));
    world.pools.push(Pool {
        id: Guid(id),
        name: name.to_owned(),
        imported: true,
        state: DeviceState::Online,
        bytes: 2 * GIB,
        allocated: GIB,
        usable: 10 * GIB,
        may_fail: Some(1),
        fragmentation: None,
        read_only: false,
        upgradable: false,
        vdevs: vec![group],
        scan: None,
        trimming: false,
        scrubbed: None,
        damaged: Vec::new(),
        properties: BTreeMap::new(),
    });
    world.datasets.push(dataset(id * 1000, name));
}

/// `tank`, a mirror of three with a dataset and snapshots; `ice`, a mirror of two; disks of every kind.
fn world() -> World {
    let mut world = World {
        time: 1000,
        ..World::default()
    };
    pool(1, "tank", VdevKind::Mirror, &["a", "b", "c"], &mut world);
    pool(2, "ice", VdevKind::Mirror, &["d", "e"], &mut world);
    world.datasets.push(dataset(1001, "tank/home"));
    world.snapshots = ["one", "two", "three"]
        .iter()
        .zip(1..)
        .map(|(tag, id)| snapshot(id, &format!("tank/home@{tag}")))
        .collect();
    for (name, in_use) in [
        ("free", DiskUse::Free),
        ("spare", DiskUse::Free),
        ("system", DiskUse::System),
        ("live", DiskUse::LiveMedium),
        (
            "photos",
            DiskUse::Foreign {
                contents: "ntfs".to_owned(),
            },
        ),
    ] {
        world.disks.push(disk(name, in_use));
    }
    world
}

fn step(action: Action, risk: Risk, preconditions: Vec<Precondition>) -> Step {
    Step {
        action,
        risk,
        preconditions,
        commands: Vec::new(),
    }
}

fn plan(steps: Vec<Step>, loses: &[Resource]) -> Plan {
    Plan {
        version: 1,
        request: Request::PoolScrub {
            pool: Guid(1),
            scrub: Scrub::Start,
        },
        risk: steps.iter().map(|step| step.risk).max().unwrap_or(Risk::Reads),
        steps,
        changes: Vec::new(),
        touches: Vec::new(),
        loses: loses
            .iter()
            .map(|resource| Loss {
                resource: resource.clone(),
                bytes: None,
            })
            .collect(),
        space: Vec::new(),
        warnings: Vec::new(),
        confirm: (!loses.is_empty()).then(|| "name".to_owned()),
        at_console: false,
        made: 0,
    }
}

/// The laws that a plan breaks, each with what it is broken on.
fn broken(plan: &Plan, world: &World) -> Vec<(Law, String)> {
    let name = |resource: Resource| match resource {
        Resource::Disk(DiskId(name))
        | Resource::Pool(name)
        | Resource::Dataset(name)
        | Resource::Changes(name)
        | Resource::Snapshot(name)
        | Resource::Policy(name) => name,
    };
    let violations = verify(plan, world).into_iter();
    violations.map(|one| (one.law, name(one.subject))).collect()
}

fn breaks(plan: &Plan, world: &World, law: Law, subject: &str) {
    assert_eq!(broken(plan, world), [(law, subject.to_owned())]);
}

fn keeps(plan: &Plan, world: &World) {
    assert_eq!(broken(plan, world), []);
}

fn offline(pool: u64, device: u64) -> Step {
    let (pool, device) = (Guid(pool), Guid(device));
    step(
        Action::OfflineDevice { pool, device },
        Risk::Disruptive,
        Vec::new(),
    )
}

fn detach(pool: u64, device: u64) -> Step {
    let (pool, device) = (Guid(pool), Guid(device));
    step(
        Action::DetachDevice { pool, device },
        Risk::Disruptive,
        Vec::new(),
    )
}

fn disk_is(world: &World, name: &str) -> Precondition {
    let disk = world.disk(&DiskId::from(name)).unwrap();
    Precondition::Disk {
        disk: disk.id.clone(),
        bytes: disk.bytes,
        in_use: disk.in_use.clone(),
    }
}

fn erase(world: &World, name: &str, risk: Risk) -> Step {
    let disk = DiskId::from(name);
    step(Action::EraseDisk { disk }, risk, vec![disk_is(world, name)])
}

fn attach(world: &World, name: &str) -> Step {
    let action = Action::AttachDisk {
        pool: Guid(1),
        to: Guid(100),
        disk: DiskId::from(name),
    };
    step(action, Risk::Disruptive, vec![disk_is(world, name)])
}

#[test]
fn redundancy() {
    let mut world = world();
    keeps(&plan(vec![offline(1, 101)], &[]), &world);
    keeps(&plan(vec![offline(2, 201)], &[]), &world);
    keeps(&plan(vec![detach(1, 101)], &[]), &world);
    breaks(&plan(vec![detach(2, 201)], &[]), &world, Law::Redundancy, "ice");
    // Two of one group, also of one that would stay readable.
    let both = broken(&plan(vec![offline(1, 101), offline(1, 102)], &[]), &world);
    assert_eq!(
        both,
        [
            (Law::Redundancy, "tank".to_owned()),
            (Law::OneChange, "tank".to_owned())
        ]
    );
    // The old device of a replacement that does not hold everything yet.
    let mut replacing = world.clone();
    let mirror = &mut replacing.pools[1].vdevs[0];
    let old = mirror.children[0].clone();
    mirror.children[0].kind = VdevKind::Replacing;
    mirror.children[0].children = vec![old, device(299, "free")];
    mirror.children[0].id = Guid(298);
    keeps(&plan(vec![detach(2, 201)], &[]), &replacing);
    replacing.pools[1].vdevs[0].children[0].children[1].resilvering = true;
    breaks(
        &plan(vec![detach(2, 201)], &[]),
        &replacing,
        Law::Redundancy,
        "ice",
    );
    // The last one that works.
    world.pools[1].vdevs[0].children[0].state = DeviceState::Faulted;
    let last = broken(&plan(vec![offline(2, 202)], &[]), &world);
    assert_eq!(
        last,
        [
            (Law::Redundancy, "ice".to_owned()),
            (Law::RepairFirst, "ice".to_owned())
        ]
    );
}

#[test]
fn consent() {
    let world = world();
    let photos = Resource::Disk(DiskId::from("photos"));
    let erase = erase(&world, "photos", Risk::Destroys);
    keeps(&plan(vec![erase.clone()], std::slice::from_ref(&photos)), &world);
    breaks(&plan(vec![erase.clone()], &[]), &world, Law::Consent, "photos");
    let mut untyped = plan(vec![erase], &[photos]);
    untyped.confirm = None;
    breaks(&untyped, &world, Law::Consent, "photos");
}

#[test]
fn disks() {
    let world = world();
    keeps(&plan(vec![attach(&world, "free")], &[]), &world);
    breaks(
        &plan(vec![attach(&world, "photos")], &[]),
        &world,
        Law::Disks,
        "photos",
    );
    let photos = Resource::Disk(DiskId::from("photos"));
    let erased = vec![erase(&world, "photos", Risk::Destroys), attach(&world, "photos")];
    keeps(&plan(erased, &[photos]), &world);
    for forbidden in ["system", "live", "a"] {
        let lost = Resource::Disk(DiskId::from(forbidden));
        let erase = plan(vec![erase(&world, forbidden, Risk::Destroys)], &[lost]);
        breaks(&erase, &world, Law::Disks, forbidden);
    }
    let twice = NewVdev {
        kind: VdevKind::Mirror,
        class: VdevClass::Data,
        disks: vec![DiskId::from("free"), DiskId::from("free")],
    };
    let action = Action::AddVdevs {
        pool: Guid(1),
        vdevs: vec![twice],
    };
    let add = step(action, Risk::Disruptive, vec![disk_is(&world, "free")]);
    breaks(&plan(vec![add], &[]), &world, Law::Disks, "free");
}

#[test]
fn repair_first() {
    let mut world = world();
    world.pools[0].vdevs[0].children[2].state = DeviceState::Removed;
    world.pools[0].state = DeviceState::Degraded;
    breaks(
        &plan(vec![offline(1, 101)], &[]),
        &world,
        Law::RepairFirst,
        "tank",
    );
    let upgrade = step(
        Action::UpgradePool { pool: Guid(1) },
        Risk::Disruptive,
        Vec::new(),
    );
    breaks(&plan(vec![upgrade], &[]), &world, Law::RepairFirst, "tank");
    // Repairs: another disk, and the broken one out.
    keeps(&plan(vec![attach(&world, "free")], &[]), &world);
    keeps(&plan(vec![detach(1, 103)], &[]), &world);
}

#[test]
fn one_change() {
    let world = world();
    let export = step(Action::ExportPool { pool: Guid(2) }, Risk::Disruptive, Vec::new());
    let two = plan(vec![attach(&world, "free"), export], &[]);
    breaks(&two, &world, Law::OneChange, "ice");
}

#[test]
fn locks() {
    let mut world = world();
    world.snapshots[1].locked_until = Some(2000);
    let gone = |tag: &str, id| {
        let (name, tags) = (format!("tank/home@{tag}"), vec![tag.to_owned()]);
        let dataset = "tank/home".to_owned();
        let tied = Precondition::Snapshot {
            name: name.clone(),
            id: Guid(id),
        };
        let action = Action::DestroySnapshots { dataset, tags };
        plan(
            vec![step(action, Risk::Destroys, vec![tied])],
            &[Resource::Snapshot(name)],
        )
    };
    keeps(&gone("one", 1), &world);
    breaks(&gone("two", 2), &world, Law::Locks, "tank/home@two");
    let mut here = gone("two", 2);
    here.at_console = true;
    keeps(&here, &world);
    world.snapshots[1].holds.insert("backup".to_owned());
    breaks(&here, &world, Law::Locks, "tank/home@two");
    world.snapshots[1].holds.clear();
    // What holds it cannot go either.
    let (pool, name) = (Guid(1), "tank".to_owned());
    let tied = Precondition::Pool {
        pool,
        name: name.clone(),
        imported: true,
    };
    let destroy = step(Action::DestroyPool { pool }, Risk::Destroys, vec![tied]);
    breaks(
        &plan(vec![destroy], &[Resource::Pool(name)]),
        &world,
        Law::Locks,
        "tank/home@two",
    );
    world.time = 2000;
    keeps(&gone("two", 2), &world);
}

#[test]
fn space() {
    let world = world();
    let volume = |size, sparse| {
        let action = Action::CreateDataset {
            name: "tank/volume".to_owned(),
            kind: DatasetKind::Volume,
            size: Some(size),
            sparse,
            key: None,
            properties: BTreeMap::new(),
        };
        plan(vec![step(action, Risk::Undoable, Vec::new())], &[])
    };
    // One of ten GiB is used, and one stays free.
    keeps(&volume(8 * GIB, false), &world);
    breaks(&volume(8 * GIB + 1, false), &world, Law::Space, "tank");
    keeps(&volume(80 * GIB, true), &world);
    let reserve = Action::SetProperties {
        name: "tank/home".to_owned(),
        properties: BTreeMap::from([("reservation".to_owned(), (9 * GIB).to_string())]),
    };
    let reserve = plan(vec![step(reserve, Risk::Undoable, Vec::new())], &[]);
    breaks(&reserve, &world, Law::Space, "tank");
}

#[test]
fn said_risk() {
    let world = world();
    let mut low = offline(1, 101);
    low.risk = Risk::Harmless;
    breaks(&plan(vec![low], &[]), &world, Law::SaidRisk, "tank");
    let mut whole = plan(vec![offline(1, 101)], &[]);
    whole.risk = Risk::Undoable;
    breaks(&whole, &world, Law::SaidRisk, "tank");
}

#[test]
fn identity() {
    let world = world();
    let mut untied = attach(&world, "free");
    untied.preconditions.clear();
    breaks(&plan(vec![untied], &[]), &world, Law::Identity, "free");
    let lost = ["tank/home".to_owned()].map(Resource::Dataset);
    let destroy = |preconditions| {
        let action = Action::DestroyDataset {
            name: "tank/home".to_owned(),
        };
        plan(vec![step(action, Risk::Destroys, preconditions)], &lost)
    };
    let named = Precondition::Dataset {
        name: "tank/home".to_owned(),
        id: Guid(1001),
    };
    let counted = Precondition::Contents {
        dataset: "tank/home".to_owned(),
        datasets: Vec::new(),
        snapshots: [1, 2, 3].map(Guid).to_vec(),
    };
    breaks(&destroy(vec![named.clone()]), &world, Law::Identity, "tank/home");
    keeps(&destroy(vec![named, counted]), &world);
}

#[test]
fn ids_and_texts() {
    for law in super::LAWS {
        let wire = serde_json::to_value(law).unwrap();
        assert_eq!(wire, law.id());
        assert!(law.text().ends_with('.'), "{law}");
    }
}
