//! One UDP socket of a polling thread, with its buffers: batches of datagrams in one system call.
//!
//! Does not decide anything. Bounds: [`BATCH`] datagrams a call; a datagram over [`DATAGRAM_MAX`] cannot exist.

use crate::model::PollError;
use crate::telemetry::snmp as events;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage, recvmmsg, sendmmsg};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Datagrams in one system call: larger batches save nothing more (measured by others and us).
pub(super) const BATCH: usize = 64;
/// The most that UDP over IPv4 carries.
const DATAGRAM_MAX: usize = 65_507;
/// What nearly every answer fits: those of a batch lie close together, which the processor's caches like. What
/// is longer goes on in a place of its own.
const NEAR_OCTETS: usize = 2048;
/// Room for the answers of all requests in flight. The kernel may give less.
const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;

/// Why a datagram was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendError {
    /// It is longer than the path bears without fragments.
    TooLong,
    /// The host or the network refuses.
    Refused(PollError),
}

/// A socket with its buffers.
pub(crate) struct Endpoint {
    socket: UdpSocket,
    outgoing: Vec<(u32, SocketAddr, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    near: Vec<u8>,
    far: Vec<u8>,
    /// A long datagram, put together.
    whole: Vec<u8>,
    send_headers: MultiHeaders<SockaddrStorage>,
    receive_headers: MultiHeaders<SockaddrStorage>,
    drops: u64,
}

impl Endpoint {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            outgoing: Vec::with_capacity(BATCH),
            spare: Vec::new(),
            near: vec![0; BATCH * NEAR_OCTETS],
            // Pages of it that are never written to are never there.
            far: vec![0; BATCH * (DATAGRAM_MAX - NEAR_OCTETS)],
            whole: Vec::new(),
            send_headers: MultiHeaders::preallocate(BATCH, None),
            receive_headers: MultiHeaders::preallocate(BATCH, None),
            drops: 0,
        }
    }

    /// Whether a batch is queued.
    pub(crate) fn is_full(&self) -> bool {
        BATCH <= self.outgoing.len()
    }

    /// A buffer to write a datagram to.
    pub(crate) fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a datagram to send.
    pub(crate) fn queue(&mut self, slot: u32, to: SocketAddr, octets: Vec<u8>) {
        self.outgoing.push((slot, to, octets));
    }

    /// Sends what is queued; what the host refuses goes to `failed`. The number sent.
    pub(crate) fn flush(&mut self, failed: &mut Vec<(u32, SendError)>) -> usize {
        if self.outgoing.is_empty() {
            return 0;
        }
        let slices: Vec<[IoSlice<'_>; 1]> =
            self.outgoing.iter().map(|(_, _, octets)| [IoSlice::new(octets)]).collect();
        let addresses: Vec<Option<SockaddrStorage>> =
            self.outgoing.iter().map(|(_, to, _)| Some((*to).into())).collect();
        let mut done = 0;
        let mut sent = 0;
        while let (Some(slices), Some(addresses)) = (slices.get(done..), addresses.get(done..))
            && !slices.is_empty()
        {
            let result = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.send_headers,
                slices.iter(),
                addresses,
                [],
                MsgFlags::MSG_DONTWAIT,
            );
            match result.map(Iterator::count) {
                Ok(count) => {
                    done += count.max(1);
                    sent += count;
                }
                Err(Errno::EINTR) => (),
                // The send buffer is full: these are lost as if on the way, and will be repeated.
                Err(Errno::EAGAIN | Errno::ENOBUFS) => break,
                Err(error) => {
                    if let Some((slot, to, _)) = self.outgoing.get(done) {
                        events::send_failed(*to, &error);
                        let refused = || SendError::Refused(PollError::Unreachable(error.desc().to_owned()));
                        let is_too_long = error == Errno::EMSGSIZE;
                        failed.push((*slot, if is_too_long { SendError::TooLong } else { refused() }));
                    }
                    done += 1;
                }
            }
        }
        self.spare.extend(self.outgoing.drain(..).map(|(_, _, octets)| octets));
        sent
    }

    /// Hands one batch of waiting datagrams on.
    pub(crate) fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8])) {
        let far = self.far.chunks_exact_mut(DATAGRAM_MAX - NEAR_OCTETS);
        let mut slices: Vec<[IoSliceMut<'_>; 2]> = self
            .near
            .chunks_exact_mut(NEAR_OCTETS)
            .zip(far)
            .map(|(near, far)| [IoSliceMut::new(near), IoSliceMut::new(far)])
            .collect();
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(messages) = recvmmsg(fd, &mut self.receive_headers, slices.iter_mut(), flags, None) else {
            return;
        };
        for message in messages {
            let Some(from) = message.address.and_then(socket_address) else { continue };
            let mut pieces = message.iovs();
            let (Some(near), far) = (pieces.next(), pieces.next().unwrap_or_default()) else { continue };
            if far.is_empty() {
                take(from, near);
            } else {
                self.whole.clear();
                self.whole.extend_from_slice(near);
                self.whole.extend_from_slice(far);
                take(from, &self.whole);
            }
        }
    }

    /// Datagrams that the kernel has dropped since this was asked last, because the buffer was full.
    pub(crate) fn new_drops(&mut self) -> u64 {
        let Ok(address) = self.socket.local_addr() else { return 0 };
        let path = if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
        let drops = std::fs::read_to_string(path).ok().and_then(|table| drops_of(&table, address.port()));
        let new = drops.unwrap_or(self.drops).saturating_sub(self.drops);
        self.drops += new;
        new
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The last column of the line of that local port, in the kernel's table of UDP sockets (proc(5)).
fn drops_of(table: &str, port: u16) -> Option<u64> {
    let local = format!(":{port:04X}");
    let mut lines = table.lines().skip(1).map(|line| line.split_ascii_whitespace());
    let of_port =
        lines.find_map(|mut columns| columns.nth(1).filter(|it| it.ends_with(&local)).map(|_| columns));
    of_port?.last()?.parse().ok()
}

/// A socket of its own for that family.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<socket2::Socket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if address.is_ipv4() {
        // No fragments: filters drop them, and the kernel need not find an identification for each datagram,
        // which is a tenth of what it takes to send one. What a path bears it still learns.
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    let option = nix::sys::socket::sockopt::RcvBufForce;
    if nix::sys::socket::setsockopt(&socket, option, &RECEIVE_BUFFER_OCTETS).is_err() {
        // Without the privilege the kernel gives up to net.core.rmem_max.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
    }
    Ok(socket)
}

fn socket_address(storage: SockaddrStorage) -> Option<SocketAddr> {
    match storage.family()? {
        nix::sys::socket::AddressFamily::Inet => {
            storage.as_sockaddr_in().map(|it| SocketAddr::V4((*it).into()))
        }
        nix::sys::socket::AddressFamily::Inet6 => {
            storage.as_sockaddr_in6().map(|it| SocketAddr::V6((*it).into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::drops_of;

    #[test]
    fn the_kernel_s_table_is_read() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            62: 00000000:D903 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n\
            90: 0100007F:00A1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3 2 0 42\n";
        assert_eq!(drops_of(table, 161), Some(42));
        assert_eq!(drops_of(table, 0xd903), Some(0));
        assert_eq!(drops_of(table, 162), None);
        assert_eq!(drops_of("nonsense", 162), None);
    }
}
