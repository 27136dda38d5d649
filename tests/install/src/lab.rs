//! What all scenarios share: the ISO, the tools tree, the accelerator, and an installed disk that is made once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sigmavault_image_builder::cli::default_cache;
use sigmavault_image_builder::inspect;
use sigmavault_image_builder::manifest::Manifest;
use sigmavault_image_builder::pipeline::stages::tools;
use sigmavault_image_builder::smoke::accel::{self, KvmVerdict};
use sigmavault_image_builder::smoke::{Accel, Accelerator, Session, Share, ToolsTree};

use crate::disk::Image;
use crate::error::Error;
use crate::options::Options;
use crate::rig::Rig;

/// Longest a live system may take to start its agent.
pub const LIVE_BOOT_LIMIT: Duration = Duration::from_mins(5);

/// What all scenarios share.
#[derive(Debug)]
pub struct Lab {
    /// QEMU, OVMF, tesseract, mtools and swtpm.
    pub tools: ToolsTree,
    /// The ISO, an absolute path.
    pub iso: PathBuf,
    /// What the build says of it.
    pub manifest: Manifest,
    /// How the processor is virtualised.
    pub accelerator: Accelerator,
    /// Raised when the user wants to stop.
    pub interrupted: Arc<AtomicBool>,
    /// Folder for disk images.
    pub work: PathBuf,
    /// Seed of what is random.
    pub seed: u64,
    /// How often the power is cut.
    pub cuts: u32,
}

impl Lab {
    /// Looks at the ISO of a source tree, finds the tools tree, and finds out about KVM when that was asked for.
    pub fn prepare(
        options: &Options,
        tree: &Path,
        work: &Path,
        seed: u64,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let iso = options.iso(tree);
        let iso = fs::canonicalize(&iso).map_err(|error| Error::Iso {
            path: iso.clone(),
            why: error.to_string(),
        })?;
        let inspection = inspect::inspect(&iso)?;
        let manifest = match inspection.manifest {
            Some(manifest) if inspection.problems.is_empty() => manifest,
            _ => {
                return Err(Error::Iso {
                    path: iso,
                    why: inspection.problems.join("; "),
                });
            }
        };
        if manifest.arch != "amd64" || manifest.desktop != "none" {
            return Err(Error::Iso {
                path: iso,
                why: format!(
                    "it is an image of profile {} for {}, and these tests need one for amd64 without a desktop",
                    manifest.profile, manifest.arch
                ),
            });
        }
        let root =
            tools::existing(tree, &default_cache()).map_err(|error| Error::NoTools(error.to_string()))?;
        let mut lab = Self {
            tools: ToolsTree { root },
            iso,
            manifest,
            accelerator: Accelerator::Tcg,
            interrupted,
            work: fs::canonicalize(work).map_err(Error::io("open", work))?,
            seed,
            cuts: options.cuts,
        };
        lab.accelerator = lab.choose_accelerator(options.accel)?;
        Ok(lab)
    }

    fn choose_accelerator(&self, asked: Accel) -> Result<Accelerator, Error> {
        let verdict = KvmVerdict::of(&default_cache());
        if asked == Accel::Auto && verdict.unusable() {
            return Ok(Accelerator::Tcg);
        }
        let (candidates, _) = accel::candidates(asked, Path::new(accel::KVM)).map_err(Error::NoKvm)?;
        if candidates.len() == 1 {
            return Ok(candidates[0]);
        }
        eprintln!("== does the ISO boot under KVM");
        let Some(why) = self.kvm_is_broken()? else {
            return Ok(Accelerator::Kvm);
        };
        eprintln!("  KVM is there, but {why}: emulating");
        verdict.remember_unusable();
        Ok(Accelerator::Tcg)
    }

    /// Boots the ISO under KVM; says why that did not work.
    fn kvm_is_broken(&self) -> Result<Option<String>, Error> {
        let folder = tempfile::tempdir_in(&self.work).map_err(Error::io("create a folder in", &self.work))?;
        let rig = Rig::new(folder.path().join("vars.fd")).iso(&self.iso);
        let machine = rig.machine(Accelerator::Kvm, &self.tools, folder.path(), folder.path())?;
        let qemu = self.tools.command(
            "qemu-system-x86_64",
            &[Share::Read(&self.iso), Share::Write(folder.path())],
        );
        let messages = folder.path().join("qemu.log");
        let mut session = match Session::start(&machine, qemu, &messages, &self.interrupted) {
            Err(sigmavault_image_builder::smoke::Error::MachineEnded { how, .. }) => return Ok(Some(how)),
            session => session?,
        };
        let deadline = Instant::now() + LIVE_BOOT_LIMIT;
        loop {
            session.poll()?;
            if session.guest.hello {
                return Ok(None);
            }
            if let Some(why) = accel::broken(&session.early_signs()) {
                return Ok(Some(why));
            }
            if Instant::now() > deadline {
                return Ok(Some("the guest did not come up".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Folder of the disk that scenarios copy, for this ISO.
    fn base(&self) -> PathBuf {
        self.work
            .join(format!("installed-{}", &self.manifest.root_hash[..16]))
    }

    /// The installed disk and its machine's firmware variables, when an installation has left them.
    pub fn installed(&self) -> Option<(Image, PathBuf)> {
        let base = self.base();
        let found = base.exists().then(|| Image {
            path: base.join("system.raw"),
        });
        found.map(|image| (image, base.join("vars.fd")))
    }

    /// Keeps an installed disk that was never started, for the scenarios to copy.
    pub fn keep_installed(&self, image: &Image, variables: &Path) -> Result<(), Error> {
        let base = self.base();
        if base.exists() {
            return Ok(());
        }
        let unfinished = base.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(Error::io("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(Error::io("create", &unfinished))?;
        image.copy_to(unfinished.join("system.raw"))?;
        fs::copy(variables, unfinished.join("vars.fd")).map_err(Error::io("copy", variables))?;
        fs::rename(&unfinished, &base).map_err(Error::io("create", &base))
    }
}
