//! The sockets: one agent's own, or one for all agents of a port.

use super::super::agent::Origin;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg, setsockopt,
    sockopt,
};
use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// A socket, and whom it serves.
#[derive(Debug)]
pub(super) enum Endpoint {
    /// Bound to one agent's address.
    Own {
        /// The socket.
        socket: UdpSocket,
        /// The agent's number.
        agent: usize,
    },
    /// Bound to a port of all addresses: the kernel says which was asked.
    Shared {
        /// The socket.
        socket: UdpSocket,
        /// The agent at each address.
        by_address: HashMap<Ipv4Addr, usize>,
    },
}

impl Endpoint {
    /// A socket for one agent, and the address that it got.
    pub(super) fn own(address: SocketAddr, agent: usize) -> io::Result<(Self, SocketAddr)> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let got = socket.local_addr()?;
        Ok((Self::Own { socket, agent }, got))
    }

    /// A socket for all agents of a port. It is bound to the loopback device, where the system lets us;
    /// [`Receiver::receive`] and the address table keep everyone else out in any case.
    pub(super) fn shared(port: u16, by_address: HashMap<Ipv4Addr, usize>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        socket.set_nonblocking(true)?;
        let _bound = setsockopt(&socket, sockopt::BindToDevice, &"lo".into());
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        // Forcing past the system's limit needs privilege; without it we take what we get.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_OCTETS).is_err() {
            let _widened = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_OCTETS);
        }
        Ok(Self::Shared { socket, by_address })
    }

    pub(super) const fn socket(&self) -> &UdpSocket {
        match self {
            Self::Own { socket, .. } | Self::Shared { socket, .. } => socket,
        }
    }

    /// The agent that was asked.
    pub(super) fn agent(&self, asked: Option<IpAddr>) -> Option<usize> {
        match (self, asked) {
            (Self::Own { agent, .. }, _) => Some(*agent),
            (Self::Shared { by_address, .. }, Some(IpAddr::V4(asked))) => by_address.get(&asked).copied(),
            (Self::Shared { .. }, _) => None,
        }
    }

    /// Sends an answer. One that cannot be sent is lost, as on a network.
    pub(super) fn send(&self, datagram: &[u8], peer: SocketAddr, asked: IpAddr, origin: Origin) {
        let _sent = match origin {
            Origin::Asked => self.send_from(datagram, peer, asked),
            Origin::OtherPort => UdpSocket::bind((asked, 0)).and_then(|it| it.send_to(datagram, peer)),
            Origin::OtherAddress => self.send_from_stranger(datagram, peer),
        };
    }

    fn send_from(&self, datagram: &[u8], peer: SocketAddr, source: IpAddr) -> io::Result<usize> {
        match (self, peer, source) {
            (Self::Shared { socket, .. }, SocketAddr::V4(peer), IpAddr::V4(source)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let control = [ControlMessage::Ipv4PacketInfo(&info)];
                let slices = [IoSlice::new(datagram)];
                let peer = SockaddrIn::from(peer);
                Ok(sendmsg(socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_DONTWAIT, Some(&peer))?)
            }
            _ => self.socket().send_to(datagram, peer),
        }
    }

    /// From an address where no agent is; from the same port, if it can be had there.
    fn send_from_stranger(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<usize> {
        match self {
            Self::Shared { .. } => self.send_from(datagram, peer, STRANGER.into()),
            Self::Own { socket, .. } => {
                let port = socket.local_addr()?.port();
                let stranger =
                    UdpSocket::bind((STRANGER, port)).or_else(|_| UdpSocket::bind((STRANGER, 0)))?;
                stranger.send_to(datagram, peer)
            }
        }
    }
}

/// Takes a datagram, its sender, and the address that was asked where a socket serves several.
pub(super) type Take<'a> = dyn FnMut(&[u8], SocketAddr, Option<IpAddr>) + 'a;

/// Buffers for what comes in.
pub(super) struct Receiver {
    headers: MultiHeaders<SockaddrIn>,
    buffers: Vec<Box<[u8]>>,
}

impl Default for Receiver {
    fn default() -> Self {
        let control = nix::cmsg_space!(libc::in_pktinfo);
        Self {
            headers: MultiHeaders::preallocate(BATCH, Some(control)),
            buffers: vec![vec![0; REQUEST_OCTETS_MAX].into(); BATCH],
        }
    }
}

impl Receiver {
    /// Hands over what waits at a socket, a batch at most. Whoever has more waiting is served again next
    /// turn.
    pub(super) fn receive(&mut self, endpoint: &Endpoint, take: &mut Take<'_>) {
        match endpoint {
            Endpoint::Own { socket, .. } => self.receive_each(socket, take),
            Endpoint::Shared { socket, .. } => self.receive_batch(socket, take),
        }
    }

    fn receive_each(&mut self, socket: &UdpSocket, take: &mut Take<'_>) {
        for buffer in &mut self.buffers {
            let Ok((length, peer)) = socket.recv_from(buffer) else { return };
            take(buffer.get(..length).unwrap_or_default(), peer, None);
        }
    }

    fn receive_batch(&mut self, socket: &UdpSocket, take: &mut Take<'_>) {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|it| [IoSliceMut::new(it)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let got = recvmmsg(socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None);
        let Ok(messages) = got else { return };
        for message in messages {
            let Some(peer) = message.address else { continue };
            let peer = SocketAddrV4::new(peer.ip(), peer.port());
            let asked = message.cmsgs().into_iter().flatten().find_map(|control| match control {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    Some(IpAddr::from(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes())))
                }
                _ => None,
            });
            take(message.iovs().next().unwrap_or_default(), peer.into(), asked);
        }
    }
}

/// Datagrams that are taken in one turn of one socket.
const BATCH: usize = 64;
/// The longest request that is taken whole: 400 names. Longer ones are cut off, and so malformed.
const REQUEST_OCTETS_MAX: usize = 16_384;
/// Room for the requests of 10,000 agents that are all asked at once.
const RECEIVE_BUFFER_OCTETS: usize = 32 << 20;
/// Where answers from another address come from.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 99, 99, 99);
