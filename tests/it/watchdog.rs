//! systemd's watchdog: the daemon as a process with a real notification socket, and a poll thread that a
//! debugger holds still while all else goes on.

use crate::support::left_out;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// As systemd's WatchdogSec: short, so that a missed one shows soon.
const PERIOD: Duration = Duration::from_millis(1500);
/// Far longer than a notice takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

/// The next notice within that time.
fn notice(socket: &UnixDatagram, within: Duration) -> Option<String> {
    socket.set_read_timeout(Some(within)).unwrap();
    let mut octets = [0; 4096];
    let length = socket.recv(&mut octets).ok()?;
    Some(String::from_utf8_lossy(&octets[..length]).into_owned())
}

fn is_healthy(http: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

/// The thread of that name.
fn thread_of(process: u32, name: &str) -> Option<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut ids = tasks.filter_map(|it| it.ok()?.file_name().into_string().ok());
    let id = ids.find(|id| {
        std::fs::read_to_string(format!("/proc/{process}/task/{id}/comm"))
            .is_ok_and(|comm| comm.trim() == name)
    })?;
    Some(Pid::from_raw(id.parse().unwrap()))
}

#[test]
fn a_poll_thread_that_hangs_withholds_the_watchdogs_notice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = folder.path().join("rackwarden.toml");
    let state = folder.path().join("state");
    std::fs::write(
        &config,
        format!("[http]\nlisten = \"{http}\"\n[state]\nfolder = \"{}\"\n", state.display()),
    )
    .unwrap();
    let daemon = Command::new(env!("CARGO_BIN_EXE_rackwarden"))
        .args(["run", "--config"])
        .arg(&config)
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", PERIOD.as_micros().to_string())
        .env_remove("WATCHDOG_PID")
        .stderr(Stdio::null())
        .spawn();
    let daemon = Daemon(daemon.unwrap());

    assert!(notice(&socket, LIMIT).unwrap().contains("READY=1"));
    for _ in 0..3 {
        assert_eq!(notice(&socket, LIMIT).unwrap().trim(), "WATCHDOG=1");
    }
    for thread in ["poll-0", "inventory", "redfish"] {
        let held = thread_of(daemon.0.id(), thread).unwrap();
        if let Err(error) = ptrace::seize(held, ptrace::Options::empty()) {
            left_out(&format!("watchdog of a hung thread: it cannot be held here ({error})"));
            return;
        }
        ptrace::interrupt(held).unwrap();
        waitpid(held, Some(WaitPidFlag::__WALL)).unwrap();
        // One may have been on its way.
        while notice(&socket, PERIOD / 3).is_some() {}
        assert_eq!(notice(&socket, 2 * PERIOD), None, "{thread} hangs, and the watchdog is fed");
        assert!(is_healthy(http), "the rest of the daemon goes on");
        ptrace::detach(held, None).unwrap();
        assert_eq!(notice(&socket, LIMIT).unwrap().trim(), "WATCHDOG=1", "{thread} lives again");
    }
}
