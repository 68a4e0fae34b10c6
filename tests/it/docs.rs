//! The documentation, held against the program: its examples load, its links lead somewhere, its index is whole.

use clap::CommandFactory as _;
use rackwarden::cli::Cli;
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

/// The commands in a page, each as its words from `rackwarden` on: lines of blocks, and code within sentences.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, part) in text.split("```").enumerate() {
        // Blocks are the odd parts; what prints (`text`) may begin with any word.
        let spans: Vec<String> = if at % 2 == 1 {
            let (language, block) = part.split_once('\n').unwrap_or((part, ""));
            if !["", "sh"].contains(&language) {
                continue;
            }
            let lines = block.replace("\\\n", " ");
            lines.lines().flat_map(|it| it.split("&&").map(str::to_owned).collect::<Vec<_>>()).collect()
        } else {
            part.split('`').skip(1).step_by(2).map(|it| it.replace('\n', " ")).collect()
        };
        for span in spans {
            let mut words = span.split_whitespace().map(|it| it.trim_matches(['"', '\'']).to_owned());
            let mut first = words.next();
            if first.as_deref() == Some("sudo") {
                first = words.next();
            }
            if first.as_deref().is_some_and(|it| it == "rackwarden" || it.ends_with("/rackwarden")) {
                let ends = ["#", "|", ">", "<", "2>", "&"];
                found.push(words.take_while(|it| !ends.contains(&it.as_str())).collect());
            }
        }
    }
    found
}

/// What of those words is no command, or no argument of it.
fn unknown(words: &[String]) -> Option<String> {
    let root = Cli::command();
    let mut command = &root;
    let mut is_value = false;
    for word in words {
        if let Some(next) = command.find_subcommand(word).filter(|_| !is_value) {
            command = next;
            continue;
        }
        let is_placeholder = word.chars().all(|it| it.is_ascii_uppercase()) || word.starts_with("...");
        if command.has_subcommands() && !word.starts_with('-') && !is_placeholder {
            return Some(format!("{} has no command {word}", command.get_name()));
        }
        let name = word.split('=').next().unwrap();
        let argument = command.get_arguments().find(|it| {
            let long = it.get_long().map(|it| format!("--{it}"));
            let short = it.get_short().map(|it| format!("-{it}"));
            [long, short].into_iter().flatten().any(|it| it == name)
        });
        is_value = argument.is_some_and(|it| it.get_action().takes_values() && !word.contains('='));
        let is_common = ["--help", "-h", "--version", "-V"].contains(&name);
        if word.starts_with('-') && argument.is_none() && !is_common {
            return Some(format!("{} has no {name}", command.get_name()));
        }
    }
    None
}

#[test]
fn commands_and_their_arguments_are_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for words in commands(&text) {
            seen += 1;
            wrong.extend(unknown(&words).map(|it| format!("{}: {}: {it}", page.display(), words.join(" "))));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(100 < seen, "only {seen} commands were found");
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (line, expected) in [
        ("polll 10.0.0.1", "rackwarden has no command polll"),
        ("poll 10.0.0.1 --comunity x", "poll has no --comunity"),
        ("config shwo", "config has no command shwo"),
    ] {
        assert_eq!(unknown(&words(line)).as_deref(), Some(expected));
    }
}

/// Every table and key in an example is known, and has a value of its form. Examples are parts: what they refer to
/// may stand in another one.
#[test]
fn keys_in_examples_are_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        // Profiles are files of another kind.
        if name == "profiles.md" {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "toml") {
            // Tests of rules are, too; keys of a table that is not shown say nothing.
            let is_configuration = block.lines().any(|it| it.starts_with('[')) && !block.contains("[[test]]");
            if !is_configuration {
                continue;
            }
            seen += 1;
            let folder = tempfile::tempdir().unwrap();
            let main = folder.path().join("rackwarden.toml");
            std::fs::write(&main, &block).unwrap();
            let config = Config::new(&main).environment(Environment::default()).secrets(Secrets::Optional);
            let mistakes = config.read().err().unwrap_or_default();
            // Where dots stand for what each reader has of his own, no value can be judged.
            let is_left_open = |line: usize| block.lines().nth(line - 1).is_some_and(|it| it.contains("..."));
            let amiss = mistakes
                .iter()
                .filter(|it| !it.message.starts_with("there is no [") && !is_left_open(it.line.max(1)));
            wrong.extend(amiss.map(|it| format!("{name}, line {} of an example: {}", it.line, it.message)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(12 < seen, "only {seen} examples were found");
}
