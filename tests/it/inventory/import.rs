//! `import`: power units of an inventory become devices; and `discover --redfish`, which wants a server too.

use super::netbox;
use super::server::{Certificate, Reply, Server};
use serde_json::json;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[credentials.default]\ncommunity = \"x\"\n[profiles]\nfolders = []\n{more}");
        std::fs::write(folder.path().join("rackwarden.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn import(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rackwarden"));
        command
            .arg("import")
            .args(arguments)
            .arg("--config")
            .arg(self.path("rackwarden.toml"))
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn power_units_of_netbox_become_devices() {
    let server = Server::start(netbox::answer);
    let place = Place::new(&format!(
        "[[inventory]]\nname = \"nb\"\ntype = \"netbox\"\nurl = \"{}netbox/\"\nsecret = \"hunter2\"\nlabels = {{ owner = \"fm\" }}\n",
        server.url()
    ));
    let diff = said(&place.import(&["netbox", "--diff"]));
    assert!(
        diff.contains("+ pdu-a1  10.0.0.20\n") && diff.contains("1 change, not written: that was --diff"),
        "{diff}"
    );
    assert!(diff.contains("! without an address: Unnamed PDU"), "{diff}");
    assert!(!place.path("devices.d").exists(), "--diff writes nothing");
    let written = place.import(&["nb", "--name", "netbox"]);
    assert!(written.status.success(), "{}", said(&written));
    let text = std::fs::read_to_string(place.path("devices.d/netbox.toml")).unwrap();
    let wanted = "# APC AP8959, ZA1\n[[devices]]\nname = \"pdu-a1\"\naddress = \"10.0.0.20\"\n\
                  labels = { owner = \"fm\", rack = \"A1\", room = \"Hall 2\", site = \"ams1\" }\n";
    assert!(text.contains(wanted), "{text}");
    let again = said(&place.import(&["nb", "--name", "netbox"]));
    assert!(again.contains("nothing changes"), "{again}");
}

#[test]
fn a_table_is_taken_over_and_its_changes_are_told() {
    let place =
        Place::new("[[devices]]\nname = \"mine\"\naddress = \"10.0.0.9\"\nlabels = { rack = \"Z\" }\n");
    let table = place.path("units.csv");
    let write = |rows: &str| std::fs::write(&table, format!("id,name,address,rack,serial\n{rows}")).unwrap();
    write(
        "1,pdu-1,10.0.0.1,A1,S1\n2,pdu-2,10.0.0.2,A2,S2\n3,Mine,10.0.0.3,A3,S3\n4,other,10.0.0.9,A4,S4\n5,twin,10.0.0.5,A5,S1\n",
    );
    let csv = ["csv", table.to_str().unwrap()];
    let first = said(&place.import(&csv));
    assert!(first.contains("+ pdu-1  10.0.0.1\n+ pdu-2  10.0.0.2\n"), "{first}");
    assert!(first.contains("= 2 are configured in other files"), "by name and by address: {first}");
    assert!(first.contains("! twin  10.0.0.5: left out, it looks like the same device as pdu-1"), "{first}");
    write("1,pdu-1,10.0.0.11,A1,S1\n6,pdu-6,10.0.0.6,A6,S6\n");
    let diff = said(&place.import(&[csv[0], csv[1], "--diff"]));
    for line in ["~ pdu-1  address: 10.0.0.1 -> 10.0.0.11\n", "+ pdu-6  10.0.0.6\n", "- pdu-2\n"] {
        assert!(diff.contains(line), "{line}{diff}");
    }
    // A source that has lost everything empties nothing.
    let file = std::fs::read_to_string(place.path("devices.d/import-csv.toml")).unwrap();
    write("");
    let empty = place.import(&csv);
    assert!(
        !empty.status.success() && said(&empty).contains("the source has no devices now"),
        "{}",
        said(&empty)
    );
    assert_eq!(std::fs::read_to_string(place.path("devices.d/import-csv.toml")).unwrap(), file);
    let unknown = place.import(&["device42"]);
    assert!(
        said(&unknown).contains("has no [[inventory]] of name or type \"device42\""),
        "{}",
        said(&unknown)
    );
}

#[test]
fn redfish_services_are_found_without_a_login() {
    let certificate = Certificate::new();
    let root = json!({"@odata.id": "/redfish/v1/", "RedfishVersion": "1.15.0", "Vendor": "Invented", "Product": "Rack PDU",
        "UUID": "92384634-2938-2342-8820-489239905423"});
    let server = Server::start_with(Some(&certificate), move |request| {
        if request.path == "/redfish/v1/" { Reply::json(&root) } else { Reply::text(404, "") }
    });
    let url = reqwest::Url::parse(&server.url()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rackwarden"))
        .args([
            "discover",
            "127.0.0.1",
            "-c",
            "x",
            "--timeout",
            "0.3",
            "--port",
            "1",
            "--redfish",
            "--redfish-port",
        ])
        .args([&url.port().unwrap().to_string(), "--config", "/nonexistent"])
        .output()
        .unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("Invented Rack PDU Redfish 1.15.0  92384634-2938-2342-8820-489239905423"),
        "{text}"
    );
    let requests = server.requests();
    assert!(requests.iter().all(|it| it.header("authorization").is_empty()), "{requests:?}");
}
