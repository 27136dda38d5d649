//! What the new system gets for a program, read by that program before anything is written. The live system is the
//! image that is installed, so that its programs are those that will read it.

use std::io;

use sigmavault_host::run::{Invocation, RunError};
use sigmavault_host::{nmcli, ssh_keygen, sshd, visudo};

use super::error::ExecuteError;
use super::users;
use crate::actions::Reading;
use crate::site::Site;

/// Has it read.
pub fn read(site: &Site, reading: &Reading) -> Result<(), ExecuteError> {
    match reading {
        Reading::Connection { text, address } => {
            let ask = nmcli::read_connection("sigmavault", text);
            let Some(said) = output(site, &ask, "a connection of the network")? else {
                return Ok(());
            };
            // nmcli passes over what it takes for a slip, such as an impossible prefix length.
            match address {
                Some(address) if !nmcli::parse_addresses(&said).contains(&address.as_str()) => {
                    Err(ExecuteError::NotTaken {
                        program: "nmcli".to_owned(),
                        what: "a connection of the network",
                        said: format!("it reads another address than {address}"),
                    })
                }
                _ => Ok(()),
            }
        }
        Reading::User { name, full_name } => users::rehearse(site, name, full_name, |ask| {
            output(site, ask, "the administrator")?;
            Ok(())
        }),
        Reading::Rules { text } => {
            output(site, &visudo::check(text), "the rule for sudo")?;
            Ok(())
        }
        Reading::Server { text } => match output(site, &sshd::read(text), SERVER)? {
            Some(said) => server_takes(text, &said),
            None => Ok(()),
        },
        Reading::Keys { keys } => {
            // One at a time: it passes over a key that it cannot read when there is another one.
            for key in keys {
                output(site, &ssh_keygen::read_public(&format!("{key}\n")), "an SSH key")?;
            }
            Ok(())
        }
    }
}

/// What the SSH server reads, in messages.
const SERVER: &str = "the settings of the SSH server";

/// Whether what the server would use is what it is told.
fn server_takes(text: &str, said: &str) -> Result<(), ExecuteError> {
    let mut told = text.lines().filter_map(|line| line.split_once(' '));
    let other = told.find(|(name, value)| sshd::setting(said, name) != Some(*value));
    other.map_or(Ok(()), |(name, value)| {
        Err(ExecuteError::NotTaken {
            program: "sshd".to_owned(),
            what: SERVER,
            said: format!("it does not read {name} {value}"),
        })
    })
}

/// What a program says to its input; nothing when the image has no such program.
fn output(site: &Site, ask: &Invocation, what: &'static str) -> Result<Option<String>, ExecuteError> {
    let program = ask.program().to_string_lossy().into_owned();
    match site.run().text(ask) {
        Ok(said) => Ok(Some(said)),
        Err(RunError::Start { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            site.note(&format!("{program} is not in this image and reads nothing"));
            Ok(None)
        }
        Err(error) => Err(ExecuteError::NotTaken {
            program,
            what,
            said: error.last_words(),
        }),
    }
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;
