//! A PostgreSQL of the test's own, on a socket in a folder of its own.

use crate::support::left_out;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running server; ends when dropped, or when the test's process ends in any other way: the shell that
/// watches over it sees its input end.
pub(super) struct Postgres {
    watcher: Child,
    folder: tempfile::TempDir,
}

/// Runs what follows until its input ends. What the test inherited and does not know of is closed, lest the
/// server holds it open.
const WATCH: &str = r#"for at in 3 4 5 6 7 8 9; do eval "exec $at>&-"; done
"$0" "$@" </dev/null & read -r _; kill -INT $!; wait $!"#;

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is a fast shutdown, for which this waits.
        drop(self.watcher.stdin.take());
        self.watcher.wait().unwrap();
    }
}

impl Postgres {
    /// `None`, with a word, where it is not installed.
    pub(super) fn start() -> Option<Self> {
        let (Some(initdb), Some(postgres), Some(_)) =
            (program("initdb"), program("postgres"), program("psql"))
        else {
            left_out("DOQL over PostgreSQL: it is not installed (Debian package postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
        // It refuses to run as root.
        let id = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
        };
        let user = (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])));
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
            chown(&data, Some(uid), Some(gid)).unwrap();
        }
        let as_user = |program: &Path| {
            let mut command = Command::new(program);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command.current_dir(folder.path()).stdin(Stdio::null());
            command
        };
        let made = as_user(&initdb)
            .args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let watcher = as_user(Path::new("/bin/sh"))
            .args(["-c", WATCH])
            .arg(&postgres)
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { watcher, folder };
        for _ in 0..600 {
            if server.query("SELECT 1").is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }

    /// What psql prints, without its decoration; or what it complains of.
    pub(super) fn query(&self, sql: &str) -> Result<String, String> {
        let output = Command::new(program("psql").unwrap())
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-c", sql])
            .output()
            .unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

/// Debian keeps the server's programs out of PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let of_debian = versions.filter_map(Result::ok).map(|it| it.path().join("bin"));
    std::env::split_paths(&path).chain(of_debian).map(|it| it.join(name)).find(|it| it.is_file())
}
