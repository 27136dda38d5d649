//! A software TPM 2.0 (swtpm), which runs beside the machine that uses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::tools::{Share, ToolsTree};

/// How long swtpm may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running swtpm. It serves one boot; the next one continues from its state.
#[derive(Debug)]
pub struct Tpm {
    child: Child,
    /// Unix socket for QEMU.
    pub socket: PathBuf,
}

impl Tpm {
    /// Starts one with its state and its socket in `folder`, which is created if it does not exist.
    pub fn start(tools: &ToolsTree, folder: &Path) -> Result<Self, Error> {
        if !tools.root.join("usr/bin/swtpm").exists() {
            return Err(Error::NoProgram { program: "swtpm" });
        }
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let socket = folder.join("socket");
        if socket.exists() {
            fs::remove_file(&socket).map_err(Error::io("remove", &socket))?;
        }
        let child = tools
            .command("swtpm", &[Share::Write(folder)])
            .args(["socket", "--tpm2", "--terminate"])
            .args(["--tpmstate", &format!("dir={}", folder.display())])
            .args(["--ctrl", &format!("type=unixio,path={}", socket.display())])
            .args(["--log", &format!("file={}", folder.join("swtpm.log").display())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("run", Path::new("bwrap")))?;
        let tpm = Self { child, socket };
        let deadline = Instant::now() + START_LIMIT;
        while !tpm.socket.exists() {
            if Instant::now() > deadline {
                let said = fs::read_to_string(folder.join("swtpm.log")).unwrap_or_default();
                return Err(Error::TpmSilent { said });
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(tpm)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // Both fail only when it has ended with its machine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
