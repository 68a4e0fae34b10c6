//! A real Prometheus (Debian's) beside a real daemon: by TLS and with a token, in OpenMetrics, with targets from
//! our service discovery and the shipped rules loaded.

use crate::support::left_out;
use rackwarden::model::{Moment, Oid, SystemClock, Value};
use rackwarden::simulator::Simulator;
use rackwarden::simulator::agent::AgentSpec;
use rackwarden::simulator::cell::text;
use rackwarden::simulator::tree::Tree;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
const TOKEN: &str = "the-scrapers-token";

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn simulated() -> Simulator {
    let rows = [
        ("1.3.6.1.2.1.1.2.0", Value::ObjectIdentifier(oid("1.3.6.1.4.1.99999.3"))),
        ("1.3.6.1.2.1.1.3.0", Value::TimeTicks(1)),
        ("1.3.6.1.2.1.33.1.1.2.0", text("Steady 1500")),
        ("1.3.6.1.2.1.33.1.2.4.0", Value::Integer(88)),
        ("1.3.6.1.2.1.33.1.4.1.0", Value::Integer(3)),
    ];
    let tree = Tree::new(rows.map(|(name, value)| (oid(name), value))).unwrap();
    let spec = AgentSpec::new(Arc::new(tree), "s3cret");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Simulator::start(vec![(any, spec.clone()), (any, spec)]).unwrap()
}

/// Writes all files of both.
fn configure(folder: &Path, simulator: &Simulator, http: SocketAddr) {
    use sha2::Digest as _;
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["collector.test".to_owned()]).unwrap();
    write("server.pem", cert.pem());
    write("server.key", signing_key.serialize_pem());
    let digest: String =
        sha2::Sha256::digest(TOKEN.as_bytes()).iter().map(|it| format!("{it:02x}")).collect();
    write(
        "web.yml",
        format!(
            "tls_server_config: {{cert_file: server.pem, key_file: server.key}}\n\
             bearer_tokens: {{prometheus: \"sha256:{digest}\"}}\n"
        ),
    );
    let devices: String = simulator
        .agents()
        .zip(["ups-a", "ups-b"])
        .map(|(agent, name)| {
            format!(
                "[[devices]]\nname = \"{name}\"\naddress = \"{}\"\nlabels = {{ site = \"lab\" }}\n",
                agent.address()
            )
        })
        .collect();
    write(
        "rackwarden.toml",
        format!(
            "[polling]\ninterval = \"1s\"\n[http]\nlisten = \"{http}\"\nweb_config = \"web.yml\"\n\
             [state]\nfolder = \"state\"\n[profiles]\nfolders = []\n\
             [credentials.default]\nversion = \"2c\"\ncommunity = \"s3cret\"\n{devices}"
        ),
    );
    let of_packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/prometheus/rules.yml");
    std::fs::copy(of_packaging, folder.join("rules.yml")).unwrap();
    let client = format!(
        "    scheme: https\n    authorization: {{type: Bearer, credentials: {TOKEN}}}\n    \
         tls_config: {{ca_file: server.pem, server_name: collector.test}}\n"
    );
    // Within the discovery these stand two columns further in.
    let of_discovery = client.replace("    ", "        ").replace("        scheme: https\n", "");
    write(
        "prometheus.yml",
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n  \
             - job_name: rackwarden\n{client}    static_configs: [{{targets: [\"{http}\"]}}]\n  \
             - job_name: devices\n{client}    http_sd_configs:\n      - url: https://{http}/api/v1/targets/http_sd\n        \
             refresh_interval: 1s\n{of_discovery}    relabel_configs:\n      \
             - {{source_labels: [__meta_rackwarden_label_site], target_label: place}}\n"
        ),
    );
}

fn start(program: &str, arguments: &[&str], folder: &Path) -> std::io::Result<Running> {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdout(Stdio::null());
    command.stderr(log).spawn().map(Running)
}

/// What Prometheus answers at that path of its API.
fn ask(prometheus: SocketAddr, path: &str) -> Option<Json> {
    let mut stream = TcpStream::connect(prometheus).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    // HTTP/1.0: the body comes as it is, to the end of the connection.
    write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nHost: test\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

/// Until the answer is as wanted.
fn until(prometheus: SocketAddr, path: &str, folder: &Path, holds: impl Fn(&Json) -> bool) -> Json {
    let clock = SystemClock::new();
    let mut last = None;
    while clock.moment().since(Moment::ZERO) < LIMIT {
        last = ask(prometheus, path);
        if let Some(answer) = last.take_if(|it| holds(it)) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("{path} never came to be as wanted: {last:?}\n{log}");
}

fn results(answer: &Json) -> &[Json] {
    answer["data"]["result"].as_array().map_or(&[], |it| it)
}

#[test]
fn a_real_prometheus_scrapes_discovers_and_evaluates() {
    let (folder, simulator, http, web) = (tempfile::tempdir().unwrap(), simulated(), free(), free());
    let folder = folder.path();
    configure(folder, &simulator, http);
    let listen = format!("--web.listen-address={web}");
    let arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", &*listen];
    let _prometheus = match start("prometheus", &arguments, folder) {
        Ok(running) => running,
        Err(error) => return left_out(&format!("Prometheus ({error}): Debian package prometheus")),
    };
    let _daemon = Running(
        Command::new(env!("CARGO_BIN_EXE_rackwarden"))
            .args(["run", "--config", "rackwarden.toml"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );

    let up = until(web, "query?query=up", folder, |it| {
        results(it).len() == 3 && results(it).iter().all(|it| it["value"][1] == "1")
    });
    let places: Vec<_> = results(&up).iter().filter(|it| it["metric"]["place"] == "lab").collect();
    assert_eq!(places.len(), 2, "each device is a target of its own: {up}");
    let charge = until(web, "query?query=rackwarden_charge_ratio", folder, |it| results(it).len() == 4);
    for it in results(&charge) {
        assert_eq!((&it["value"][1], &it["metric"]["site"]), (&"0.88".into(), &"lab".into()), "{it}");
    }
    // Only OpenMetrics brings these.
    let metadata = until(web, "metadata?metric=rackwarden_charge_ratio", folder, |it| {
        it["data"]["rackwarden_charge_ratio"][0]["unit"] == "ratio"
    });
    assert_eq!(metadata["data"]["rackwarden_charge_ratio"][0]["help"], "Battery charge; 1 is full.");
    let rules = until(web, "rules", folder, |it| {
        let groups = it["data"]["groups"].as_array().map_or(&[][..], |it| it);
        let rules = groups.iter().flat_map(|it| it["rules"].as_array().unwrap());
        let healths: Vec<_> = rules.map(|it| it["health"].clone()).collect();
        !healths.is_empty() && healths.iter().all(|it| it == "ok")
    });
    assert!(rules.to_string().contains("alerting") && rules.to_string().contains("recording"), "{rules}");
}
