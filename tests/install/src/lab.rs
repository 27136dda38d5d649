//! What all scenarios share: the ISO, the tools tree, the accelerator, and an installed disk that is made once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use sigmavault_image_builder::cli::default_cache;
use sigmavault_image_builder::manifest::Manifest;
use sigmavault_image_builder::pipeline::stages::tools;
use sigmavault_image_builder::smoke::TestImage;
use sigmavault_vm::accel::{self, KvmVerdict};
use sigmavault_vm::{Accel, Accelerator, Awaited, Board, Image, KvmFault, Logs, Rig, Session, ToolsTree};

use crate::error::Error;
use crate::options::Options;

/// Longest a live system may take to start its agent.
pub const LIVE_BOOT_LIMIT: Duration = Duration::from_mins(5);

/// What all scenarios share.
#[derive(Debug)]
pub struct Lab {
    /// QEMU, OVMF, tesseract, mtools and swtpm.
    pub tools: ToolsTree,
    /// The ISO, an absolute path.
    pub iso: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// The kind of machine that boots the ISO.
    pub board: Board,
    /// How the processor is virtualised.
    pub accelerator: Accelerator,
    /// Set when the user wants to stop.
    pub interrupted: Arc<AtomicBool>,
    /// Folder for disk images.
    pub work: PathBuf,
    /// Seed of the random numbers.
    pub seed: u64,
    /// How often the power is cut.
    pub cuts: u32,
}

impl Lab {
    /// Inspects the ISO, finds the tools tree, and tries KVM when that was asked for.
    pub fn prepare(
        options: &Options,
        tree: &Path,
        work: &Path,
        seed: u64,
        interrupted: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let image = TestImage::open(&options.iso(tree))?;
        if image.has_desktop() {
            return Err(Error::Desktop {
                path: image.iso,
                profile: image.manifest.profile,
            });
        }
        let root = tools::existing(tree, &default_cache(), image.arch)?;
        let mut lab = Self {
            board: image.board(),
            tools: ToolsTree { root },
            iso: image.iso,
            manifest: image.manifest,
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
        let candidates =
            accel::candidates(self.board, verdict.narrow(asked), Path::new(accel::KVM))?.accelerators;
        if let [only] = candidates[..] {
            return Ok(only);
        }
        eprintln!("== trying KVM with this ISO");
        let Some(why) = self.kvm_fault()? else {
            return Ok(Accelerator::Kvm);
        };
        eprintln!("  KVM does not work, because {why}: emulating");
        verdict.remember_unusable();
        Ok(Accelerator::Tcg)
    }

    /// Boots the ISO under KVM; returns why that did not work.
    fn kvm_fault(&self) -> Result<Option<KvmFault>, Error> {
        let folder = tempfile::tempdir_in(&self.work).map_err(Error::io("create a folder in", &self.work))?;
        let rig = Rig::new(folder.path().join("vars.fd")).iso(&self.iso);
        let machine = rig.machine(
            self.board,
            Accelerator::Kvm,
            &self.tools,
            folder.path(),
            Logs::new(folder.path()),
        )?;
        let mut session = match Session::start(&machine, &self.tools, &self.interrupted) {
            Err(sigmavault_vm::Error::MachineEnded { how, .. }) => {
                return Ok(Some(KvmFault::NotStarted(how)));
            }
            session => session?,
        };
        let awaited = Awaited {
            what: "the guest to come up",
            deadline: Instant::now() + LIVE_BOOT_LIMIT,
            limit: LIVE_BOOT_LIMIT,
            artifacts: folder.path(),
        };
        Ok(session.wait_under_kvm(&awaited, &mut |_| ())?)
    }

    /// Folder of the disk that scenarios copy, for this ISO.
    fn base(&self) -> PathBuf {
        self.work
            .join(format!("installed-{}", &self.manifest.root_hash[..16]))
    }

    /// The installed disk and its machine's firmware variables, once an installation has left them.
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
