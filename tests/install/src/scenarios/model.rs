//! The language model on an installed system: without a model, with one from a stick, and after a restart.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use sigmavault_vm::{Boot, Bus, Image, Share};

use crate::answers::{Answers, USER};
use crate::bench::Bench;
use crate::disk::{SYSTEM, digest};
use crate::error::Error;
use crate::scenarios::checks;

/// Size of the stick.
const BYTES: u64 = 64 << 20;
/// Its serial number.
const STICK: &str = "SV-STICK";
/// The model's file on it.
const FILE: &str = "little.gguf";
/// Name of its catalogue entry, on the stick and on the machine.
const CATALOGUE: &str = "site.toml";
/// Seconds over which the idle service is measured.
const IDLE_SECONDS: u32 = 30;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    bench.install_and_power_off("install", &machine.rig(), &Answers::erase(SYSTEM))?;
    let stick = stick(bench)?;
    let rig = machine.rig().drive(&stick, STICK, Bus::Sata);

    let mut boot = bench.start("first start", &rig)?;
    checks::healthy(bench, &mut boot)?;
    let asked = boot.run(&as_user("sigmavault ask hello 2>&1"))?;
    bench.contains("asked without a model", asked.output, "is not on this machine");
    limits(bench, &mut boot)?;
    pulled(bench, &mut boot)?;
    loaded(bench, &mut boot)?;
    answers(bench, &mut boot, "asked")?;
    idle(bench, &mut boot)?;
    boot.reboot()?;

    let mut boot = bench.start("second start", &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    answers(bench, &mut boot, "asked after a restart")?;
    Ok(boot.power_off()?)
}

fn as_user(command: &str) -> String {
    format!("runuser -l {USER} -c '{command}'")
}

/// A FAT file system with the model and its entry in the catalogue.
fn stick(bench: &mut Bench<'_>) -> Result<Image, Error> {
    let (model, entry) = (bench.path(FILE), bench.path(CATALOGUE));
    sigmavault_small_model::write(&model);
    let bytes = fs::metadata(&model).map_err(Error::io("look at", &model))?.len();
    let text = format!(
        r#"[[model]]
id = "little"
name = "Little"
publisher = "SigmaVault"
aliases = ["draft-350m"]
architecture = "qwen3"
licence = "MIT"
licence-url = "https://opensource.org/license/mit"
context = 32768
memory-bytes = 10000000

[[model.file]]
name = "{FILE}"
bytes = {}
sha256 = "{}"
url = "https://models.invalid/{FILE}"
"#,
        bytes,
        digest(&model)?
    );
    fs::write(&entry, text).map_err(Error::io("write", &entry))?;
    let stick = bench.blank(BYTES)?;
    let run = |program, arguments: &[&Path]| {
        let shares = [Share::Write(bench.folder())];
        let image = ["-i"].map(OsStr::new).into_iter();
        let arguments: Vec<&OsStr> = image
            .chain(arguments.iter().map(|path| path.as_os_str()))
            .collect();
        bench.lab.tools.read(program, &shares, &arguments)
    };
    let root = Path::new("::");
    run("mformat", &[&stick.path, Path::new("-F"), root])?;
    run("mcopy", &[&stick.path, &model, &entry, root])?;
    Ok(stick)
}

/// The limits of the service, as the kernel has them.
fn limits(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let shown = boot.run(
        "systemctl show sigmavault-ryzan -P CPUWeight -P IOWeight
         cut -d' ' -f1 /sys/fs/cgroup/system.slice/sigmavault-ryzan.service/cpu.max
         echo $((100000 * 80 / 100 * $(nproc)))
         max=$(cat /sys/fs/cgroup/system.slice/sigmavault-ryzan.service/memory.max)
         total=$(($(sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) * 1024))
         echo $(((max * 100 + total / 2) / total))",
    )?;
    let lines: Vec<&str> = shown.output.lines().collect();
    let fits = matches!(lines[..], ["20", "20", quota, all, "70"] if quota == all);
    bench.check(
        "weights, quota and memory of the service",
        fits,
        shown.text(),
        "20, 20, 80 % of each processor (twice), 70 % of the memory",
    );
    let exposure = boot.run("systemd-analyze security --no-pager sigmavault-ryzan.service | tail -n 1")?;
    bench.note(format!("sandbox: {}", exposure.text()));
    Ok(())
}

/// The model is copied from the stick and verified, and the engine can run it.
fn pulled(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let pulled = boot.run(&format!(
        "mount -o ro /dev/disk/by-id/*{STICK} /mnt && mkdir -p /etc/sigmavault/models.d &&
         cp /mnt/{CATALOGUE} /etc/sigmavault/models.d/ &&
         sigmavault model pull little --from /mnt --accept-licence MIT 2>&1; umount /mnt",
    ))?;
    bench.contains("model from a stick", pulled.output, "is here now, verified");
    let verified = boot.run("sigmavault model verify little >/dev/null && echo good")?;
    bench.same("model matches the catalogue", verified.text(), "good");
    let inspected = boot.run("sigmavault model inspect little")?;
    bench.contains("model inspected", inspected.output, "qwen3");
    Ok(())
}

/// It is loaded over D-Bus, and the status has its real name.
fn loaded(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    const CALL: &str =
        "busctl --timeout=60 call org.sigmavault.Ryzan /org/sigmavault/Ryzan org.sigmavault.Ryzan";
    let refused = boot.run(&as_user(&format!("{CALL} LoadModel s little 2>&1")))?;
    let denied = !refused.output.contains("b true");
    bench.check(
        "loading by an unprivileged user",
        denied,
        refused.text(),
        "refused",
    );
    let done = boot.run(&format!("{CALL} LoadModel s little"))?;
    bench.same("loading over D-Bus", done.text(), "b true");
    let status = boot.run(&format!(
        "{CALL} GetStatus --json=short | jq -r '.data[0].resolved_model.data'"
    ))?;
    bench.same("model in the status", status.text(), "little");
    let packed = boot.run("stat -c %U /var/cache/sigmavault-ryzan/little/little.gguf.panels")?;
    bench.same("owner of the packed weights", packed.text(), "sigmavault-ryzan");
    // As earlier versions had it, until the service starts.
    boot.run(
        "cd /var/lib/sigmavault/models && touch little/little.gguf.panels && chown -R sigmavault-ryzan:sigmavault . &&
         chmod -R g+w . && chmod 2775 . little && systemctl restart sigmavault-ryzan",
    )?;
    let models =
        boot.run("find /var/lib/sigmavault/models ! -user root -o -perm /022 -o -name '*.panels'")?;
    bench.same("models that others than root may change", models.text(), "");
    Ok(())
}

/// The administrator gets an answer. Its words are random, as the weights are.
fn answers(bench: &mut Bench<'_>, boot: &mut Boot<'_>, name: &str) -> Result<(), Error> {
    let answer = boot.run(&as_user("sigmavault ask --json hello"))?;
    let value: serde_json::Value = serde_json::from_str(&answer.output).unwrap_or_default();
    let model = value["model"].as_str().unwrap_or(&answer.output).to_owned();
    bench.same(format!("{name}: model that answers"), model, "little");
    Ok(())
}

/// The processor time that the idle service takes.
fn idle(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<(), Error> {
    let used = boot.run(&format!(
        "used() {{ systemctl show sigmavault-ryzan -P CPUUsageNSec; }}; sleep 5; before=$(used); sleep {IDLE_SECONDS}; echo $(($(used) - before))"
    ))?;
    let nanoseconds: f64 = used.text().parse().unwrap_or(f64::NAN);
    let percent = nanoseconds / f64::from(IDLE_SECONDS) / 1e7;
    bench.check(
        "processor while idle",
        percent < 1.0,
        format!("{percent:.3} % of one, emulated"),
        "below 1 %, emulated",
    );
    Ok(())
}
