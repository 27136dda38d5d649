use std::sync::Mutex;

use super::*;
use crate::answers;
use crate::demo::{Demo, Scenario};
use crate::once::{Fingerprint, Mark};
use crate::progress::Stop;

const ANSWERS: &str = "[system]\ndisk.serial = 'S5GXNX0R401382F'\nconfirm = 'S5GXNX0R401382F'\n[user]\nname = 'ada'\n\
                       password = 'correct horse'\n[encryption]\npassphrase = 'battery staple'\n";

/// Keeps sheets in memory, or has no place for them.
struct Folder {
    place: Option<Place>,
    sheets: Mutex<Vec<String>>,
}

impl Folder {
    fn new(place: Option<Place>) -> Self {
        Self {
            place,
            sheets: Mutex::default(),
        }
    }
}

impl Keeper for Folder {
    fn choose(&self, _: Action) -> Result<Place, NoPlace> {
        self.place.clone().ok_or(NoPlace::NoVolume)
    }

    fn keep(&self, place: &Place, sheet: &Sheet) -> io::Result<String> {
        assert_eq!(Some(place), self.place.as_ref());
        self.sheets.lock().unwrap().push(sheet.text().to_owned());
        Ok("the folder".to_owned())
    }
}

/// Must not be asked.
struct Never;

impl Execute for Never {
    fn mark(&self, _: &Disk) -> Result<Option<Mark>, ExecuteError> {
        Ok(None)
    }

    fn end_setup(&self, _: &Disk, _: &str) -> Result<(), ExecuteError> {
        Ok(())
    }

    fn execute(
        &self,
        _: &InstallPlan,
        _: &Stop,
        _: &(dyn Fn(Event) + Sync),
    ) -> Result<Outcome, ExecuteError> {
        panic!("an installation began");
    }
}

fn run(answers: &str, execute: &Arc<dyn Execute>, keeper: &Folder) -> (Report, String) {
    let mut out = Vec::new();
    let order = Order {
        given: Given::Left,
        answers: Fingerprint::of(answers),
    };
    let answers = answers::parse(answers).unwrap();
    let machine = Scenario::Empty.machine();
    let stop = AtomicBool::new(false);
    let (report, _) = install(&machine, &answers, &order, execute, &stop, keeper, &mut out).unwrap();
    (report, String::from_utf8(out).unwrap())
}

#[test]
fn without_a_place_for_the_recovery_key_nothing_is_written() {
    let never: Arc<dyn Execute> = Arc::new(Never);
    let (report, out) = run(ANSWERS, &never, &Folder::new(None));
    assert_eq!(report.result, Verdict::Refused);
    let error = report.error.unwrap();
    assert!(
        error.starts_with("the recovery key has no place to be kept") && error.contains("\n  try: "),
        "{error}"
    );
    assert!(out.contains("refused: the recovery key has no place"), "{out}");
}

#[test]
fn the_recovery_key_goes_to_its_place_and_nowhere_else() {
    let demo: Arc<dyn Execute> = Arc::new(Demo::new(Scenario::Empty, Duration::ZERO));
    let keeper = Folder::new(Some(Place::Volume));
    let (report, out) = run(ANSWERS, &demo, &keeper);
    assert_eq!(report.result, Verdict::Installed);
    assert_eq!(report.recovery_key_kept.as_deref(), Some("the folder"));
    let sheets = keeper.sheets.into_inner().unwrap();
    let key = sheets[0].lines().find(|line| line.len() == 71).unwrap();
    assert!(sheets[0].contains("Machine: sigmavault\n") && sheets[0].contains("S5GXNX0R401382F"));
    assert!(!out.contains(&key[..8]), "{out}");

    let without = format!("{ANSWERS}recovery-key = false\n");
    let keeper = Folder::new(None);
    let (report, _) = run(&without, &demo, &keeper);
    assert_eq!(
        (report.result, report.recovery_key_kept),
        (Verdict::Installed, None)
    );
}

#[test]
fn the_key_of_the_pool_is_on_the_sheet() {
    const DIGITS: &str = "64656d6f6e7374726174696f6e3a206974206f70656e73206e6f7468696e6721";
    const POOL: &str = "[pool]\ndisks = [{ serial = 'WD-WCC7K1AA0001' }]\n";
    let demo: Arc<dyn Execute> = Arc::new(Demo::new(Scenario::Empty, Duration::ZERO));
    for (recovery_key, keys) in [(true, 2), (false, 1)] {
        let answers = format!("{ANSWERS}recovery-key = {recovery_key}\n{POOL}");
        let keeper = Folder::new(Some(Place::Volume));
        let (report, out) = run(&answers, &demo, &keeper);
        assert_eq!(report.recovery_key_kept.as_deref(), Some("the folder"));
        assert!(!out.contains(&DIGITS[..8]), "{out}");
        let sheet = keeper.sheets.into_inner().unwrap().concat();
        let whole = |line: &&str| line.len() == 71 || *line == DIGITS;
        assert_eq!(sheet.lines().filter(whole).count(), keys, "{sheet}");
        for line in [
            // printf 64656d6f6e737472 | sha256sum
            "  6465 6d6f 6e73 7472   082b",
            "  zpool import -f -N tank",
            "  zfs load-key -L prompt tank",
            "  zfs load-key -L file:///run/tank.key tank",
        ] {
            assert!(
                sheet.lines().any(|found| found == line),
                "no '{line}' in\n{sheet}"
            );
        }
        // Without a place for the key, the pool could be lost with the system disk.
        let (report, _) = run(&answers, &demo, &Folder::new(None));
        assert_eq!(report.result, Verdict::Refused);
    }
    let answers = format!("{ANSWERS}recovery-key = false\n{POOL}encrypt = false\n");
    let (report, out) = run(&answers, &demo, &Folder::new(None));
    assert_eq!(report.result, Verdict::Installed);
    assert!(
        out.contains("  not encrypted: whoever has its disks can read it\n"),
        "{out}"
    );
}
