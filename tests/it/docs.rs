//! The documentation, held against the program: its examples load, its links lead somewhere, its index is whole.

use rackwarden::config::{Config, Environment, Secrets, render};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and all of docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// The blocks of that language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut parts = text.split("\n```");
    let opening = format!("{language}\n");
    let mut found = Vec::new();
    parts.next();
    while let (Some(block), after) = (parts.next(), parts.next()) {
        found.extend(block.strip_prefix(&opening).map(str::to_owned));
        if after.is_none() {
            break;
        }
    }
    found
}

#[test]
fn examples_to_begin_with_are_good_configurations() {
    for page in ["quickstart", "migration-device42", "migration-snmp-exporter", "migration-telegraf"] {
        let text = std::fs::read_to_string(root().join(format!("docs/{page}.md"))).unwrap();
        let blocks = blocks(&text, "toml");
        assert!(!blocks.is_empty(), "{page} has no example");
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("rackwarden.toml");
        std::fs::write(&main, blocks.join("\n")).unwrap();
        let config = Config::new(&main).environment(Environment::default()).secrets(Secrets::Optional);
        let loaded = config.read().unwrap_or_else(|it| panic!("{page}:\n{}", render(&it, false)));
        assert!(!loaded.settings.notify.integrations.is_empty(), "{page}");
        assert!(!loaded.settings.rules.is_empty() || page == "quickstart", "{page}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if file.contains("://") || file.is_empty() || file.contains(' ') {
                continue;
            }
            if !page.parent().unwrap().join(file).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_index_names_every_page() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    for page in pages().iter().filter(|it| it.parent().unwrap().ends_with("docs")) {
        let name = page.file_name().unwrap().to_string_lossy();
        assert!(name == "README.md" || index.contains(&format!("]({name})")), "docs/README.md lacks {name}");
    }
}
