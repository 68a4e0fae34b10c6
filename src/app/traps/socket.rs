//! The listener's socket: batches in, answers out from the very address that was written to.

use super::DATAGRAM_MAX;
use nix::cmsg_space;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage, recvmmsg,
    sendmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use tokio::io::Interest;

/// Datagrams in one system call.
const BATCH: usize = 64;
/// What waits while a batch is worked on, or the thread is not scheduled: some ten thousand traps, as the
/// kernel counts them. It may give less.
const RECEIVE_BUFFER_OCTETS: usize = 8 << 20;

/// Why traps cannot be listened for.
#[derive(Debug, thiserror::Error)]
pub enum TrapError {
    /// The address cannot be had.
    #[error("cannot listen on {address} for traps: {help}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What to do.
        help: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket that systemd handed over is of no use.
    #[error("the socket that systemd handed over cannot be used for traps: it must be one ListenDatagram=")]
    HandedOver(#[source] io::Error),
}

/// What to do about an address that cannot be had.
fn help(error: &io::Error, port: u16) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied if port < 1024 => {
            "ports below 1024 are privileged: enable rackwarden-traps.socket, so that systemd opens it, or set [traps] listen to a port above"
        }
        io::ErrorKind::AddrInUse => {
            "another program, perhaps snmptrapd, has that port: stop it, or set [traps] listen to another one"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address: set [traps] listen to one that it has, or to 0.0.0.0 or [::]"
        }
        _ => "set [traps] listen to an address and port that is free",
    }
}

/// A bound socket with its buffers.
pub(in crate::app) struct TrapSocket {
    socket: tokio::net::UdpSocket,
    buffers: Vec<Box<[u8]>>,
    arrived: Vec<Arrived>,
    /// The kernel's count of dropped datagrams, as it was last told.
    dropped: u32,
}

/// A datagram in its buffer.
struct Arrived {
    from: SocketAddr,
    to: Option<WrittenTo>,
    octets: usize,
}

/// The address that a datagram was sent to, as the kernel wants it back.
#[derive(Clone, Copy)]
enum WrittenTo {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

/// What a call brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Datagrams that the kernel dropped since the last call.
    pub(super) dropped: u64,
}

/// Sends an answer to where a datagram came from.
pub(super) type Answer<'a> = dyn FnMut(&[u8]) + 'a;

impl TrapSocket {
    /// Binds; IPv6's unspecified address takes IPv4 as well. A socket that systemd has handed over takes the
    /// place of one of our own. Whether it did is told.
    ///
    /// # Errors
    /// [`TrapError`].
    pub(in crate::app) fn open(address: SocketAddr) -> Result<(Self, bool), TrapError> {
        if let Some(socket) = handed_over()? {
            return Ok((Self::new(socket).map_err(TrapError::HandedOver)?, true));
        }
        let failed = |source: io::Error| {
            let help = help(&source, address.port());
            TrapError::Listen { address, help, source }
        };
        let socket = bind(address).map_err(failed)?;
        Ok((Self::new(socket).map_err(failed)?, false))
    }

    fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        if socket.local_addr()?.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
            // Without the privilege the kernel gives up to net.core.rmem_max.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_OCTETS)?;
        }
        Ok(Self {
            socket: tokio::net::UdpSocket::from_std(socket)?,
            buffers: vec![vec![0; DATAGRAM_MAX].into(); BATCH],
            arrived: Vec::with_capacity(BATCH),
            dropped: 0,
        })
    }

    /// Where it listens.
    pub(in crate::app) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Until something has come.
    pub(super) async fn readable(&self) {
        if self.socket.readable().await.is_err() {
            // The runtime is shutting down.
            std::future::pending::<()>().await;
        }
    }

    /// Hands over what waits, a batch at most.
    pub(super) fn receive(&mut self, take: &mut dyn FnMut(SocketAddr, &[u8], &mut Answer<'_>)) -> Taken {
        let Self { socket, buffers, arrived, dropped } = self;
        arrived.clear();
        let mut overflow = *dropped;
        let read = socket.try_io(Interest::READABLE, || {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                buffers.iter_mut().map(|it| [IoSliceMut::new(it)]).collect();
            let flags = MsgFlags::MSG_DONTWAIT;
            // Made anew for each batch: they hold pointers, and this task may go on in another thread.
            let control = cmsg_space!(in_pktinfo, in6_pktinfo, u32);
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(control));
            for message in recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)? {
                let mut to = None;
                for control in message.cmsgs().into_iter().flatten() {
                    match control {
                        ControlMessageOwned::Ipv4PacketInfo(info) => to = Some(WrittenTo::v4(info)),
                        ControlMessageOwned::Ipv6PacketInfo(info) => to = Some(WrittenTo::v6(info)),
                        ControlMessageOwned::RxqOvfl(count) => overflow = count,
                        _ => (),
                    }
                }
                // One that was cut has no end: zero octets are as malformed.
                let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
                let octets = if is_cut { 0 } else { message.bytes };
                let from = message.address.and_then(socket_address).unwrap_or(NOWHERE);
                arrived.push(Arrived { from, to, octets });
            }
            Ok(())
        });
        // Errors of earlier answers come up here too: the next call reads on.
        if read.is_err() && arrived.is_empty() {
            return Taken::default();
        }
        for (Arrived { from, to, octets }, buffer) in arrived.drain(..).zip(buffers.iter()) {
            take(from, buffer.get(..octets).unwrap_or_default(), &mut |answer| {
                send(socket, answer, from, to);
            });
        }
        let lost = u64::from(overflow.wrapping_sub(*dropped));
        *dropped = overflow;
        Taken { dropped: lost }
    }
}

impl WrittenTo {
    /// The route decides by which interface the answer leaves.
    const fn v4(info: in_pktinfo) -> Self {
        Self::V4(in_pktinfo { ipi_ifindex: 0, ..info })
    }

    /// Link-local addresses mean something on their own link alone.
    const fn v6(info: in6_pktinfo) -> Self {
        let [first, second, ..] = info.ipi6_addr.s6_addr;
        let is_link_local = first == 0xfe && second & 0xc0 == 0x80;
        Self::V6(if is_link_local { info } else { in6_pktinfo { ipi6_ifindex: 0, ..info } })
    }
}

/// Answers from the address that was written to, or from any if the kernel will not have that one.
fn send(socket: &tokio::net::UdpSocket, answer: &[u8], to: SocketAddr, from: Option<WrittenTo>) {
    let slices = [IoSlice::new(answer)];
    let peer = SockaddrStorage::from(to);
    let control = from.as_ref().map(|it| match it {
        WrittenTo::V4(info) => ControlMessage::Ipv4PacketInfo(info),
        WrittenTo::V6(info) => ControlMessage::Ipv6PacketInfo(info),
    });
    let with = |control: &[ControlMessage<'_>]| {
        sendmsg(socket.as_raw_fd(), &slices, control, MsgFlags::MSG_DONTWAIT, Some(&peer))
    };
    if let Err(error) = with(control.as_slice()).or_else(|_| with(&[])) {
        crate::telemetry::traps::answer_failed(to, &error);
    }
}

/// The datagram socket that systemd has opened for us, if it has.
pub(in crate::app) fn handed_over() -> Result<Option<UdpSocket>, TrapError> {
    listenfd::ListenFd::from_env().take_udp_socket(0).map_err(TrapError::HandedOver)
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
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

/// Stands for a sender whom the kernel does not tell: no device is there.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
