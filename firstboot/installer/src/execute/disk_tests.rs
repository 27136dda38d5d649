use super::*;
use crate::answers::Mode;
use crate::machine::{Contents, Source};
use crate::plan::Partition;

/// The definitions that the image has.
const IMAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../image/overlay/usr/lib/sigmavault/repart.d"
);

fn plan(encrypted: bool) -> InstallPlan {
    let partition = |definition: &str, label: &str, mib: u64| Partition {
        definition: definition.into(),
        label: label.into(),
        bytes: mib << 20,
    };
    InstallPlan {
        disk: Disk {
            name: "sda".into(),
            path: "/dev/sda".into(),
            links: Vec::new(),
            model: String::new(),
            serial: None,
            wwn: None,
            bus: "sata".into(),
            bytes: 1 << 40,
            rotational: false,
            sector: 512,
            in_use: None,
            contents: Contents::Empty,
        },
        mode: Mode::Erase,
        source: Source {
            version: "0.1.0".into(),
            root_hash: "00".repeat(32),
            root: "/dev/dm-0".into(),
            root_bytes: 1,
            verity: "/dev/sdb4".into(),
            verity_bytes: 1,
            esp: "/dev/sdb2".into(),
        },
        partitions: vec![
            partition("10-esp", "esp", 1024),
            partition("20-root-a", "root-a", 2048),
            partition("21-root-a-verity", "root-a-verity", 32),
            partition("30-root-b", "root-b", 2048),
            partition("31-root-b-verity", "root-b-verity", 32),
            partition("40-state", "state", 4096),
        ],
        encryption: encrypted.then(|| EncryptionPlan {
            passphrase: Secret("correct horse".into()),
            recovery_key: true,
            tpm2: false,
        }),
        pool: None,
        settings: None,
    }
}

fn drop_in(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("{name}.conf.d/plan.conf"))).unwrap()
}

#[test]
fn the_plan_is_added_to_the_images_definitions() {
    let folder = tempfile::tempdir().unwrap();
    definitions(&plan(false), Path::new(IMAGE), folder.path()).unwrap();
    assert_eq!(
        drop_in(folder.path(), "20-root-a"),
        "[Partition]\nSizeMinBytes=2147483648\nSizeMaxBytes=2147483648\n"
    );
    assert_eq!(
        drop_in(folder.path(), "40-state"),
        "[Partition]\nSizeMinBytes=4294967296\nSizeMaxBytes=4294967296\nLabel=state-new\n"
    );
    let definition = fs::read_to_string(folder.path().join("40-state.conf")).unwrap();
    assert!(definition.contains("\nFormat=ext4\n"), "{definition}");
}

#[test]
fn encryption_is_of_the_state_alone() {
    let folder = tempfile::tempdir().unwrap();
    definitions(&plan(true), Path::new(IMAGE), folder.path()).unwrap();
    for partition in plan(true).partitions {
        let encrypted = drop_in(folder.path(), &partition.definition).contains("Encrypt=key-file\n");
        assert_eq!(encrypted, partition.label == "state", "{}", partition.definition);
    }
}

/// Every definition of the image is in the plan and has the name that the plan and the initrd look for.
#[test]
fn definitions_and_plan_name_the_same() {
    let mut names: Vec<(String, String)> = fs::read_dir(IMAGE)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let label = text
                .lines()
                .find_map(|line| line.strip_prefix("Label="))
                .unwrap()
                .to_owned();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), label)
        })
        .collect();
    names.sort();
    let planned: Vec<(String, String)> = plan(false)
        .partitions
        .into_iter()
        .map(|part| (part.definition, part.label))
        .collect();
    assert_eq!(names, planned);
}

/// A disk whose partitions somebody has open for a while.
#[derive(Debug)]
struct Held {
    refusals: std::sync::Mutex<u32>,
    calls: std::sync::Mutex<Vec<String>>,
}

impl Run for Held {
    fn run(&self, program: &str, args: &[&str], _: &[u8]) -> Result<String, ExecuteError> {
        self.calls.lock().unwrap().push(program.to_owned());
        let mut refusals = self.refusals.lock().unwrap();
        if args.contains(&"--rereadpt") && *refusals > 0 {
            *refusals -= 1;
            return Err(ExecuteError::Program {
                program: program.into(),
                said: "Device or resource busy".into(),
                hint: String::new(),
            });
        }
        Ok(String::new())
    }
}

#[test]
fn a_partition_that_is_open_for_a_moment_is_waited_for() {
    let held = Held {
        refusals: 2.into(),
        calls: Vec::new().into(),
    };
    forget_partitions(&held, &plan(false).disk).unwrap();
    let calls = held.calls.lock().unwrap();
    let expected = ["udevadm", "blockdev"].repeat(3);
    assert_eq!(*calls, expected);
}
