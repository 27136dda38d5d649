//! The root file system: the base tree with our packages on top, checked, then sealed as erofs with a
//! dm-verity tree beside it.
//!
//! The base stays untouched below an overlay; what the installation of our packages changes lies in the
//! overlay's upper folder. The mount is in this process's own namespace and ends with it.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::checks;
use super::tools::Tools;
use crate::manifest::Package;
use crate::pipeline::context::Context;
use crate::pipeline::debs::Deb;
use crate::pipeline::emulation::run_for;
use crate::pipeline::error::{Budgeted, BuildError, EnvironmentError, InputError, InternalError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::{Sandbox, inside};
use crate::pipeline::store::remove;

/// Salt of the verity tree. It needs no secrecy: it only separates this tree's hashes from others'.
const SALT: &str = "5369676d615661756c74204e4153204f53207665726974792073616c74203031";
/// UUID of the erofs file system and of the verity tree.
const UUIDS: [&str; 2] = [
    "5369676d-6156-4175-8c74-000000000001",
    "5369676d-6156-4175-8c74-000000000002",
];

/// What the root is made from.
#[derive(Debug)]
pub struct RootSource<'a> {
    /// Folder of the base stage.
    pub base: &'a Path,
    /// Folders with .debs of ours.
    pub ours: Vec<&'a Path>,
    /// Debian packages that need ours, installed after them.
    pub late: Vec<Deb>,
    /// Kernel release.
    pub kernel: &'a str,
}

/// Makes `root.erofs`, `root.verity`, `root.hash` and `packages.txt` in the folder returned.
pub fn make(context: &Context, tools: &Tools, source: &RootSource) -> Result<PathBuf, BuildError> {
    let inputs = inputs(context, tools, source).map_err(BuildError::Setup)?;
    context.stage("root", &context.built().key(), &inputs, |runner, folder| {
        let overlay = Overlay::mount(&source.base.join("tree"), &folder.join("overlay"))?;
        install(context, tools, source, runner, overlay.merged())?;
        runner.bar().message("checking the tree");
        checks::run(context, tools, runner, overlay.merged(), source.kernel)?;
        let size = seal(context, tools, runner, overlay.merged(), folder)?;
        drop(overlay);
        remove(&folder.join("overlay"))?;
        Ok(format!("{} MiB", size >> 20))
    })
}

fn inputs(context: &Context, tools: &Tools, source: &RootSource) -> Result<Inputs, Problem> {
    let profile = &context.profile;
    let mut inputs = Inputs::recipe(2)
        .with("tools", &tools.key)
        .with(
            "base",
            &source.base.file_name().unwrap_or_default().to_string_lossy(),
        )
        .with(
            "late packages",
            &source
                .late
                .iter()
                .map(|deb| deb.package.sha256.as_str())
                .collect::<String>(),
        )
        .with(
            "profile",
            &format!(
                "{:?} {:?} {:?} {:?} {:?} {:?}",
                profile.system,
                profile.kernel,
                profile.drivers,
                profile.hardware,
                profile.model,
                profile.budget
            ),
        )
        .with("image.toml", &settings(context))
        .with("os-release", &os_release(context))
        .with_path("checks", &context.image_path("checks"))?;
    for folder in &source.ours {
        for path in debs_in(folder)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            inputs = inputs.with_path(&name, &path)?;
        }
    }
    Ok(inputs)
}

/// What `image/image.toml` says of the root; where packages are fetched from changes nothing in it.
fn settings(context: &Context) -> String {
    let image = &context.image;
    format!(
        "{} {} {} {}",
        image.suite, image.source_date_epoch, image.compression_level, image.compression_cluster
    )
}

/// An overlay mount; dropped, it is unmounted.
#[derive(Debug)]
struct Overlay {
    merged: PathBuf,
}

impl Overlay {
    fn mount(lower: &Path, folder: &Path) -> Result<Self, Problem> {
        let [upper, work, merged] = ["upper", "work", "merged"].map(|name| folder.join(name));
        for path in [&upper, &work, &merged] {
            fs::create_dir_all(path).map_err(Problem::io("make the folder", path))?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        mount(
            Some("overlay"),
            &merged,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .map_err(|errno| EnvironmentError::Overlay {
            path: merged.clone(),
            errno,
        })?;
        Ok(Self { merged })
    }

    fn merged(&self) -> &Path {
        &self.merged
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let _ = umount2(&self.merged, MntFlags::MNT_DETACH);
    }
}

fn install(
    context: &Context,
    tools: &Tools,
    source: &RootSource,
    runner: &Runner,
    tree: &Path,
) -> Result<(), Problem> {
    let debs = context.cache.join("debs");
    for folder in &source.ours {
        dpkg(
            context,
            tools,
            runner,
            tree,
            folder,
            &file_names(&debs_in(folder)?),
        )?;
    }
    dpkg(
        context,
        tools,
        runner,
        tree,
        &debs,
        &source.late.iter().map(|deb| deb.file.clone()).collect::<Vec<_>>(),
    )?;
    let removed = &context.profile.system.packages_remove;
    if !removed.is_empty() {
        let mut args = vec!["--force-depends".to_owned(), "--purge".to_owned()];
        args.extend(removed.iter().cloned());
        runner.run(&mut run_for(context, tools, chroot(tree).command("dpkg", args))?)?;
    }
    write_identity(context, tree)?;
    runner.bar().message("finishing the tree");
    let exclude = context.profile.kernel.modules_exclude.join("\n");
    let globs = context.profile.system.remove_files.join("\n");
    let sandbox = context
        .sandbox(&tools.root)
        .give(tree, inside::TREE)
        .env("KERNEL", source.kernel)
        .env("EXCLUDE", exclude)
        .env("REMOVE", globs)
        .env(
            "MODE",
            if context.profile.system.desktop == crate::profile::Desktop::None {
                "multi-user"
            } else {
                "graphical"
            },
        );
    runner.run(&mut sandbox.script(FINISH))?;
    runner.run(&mut run_for(context, tools, chroot(tree).script(CATALOGUES))?)?;
    Ok(())
}

/// The tree as the root of a process, without network.
fn chroot(tree: &Path) -> Sandbox {
    Sandbox::new(tree)
        .writable()
        .env("DEBIAN_FRONTEND", "noninteractive")
}

fn dpkg(
    context: &Context,
    tools: &Tools,
    runner: &Runner,
    tree: &Path,
    folder: &Path,
    files: &[String],
) -> Result<(), Problem> {
    if files.is_empty() {
        return Ok(());
    }
    // No service is started while an image is made.
    let policy = tree.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n").map_err(Problem::io("write", &policy))?;
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&policy, executable).map_err(Problem::io("set the mode of", &policy))?;
    let mut args = [
        "--force-unsafe-io",
        "--force-confnew",
        "--force-overwrite",
        "--install",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(files.iter().map(|file| format!("/mnt/{file}")));
    let command = chroot(tree).show(folder, "/mnt").command("dpkg", args);
    runner.run(&mut run_for(context, tools, command)?)?;
    remove(&policy)
}

/// os-release, host name and what our programs read about the image.
fn write_identity(context: &Context, tree: &Path) -> Result<(), Problem> {
    let profile = &context.profile;
    let host = &profile.system.hostname;
    let image = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "profile": profile.name, "arch": context.arch.name(),
        "desktop": profile.system.desktop.name(),
    });
    let files = [
        ("usr/lib/os-release", os_release(context)),
        ("etc/hostname", format!("{host}\n")),
        (
            "etc/hosts",
            format!("127.0.0.1 localhost\n127.0.1.1 {host}\n::1 localhost ip6-localhost ip6-loopback\n"),
        ),
        ("usr/lib/sigmavault/image.json", format!("{image:#}\n")),
        (
            "usr/lib/sigmavault/profile.json",
            format!(
                "{:#}\n",
                serde_json::json!({"min-tier": profile.model.min_tier, "max-tier": profile.model.max_tier})
            ),
        ),
        // The earliest time a machine without a clock believes (systemd reads the file's time stamp).
        ("usr/lib/clock-epoch", String::new()),
    ];
    for (name, text) in files {
        let path = tree.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Problem::io("make the folder", parent))?;
        }
        fs::write(&path, text).map_err(Problem::io("write", &path))?;
    }
    Ok(())
}

/// os-release(5) of this image.
pub fn os_release(context: &Context) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "PRETTY_NAME=\"SigmaVault NAS OS {version}\"\nNAME=\"SigmaVault NAS OS\"\nID=sigmavault\nID_LIKE=debian\n\
         VERSION=\"{version}\"\nVERSION_ID=\"{version}\"\nVERSION_CODENAME={}\nVARIANT=\"{}\"\nVARIANT_ID={}\n\
         IMAGE_ID=sigmavault-{}\nIMAGE_VERSION={version}\nLOGO=sigmavault\n",
        context.image.suite, context.profile.description, context.profile.name, context.profile.name
    )
}

/// Runs in the tools tree on /tree: units as the presets say, users, module index, and nothing left of the making.
const FINISH: &str = r#"
cd /tree
for pattern in $EXCLUDE; do
    find "usr/lib/modules/$KERNEL/kernel" -path "*/$pattern" -delete
    find "usr/lib/modules/$KERNEL/kernel" \( -name "$pattern.ko" -o -name "$pattern.ko.*" \) -delete
done
find "usr/lib/modules/$KERNEL/kernel" -type d -empty -delete
depmod --basedir /tree "$KERNEL"

# Debian enables what it installs; here the presets alone decide.
find etc/systemd/system etc/systemd/user -path '*.wants/*' -delete
find etc/systemd/system etc/systemd/user -path '*.requires/*' -delete
find etc/systemd/system etc/systemd/user -type d -empty \( -name '*.wants' -o -name '*.requires' \) -delete
find etc/systemd/system -maxdepth 1 -type l -lname '/usr/lib/systemd/system/*' -delete
systemctl --root=/tree preset-all
systemctl --root=/tree --global preset-all
systemctl --root=/tree set-default "$MODE.target"
systemd-sysusers --root=/tree

for glob in $REMOVE; do
    rm -rf -- /tree$glob
done
# Nobody sets up a new machine in another character set than UTF-8; each such locale has its own megabyte of sort order.
for locale in usr/lib/locale/*/; do
    grep --quiet --text --fixed-strings UTF-8 "${locale}LC_CTYPE" || rm -rf -- "$locale"
done
# Static libraries serve compilers only.
find usr/lib -name '*.a' -delete
# A profile of AppArmor that confines nothing, or programs that the image does not have, only takes time at each boot.
for profile in etc/apparmor.d/*; do
    [ -f "$profile" ] || continue
    kept=$(sed -n 's/^profile //p' "$profile" | grep -v 'flags=(unconfined)' | while read -r name program flags; do
        case $program in
            *[{}@*]*) echo "$name" ;;
            /*) [ ! -e "/tree$program" ] || echo "$name" ;;
            *) echo "$name" ;;
        esac
    done)
    [ -n "$kept" ] || ! grep -q '^profile ' "$profile" || rm "$profile"
done
: >etc/machine-id
rm -rf boot/* initrd.img* vmlinuz* etc/hostid etc/nvme/hostid etc/nvme/hostnqn var/lib/dbus/machine-id etc/ssh/ssh_host_* var/log/* var/cache/* var/lib/apt var/lib/systemd/random-seed \
    etc/apt/sources.list.d/* var/lib/dpkg/*-old var/backups/* etc/*- etc/.pwd.lock var/lib/systemd/catalog/database.old usr/share/doc/*/changelog* \
    usr/share/info usr/include usr/src/* var/lib/ucf/cache var/lib/systemd/deb-systemd-helper-* var/lib/systemd/deb-systemd-user-helper-* var/tmp/* tmp/* root/.bash_history run/* mnt/* media/* var/lib/pcp etc/ssl/private/*
find . -xdev \( -name '*.dpkg-new' -o -name '*.dpkg-old' -o -name '*.dpkg-dist' -o -name '*.dpkg-tmp' \) -delete
mkdir -p var/log var/cache srv efi
# Nothing to be brought up to date at boot: the caches of /etc and /var are of this /usr (systemd-update-done.service(8)).
: >etc/.updated; : >var/.updated
ln -sfn ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
"#;

/// Runs in the tree itself: indexes that our packages add to.
const CATALOGUES: &str = r#"
if [ -x /usr/bin/glib-compile-schemas ]; then glib-compile-schemas /usr/share/glib-2.0/schemas; fi
for compile in /usr/lib/*-linux-gnu/glib-2.0/glib-compile-schemas; do
    if [ -x "$compile" ]; then "$compile" /usr/share/glib-2.0/schemas; fi
done
if [ -x /usr/bin/gtk-update-icon-cache ]; then gtk-update-icon-cache --quiet --force /usr/share/icons/hicolor; fi
rm -rf /var/cache/* /var/log/*
"#;

fn seal(
    context: &Context,
    tools: &Tools,
    runner: &Runner,
    tree: &Path,
    folder: &Path,
) -> Result<u64, Problem> {
    let image = &context.image;
    let sandbox = context
        .sandbox(&tools.root)
        .show(tree, inside::TREE)
        .give(folder, inside::WORK)
        .env("LEVEL", image.compression_level.to_string())
        .env("CLUSTER", image.compression_cluster.to_string());
    runner.bar().message("compressing the root file system");
    let [root, verity] = UUIDS;
    runner.run(&mut sandbox.script(&format!(
        "dpkg-query --admindir=/tree/var/lib/dpkg -W -f '${{Package}} ${{Version}} ${{Architecture}}\\n' >/work/packages.txt
        mkfs.erofs --quiet -zzstd,level=$LEVEL -C$CLUSTER -T\"$SOURCE_DATE_EPOCH\" --workers=$(nproc) -U {root} /work/root.erofs /tree
        truncate -s 0 /work/root.verity
        veritysetup format --salt={SALT} --uuid={verity} --root-hash-file=/work/root.hash /work/root.erofs /work/root.verity"
    )))?;
    let path = folder.join("root.erofs");
    let size = path.metadata().map_err(Problem::io("read", &path))?.len();
    match context.profile.root_budget() {
        Some(budget) if size > budget => {
            let (what, profile) = (Budgeted::Root, context.profile.name.clone());
            Err(InputError::OverBudget {
                what,
                size,
                budget,
                profile,
            }
            .into())
        }
        _ => Ok(size),
    }
}

/// Root hash of a finished root: 64 hexadecimal digits.
pub fn root_hash(folder: &Path) -> Result<String, Problem> {
    let path = folder.join("root.hash");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    Ok(text.trim().to_owned())
}

/// Packages of a finished root, with the SHA-256 of each .deb, ours included.
pub fn packages(
    context: &Context,
    folder: &Path,
    ours: &[&Path],
    debian: &[Package],
) -> Result<Vec<Package>, Problem> {
    let path = folder.join("packages.txt");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    let mut own = Vec::new();
    for folder in ours {
        for path in debs_in(folder)? {
            let sha256 = crate::pipeline::key::digest_file(&path)?;
            own.push((
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                sha256,
            ));
        }
    }
    let mut packages = Vec::new();
    for line in text.lines() {
        let words = line.split(' ').collect::<Vec<_>>();
        let [name, version, arch] = words[..] else {
            continue;
        };
        let mut package = Package {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: arch.to_owned(),
            sha256: String::new(),
        };
        let file = Deb::from(&package).file;
        let known = debian
            .iter()
            .find(|known| known.name == name && known.version == version && known.arch == arch);
        package.sha256 = match (known, own.iter().find(|(own, _)| *own == file)) {
            (Some(known), _) => known.sha256.clone(),
            (None, Some((_, sha256))) => sha256.clone(),
            (None, None) => {
                return Err(InternalError::NotResolved {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    profile: context.profile.name.clone(),
                }
                .into());
            }
        };
        packages.push(package);
    }
    packages.sort();
    Ok(packages)
}

fn debs_in(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut debs = Vec::new();
    for entry in folder.read_dir().map_err(Problem::io("list", folder))? {
        let path = entry.map_err(Problem::io("list", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            debs.push(path);
        }
    }
    debs.sort();
    Ok(debs)
}

fn file_names(paths: &[PathBuf]) -> Vec<String> {
    paths
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect()
}
