//! The unix socket: handed over by the service manager, or made here.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use log::warn;
use nix::unistd::{Group, chown};
use tokio::net::UnixListener;

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// A socket that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// What the service manager handed over is of no use.
    #[error(
        "the service manager handed over something that is no unix socket: {source}; compare sigmavault-{service}.socket"
    )]
    HandedOver {
        /// The service, as in the name of its unit.
        service: &'static str,
        /// Why it is of no use.
        source: io::Error,
    },
    /// Another program answers there.
    #[error("another program listens on {}; stop it, or set another `socket` in /etc/sigmavault/{service}.toml", path.display())]
    InUse {
        /// The service, as in the name of its settings file.
        service: &'static str,
        /// The socket.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("cannot make the socket {}: {source}; name another one with --socket", path.display())]
    Make {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The listener, and its path when it was made here and is ours to remove.
pub(super) fn listener(
    service: &'static str,
    path: &Path,
    group: &str,
) -> Result<(UnixListener, Option<PathBuf>), SocketError> {
    let handed_over = |source| SocketError::HandedOver { service, source };
    if let Some(listener) = ListenFd::from_env().take_unix_listener(0).map_err(handed_over)? {
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| UnixListener::from_std(listener))
            .map_err(handed_over)?;
        return Ok((listener, None));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(SocketError::InUse {
            service,
            path: path.to_owned(),
        });
    }
    let made = make(path, group).map_err(|source| SocketError::Make {
        path: path.to_owned(),
        source,
    })?;
    Ok((made, Some(path.to_owned())))
}

/// Under a name of its own until mode and group are right, so that nobody else connects before.
fn make(path: &Path, group: &str) -> io::Result<UnixListener> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(MODE))?;
    match Group::from_name(group) {
        Ok(Some(found)) => {
            if let Err(error) = chown(&new, None, Some(found.gid)) {
                warn!("the socket keeps the group of this process: cannot give it to {group}: {error}");
            }
        }
        _ => warn!("the socket keeps the group of this process: there is no group {group}"),
    }
    fs::rename(&new, path)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ryzan.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (listener, ours) = listener("ryzan", &path, "no-such-group").unwrap();
        assert_eq!(ours.as_deref(), Some(path.as_path()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let error = super::listener("ryzan", &path, "no-such-group").unwrap_err();
        assert!(matches!(error, SocketError::InUse { .. }), "{error}");
        drop(listener);
    }
}
