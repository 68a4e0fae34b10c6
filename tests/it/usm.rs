//! SNMPv3 with real peers: net-snmp's agent at every pair of protocols that it offers, restarted with and
//! without its memory; snmpsim, which lengthens keys as Reeder did; net-snmp's tools against our own engine.
//! Left out, with a word, where they are not installed.

use crate::support::left_out;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rackwarden::model::{Oid, Secret, SystemClock, Value};
use rackwarden::snmp::v3::{
    Account, AuthProtocol, Authority, EngineId, KeyCache, KeySource, Opened, PrivProtocol, Received,
    SecurityLevel, Session, User, UsmError, open_notification, peek_message_id,
};
use rackwarden::snmp::wire::{ErrorStatus, Names, PduKind, encode_varbinds};
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const AUTH: &str = "maplesyrup";
const PRIVACY: &str = "otherpassphrase";
const OK: ErrorStatus = ErrorStatus::NO_ERROR;

fn phrase(text: &str) -> KeySource {
    KeySource::Passphrase(Secret::new(text))
}

type Pair = (Option<AuthProtocol>, Option<PrivProtocol>);

/// Nothing, each authentication alone, and each with each privacy.
fn pairs() -> Vec<Pair> {
    let mut all = vec![(None, None)];
    for auth in AuthProtocol::ALL {
        all.push((Some(auth), None));
        all.extend(PrivProtocol::ALL.map(|it| (Some(auth), Some(it))));
    }
    all
}

/// A user's name says its protocols: `u-SHA-256-DES`, without what 32 octets have no room for.
fn name_of((auth, privacy): Pair) -> String {
    let auth = auth.map_or("none", AuthProtocol::name);
    format!("u-{auth}-{}", privacy.map_or("none", PrivProtocol::name).replace("-Reeder", "-C"))
}

fn user_of(pair: Pair) -> Arc<User> {
    let (auth, privacy) = (pair.0.map(|it| (it, phrase(AUTH))), pair.1.map(|it| (it, phrase(PRIVACY))));
    Arc::new(User::new(name_of(pair), auth, privacy).unwrap())
}

fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn sys_name() -> Oid {
    Oid::new(&[1, 3, 6, 1, 2, 1, 1, 5, 0])
}

/// The smallest shell around a session: one connected socket, three tries.
struct Driver {
    socket: UdpSocket,
    session: Session,
    cache: Arc<KeyCache>,
    clock: SystemClock,
    nonce: i32,
    sent: usize,
    timeout: Duration,
}

impl Driver {
    const MESSAGE_ID: i32 = 0x0101_0101;

    fn new(address: SocketAddr, user: &Arc<User>, cache: &Arc<KeyCache>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        let session = Session::new(Arc::clone(user), 0x0123_4567_89ab_cdef);
        let timeout = Duration::from_millis(1500);
        Self {
            socket,
            session,
            cache: Arc::clone(cache),
            clock: SystemClock::new(),
            nonce: 7,
            sent: 0,
            timeout,
        }
    }

    fn get(&mut self, oid: &Oid) -> Result<Value, Option<UsmError>> {
        self.nonce += 1;
        self.session.begin_request(self.nonce);
        let names = Names::new([oid]).unwrap();
        let mut result = None;
        for _ in 0..3 {
            result = self.try_once(&names);
            if result.is_some() {
                break;
            }
        }
        let reason = self.session.time_out_reason();
        self.session.end_request();
        result.unwrap_or(Err(reason))
    }

    fn send(&mut self, names: &Names) {
        let mut out = Vec::new();
        loop {
            let (run, now) = (names.run(0, names.len()), self.clock.moment());
            match self.session.write(Self::MESSAGE_ID, PduKind::Get, OK, 0, run, now, &mut out) {
                Ok(()) => break,
                Err(need) => {
                    let keys = self.cache.derive(&self.session.user().clone(), &need.engine).unwrap();
                    self.session.set_keys(&need.engine, &keys);
                }
            }
        }
        self.sent += 1;
        // A refusal of the port while the agent restarts is a lost datagram.
        if let Err(error) = self.socket.send(&out) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    }

    fn try_once(&mut self, names: &Names) -> Option<Result<Value, Option<UsmError>>> {
        self.send(names);
        let deadline = self.clock.moment() + self.timeout;
        let (mut buffer, mut scratch) = (vec![0; 65_536], Vec::new());
        loop {
            let left = deadline.since(self.clock.moment());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = self.socket.recv(&mut buffer) else { return None };
            let (datagram, now) = (&buffer[..length], self.clock.moment());
            assert_eq!(peek_message_id(datagram), Some(Self::MESSAGE_ID));
            match self.session.read(Self::MESSAGE_ID, datagram, now, &mut scratch) {
                Received::Response(pdu) => {
                    let first = pdu.varbinds.clone().next().unwrap().unwrap();
                    return Some(Ok(first.value.to_value().unwrap()));
                }
                Received::WriteAgain => self.send(names),
                Received::Wait(_) => (),
                Received::Failed(why) => return Some(Err(Some(why))),
            }
        }
    }

    /// The first answer of an agent that is just starting.
    fn wait_for(&mut self, oid: &Oid) -> Value {
        self.timeout = Duration::from_millis(200);
        let value = (0..100).find_map(|_| {
            let read = self.get(oid).ok();
            if read.is_none() {
                std::thread::park_timeout(Duration::from_millis(100));
            }
            read
        });
        self.timeout = Duration::from_millis(1500);
        value.unwrap()
    }
}

/// A running agent of somebody else; ends when dropped.
struct Agent {
    child: Child,
    address: SocketAddr,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        if self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// `None`, with a word, where it is not installed.
fn snmpd() -> Option<&'static str> {
    let found = ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"].into_iter().find(|it| Path::new(it).exists());
    if found.is_none() {
        left_out("SNMPv3 with net-snmp's agent: snmpd is not installed (Debian package snmpd)");
    }
    found
}

impl Agent {
    /// snmpd with all users, an engine ID that stays, and its memory in `folder`.
    fn snmpd(program: &str, folder: &Path, address: SocketAddr, engine: &str) -> Self {
        let mut config = format!("engineID {engine}\nsysName rack\n");
        for pair @ (auth, privacy) in pairs() {
            let (name, mut create) = (name_of(pair), format!("createUser {}", name_of(pair)));
            if let Some(auth) = auth {
                write!(create, " {} {AUTH}", auth.name().replace("SHA-1", "SHA")).unwrap();
            }
            if let Some(privacy) = privacy {
                let letters = privacy.name().replace("-128", "").replace("-Reeder", "-C");
                write!(create, " {letters} {PRIVACY}").unwrap();
            }
            let level = match (auth, privacy) {
                (None, _) => "noauth",
                (_, None) => "auth",
                _ => "priv",
            };
            writeln!(config, "{create}\nrouser {name} {level}").unwrap();
        }
        std::fs::write(folder.join("snmpd.conf"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["-f", "-Lf", "/dev/null"]).arg(format!("udp:{address}"));
        // Not -C: it would not read its memory either.
        let memory = folder.join("memory");
        command.env("SNMPCONFPATH", std::env::join_paths([folder, &memory]).unwrap());
        command.env("SNMP_PERSISTENT_DIR", memory);
        command.env("MIBS", "");
        Self { child: quiet(&mut command).spawn().unwrap(), address }
    }

    /// Ends it as a shutdown does: snmpd then remembers its boots.
    fn shut_down(mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

fn rack() -> Value {
    Value::OctetString(b"rack"[..].into())
}

#[test]
fn snmpd_is_read_at_every_pair_of_protocols() {
    let Some(program) = snmpd() else { return };
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::snmpd(program, folder.path(), free_port(), "rackwarden-test");
    let cache = Arc::new(KeyCache::new());
    Driver::new(agent.address, &user_of((None, None)), &cache).wait_for(&sys_name());
    for pair in pairs() {
        let mut driver = Driver::new(agent.address, &user_of(pair), &cache);
        assert_eq!(driver.get(&sys_name()), Ok(rack()), "{}", name_of(pair));
        assert_eq!(driver.sent, 2, "{}: a probe and the request", name_of(pair));
        assert_eq!(driver.get(&sys_name()), Ok(rack()), "{}", name_of(pair));
        assert_eq!(driver.sent, 3, "{}", name_of(pair));
        let engine = driver.session.engine_id().unwrap();
        assert!(engine.as_slice().ends_with(b"rackwarden-test"), "{engine}");
    }
}

#[test]
fn snmpd_that_restarts_or_loses_its_memory_heals_within_one_request() {
    let Some(program) = snmpd() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (address, cache) = (free_port(), Arc::new(KeyCache::new()));
    let strong = user_of((Some(AuthProtocol::Sha256), Some(PrivProtocol::Aes128)));
    let mut agent = Agent::snmpd(program, folder.path(), address, "one");
    let mut driver = Driver::new(address, &strong, &cache);
    driver.wait_for(&sys_name());
    let boots = driver.session.engine_boots().unwrap();

    for restart in 1..=2 {
        agent.shut_down();
        agent = Agent::snmpd(program, folder.path(), address, "one");
        Driver::new(address, &strong, &cache).wait_for(&sys_name());
        driver.sent = 0;
        assert_eq!(driver.get(&sys_name()), Ok(rack()));
        assert_eq!(driver.sent, 2, "the request that was too early, and again");
        assert_eq!(driver.session.engine_boots(), Some(boots + restart));
    }

    // Killed, and its boots gone: they begin from 1 anew.
    drop(agent);
    std::fs::remove_dir_all(folder.path().join("memory")).unwrap();
    let agent = Agent::snmpd(program, folder.path(), address, "one");
    Driver::new(address, &strong, &cache).wait_for(&sys_name());
    driver.sent = 0;
    assert_eq!(driver.get(&sys_name()), Ok(rack()));
    assert_eq!(driver.sent, 2);
    assert_eq!(driver.session.engine_boots(), Some(boots));

    // Another machine at the same address.
    drop(agent);
    std::fs::remove_dir_all(folder.path().join("memory")).unwrap();
    let _agent = Agent::snmpd(program, folder.path(), address, "two");
    Driver::new(address, &strong, &cache).wait_for(&sys_name());
    driver.sent = 0;
    assert_eq!(driver.get(&sys_name()), Ok(rack()));
    assert!(driver.sent <= 3, "{}", driver.sent);
    assert!(driver.session.engine_id().unwrap().as_slice().ends_with(b"two"));
}

#[test]
fn snmpd_s_refusals_have_an_error_each() {
    let Some(program) = snmpd() else { return };
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::snmpd(program, folder.path(), free_port(), "refuses");
    let cache = Arc::new(KeyCache::new());
    Driver::new(agent.address, &user_of((None, None)), &cache).wait_for(&sys_name());
    let pair = (Some(AuthProtocol::Sha256), Some(PrivProtocol::Aes128));
    let plain = (Some(AuthProtocol::Sha256), None);
    let made = |name: &str, auth: &str, privacy: &str| {
        let auth = Some((AuthProtocol::Sha256, phrase(auth)));
        let privacy = Some((PrivProtocol::Aes128, phrase(privacy)));
        User::new(name, auth, privacy).unwrap()
    };
    let user = name_of(pair);
    let table = [
        (made("nobody", AUTH, PRIVACY), UsmError::UnknownUser { user: "nobody".to_owned() }),
        (
            made(&user, "maplesirup", PRIVACY),
            UsmError::WrongDigest { user: user.clone(), protocol: "SHA-256" },
        ),
        (
            made(&user, AUTH, "wrongpassphrase"),
            // It drops what it cannot make sense of without a word.
            UsmError::PrivacySilence { user: user.clone(), protocol: "AES-128" },
        ),
        (
            made(&name_of(plain), AUTH, PRIVACY),
            UsmError::UnsupportedLevel { user: name_of(plain), level: SecurityLevel::AuthPriv },
        ),
        (
            made(&user, AUTH, PRIVACY).in_context("attic", None).unwrap(),
            UsmError::ContextSilence { user: user.clone(), context: "attic".to_owned() },
        ),
    ];
    for (user, error) in table {
        let mut driver = Driver::new(agent.address, &Arc::new(user), &cache);
        driver.timeout = Duration::from_millis(250);
        assert_eq!(driver.get(&sys_name()), Err(Some(error)));
    }
}

/// snmpsim in the virtual environment that `tests/run` makes.
fn snmpsim() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/snmpsim/bin/snmpsim-command-responder");
    if program.exists() {
        return Some(program);
    }
    left_out("SNMPv3 with snmpsim: it is not installed in target/snmpsim (tests/run does it, from PyPI)");
    None
}

#[test]
fn snmpsim_is_read_with_des_and_keys_lengthened_both_ways() {
    let Some(program) = snmpsim() else { return };
    let folder = tempfile::tempdir().unwrap();
    // `self` answers in the default context.
    std::fs::write(folder.path().join("self.snmprec"), "1.3.6.1.2.1.1.5.0|4|rack\n").unwrap();
    let address = free_port();
    let mut command = Command::new(program);
    if std::fs::metadata(folder.path()).unwrap().uid() == 0 {
        // It wants to become somebody else, who may not read the virtual environment.
        command.args(["--process-user", "root", "--process-group", "root"]);
    }
    command.arg("--cache-dir").arg(folder.path().join("cache"));
    command.args(["--v3-engine-id", "80000000017261636b", "--data-dir"]).arg(folder.path());
    for pair @ (auth, privacy) in pairs() {
        let Some(auth) = auth else { continue };
        let letters = auth.name().replace("SHA-1", "SHA").replace('-', "");
        command.args(["--v3-user", &name_of(pair), "--v3-auth-proto", &letters, "--v3-auth-key", AUTH]);
        let letters = match privacy {
            None => continue,
            Some(PrivProtocol::Des) => "DES",
            Some(PrivProtocol::Aes128) => "AES",
            Some(PrivProtocol::Aes192) => "AES192BLMT",
            Some(PrivProtocol::Aes256) => "AES256BLMT",
            Some(PrivProtocol::Aes192Reeder) => "AES192",
            Some(PrivProtocol::Aes256Reeder) => "AES256",
        };
        command.args(["--v3-priv-proto", letters, "--v3-priv-key", PRIVACY]);
    }
    command.arg(format!("--agent-udpv4-endpoint={address}"));
    let _agent = Agent { child: quiet(&mut command).spawn().unwrap(), address };
    let cache = Arc::new(KeyCache::new());
    let first = (Some(AuthProtocol::Sha1), None);
    Driver::new(address, &user_of(first), &cache).wait_for(&sys_name());
    for pair in pairs().into_iter().filter(|it| it.0.is_some()) {
        let mut driver = Driver::new(address, &user_of(pair), &cache);
        assert_eq!(driver.get(&sys_name()), Ok(rack()), "{}", name_of(pair));
        assert_eq!(driver.get(&sys_name()), Ok(rack()), "{}", name_of(pair));
    }
}

/// Answers with our engine what comes in, until `done` datagrams of requests were answered.
fn serve(socket: &UdpSocket, authority: &mut Authority, accounts: &[Account], done: usize) -> Vec<PduKind> {
    let clock = SystemClock::new();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut kinds = Vec::new();
    let mut buffer = vec![0; 65_536];
    while kinds.len() < done {
        let (length, peer) = socket.recv_from(&mut buffer).unwrap();
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        let now = clock.moment();
        let lookup = |name: &[u8]| accounts.iter().find(|it| it.user.name().as_bytes() == name).cloned();
        match authority.open(&buffer[..length], now, lookup, &mut scratch).unwrap() {
            Opened::Request(request) => {
                let mut varbinds = request.pdu.varbinds.octets().to_vec();
                if request.pdu.kind == PduKind::Get {
                    varbinds.clear();
                    encode_varbinds(&mut varbinds, [(&sys_name(), &rack())]).unwrap();
                }
                kinds.push(request.pdu.kind);
                authority.write_response(&request, OK, 0, &varbinds, now, &mut out);
            }
            Opened::Refused(refused) => authority.write_report(&refused, now, &mut out),
        }
        socket.send_to(&out, peer).unwrap();
    }
    kinds
}

/// The arguments of net-snmp's tools for a user.
fn tool(program: &str, pair: Pair, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-v3", "-m", "", "-t", "5", "-r", "0", "-u", &name_of(pair)]);
    command.args(["-l", if pair.1.is_some() { "authPriv" } else { "authNoPriv" }]);
    if let Some(auth) = pair.0 {
        command.args(["-a", &auth.name().replace("SHA-1", "SHA"), "-A", AUTH]);
    }
    if let Some(privacy) = pair.1 {
        let letters = privacy.name().replace("-128", "").replace("-Reeder", "-C");
        command.args(["-x", &letters, "-X", PRIVACY]);
    }
    command.env("SNMP_PERSISTENT_DIR", folder).stdin(Stdio::null());
    command
}

fn some_pairs() -> Vec<Pair> {
    AuthProtocol::ALL.into_iter().zip(PrivProtocol::ALL).map(|(a, p)| (Some(a), Some(p))).collect()
}

fn accounts(engine: &EngineId, cache: &KeyCache) -> Vec<Account> {
    let account = |pair| {
        let user = user_of(pair);
        let keys = cache.derive(&user, engine);
        Account { user, keys }
    };
    some_pairs().into_iter().map(account).collect()
}

#[test]
fn net_snmp_s_tools_ask_and_inform_our_engine() {
    if Command::new("snmpget").arg("-V").output().is_err() {
        left_out("SNMPv3 with net-snmp's tools: snmpget is not installed (Debian package snmp)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = EngineId::new(b"\x80\x00\x1f\x88\x04ours").unwrap();
    let mut authority = Authority::new(engine, 4, SystemClock::new().moment(), 99);
    let all = accounts(&engine, &KeyCache::new());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = socket.local_addr().unwrap().to_string();
    for pair in some_pairs() {
        let mut get = tool("snmpget", pair, folder.path());
        let get = get.args([&target, "1.3.6.1.2.1.1.5.0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let asking = get.spawn().unwrap();
        assert_eq!(serve(&socket, &mut authority, &all, 1), [PduKind::Get], "{}", name_of(pair));
        let output = asking.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("\"rack\""), "{}: {output:?}", name_of(pair));

        let mut inform = tool("snmptrap", pair, folder.path());
        let inform = inform.args(["-Ci", &target, "", "1.3.6.1.6.3.1.1.5.1"]);
        let informing = inform.stderr(Stdio::piped()).spawn().unwrap();
        assert_eq!(serve(&socket, &mut authority, &all, 1), [PduKind::Inform], "{}", name_of(pair));
        let output = informing.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: not acknowledged: {output:?}", name_of(pair));
    }
}

#[test]
fn net_snmp_s_traps_are_opened() {
    if Command::new("snmptrap").arg("-V").output().is_err() {
        left_out("SNMPv3 traps of net-snmp: snmptrap is not installed (Debian package snmp)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = KeyCache::new();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let target = socket.local_addr().unwrap().to_string();
    let sender = EngineId::new(b"\x80\x00\x1f\x88\x04pdu-17").unwrap();
    let all = accounts(&sender, &cache);
    for pair in some_pairs() {
        let mut trap = tool("snmptrap", pair, folder.path());
        let trap = trap.args(["-e", &sender.to_string(), &target, "", "1.3.6.1.6.3.1.1.5.1"]);
        assert!(quiet(trap).status().unwrap().success());
        let mut buffer = vec![0; 65_536];
        let length = socket.recv(&mut buffer).unwrap();
        let lookup = |name: &[u8], engine: &EngineId| {
            assert_eq!(*engine, sender);
            all.iter().find(|it| it.user.name().as_bytes() == name).cloned()
        };
        let mut scratch = Vec::new();
        let trap = open_notification(&buffer[..length], lookup, &mut scratch).unwrap();
        assert_eq!(trap.level, SecurityLevel::AuthPriv);
        let names: Vec<String> = trap.pdu.varbinds.map(|it| it.unwrap().oid().unwrap().to_string()).collect();
        assert_eq!(names, ["1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.1.1.4.1.0"], "sysUpTime and snmpTrapOID");
    }
}
