//! A service without power equipment: sushy-tools' emulator, where it is installed (tests/run does that).

use crate::support::left_out;
use rackwarden::model::Quantity;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("SUSHY_EMULATOR").map(PathBuf::from);
    let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/sushy/bin/sushy-emulator");
    named.into_iter().chain([usual]).find(|it| it.exists())
}

#[test]
fn a_service_without_power_equipment_is_told_apart() {
    let Some(program) = program() else {
        left_out("Redfish emulator: sushy-emulator is not installed (pip install sushy-tools)");
        return;
    };
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("emulator.conf");
    std::fs::write(&config, "SUSHY_EMULATOR_FAKE_DRIVER = True\n").unwrap();
    let child = Command::new(program)
        .args(["--fake", "--interface", "127.0.0.1", "--port", &address.port().to_string(), "--config"])
        .arg(&config)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut emulator = Emulator(child);
    while TcpStream::connect(address).is_err() {
        assert!(emulator.0.try_wait().unwrap().is_none(), "the emulator has ended");
        std::thread::sleep(Duration::from_millis(50));
    }
    super::run(async {
        let settings = super::settings(&format!("http://{address}"));
        let polled = super::client(super::ServiceSettings { login: None, ..settings }).poll().await;
        assert_eq!(polled.batch.error, None);
        assert!(polled.batch.shape.readings.iter().any(|it| it.quantity == Quantity::Temperature));
        assert!(polled.notes.iter().any(|it| it.contains("has no power equipment")), "{:?}", polled.notes);
    });
}
