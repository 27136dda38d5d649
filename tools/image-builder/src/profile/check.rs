//! `profiles check`: mistakes in the files, and what an image lacks of what its profile promises.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use sigmavault_host::run::{Invocation, Local, Run};

use super::error::{ImageError, ProfileError};
use super::library::Library;
use super::resolved::Profile;
use crate::drivers::proof::{Lack, Promise};
use crate::drivers::tree::{ASK, KernelTree, wanted};

/// What the initrd has of modules, in the source tree.
const INITRD: &str = "initramfs-hooks/modules";
/// What an image says about itself, in its root file system.
const IMAGE: &str = "usr/lib/sigmavault/image.json";

/// What to check.
#[derive(Debug)]
pub struct Asked<'a> {
    /// One profile, or all.
    pub name: Option<&'a str>,
    /// Root file system of an image.
    pub image: Option<&'a Path>,
    /// Whether to print JSON.
    pub json: bool,
}

/// What `profiles check --json` prints.
#[derive(Debug, Serialize)]
struct Checked {
    profiles: Vec<String>,
    faults: Vec<CheckedFault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Compared>,
}

#[derive(Debug, Serialize)]
struct CheckedFault {
    file: String,
    line: usize,
    message: String,
}

/// An image compared with a profile.
#[derive(Debug, Serialize)]
struct Compared {
    root: String,
    profile: String,
    kernel: String,
    drivers: usize,
    devices: usize,
    lacks: Vec<String>,
}

/// Checks the files, and an image where one is named.
pub fn check(
    library: &Library,
    asked: &Asked,
    source: &Path,
    out: &mut dyn Write,
) -> Result<ExitCode, ProfileError> {
    let faults = library.check(asked.name)?;
    let names: Vec<String> = asked.name.map_or_else(
        || library.names().map(str::to_owned).collect(),
        |name| vec![name.to_owned()],
    );
    let image = match asked.image {
        Some(root) if faults.is_empty() => {
            let tree = open(root)?;
            let profile = profile_of(library, asked.name, root)?;
            Some(compare(&profile, &tree, root, source, &Local)?)
        }
        _ => None,
    };
    let good = faults.is_empty() && image.as_ref().is_none_or(|image| image.lacks.is_empty());
    let code = if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    if asked.json {
        let faults = faults.iter().map(|fault| CheckedFault {
            file: relative(&fault.file, source),
            line: fault.line,
            message: fault.kind.to_string(),
        });
        let checked = Checked {
            profiles: names,
            faults: faults.collect(),
            image,
        };
        writeln!(out, "{}", serde_json::to_string_pretty(&checked)?)?;
        return Ok(code);
    }
    for fault in &faults {
        eprintln!("{}:{}: {}", relative(&fault.file, source), fault.line, fault.kind);
    }
    if faults.is_empty() {
        writeln!(out, "{} profiles are good: {}", names.len(), names.join(", "))?;
    }
    if let Some(image) = image {
        for lack in &image.lacks {
            eprintln!("{}: {lack}", image.root);
        }
        if image.lacks.is_empty() {
            writeln!(
                out,
                "{} (kernel {}) has the {} drivers and drives the {} devices of {}",
                image.root, image.kernel, image.drivers, image.devices, image.profile
            )?;
        }
    }
    Ok(code)
}

/// The profile named, or the one that an image was built from.
fn profile_of(library: &Library, name: Option<&str>, root: &Path) -> Result<Profile, ProfileError> {
    #[derive(Deserialize)]
    struct Image {
        profile: String,
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let path = root.join(IMAGE);
            let text = std::fs::read_to_string(&path);
            let image = text
                .ok()
                .and_then(|text| serde_json::from_str::<Image>(&text).ok());
            image.ok_or(ImageError::NoProfile { path })?.profile
        }
    };
    Ok(library.resolve(&name)?.profile)
}

fn open(root: &Path) -> Result<KernelTree, ImageError> {
    if root.is_file() {
        return Err(ImageError::File(root.to_owned()));
    }
    Ok(KernelTree::find(root)?)
}

/// Compares a root file system with what a profile promises. Its initrd is judged by the list that it is made from.
fn compare(
    profile: &Profile,
    tree: &KernelTree,
    root: &Path,
    source: &Path,
    run: &dyn Run,
) -> Result<Compared, ProfileError> {
    let promise = Promise::of(profile);
    let answer = ask(tree, root, &tree.concerned(&promise), run)?;
    let mut lacks: Vec<Lack> = tree.lacks(&promise, &wanted(&answer));
    let path = source.join(INITRD);
    let hooks = std::fs::read_to_string(&path).map_err(|source| ProfileError::Read { path, source })?;
    lacks.extend(tree.unreachable(promise.ids, &tree.chosen(&hooks)));
    Ok(Compared {
        root: root.display().to_string(),
        profile: profile.name.clone(),
        kernel: tree.kernel.clone(),
        drivers: promise.modules.len(),
        devices: promise.ids.len(),
        lacks: lacks.iter().map(ToString::to_string).collect(),
    })
}

fn ask(
    tree: &KernelTree,
    root: &Path,
    modules: &BTreeSet<String>,
    run: &dyn Run,
) -> Result<String, ImageError> {
    let modules = modules.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let invocation = Invocation::new("sh")
        .args(["-euc", ASK])
        .env("TREE", root)
        .env("KERNEL", &tree.kernel)
        .env("DRIVERS", modules);
    run.text(&invocation)
        .map_err(|error| ImageError::Modinfo(error.last_words()))
}

fn relative(file: &Path, root: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sigmavault_host::run::{Output, Scripted};

    use super::*;

    const PROFILE: &str = "description = \"x\"\narch = [\"amd64\"]\nkernel.source = \"stable\"\nboot = { media = [\"usb\"], firmware = \
        [\"uefi\"] }\nsystem = { desktop = \"none\", hostname = \"x\" }\nmodel = { min-tier = \"draft-350m\", max-tier = \
        \"bitnet-7b\" }\nbudget.iso-mib = 1\n[drivers]\nrequired = [\"nvme\"]\n[hardware]\nids = [\"pci:*:*:010802\", \
        \"pci:8086:159b\"]\n";

    fn library() -> Library {
        let text = (PathBuf::from("p/x.toml"), PROFILE.to_owned());
        Library::from_texts(&["p".into()], [text]).unwrap()
    }

    /// A source tree with a list for the initrd, and a root file system.
    fn trees(hooks: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (INITRD, hooks),
            (IMAGE, "{\"profile\": \"x\"}"),
            (
                "usr/lib/modules/6.12/modules.alias",
                "alias pci:v*d*sv*sd*bc01sc08i02* nvme\nalias pci:v00008086d0000159Bsv*sd*bc*sc*i* ice\n",
            ),
            (
                "usr/lib/modules/6.12/modules.dep",
                "kernel/drivers/nvme/host/nvme.ko: kernel/drivers/nvme/host/nvme-core.ko\nkernel/drivers/net/ice.ko:\n",
            ),
            ("usr/lib/modules/6.12/modules.builtin.modinfo", ""),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn lacks(hooks: &str, answer: &'static str) -> Vec<String> {
        let folder = trees(hooks);
        let profile = profile_of(&library(), None, folder.path()).unwrap();
        let modinfo = Scripted(|invocation: &Invocation| {
            let drivers = ("DRIVERS".into(), "ice nvme nvme_core".into());
            assert!(invocation.environment().contains(&drivers), "{invocation:?}");
            Output::success(answer)
        });
        let tree = open(folder.path()).unwrap();
        compare(&profile, &tree, folder.path(), folder.path(), &modinfo)
            .unwrap()
            .lacks
    }

    #[test]
    fn an_image_is_compared_with_its_profile() {
        assert_eq!(lacks("drivers/nvme/host/\n", "ice\nnvme\nnvme_core\n"), [""; 0]);
        assert_eq!(
            lacks("drivers/ata/\n", "ice\n ice.pkg\nnvme\nnvme_core\n"),
            [
                "ice for device pci:8086:159b is promised, but none of its firmware is in the image (ice.pkg); \
                 add its package to `firmware.packages`",
                "device pci:*:*:010802 leads to disks, but its driver nvme is not in the initrd; see initramfs-hooks/modules",
            ]
        );
    }

    #[test]
    fn what_is_no_image_is_refused_with_the_next_step() {
        let folder = trees("");
        let profile = library().resolve("x").unwrap().profile;
        let failing = Scripted(|_: &Invocation| Output::failure(127, "sh: 1: modinfo: not found\n"));
        let tree = open(folder.path()).unwrap();
        let silent = compare(&profile, &tree, folder.path(), folder.path(), &failing).unwrap_err();
        assert_eq!(
            silent.to_string(),
            "cannot ask modinfo about the drivers of the image: sh: 1: modinfo: not found; install the package kmod"
        );
        let file = folder.path().join(IMAGE);
        let expected = format!("{} is a file, not a folder; mount the root", file.display());
        let refused = open(&file).unwrap_err().to_string();
        assert!(refused.starts_with(&expected), "{refused}");
        let none = profile_of(&library(), None, Path::new("/nowhere")).unwrap_err();
        assert_eq!(
            none.to_string(),
            "/nowhere/usr/lib/sigmavault/image.json does not say which profile the image was built from; name the profile"
        );
    }
}
