//! Configuration files, good and bad: a folder a mistake under tests/fixtures/config/bad with what is
//! said of it in expected.txt. `UPDATE_EXPECT=1 cargo test --test it configuration` writes those anew.

use proptest::prelude::*;
use rackwarden::config::schema::{self, Key};
use rackwarden::config::{Config, Environment, Form, Loaded, Secrets, Settings, render, render_warnings};
use rackwarden::model::Diagnostic;
use rackwarden::poller::settings::Credential;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn community(credential: &Credential) -> &str {
    match credential {
        Credential::Community { community, .. } => community.expose(),
        Credential::Usm(_) => panic!("a user of SNMPv3"),
    }
}

#[test]
fn every_mistake_is_explained() {
    let cases = cases("bad");
    assert!(40 < cases.len(), "only {} mistakes", cases.len());
    check_all(&cases, |case| match case.load() {
        Ok(loaded) => panic!("{} has no mistake: {loaded:#?}", case.name),
        Err(mistakes) => case.plain(&render(&mistakes, false)),
    });
}

#[test]
fn good_configurations_come_to_these_settings() {
    check_all(&cases("good"), |case| match case.load() {
        Ok(Loaded { settings, warnings, .. }) => {
            case.plain(&format!("{}\n{}", shown(settings), render_warnings(&warnings, false)))
        }
        Err(mistakes) => panic!("{}:\n{}", case.name, render(&mistakes, false)),
    });
}

#[test]
fn no_expectation_shows_a_secret() {
    for case in cases("bad").into_iter().chain(cases("good")) {
        let expected = fs::read_to_string(case.folder.join(EXPECTED)).unwrap();
        for secret in ["hunter2", "0123456789abcdef0123456789abcdef", "12345678"] {
            assert!(!expected.contains(secret), "{} shows {secret}", case.name);
        }
    }
}

#[test]
fn the_shipped_file_holds_every_key_and_each_of_them_works() {
    let shipped = read("packaging/rackwarden.toml");
    let commented = load_text(&shipped, Secrets::Required).unwrap();
    assert_eq!(
        commented.settings,
        load_text("", Secrets::Required).unwrap().settings,
        "it changes a default"
    );

    // A key is commented out by a # without a blank behind it; # and a blank is prose.
    let all = shipped
        .lines()
        .map(|it| it.strip_prefix('#').filter(|it| is_toml(it)).unwrap_or(it))
        .collect::<Vec<_>>();
    let text = all.join("\n");
    let loaded = load_text(&text, Secrets::Optional).unwrap_or_else(|it| panic!("{}", render(&it, false)));
    assert!(
        !loaded.settings.devices.is_empty() && !loaded.settings.rules.is_empty(),
        "its examples are not read"
    );

    let mut missing = Vec::new();
    for table in schema::root().keys {
        let written = toml::from_str::<toml::Table>(&text).unwrap();
        let Some(inner) = table.form.inner() else {
            assert!(written.contains_key(table.name), "packaging/rackwarden.toml lacks {}", table.name);
            continue;
        };
        for key in inner.keys {
            if !written.get(table.name).is_some_and(|it| holds(it, key.name)) {
                missing.push(format!("{} {}", schema::heading(table), key.name));
            }
        }
    }
    assert!(missing.is_empty(), "packaging/rackwarden.toml lacks {}", missing.join(", "));
}

#[test]
fn the_shipped_file_tells_the_defaults() {
    let shipped = read("packaging/rackwarden.toml");
    for table in schema::root().keys.iter().filter(|it| it.form.inner().is_some() && !it.form.is_named()) {
        for Key { name, default, .. } in table.form.inner().unwrap().keys {
            let Some(default) = default else { continue };
            let line = format!("#{name} = {default}");
            assert!(
                shipped.lines().any(|it| it.starts_with(&line)),
                "{} lacks {line}",
                schema::heading(table)
            );
        }
    }
}

#[test]
fn shipped_examples_load() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    fs::write(folder.path().join("rackwarden.toml"), read("packaging/rackwarden.toml")).unwrap();
    let examples = fs::read_dir(root().join("packaging/examples")).unwrap();
    let is_rules = |it: &PathBuf| {
        it.extension().is_some_and(|it| it == "toml") && !it.to_string_lossy().ends_with("_test.toml")
    };
    for example in examples.map(|it| it.unwrap().path()).filter(is_rules) {
        fs::copy(&example, folder.path().join("conf.d").join(example.file_name().unwrap())).unwrap();
    }
    let main = folder.path().join("rackwarden.toml");
    let config = Config::new(&main).environment(Environment::default()).secrets(Secrets::Optional);
    let loaded = config.read().unwrap_or_else(|it| panic!("{}", render(&it, false)));
    assert!(!loaded.settings.devices.is_empty() && !loaded.settings.rules.is_empty());
}

#[test]
fn the_reference_lists_every_key() {
    let path = root().join("docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut wanted = text.clone();
    for table in schema::root().keys.iter().filter(|it| it.form.inner().is_some()) {
        let (open, close) =
            (format!("<!-- keys of {} -->\n", table.name), format!("<!-- end of {} -->", table.name));
        let start =
            wanted.find(&open).unwrap_or_else(|| panic!("docs/configuration.md lacks {open}")) + open.len();
        let end = start
            + wanted[start..].find(&close).unwrap_or_else(|| panic!("docs/configuration.md lacks {close}"));
        wanted.replace_range(start..end, &reference(table));
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "run with UPDATE_EXPECT=1 to write its tables anew");
    }
}

#[test]
fn the_environment_wins_over_files() {
    let text = "[polling]\ninterval = \"20s\"\n[credentials.Lab-2]\ncommunity_env = \"NONE\"\n[http]\nlisten = \"1.2.3.4:5\"\n";
    let folder = tempfile::tempdir().unwrap();
    let main = write(&folder, text);
    let environment = [
        ("RACKWARDEN_POLLING__INTERVAL", "15s"),
        ("RACKWARDEN_POLLING__RETRIES", "5"),
        ("RACKWARDEN_PROFILES__FOLDERS", "/a, /b"),
        ("RACKWARDEN_CREDENTIALS__LAB_2__COMMUNITY_ENV", "SNMP"),
        ("RACKWARDEN_CREDENTIALS__NEW__COMMUNITY", "hunter2"),
        ("SNMP", "hunter3"),
    ];
    let Loaded { settings, .. } =
        Config::new(&main).environment(environment.into_iter().collect()).read().unwrap();
    assert_eq!(settings.polling.interval.as_secs(), 15);
    assert_eq!(settings.polling.retries, 5);
    assert_eq!(settings.profile_folders, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(settings.http.listen.to_string(), "1.2.3.4:5");
    assert_eq!(community(&settings.credentials["Lab-2"]), "hunter3");
    assert_eq!(community(&settings.credentials["new"]), "hunter2");
}

#[test]
fn a_variable_with_single_underscores_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let main = write(&folder, "");
    let environment = [("RACKWARDEN_HTTP_LISTEN", "1.2.3.4:5")].into_iter().collect();
    let warnings = Config::new(&main).environment(environment).read().unwrap().warnings;
    let shown = render_warnings(&warnings, false);
    assert!(
        shown.contains("tables and keys are divided by two underscores: RACKWARDEN_HTTP__LISTEN"),
        "{shown}"
    );
}

#[test]
fn later_files_win_and_lists_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let main = write(
        &folder,
        &format!("{CREDENTIAL}[polling]\ninterval = \"20s\"\ntimeout = \"1s\"\n{}", device("a")),
    );
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let conf = |name: &str, text: &str| fs::write(folder.path().join("conf.d").join(name), text).unwrap();
    conf("20.toml", &format!("[polling]\ninterval = \"40s\"\n{}", device("c")));
    conf("10.toml", &format!("[polling]\ninterval = \"30s\"\n{}", device("b")));
    conf("30.toml.bak", "garbage");
    conf(".40.toml", "garbage");
    let loaded = Config::new(&main).environment(Environment::default()).read().unwrap();
    let names: Vec<&str> = loaded.settings.devices.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(loaded.settings.polling.interval.as_secs(), 40);
    assert_eq!(loaded.settings.polling.timeout.as_secs(), 1);
    assert_eq!(loaded.files.len(), 3);
}

#[test]
fn secrets_that_everybody_may_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "hunter2\n").unwrap();
    let main = write(
        &folder,
        "[credentials.a]\ncommunity_file = \"key\"\n[credentials.b]\ncommunity = \"hunter2\"\n",
    );
    let warned = |mode: u32| {
        for path in [&key, &main] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let warnings = Config::new(&main).environment(Environment::default()).read().unwrap().warnings;
        let shown = render_warnings(&warnings, false);
        assert!(!shown.contains("hunter2"), "{shown}");
        warnings.iter().filter(|it| it.message.contains("everybody on this host may read the file")).count()
    };
    assert_eq!(warned(0o640), 0);
    assert_eq!(warned(0o644), 2);
}

#[test]
fn a_reload_touches_only_what_changed() {
    let base = format!("{CREDENTIAL}{}{}{}", device("a"), device("b"), device("c"));
    let changed = format!(
        "{CREDENTIAL}[http]\nlisten = \"1.2.3.4:5\"\n{}{}interval = \"5m\"\n{}{ALERT}",
        device("d"),
        device("b"),
        device("c")
    );
    let (old, new) = (settings(&base), settings(&changed));
    let difference = Settings::difference(&old, &new);
    let names = |list: &[rackwarden::poller::settings::DeviceSettings]| {
        list.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&difference.added), ["d"]);
    assert_eq!(names(&difference.changed), ["b"]);
    assert_eq!(difference.removed.iter().map(|it| &**it).collect::<Vec<_>>(), ["a"]);
    assert!(difference.rules && !difference.notify && !difference.profiles);
    assert_eq!(
        difference.restart,
        ["[http] listen changed from 0.0.0.0:10916 to 1.2.3.4:5: this counts after a restart"]
    );
    assert_eq!(
        difference.to_string(),
        "devices: 1 added, 1 changed, 1 removed; rules changed; \
         [http] listen changed from 0.0.0.0:10916 to 1.2.3.4:5: this counts after a restart"
    );
    let nothing = Settings::difference(&old, &old);
    assert!(nothing.is_empty() && nothing.to_string() == "nothing changed");
    let moved = settings(&format!("[state]\nfolder = \"/elsewhere\"\n{base}"));
    let difference = Settings::difference(&old, &moved);
    assert!(!difference.notify && difference.restart.len() == 1 && difference.changed.is_empty());
}

#[test]
fn a_community_that_was_rotated_changes_its_devices() {
    let folder = tempfile::tempdir().unwrap();
    let main = write(&folder, &format!("[credentials.default]\ncommunity_file = \"key\"\n{}", device("a")));
    let with = |community: &str| {
        fs::write(folder.path().join("key"), community).unwrap();
        Config::new(&main).environment(Environment::default()).read().unwrap().settings
    };
    let difference = Settings::difference(&with("one"), &with("two"));
    assert_eq!(difference.changed.len(), 1);
}

#[test]
fn a_passphrase_that_was_rotated_changes_its_devices() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[credentials.default]\nversion = \"3\"\nuser = \"ops\"\nauthentication = \"SHA-256\"\n\
                authentication_passphrase_file = \"key\"\n";
    let main = write(&folder, &format!("{text}{}", device("a")));
    let with = |passphrase: &str| {
        fs::write(folder.path().join("key"), passphrase).unwrap();
        Config::new(&main).environment(Environment::default()).read().unwrap().settings
    };
    assert_eq!(Settings::difference(&with("the first one"), &with("the second")).changed.len(), 1);
    assert!(Settings::difference(&with("the first one"), &with("the first one")).is_empty());
}

#[test]
fn limits_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let main = write(&folder, &format!("{CREDENTIAL}#{}", "x".repeat(33 << 20)));
    let said = |it: Vec<Diagnostic>| render(&it, false);
    let large = said(Config::new(&main).environment(Environment::default()).read().unwrap_err());
    assert!(large.contains("the file is too large: 32 MiB are read of one file, 64 MiB of all"), "{large}");

    let many: String =
        (0..=100_000).map(|it| format!("[[devices]]\nname=\"d{it}\"\naddress=\"h{it}\"\n")).collect();
    let many = said(load_text(&format!("{CREDENTIAL}{many}"), Secrets::Required).unwrap_err());
    assert!(many.contains("100001 devices; one process is built for 100000 at most"), "{many}");

    fs::write(&main, "").unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    for at in 0..=1000 {
        fs::write(folder.path().join(format!("conf.d/{at:04}.toml")), "").unwrap();
    }
    let files = said(Config::new(&main).environment(Environment::default()).read().unwrap_err());
    assert!(files.contains("this is one of 1001 files in conf.d; 1000 are read at most"), "{files}");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let main = Path::new("/dev/null");
    let said = Config::new(main).environment(Environment::default()).read().unwrap_err();
    assert_eq!(said[0].message, "this is no regular file");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let folder = tempfile::tempdir().unwrap();
        let main = write(&folder, &text);
        for colour in [false, true] {
            if let Err(mistakes) = Config::new(&main).environment(Environment::default()).read() {
                prop_assert!(!mistakes.is_empty());
                prop_assert!(!render(&mistakes, colour).is_empty());
            }
        }
    }

    #[test]
    fn any_lines_of_ours_are_read_or_refused(lines in prop::collection::vec(line(), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let main = write(&folder, &lines.join("\n"));
        if let Err(mistakes) = Config::new(&main).environment(Environment::default()).read() {
            prop_assert!(!mistakes.is_empty());
            let shown = render(&mistakes, false);
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
            prop_assert!(!shown.contains("contradicts itself"), "{}", shown);
        }
    }

    #[test]
    fn any_variable_is_read_or_refused(name in "RACKWARDEN_[A-Z_]{0,30}", value: String) {
        let folder = tempfile::tempdir().unwrap();
        let main = write(&folder, "");
        let environment = [(name, value)].into_iter().collect();
        if let Err(mistakes) = Config::new(&main).environment(environment).read() {
            prop_assert!(!render(&mistakes, false).contains("contradicts itself"));
        }
    }
}

/// Lines that are near to what a configuration holds: headings, keys with good and bad values.
fn line() -> impl Strategy<Value = String> {
    let tables: Vec<&Key> = schema::root().keys.iter().filter(|it| it.form.inner().is_some()).collect();
    let heading = prop::sample::select(tables.clone()).prop_map(schema::heading);
    let keys: Vec<&Key> = tables.iter().flat_map(|it| it.form.inner().unwrap().keys).collect();
    let values = prop::sample::select(vec![
        "\"hunter2\"",
        "\"hunter2",
        "hunter2",
        "10",
        "-1",
        "1.5",
        "nan",
        "true",
        "[]",
        "[\"a\"]",
        "{}",
        "{ a = 1 }",
        "\"\"",
        "\"10s\"",
        "1979-05-27",
        "[[1]]",
        "{ value = 1, clear = 2 }",
        "\"\"\"",
        "",
    ]);
    // What is put where no secret belongs is the reader's to see; keys that hold none stay out.
    let secret = |key: &&&Key| matches!(key.form, Form::Secret | Form::Authentication | Form::Privacy);
    let secrets: Vec<&Key> = keys.iter().filter(secret).copied().collect();
    let others: Vec<&Key> = keys.iter().filter(|it| !secret(it)).copied().collect();
    let harmless = values.clone().prop_filter("no secret", |it| !it.contains("hunter2"));
    prop_oneof![
        2 => heading,
        1 => Just("[credentials.default]".to_owned()),
        2 => (prop::sample::select(secrets), values).prop_map(|(key, value)| format!("{} = {value}", key.name)),
        4 => (prop::sample::select(others.clone()), harmless).prop_map(|(key, value)| format!("{} = {value}", key.name)),
        4 => prop::sample::select(others).prop_map(|key| format!("{} = {}", key.name, key.example)),
    ]
}

/// One folder of tests/fixtures/config.
struct Case {
    name: String,
    folder: PathBuf,
    copy: tempfile::TempDir,
}

impl Case {
    /// Loads a copy: git keeps no modes, and whether a file is open to everybody must not matter here.
    fn load(&self) -> Result<Loaded, Vec<Diagnostic>> {
        copy(&self.folder, self.copy.path());
        let main = self.copy.path().join("rackwarden.toml");
        let lines = fs::read_to_string(self.folder.join("environment")).unwrap_or_default();
        let environment = lines.lines().map(|it| it.split_once('=').unwrap()).collect();
        Config::new(&main).environment(environment).profiles(&profiles).read()
    }

    /// Without the name of the copy's folder.
    fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.copy.path().display()), "")
    }
}

fn cases(kind: &str) -> Vec<Case> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("tests/fixtures/config").join(kind))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    folders.sort();
    let name = |it: &Path| it.file_name().unwrap().to_string_lossy().into_owned();
    folders
        .into_iter()
        .map(|it| Case { name: name(&it), folder: it, copy: tempfile::tempdir().unwrap() })
        .collect()
}

/// Holds what `actual` says of each case against its expected.txt.
fn check_all(cases: &[Case], actual: impl Fn(&Case) -> String) {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = String::new();
    for case in cases {
        let actual = actual(case);
        let path = case.folder.join(EXPECTED);
        if update {
            fs::write(&path, &actual).unwrap();
        }
        match fs::read_to_string(&path) {
            Ok(expected) if expected == actual => (),
            Ok(expected) => {
                write!(wrong, "== {}: expected\n{expected}\n== but is\n{actual}\n", case.name).unwrap();
            }
            Err(_) => writeln!(wrong, "== {} has no {EXPECTED}; it would be\n{actual}", case.name).unwrap(),
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong}\nIf that is right: UPDATE_EXPECT=1 cargo test --test it configuration"
    );
}

/// Settings for a snapshot; of rules what the user said, not what their types come with.
fn shown(mut settings: Settings) -> String {
    let rules = std::mem::take(&mut settings.rules);
    let mut text = format!("{settings:#?}\n");
    for rule in rules {
        let (kind, trigger) = (rule.rule_type.name(), rule.trigger.name);
        writeln!(text, "\nrule {:?}: {kind} {trigger}, enabled: {}", rule.name, rule.enabled).unwrap();
        writeln!(text, "  {:?}\n  {:?}", rule.selection, rule.condition).unwrap();
        writeln!(
            text,
            "  for {:?}, keep {:?}, resend {:?}",
            rule.hold_for, rule.keep_firing_for, rule.resend
        )
        .unwrap();
        writeln!(text, "  {:?}, {:?}, {:?}, {:?}", rule.rated, rule.notes, rule.runbook, rule.integrations)
            .unwrap();
    }
    text
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(|it| it.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// The table of a table's keys in docs/configuration.md.
fn reference(table: &Key) -> String {
    let mut text = "| key | type | default | example | what it does |\n|---|---|---|---|---|\n".to_owned();
    for key in table.form.inner().unwrap().keys {
        let default = match key.default {
            Some(default) => format!("`{default}`"),
            None if key.required => "required".to_owned(),
            None => String::new(),
        };
        let Key { name, form, example, about, .. } = key;
        writeln!(text, "| `{name}` | {} | {default} | `{example}` | {about} |", form.described()).unwrap();
    }
    text
}

/// Whether a commented line is a key or a heading, and no prose.
fn is_toml(line: &str) -> bool {
    line.starts_with(|it: char| it == '[' || it.is_ascii_alphanumeric())
}

/// Whether a table, one of those by name, or one in a list, has that key.
fn holds(value: &toml::Value, key: &str) -> bool {
    match value {
        toml::Value::Table(table) => {
            table.contains_key(key)
                || table.values().any(|it| it.as_table().is_some_and(|it| it.contains_key(key)))
        }
        toml::Value::Array(list) => list.iter().any(|it| holds(it, key)),
        _ => false,
    }
}

fn settings(text: &str) -> Settings {
    load_text(text, Secrets::Required).map_err(|it| render(&it, false)).unwrap().settings
}

fn load_text(text: &str, secrets: Secrets) -> Result<Loaded, Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    let main = write(&folder, text);
    Config::new(&main).environment(Environment::default()).secrets(secrets).profiles(&profiles).read()
}

/// Profiles that do not change when one is added.
fn profiles(_: &[PathBuf]) -> Vec<String> {
    ["apc-rpdu2", "apc-ups", "raritan-pdu2", "sentry4"].map(str::to_owned).to_vec()
}

fn write(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let main = folder.path().join("rackwarden.toml");
    fs::write(&main, text).unwrap();
    main
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn device(name: &str) -> String {
    format!("[[devices]]\nname = \"{name}\"\naddress = \"{name}.example.net\"\n")
}

const EXPECTED: &str = "expected.txt";
const CREDENTIAL: &str = "[credentials.default]\ncommunity = \"rack-4-ro\"\n";
const ALERT: &str =
    "[[alerts]]\nname = \"on battery\"\ntype = \"ups\"\ntrigger = \"on_battery\"\nseverity = \"critical\"\n";
