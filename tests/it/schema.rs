//! The JSON schema of the configuration, held against a validator, every good file, and what must be refused.

use boon::{Compiler, SchemaIndex, Schemas};
use rackwarden::config::schema::{self, Table};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Validator(Schemas, SchemaIndex);

impl Validator {
    /// The schema as the command prints it.
    fn new() -> (Self, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_rackwarden")).arg("schema").output().unwrap();
        assert!(output.status.success());
        let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("file:///schema.json", schema.clone()).unwrap();
        let index = compiler.compile("file:///schema.json", &mut schemas).unwrap();
        (Self(schemas, index), schema)
    }

    fn check(&self, text: &str) -> Result<(), String> {
        let table: toml::Table = toml::from_str(text).unwrap();
        let value = serde_json::to_value(table).unwrap();
        self.0.validate(&value, self.1).map_err(|it| format!("{it:#}"))
    }
}

fn files_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()) {
        if path.is_dir() {
            files_in(&path, found);
        } else if path.extension().is_some_and(|it| it == "toml") {
            found.push(path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_good_file_fits() {
    let (validator, _) = Validator::new();
    let mut files = vec![root().join("packaging/rackwarden.toml")];
    files_in(&root().join("tests/fixtures/config/good"), &mut files);
    files_in(&root().join("packaging/examples"), &mut files);
    files.retain(|it| !it.to_string_lossy().ends_with("_test.toml"));
    assert!(10 < files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        validator.check(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // The examples within comments as well.
        if file.starts_with(root().join("packaging")) {
            let key = |line: &str| line.starts_with(|it: char| it == '[' || it.is_ascii_alphanumeric());
            let uncommented: Vec<&str> =
                text.lines().map(|it| it.strip_prefix('#').filter(|it| key(it)).unwrap_or(it)).collect();
            let text = uncommented.join("\n");
            validator.check(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}

#[test]
fn it_names_every_key() {
    fn all(table: &Table, schema: &Value, path: &str) {
        for key in table.keys {
            let own = &schema["properties"][key.name];
            assert_eq!(own["description"], key.about, "{path} {}", key.name);
            let inner = match own["type"].as_str() {
                Some("array") if own["items"]["properties"].is_object() => &own["items"],
                Some("object") if key.form.is_named() => &own["additionalProperties"],
                _ => own,
            };
            if let Some(table) = key.form.inner() {
                all(table, inner, &format!("{path} {}", key.name));
            }
        }
        assert_eq!(schema["additionalProperties"], false, "{path}");
    }
    all(schema::root(), &Validator::new().1, "");
}

#[test]
fn it_refuses_what_the_check_refuses() {
    let (validator, _) = Validator::new();
    for text in [
        "version = 2",
        "[polling]\nintervall = \"10s\"",
        "[polling]\ninterval = 10",
        "[polling]\ninterval = \"ten seconds\"",
        "[polling]\nretries = 99",
        "[log]\nlevel = \"loud\"",
        "[[devices]]\nname = \"a\"",
        "[[devices]]\nname = \"a\"\naddress = \"b\"\nlabels = { rack = 4 }",
        "[[devices]]\nname = \"a\"\naddress = \"b\"\nrated_current = { infed = 16 }",
        "[devices]\nname = \"a\"",
        "[[alerts]]\nname = \"a\"\ntype = \"ups\"\nwarning = \"80\"",
        "[[alerts]]\nname = \"a\"\ntype = \"ups\"\nwarning = [1, 2, 3]",
        "[[alerts]]\nname = \"a\"\ntype = \"ups\"\napply_to = { site = \"x\" }",
    ] {
        assert!(validator.check(text).is_err(), "{text}");
    }
    for text in [
        "[[alerts]]\nname = \"a\"\ntype = \"ups\"\nwarning = [18, 27.5]\napply_to = [\"pdu-*\"]",
        "[[alerts]]\nname = \"a\"\ntype = \"ups\"\nwarning = { value = 80, clear = 75 }",
        "[polling]\ninterval = \"1h 30m\"",
    ] {
        validator.check(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}
