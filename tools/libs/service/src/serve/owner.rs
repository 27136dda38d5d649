//! The user of the socket at the other end of a TCP connection over the loopback address: `NETLINK_SOCK_DIAG`
//! (`sock_diag(7)`, `linux/inet_diag.h`).
//!
//! The kernel gives user 0 for a socket that no program holds any more. Without an inode such an answer says nothing.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const TCP: u8 = 6;

/// Length of a netlink header.
const HEADER: usize = 16;

/// Length of `struct inet_diag_req_v2`, and of `struct inet_diag_msg`.
const REQUEST: usize = 56;
const ANSWER: usize = 72;

/// States in which a socket has, or had, a connection (`include/net/tcp_states.h`): established, FIN-WAIT-1 and -2,
/// CLOSE-WAIT, LAST-ACK, closing. Sockets that listen or connect are others on the same port.
const CONNECTED: [u8; 6] = [1, 4, 5, 8, 9, 11];

/// The user whose socket at `client` is connected to `server`; `None` when no program holds it.
pub(super) fn owner(client: SocketAddr, server: SocketAddr) -> io::Result<Option<u32>> {
    let socket = Socket::new(
        Domain::from(AF_NETLINK),
        Type::DGRAM,
        Some(Protocol::from(NETLINK_SOCK_DIAG)),
    )?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(&question(client, server))?;
    let mut bytes = [0; 512];
    let length = (&socket).read(&mut bytes)?;
    answer(&bytes[..length], client, server)
}

fn question(client: SocketAddr, server: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(u32::try_from(HEADER + REQUEST).unwrap_or(u32::MAX).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence number, and the port of the kernel.
    bytes.extend([0; 8]);
    let family = if client.is_ipv4() { 2 } else { 10 };
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(pair(client, server));
    // Any interface, no cookie.
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

/// Ports and addresses of `struct inet_diag_sockid`, in the order of the network.
fn pair(client: SocketAddr, server: SocketAddr) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[..2].copy_from_slice(&client.port().to_be_bytes());
    bytes[2..4].copy_from_slice(&server.port().to_be_bytes());
    for (at, address) in [(4, client.ip()), (20, server.ip())] {
        match address {
            IpAddr::V4(address) => bytes[at..at + 4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => bytes[at..at + 16].copy_from_slice(&address.octets()),
        }
    }
    bytes
}

fn answer(bytes: &[u8], client: SocketAddr, server: SocketAddr) -> io::Result<Option<u32>> {
    let short = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the kernel's answer about a socket is too short",
        )
    };
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4).ok_or_else(short)?;
        Ok::<_, io::Error>(u32::from_ne_bytes(bytes.try_into().map_err(|_| short())?))
    };
    let kind = bytes.get(4..6).ok_or_else(short)?;
    if *kind == NLMSG_ERROR.to_ne_bytes() {
        let error = io::Error::from_raw_os_error(number(HEADER)?.cast_signed().wrapping_neg());
        return if error.kind() == io::ErrorKind::NotFound {
            Ok(None)
        } else {
            Err(error)
        };
    }
    let body = bytes.get(HEADER..HEADER + ANSWER).ok_or_else(short)?;
    let same = body[4..40] == pair(client, server);
    let (uid, inode) = (number(HEADER + 64)?, number(HEADER + 68)?);
    let connected = CONNECTED.contains(&body[1]);
    Ok((same && connected && inode != 0).then_some(uid))
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    fn connected(address: &str) -> Option<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind((address, 0)).ok()?;
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Some((client, listener.accept().unwrap().0))
    }

    #[test]
    fn a_socket_is_its_programs_users_while_the_program_holds_it() {
        let me = nix::unistd::Uid::effective().as_raw();
        for address in ["127.0.0.1", "::1"] {
            // A machine may have no IPv6.
            let Some((client, server)) = connected(address) else {
                continue;
            };
            let (there, here) = (client.local_addr().unwrap(), server.local_addr().unwrap());
            assert_eq!(owner(there, here).unwrap(), Some(me), "{address}");
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(owner(there, here).unwrap(), Some(me), "{address}, half closed");
            // The kernel says 0, root, of a socket that is nobody's.
            drop(client);
            assert_eq!(owner(there, here).unwrap(), None, "{address}, closed");
            // Nor does a listener on the same port stand for it.
            drop(server);
            if let Ok(_listener) = TcpListener::bind(there) {
                assert_eq!(owner(there, here).unwrap(), None, "{address}, another listens");
            }
        }
    }

    #[test]
    fn answers_that_are_none_are_errors() {
        let (client, server) = (
            SocketAddr::from(([127, 0, 0, 1], 1)),
            SocketAddr::from(([127, 0, 0, 1], 2)),
        );
        for length in 0..HEADER + ANSWER {
            assert!(answer(&vec![0; length], client, server).is_err(), "{length}");
        }
        assert_eq!(answer(&[0; HEADER + ANSWER], client, server).unwrap(), None);
    }
}
