//! Downloads in a process of their own, which gives up root before it meets the network.
//!
//! The command, usually root's, starts `sigmavault model fetch` for each request, writes what arrives, and gives a file its name once
//! its SHA-256 is right. Names, HTTP and TLS are read by a user that owns nothing.

use std::io::{self, BufWriter, Read};
use std::process::{Child, ChildStdout};

use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, User, chdir, setgroups, setresgid, setresuid};
use sigmavault_catalogue::download::{Connection, Http, Relay, serve};
use sigmavault_host::oneself;

/// The user of downloads.
const USER: &str = "sigmavault-fetch";

/// The user in its place on systems without it: the kernel's for those who are nobody (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65534;

/// Why the rights could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("cannot give up root's rights for a download ({action}): {source}")]
pub struct RightsError {
    action: &'static str,
    source: nix::Error,
}

/// Downloads by processes of this program.
pub fn relay() -> Relay {
    Relay::new(start)
}

fn start() -> io::Result<Connection> {
    let mut child = oneself::start(&["model", "fetch"])?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    Ok((Box::new(input), Box::new(Fetching { child, output })))
}

/// What a process sends. It ends when nobody reads any more.
struct Fetching {
    child: Child,
    output: ChildStdout,
}

impl Read for Fetching {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Carries out the request on standard input.
pub fn run() -> anyhow::Result<()> {
    give_up_rights()?;
    let http = Http::new(concat!("sigmavault/", env!("CARGO_PKG_VERSION")));
    let mut output = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match serve(&mut io::stdin().lock(), &mut output, &http) {
        // Nobody reads any more: it was stopped.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        served => Ok(served?),
    }
}

/// Becomes a user that owns nothing, if this is root, and can then neither write files nor become anybody else.
fn give_up_rights() -> Result<(), RightsError> {
    let failed = |action| move |source| RightsError { action, source };
    if Uid::effective().is_root() {
        let found = User::from_name(USER).map_err(failed("look up its user"))?;
        let (user, group) = found.map_or_else(
            || (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY)),
            |user| (user.uid, user.gid),
        );
        chdir("/").map_err(failed("change folder"))?;
        setgroups(&[]).map_err(failed("leave groups"))?;
        setresgid(group, group, group).map_err(failed("change group"))?;
        setresuid(user, user, user).map_err(failed("change user"))?;
    }
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0).map_err(failed("forbid files"))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed("forbid dumps"))?;
    set_dumpable(false).map_err(failed("forbid dumps"))?;
    set_no_new_privs().map_err(failed("forbid new rights"))
}
